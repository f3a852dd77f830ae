#!/usr/bin/env bash
# LiteLLM's responses of Claude cost more than their usage says: it lacks the searches and the times of the cache.
#
# Seen: litellm 1.110.2: usage has input 2750, cached 2000, written 700 and output 300, at most 0.0114 USD with
#   all writes for an hour (0.007875 for five minutes); response_cost is 0.028325 with the two searches and the
#   split that the usage dropped. Completions keep both.
# Expected: searches and the split in the usage, as completions have them.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check litellm==1.110.2
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

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"

import litellm

url = serve(lambda request: as_json(MESSAGE))
asked = {"model": "anthropic/claude-sonnet-4-5", "api_base": url, "api_key": "none"}
made = litellm.responses(input="hello", **asked)
usage = made.usage.model_dump()
print(usage, made._hidden_params["response_cost"])
assert usage["input_tokens"] == 2750
assert "server_tool_use" not in usage and "cache_creation" not in str(usage)
assert round(made._hidden_params["response_cost"], 6) == 0.028325
completion = litellm.completion(messages=[{"role": "user", "content": "hello"}], **asked)
assert completion.usage.server_tool_use.web_search_requests == 2
PYTHON
