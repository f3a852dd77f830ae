#!/usr/bin/env bash
# Agno's metrics of Gemini have a total that is less than Google's: their output lacks the reasoning, and so does
# their total.
#
# Seen: agno 3.1.10: Google says 1000 + 100 + 50 thoughts = 1150; the metrics say output_tokens 100,
#   reasoning_tokens 50, total_tokens 1100. Of OpenAI the same names have the reasoning inside the output.
# Expected: total_tokens 1150, and reasoning_tokens on one side of output_tokens for all providers.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 google-genai==3.6.1
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


USAGE = {"promptTokenCount": 1000, "candidatesTokenCount": 100, "thoughtsTokenCount": 50, "totalTokenCount": 1150}
SAID = {"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}
ANSWER = {"candidates": [SAID], "usageMetadata": USAGE, "modelVersion": "gemini-2.5-pro"}

from agno.agent import Agent
from agno.models.google import Gemini

url = serve(lambda request: as_json(ANSWER))
model = Gemini(id="gemini-2.5-pro", api_key="none", client_params={"http_options": {"base_url": url}})
metrics = Agent(model=model, telemetry=False).run("hello").metrics
print(metrics)
assert (metrics.output_tokens, metrics.reasoning_tokens, metrics.total_tokens) == (100, 50, 1100)
PYTHON
