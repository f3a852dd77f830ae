#!/usr/bin/env bash
# google-genai puts a count into an interaction's usage that no server sent, and only where it is not streamed.
#
# Seen: google-genai 3.6.1: interactions.create gives usage.initial_input_tokens == total_input_tokens, made by the
#   package; the last event of the stream has None. Who adds up the fields that end in _tokens counts it twice.
# Expected: the usage as it was sent, the same both ways.
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

USAGE = {"total_input_tokens": 1000, "total_output_tokens": 300, "total_tokens": 1300}
STEP = {"type": "model_output", "content": [{"type": "text", "text": "hello"}]}
WHOLE = {"id": "i", "status": "completed", "model": "gemini-2.5-flash", "steps": [STEP], "usage": USAGE}
EVENT = {"event_type": "interaction.completed", "event_id": "1", "interaction": WHOLE}


def answer(count):
    streamed = f"data: {json.dumps(EVENT)}\n\ndata: [DONE]\n\n".encode()
    return [(json.dumps(WHOLE).encode(), "application/json"), (streamed, "text/event-stream")][count]


url, _ = serve(answer)
client = Client(api_key="none", http_options=types.HttpOptions(base_url=url))
whole = client.interactions.create(model="gemini-2.5-flash", input="hello").usage
*_, event = client.interactions.create(model="gemini-2.5-flash", input="hello", stream=True)
streamed = event.interaction.usage
print("whole:", whole.initial_input_tokens, "streamed:", streamed.initial_input_tokens)
assert whole.initial_input_tokens == 1000
assert streamed.initial_input_tokens is None
assert streamed.total_input_tokens == whole.total_input_tokens == 1000
PYTHON
