#!/usr/bin/env bash
# The final message of anthropic's stream has the last total of cache writes beside the first split of it.
#
# Seen: anthropic 2.14.0: message_start says 700 = 500 for 5 minutes + 200 for an hour, message_delta says 1400 in all;
#   get_final_message().usage has cache_creation_input_tokens 1400 and a split that still adds up to 700.
# Expected: a split that adds up to its total, or none.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check anthropic==2.14.0
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



from anthropic import Anthropic

SPLIT = {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200}
BEGUN = {"input_tokens": 50, "output_tokens": 1, "cache_creation_input_tokens": 700, "cache_creation": SPLIT}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": []}
EVENTS = [
    {"type": "message_start", "message": {**MESSAGE, "stop_reason": None, "stop_sequence": None, "usage": BEGUN}},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 50, "output_tokens": 300, "cache_creation_input_tokens": 1400},
    },
    {"type": "message_stop"},
]
stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS).encode()
url, _ = serve(lambda count: (stream, "text/event-stream"))
asked = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
with Anthropic(base_url=url, api_key="none").messages.stream(**asked) as events:
    usage = events.get_final_message().usage
split = usage.cache_creation
print(usage.cache_creation_input_tokens, split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens)
assert usage.cache_creation_input_tokens == 1400
assert split.ephemeral_5m_input_tokens + split.ephemeral_1h_input_tokens == 700
PYTHON
