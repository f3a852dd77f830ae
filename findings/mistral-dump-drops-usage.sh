#!/usr/bin/env bash
# mistralai's dump of an answer of its Responses has no usage, where the answer has one.
#
# Seen: mistralai 3.7.0: answer.usage.input_tokens is 1000; answer.model_dump() and model_dump_json() have no "usage",
#   while the dump of a chat completion has it. What a log, a queue or a cache gets has lost all counts.
# Expected: a dump that holds what the object holds.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check mistralai==3.7.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from mistralai.client.models import ChatCompletionResponse, CreateResponseResponse

details = {"input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 0}}
details |= {"output_tokens_details": {"reasoning_tokens": 0}}
usage = {"input_tokens": 1000, "output_tokens": 300, "total_tokens": 1300, **details}
asked = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
answer = CreateResponseResponse.model_validate(
    {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": [], **asked, "usage": usage}
)
counts = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}
chat = ChatCompletionResponse.model_validate(
    {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [], "usage": counts}
)
print("object:", answer.usage.input_tokens, "dump:", answer.model_dump().get("usage"))
print("a chat's dump:", chat.model_dump().get("usage"))
assert answer.usage.input_tokens == 1000
assert "usage" not in answer.model_dump()
assert "input_tokens" not in answer.model_dump_json()
assert chat.model_dump()["usage"] == counts
PYTHON
