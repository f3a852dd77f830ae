#!/usr/bin/env bash
# litellm prices one token of sound more at less: above 200,000 tokens its sounds cost what text does.
#
# Seen: litellm 1.110.2, gemini-2.5-flash at Vertex AI: 200,000 tokens of sound cost 0.20 USD, 200,001 cost 0.060.
#   Its table has input_cost_per_audio_token 1e-06 and input_cost_per_audio_token_above_200k_tokens 3e-07, while
#   Google has one price of this model at any length.
# Expected: a longer prompt that costs no less.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check litellm==1.110.2
cd "$work"
LITELLM_LOCAL_MODEL_COST_MAP=True "$work/venv/bin/python" - <<'PYTHON'
from litellm import cost_per_token
from litellm.types.utils import PromptTokensDetailsWrapper, Usage

costs = []
for heard in (200_000, 200_001):
    details = PromptTokensDetailsWrapper(audio_tokens=heard, text_tokens=0)
    usage = Usage(prompt_tokens=heard, completion_tokens=0, total_tokens=heard, prompt_tokens_details=details)
    prompt_usd, _ = cost_per_token(model="gemini-2.5-flash", custom_llm_provider="vertex_ai", usage_object=usage)
    print(heard, prompt_usd)
    costs.append(prompt_usd)
raise SystemExit(0 if costs[1] < 0.5 * costs[0] else 1)
PYTHON
