#!/usr/bin/env bash
# Google's agent kit puts Claude's cache writes on the usage as an attribute that is no field: a dump of the event
# lacks them.
#
# Seen: google-adk 2.13.0 with LiteLlm: event.usage_metadata.cache_creation_input_tokens is 700, and
#   event.model_dump()['usage_metadata'] has no such key, though its prompt_token_count of 2750 contains them.
# Expected: the same counts in the object and its dump.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check google-adk==2.13.0 litellm==1.110.2
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

import asyncio
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"

from google.adk.agents import LlmAgent
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.genai import types

url = serve(lambda request: as_json(MESSAGE))


async def run():
    model = LiteLlm("anthropic/claude-sonnet-4-5", api_base=url, api_key="none")
    runner = InMemoryRunner(agent=LlmAgent(name="agent", model=model), app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="user")
    message = types.Content(role="user", parts=[types.Part(text="hello")])
    return [e async for e in runner.run_async(user_id="user", session_id=session.id, new_message=message)]


(event,) = asyncio.run(run())
dump = event.model_dump()["usage_metadata"]
print(event.usage_metadata.cache_creation_input_tokens, dump)
assert event.usage_metadata.cache_creation_input_tokens == 700
assert "cache_creation_input_tokens" not in dump
assert (dump["prompt_token_count"], dump["cached_content_token_count"]) == (2750, 2000)
PYTHON
