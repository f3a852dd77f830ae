#!/usr/bin/env bash
# Strands gives the same Claude answer two inputs, by which of its models made the call.
#
# Seen: strands-agents 1.62.0: AnthropicModel says inputTokens 50 (without the cache), LiteLLMModel inputTokens
#   2750 (with it), both with cacheReadInputTokens 2000, cacheWriteInputTokens 700 and totalTokens 3050.
# Expected: one meaning of inputTokens.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check 'strands-agents[anthropic,litellm]==1.62.0'
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

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"

from strands import Agent
from strands.models.anthropic import AnthropicModel
from strands.models.litellm import LiteLLMModel

url = serve(lambda request: (STREAM, "text/event-stream") if request.get("stream") else as_json(MESSAGE))
own = AnthropicModel(client_args={"api_key": "none", "base_url": url}, model_id="claude-sonnet-4-5", max_tokens=9)
gateway = LiteLLMModel(client_args={"api_key": "none", "api_base": url}, model_id="anthropic/claude-sonnet-4-5")
usages = [Agent(model=model, callback_handler=None)("hello").metrics.accumulated_usage for model in (own, gateway)]
print(usages)
assert [usage["inputTokens"] for usage in usages] == [50, 2750]
assert all(usage["cacheReadInputTokens"] == 2000 and usage["totalTokens"] == 3050 for usage in usages)
PYTHON
