#!/usr/bin/env bash
# xai-sdk: each of the n answers of one request says that it used what all of them used together.
#
# Seen: xai-sdk 1.21.0: sample_batch(3) makes one request and gives three Responses; the usage of each is the same
#   message, of the whole request: 1000 + 300 three times, where 1000 + 300 were used. Summing them triples it.
# Expected: the share of each answer, or one usage that is handed out once.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check xai-sdk==1.21.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from concurrent.futures import ThreadPoolExecutor

import grpc
from xai_sdk import Client
from xai_sdk.chat import user
from xai_sdk.proto import chat_pb2, chat_pb2_grpc, usage_pb2


class Chat(chat_pb2_grpc.ChatServicer):
    count = 0

    def GetCompletion(self, request, context):
        Chat.count += 1
        message = chat_pb2.CompletionMessage(content="hello", role=chat_pb2.ROLE_ASSISTANT)
        outputs = [chat_pb2.CompletionOutput(index=index, message=message) for index in range(request.n)]
        usage = usage_pb2.SamplingUsage(prompt_tokens=1000, completion_tokens=300, total_tokens=1300)
        return chat_pb2.GetChatCompletionResponse(id="r", model="grok-4", outputs=outputs, usage=usage)


server = grpc.server(ThreadPoolExecutor(2))
chat_pb2_grpc.add_ChatServicer_to_server(Chat(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
client = Client(api_key="none", api_host=f"127.0.0.1:{port}", use_insecure_channel=True)
answers = client.chat.create(model="grok-4", messages=[user("hello")]).sample_batch(3)
print("requests:", Chat.count, "totals:", [answer.usage.total_tokens for answer in answers])
server.stop(None).wait()
assert Chat.count == 1
assert [answer.usage.total_tokens for answer in answers] == [1300, 1300, 1300]
PYTHON
