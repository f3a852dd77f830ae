#!/usr/bin/env bash
# LangChain's usage_metadata of Mistral has no cached tokens, though the message keeps them elsewhere.
#
# Seen: langchain-mistralai 1.1.6: usage_metadata has input_tokens 1000 and no input_token_details;
#   response_metadata['token_usage']['prompt_tokens_details'] has cached_tokens 600. OpenAI's, xAI's and Groq's
#   packages put them into usage_metadata.
# Expected: input_token_details with cache_read 600.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check langchain-mistralai==1.1.6
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

from langchain_mistralai import ChatMistralAI

url = serve(lambda request: as_json(CHAT))
made = ChatMistralAI(model="mistral-large-latest", base_url=f"{url}/v1", api_key="none").invoke("hello")
print(made.usage_metadata, made.response_metadata["token_usage"])
assert made.usage_metadata == {"input_tokens": 1000, "output_tokens": 300, "total_tokens": 1300}
assert made.response_metadata["token_usage"]["prompt_tokens_details"]["cached_tokens"] == 600
PYTHON
