#!/usr/bin/env bash
# azure-ai-inference hands out by key what it does not hand out by attribute.
#
# Seen: azure-ai-inference 1.0.0b9: usage["prompt_tokens_details"] has the cached tokens that the model reported;
#   usage.prompt_tokens_details is an AttributeError, so getattr(usage, ..., None) reads "nothing was cached".
# Expected: the same content by key and by attribute.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check azure-ai-inference==1.0.0b9
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from azure.ai.inference.models import CompletionsUsage

details = {"cached_tokens": 600}
usage = CompletionsUsage(
    {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300, "prompt_tokens_details": details}
)
print("key:", usage["prompt_tokens_details"], "attribute:", getattr(usage, "prompt_tokens_details", None))
assert usage.prompt_tokens == usage["prompt_tokens"] == 1000
assert usage["prompt_tokens_details"] == details
assert not hasattr(usage, "prompt_tokens_details")
PYTHON
