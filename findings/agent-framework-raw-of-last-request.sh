#!/usr/bin/env bash
# After a tool call the Agent Framework's answer has the usage of all requests, and as raw representation the last one
# alone.
#
# Seen: agent-framework-core 1.23.0, agent-framework-openai 1.17.0: two requests of 1000 input tokens;
#   usage_details has input_token_count 2000, raw_representation.raw_representation.usage.input_tokens is 1000.
# Expected: raw representations of both requests, or of none.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check agent-framework-core==1.23.0 agent-framework-openai==1.17.0
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
CALL = {"type": "function_call", "id": "f", "call_id": "c", "name": "weather", "arguments": "{}", "status": "completed"}

import asyncio

from agent_framework import Agent
from agent_framework.openai import OpenAIChatClient


def weather() -> str:
    """The weather."""
    return "sunny"


url = serve(lambda request: as_json(RESPONSE if "sunny" in json.dumps(request) else {**RESPONSE, "output": [CALL]}))
client = OpenAIChatClient(model="gpt-5.6-sol", base_url=f"{url}/v1", api_key="none")
made = asyncio.run(Agent(client=client, tools=[weather]).run("hello"))
raw = made.raw_representation.raw_representation
print(made.usage_details, raw.usage)
assert made.usage_details["input_token_count"] == 2000
assert raw.usage.input_tokens == 1000
PYTHON
