#!/usr/bin/env bash
# mistralai takes a usage that lacks one field for a usage that was not sent.
#
# Seen: mistralai 3.7.0: an answer of its Responses whose input_tokens_details has no cache_write_tokens, as OpenAI's
#   and its compatible servers had it for long, validates: usage is Unset(), all counts are gone. No error, no warning.
#   A usage without input_tokens goes the same way; a wrong id, which is not optional, is an error.
# Expected: the counts that were sent, or an error.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check mistralai==3.7.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from mistralai.client.models import CreateResponseResponse


def read(**input_details):
    usage = {"input_tokens": 1000, "output_tokens": 300, "total_tokens": 1300}
    usage |= {"input_tokens_details": input_details, "output_tokens_details": {"reasoning_tokens": 0}}
    asked = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    answer = {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": [], **asked, "usage": usage}
    return CreateResponseResponse.model_validate(answer).usage


whole, misfit = read(cached_tokens=600, cache_write_tokens=0), read(cached_tokens=600)
print("with the field:", whole.input_tokens, "without it:", repr(misfit))
assert whole.input_tokens == 1000
assert type(misfit).__name__ == "Unset"
assert not hasattr(misfit, "input_tokens")
PYTHON
