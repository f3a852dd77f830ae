#!/usr/bin/env bash
# Perplexity bills a sonar request by the size of its search context; litellm books no fee, genai-prices the largest.
#
# Seen: an answer of sonar with 33 tokens in, 100 out and search_context_size "low", which its provider bills at
#   0.005133 USD: litellm 1.110.2 says 0.000133, though its table lists 0.005, 0.008 and 0.012 as
#   search_context_cost_per_query; genai-prices 0.2.3 says 0.012133, the fee of "high", and has no field for the size.
# Expected: the fee that the size in the usage tells.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check genai-prices==0.2.3 litellm==1.110.2
cd "$work"
LITELLM_LOCAL_MODEL_COST_MAP=True "$work/venv/bin/python" - <<'PYTHON'
import litellm
from genai_prices import Usage, calc_price

answer = litellm.ModelResponse(model="sonar", choices=[{"message": {"role": "assistant", "content": "x"}}])
answer.usage = litellm.Usage(prompt_tokens=33, completion_tokens=100, total_tokens=133, search_context_size="low")
one = litellm.completion_cost(answer, model="perplexity/sonar")
other = float(calc_price(Usage(input_tokens=33, output_tokens=100), "sonar", provider_id="perplexity").total_price)
fees = litellm.model_cost["perplexity/sonar"]["search_context_cost_per_query"]
print("litellm", one, "genai-prices", other, "listed", fees)
listed = fees["search_context_size_low"] == 0.005
raise SystemExit(0 if listed and abs(one - 0.000133) < 1e-9 and abs(other - 0.012133) < 1e-9 else 1)
PYTHON
