#!/usr/bin/env bash
# pydantic-ai documents output_reasoning_tokens as included in output_tokens; over OpenAI's shape it may be more than
# them.
#
# Seen: pydantic-ai-slim 2.68.0, OpenAIChatModel on a server that counts reasoning beside the completion, as xAI
#   does (100 + 200, total 1300): output_tokens 100, output_reasoning_tokens 200, and the total of 1300 is dropped
#   for a property that gives 1100.
# Expected: output_tokens 300, as its own XaiModel gives, or the provider's total.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check 'pydantic-ai-slim[openai]==2.68.0'
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
USAGE["completion_tokens"] = 100

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

url = serve(lambda request: as_json(CHAT))
model = OpenAIChatModel("grok-4", provider=OpenAIProvider(base_url=f"{url}/v1", api_key="none"))
usage = Agent(model).run_sync("hello").usage
print(usage)
assert (usage.output_tokens, usage.output_reasoning_tokens, usage.total_tokens) == (100, 200, 1100)
PYTHON
