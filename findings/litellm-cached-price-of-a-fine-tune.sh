#!/usr/bin/env bash
# litellm lists the cached price of one fine-tuned gpt-4o as that of a cache write, so that cached tokens cost in full.
#
# Seen: litellm 1.110.2, 10,000 tokens of which 9,000 were cached: ft:gpt-4o-2024-08-06 costs 0.020625 USD,
#   ft:gpt-4o-2024-11-20, for which OpenAI lists the same prices, 0.0375. Its entry has
#   cache_creation_input_token_cost 1.875e-06, below input_cost_per_token, and no cache_read_input_token_cost.
# Expected: the same cost for both.
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

costs = {}
for day in ("2024-08-06", "2024-11-20"):
    details = PromptTokensDetailsWrapper(cached_tokens=9_000)
    usage = Usage(prompt_tokens=10_000, completion_tokens=0, total_tokens=10_000, prompt_tokens_details=details)
    costs[day], _ = cost_per_token(model=f"ft:gpt-4o-{day}", usage_object=usage)
    print(day, costs[day])
raise SystemExit(0 if costs["2024-11-20"] > 1.5 * costs["2024-08-06"] else 1)
PYTHON
