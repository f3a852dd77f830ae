#!/usr/bin/env bash
# Mirascope's usage says that an OpenAI response wrote nothing to a cache, whatever it wrote.
#
# Seen: mirascope 2.8.2: the provider says cache_write_tokens 100; usage.cache_write_tokens is 0,
#   usage.raw.input_tokens_details.cache_write_tokens 100, and in a stream raw is None.
# Expected: cache_write_tokens 100.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check 'mirascope[openai]==2.8.2'
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
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 200},
    "total_tokens": 1300,
}
TEXT = {"type": "output_text", "text": "hi", "annotations": []}
SAID = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [TEXT]}
RESPONSE = {"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5.6-sol"}
RESPONSE |= {"output": [SAID], "usage": USAGE, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}

import os

url = serve(lambda request: as_json(RESPONSE))
os.environ.update(OPENAI_API_KEY="none", OPENAI_BASE_URL=f"{url}/v1")

from mirascope import llm

usage = llm.Model("openai/gpt-5.6-sol:responses").call("hello").usage
print(usage)
assert usage.cache_write_tokens == 0
assert usage.raw.input_tokens_details.cache_write_tokens == 100
PYTHON
