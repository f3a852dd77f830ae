#!/usr/bin/env bash
# In mistralai a count that was not sent is an object of its own: neither None nor a number.
#
# Seen: mistralai 3.7.0: usage.prompt_audio_seconds of an answer without it is Unset(): `is not None` holds, and
#   adding it is a TypeError; it is false in a condition, and gone from model_dump().
# Expected: None, as its type Optional[int] and every other SDK of the kind has it.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check mistralai==3.7.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from mistralai.client.models import UsageInfo

usage = UsageInfo.model_validate({"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300})
seconds = usage.prompt_audio_seconds
print(repr(seconds), "is not None:", seconds is not None, "dump:", usage.model_dump())
assert seconds is not None and not isinstance(seconds, int) and not seconds
assert "prompt_audio_seconds" not in usage.model_dump()
try:
    seconds + 1
except TypeError as error:
    print("adding:", error)
else:
    raise AssertionError("it can be added")
PYTHON
