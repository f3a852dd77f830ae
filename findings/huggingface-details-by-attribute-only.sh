#!/usr/bin/env bash
# An answer of huggingface_hub is a mapping and an object, and the two disagree about the usage.
#
# Seen: huggingface_hub 2.4.0: answer.usage.prompt_tokens_details has the cached tokens; answer["usage"], dict(answer) and
#   json.dumps(answer) do not. What a log or a queue gets has lost the discount.
# Expected: the same content by key and by attribute.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check huggingface_hub==2.4.0
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



from huggingface_hub import InferenceClient

USAGE = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}
USAGE["prompt_tokens_details"] = {"cached_tokens": 600}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
WHOLE = {"id": "c", "created": 1, "model": "m", "system_fingerprint": "f", "choices": [CHOICE], "usage": USAGE}
url, _ = serve(lambda count: (json.dumps(WHOLE).encode(), "application/json"))
client = InferenceClient(base_url=url, api_key="none")
answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
print("attribute:", answer.usage.prompt_tokens_details)
print("key:", answer["usage"])
assert answer.usage.prompt_tokens_details["cached_tokens"] == 600
assert "prompt_tokens_details" not in answer["usage"]
assert "cached_tokens" not in json.dumps(answer)
PYTHON
