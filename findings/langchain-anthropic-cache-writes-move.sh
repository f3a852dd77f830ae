#!/usr/bin/env bash
# LangChain's usage_metadata of the same Claude answer has its cache writes under other names streamed than not.
#
# Seen: langchain-anthropic 1.7.10: invoke gives cache_creation 0 beside ephemeral_5m_input_tokens 500 and
#   ephemeral_1h_input_tokens 200; the stream of the same answer gives cache_creation 700 and no ephemeral counts.
# Expected: the same names, with cache_creation the whole of what was written.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check langchain-anthropic==1.7.10
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread


def serve(answer):
    """Run a provider on loopback: `answer` gives the body and its type for a request's JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body, kind = answer(json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}"))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def as_json(document):
    return json.dumps(document).encode(), "application/json"


USAGE = {
    "input_tokens": 50,
    "cache_read_input_tokens": 2000,
    "cache_creation_input_tokens": 700,
    "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 300,
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_sequence": None}
MESSAGE |= {"content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "usage": USAGE}
TOLD = {name: count for name, count in USAGE.items() if name != "cache_creation"}
EVENTS = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": TOLD},
    {"type": "message_stop"},
]
STREAM = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS).encode()

from langchain_anthropic import ChatAnthropic

url = serve(lambda request: (STREAM, "text/event-stream") if request.get("stream") else as_json(MESSAGE))
model = ChatAnthropic(model="claude-sonnet-4-5", base_url=url, api_key="none")
invoked = model.invoke("hello").usage_metadata
whole = None
for piece in model.stream("hello"):
    whole = piece if whole is None else whole + piece
streamed = whole.usage_metadata
print(invoked, streamed)
assert invoked["input_tokens"] == streamed["input_tokens"] == 2750
assert invoked["input_token_details"]["cache_creation"] == 0
assert invoked["input_token_details"]["ephemeral_1h_input_tokens"] == 200
assert streamed["input_token_details"] == {"cache_read": 2000, "cache_creation": 700}
PYTHON
