#!/usr/bin/env bash
# LangChain's usage_metadata of OpenAI has other names for the same counts once the service tier is flex or priority.
#
# Seen: langchain-openai 1.7.4: at "default" input_token_details has cache_read 600; at "flex" it has
#   flex_cache_read 600 and no cache_read, and a count named flex, 400, that contains flex_cache_creation 100;
#   reasoning becomes flex_reasoning.
# Expected: cache_read, cache_creation and reasoning at every tier, the tier told beside them.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check langchain-openai==1.7.4
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
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {"cached_tokens": 600},
    "completion_tokens_details": {"reasoning_tokens": 200},
}
CHAT = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o", "usage": USAGE}
CHAT["choices"] = [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]
USAGE["prompt_tokens_details"]["cache_write_tokens"] = 100

from langchain_openai import ChatOpenAI


def details(tier):
    url = serve(lambda request: as_json({**CHAT, "service_tier": tier}))
    usage = ChatOpenAI(model="gpt-4o", base_url=f"{url}/v1", api_key="none").invoke("hello").usage_metadata
    return usage["input_token_details"], usage["output_token_details"]


plain, flex = details("default"), details("flex")
print(plain, flex)
assert plain[0]["cache_read"] == 600 and plain[1]["reasoning"] == 200
assert "cache_read" not in flex[0] and "reasoning" not in flex[1]
assert flex[0] == {"flex_cache_read": 600, "flex_cache_creation": 100, "flex": 400}
assert flex[1] == {"flex_reasoning": 200, "flex": 100}
PYTHON
