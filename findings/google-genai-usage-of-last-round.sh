#!/usr/bin/env bash
# google-genai answers tool calls by itself, and hands out the usage of its last request alone.
#
# Seen: google-genai 3.6.1: two requests, of 1000 + 300 and 1500 + 100 tokens, made by one generate_content;
#   response.usage_metadata says 1500 + 100. It is all that is handed out: the first 1300 tokens are nowhere.
# Expected: the sum over the requests that the call made, as the same package sums the hops of a continuation.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check google-genai==3.6.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread


def serve(answer):
    """Run a provider on loopback: `answer` gives the body and its type for the n-th request."""

    class Handler(BaseHTTPRequestHandler):
        count = 0

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body, kind = answer(Handler.count)
            Handler.count += 1
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
    return f"http://127.0.0.1:{server.server_address[1]}", Handler



from google.genai import Client, types


def answer(count):
    part = [{"functionCall": {"name": "weather", "args": {}}}, {"text": "sunny"}][count]
    prompt, output = [(1000, 300), (1500, 100)][count]
    usage = {"promptTokenCount": prompt, "candidatesTokenCount": output, "totalTokenCount": prompt + output}
    content = {"role": "model", "parts": [part]}
    said = {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}
    return json.dumps(said).encode(), "application/json"


def weather() -> str:
    """The weather."""
    return "sunny"


url, handler = serve(answer)
client = Client(api_key="none", http_options=types.HttpOptions(base_url=url))
made = client.models.generate_content(
    model="gemini-2.5-flash", contents="hello", config=types.GenerateContentConfig(tools=[weather])
)
usage = made.usage_metadata
print("requests:", handler.count, "usage:", usage.prompt_token_count, usage.candidates_token_count)
assert handler.count == 2
assert (usage.prompt_token_count, usage.candidates_token_count) == (1500, 100)
PYTHON
