#!/usr/bin/env bash
# litellm 1.110.2 has no price for OpenRouter's `anthropic/claude-sonnet-4.5` nor for its `openai/gpt-4o`. Asked what a
# call cost, it raises for the second; for the first, and for any id of a Claude or Gemini that it lacks, it answers
# 0.0 without an error. One would guess that the same gap in one table is the same answer.
# Seen: "openrouter/openai/gpt-4o: ModelNotMappedError", "openrouter/anthropic/claude-sonnet-4.5: (0.0, 0.0)",
# "vertex_ai/claude-sonnet-4-5@default: (0.0, 0.0)" beside 0.003 and 0.015 for `@20250929`, the same model.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q "litellm==1.110.2"
LITELLM_LOCAL_MODEL_COST_MAP=True "$dir/venv/bin/python" - 2>/dev/null <<'PY'
import sys

import litellm

litellm.suppress_debug_info = True


def cost(model):
    try:
        return litellm.cost_per_token(model=model, prompt_tokens=1000, completion_tokens=1000)
    except Exception as error:
        return type(error).__name__


seen = {
    "openrouter/openai/gpt-4o": "ModelNotMappedError",
    "openrouter/anthropic/claude-sonnet-4.5": (0.0, 0.0),
    "vertex_ai/claude-sonnet-4-5@default": (0.0, 0.0),
}
found = {model: cost(model) for model in seen}
dated = cost("vertex_ai/claude-sonnet-4-5@20250929")
for model, answer in found.items():
    print(f"{model}: {answer}")
print("vertex_ai/claude-sonnet-4-5@20250929:", dated)
sys.exit(not (found == seen and dated[0] > 0))
PY
