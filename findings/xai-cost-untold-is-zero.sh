#!/usr/bin/env bash
# xai-sdk: a cost that the server did not report reads 0 in the usage, and None one attribute further up.
#
# Seen: xai-sdk 1.21.0: response.usage.cost_in_usd_ticks == 0 where none was sent; only HasField("cost_in_usd_ticks")
#   and response.cost_usd (None) tell it from a call that was free.
# Expected: None in both, or 0 in both.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check xai-sdk==1.21.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from xai_sdk.chat import Response
from xai_sdk.proto import chat_pb2, usage_pb2

usage = usage_pb2.SamplingUsage(prompt_tokens=1000, completion_tokens=300, total_tokens=1300)
message = chat_pb2.GetChatCompletionResponse(usage=usage, outputs=[chat_pb2.CompletionOutput()])
response = Response(message, 0)
print("usage:", response.usage.cost_in_usd_ticks, "response:", response.cost_usd)
assert response.usage.cost_in_usd_ticks == 0
assert not response.usage.HasField("cost_in_usd_ticks")
assert response.cost_usd is None
PYTHON
