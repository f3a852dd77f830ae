#!/usr/bin/env bash
# writer-sdk names the details of the prompt in the singular, those of the completion in the plural.
#
# Seen: writer-sdk 3.0.0: usage.prompt_token_details (sic) beside usage.completion_tokens_details: code that reads
#   OpenAI's prompt_tokens_details finds nothing, and takes every cached token for a fresh one.
# Expected: prompt_tokens_details, as everybody who has OpenAI's other names.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check writer-sdk==3.0.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from writerai.types import ChatCompletionUsage

names = sorted(name for name in ChatCompletionUsage.model_fields if name.endswith("details"))
print(names)
assert names == ["completion_tokens_details", "prompt_token_details"]
PYTHON
