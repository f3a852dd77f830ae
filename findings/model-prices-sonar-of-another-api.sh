#!/usr/bin/env bash
# "sonar" is two models of Perplexity: model-prices knows the Agent API's, at a quarter of the other's input price.
#
# Seen: model-prices 0.0.5 (the table of models.dev): 1,000 tokens in and 100 out of "sonar" cost 0.0005 USD, by
#   https://docs.perplexity.ai/docs/agent-api/models. litellm 1.110.2 has two entries: perplexity/sonar (the Sonar API,
#   1.00 a million both ways, and a fee a request) costs 0.0011, perplexity/perplexity/sonar (the Agent API) 0.0005.
# Expected: the Sonar API's price for the Sonar API's id, or a word that there are two.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check litellm==1.110.2 model-prices==0.0.5
cd "$work"
LITELLM_LOCAL_MODEL_COST_MAP=True "$work/venv/bin/python" - <<'PYTHON'
import model_prices
from litellm import cost_per_token

one = model_prices.cost("sonar", input_tokens=1_000, output_tokens=100, provider="perplexity")
costs = [sum(cost_per_token(model=model, prompt_tokens=1_000, completion_tokens=100))
         for model in ("perplexity/sonar", "perplexity/perplexity/sonar")]
print("model-prices", one, "litellm", costs)
raise SystemExit(0 if abs(one - costs[1]) < 1e-9 and costs[0] > 2 * one else 1)
PYTHON
