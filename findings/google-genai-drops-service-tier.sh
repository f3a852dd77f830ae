#!/usr/bin/env bash
# google-genai drops the service tier that an answer of generate_content names; its Live messages keep it.
#
# Seen: google-genai 3.6.1: usageMetadata.serviceTier "flex" is gone from GenerateContentResponse, object and dump;
#   LiveServerMessage.usage_metadata.service_tier has it. No error, no warning.
# Expected: the tier that was granted, by which the call is billed, in both.
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

usage = {"promptTokenCount": 10, "totalTokenCount": 10, "serviceTier": "flex"}
content = {"role": "model", "parts": [{"text": "hello"}]}
said = {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}
url, _ = serve(lambda count: (json.dumps(said).encode(), "application/json"))
client = Client(api_key="none", http_options=types.HttpOptions(base_url=url))
answer = client.models.generate_content(model="gemini-2.5-flash", contents="hello")
live = types.LiveServerMessage.model_validate({"usageMetadata": usage})
print("generate_content:", answer.usage_metadata.model_dump(exclude_none=True))
print("live:", live.usage_metadata.model_dump(exclude_none=True))
assert live.usage_metadata.service_tier == types.ServiceTier.FLEX
assert not hasattr(answer.usage_metadata, "service_tier")
assert "flex" not in answer.model_dump_json()
PYTHON
