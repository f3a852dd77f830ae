#!/usr/bin/env bash
# Making a client of Cerebras' package sends a request, before any call.
#
# Seen: cerebras-cloud-sdk 1.91.0: Cerebras(...) alone sends GET /v1/tcp_warming to its base URL;
#   warm_tcp_connection=False keeps it from that.
# Expected: no request until the first call, as of every other client of the kind.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check cerebras-cloud-sdk==1.91.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from cerebras.cloud.sdk import Cerebras

paths = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        paths.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}"
Cerebras(base_url=url, api_key="none", warm_tcp_connection=False)
assert paths == []
Cerebras(base_url=url, api_key="none")
print("requests of a client that was only made:", paths)
assert paths == ["/v1/tcp_warming"]
PYTHON
