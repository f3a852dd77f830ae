#!/usr/bin/env bash
# An entry of DSPy's history has two usages of one call of Claude, with different inputs.
#
# Seen: dspy 3.4.1: history[-1]['usage'] has prompt_tokens 2750, cache included; history[-1]['response'].usage has
#   input_tokens 50 and total_tokens 350, cache left out.
# Expected: one meaning of the input in one entry.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check dspy==3.4.1
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

import dspy

url = serve(lambda request: as_json(MESSAGE))
model = dspy.LM("anthropic/claude-sonnet-4-5", api_base=url, api_key="none", cache=False)
model("hello")
entry = model.history[-1]
usage, own = entry["usage"], entry["response"].usage
print(usage, own)
assert usage["prompt_tokens"] == 2750
assert (own.input_tokens, own.total_tokens, own.cache_read_tokens) == (50, 350, 2000)
PYTHON
