"""The real service under gunicorn: start, many clients, broken clients, stop."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.server.service import JSON, ROOT, SERVE, Service, free_port

pytestmark = pytest.mark.service

GUNICORN = (
    *(sys.executable, "-m", "gunicorn", "-c", str(ROOT / "deploy" / "gunicorn.conf.py")),
    "coreason_budget.server:create_app()",
)

# 25 spends of a cent, each sent twice with its key.
SPENDER = """
import http.client, json, sys
port, name = int(sys.argv[1]), sys.argv[2]
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
for i in range(50):
    headers = {"Content-Type": "application/json", "Idempotency-Key": f"{name}-{i // 2}"}
    connection.request("POST", "/spend", json.dumps({"user_id": "alice", "cost": "0.01"}), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert response.status == 200, answer
    assert answer["replayed"] == bool(i % 2), answer
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests that do not stop it, on an SQLite file."""
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


def test_it_answers_what_the_routes_answer(service: Service) -> None:
    """Check, spend, refusal and health over a real connection."""
    assert service.request("GET", "/health") == (200, {"status": "healthy", "sqlite": "connected"})
    status, answer = service.request("POST", "/check", {"user_id": "user_123", "estimated_cost": 0.25})
    assert (status, answer["status"]) == (200, "allowed")
    status, answer = service.request("POST", "/spend", {"user_id": "user_123", "cost": 10})
    assert (status, answer["status"]) == (200, "recorded")
    status, answer = service.request("POST", "/check", {"user_id": "user_123"})
    assert (status, answer["detail"].startswith("Budget exceeded for User user_123")) == (429, True)


def test_eight_processes_spend_exact_totals(service: Service) -> None:
    """200 cents from 8 processes on 2 workers are 2.00, although each was sent twice."""
    clients = [
        subprocess.Popen([sys.executable, "-c", SPENDER, str(service.port), f"client-{n}"], stderr=subprocess.PIPE)
        for n in range(8)
    ]
    assert [client.communicate(timeout=60)[1] for client in clients] == [b""] * 8
    accounts = service.request("GET", "/usage?user_id=alice")[1]["accounts"]
    assert accounts[0]["spent_usd"] == "2.00"


def test_a_chunked_body_is_411(service: Service) -> None:
    """70,000 bytes in chunks are not cut and taken for less."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    body = b'{"user_id": "alice"}'.ljust(70_000)
    connection.request("POST", "/check", iter([body]), JSON, encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_an_oversize_body_is_413_before_it_is_sent(service: Service) -> None:
    """The length alone is enough to refuse it."""
    with service.connect() as raw:
        raw.sendall(
            b"POST /check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 65537\r\n\r\n"
        )
        assert raw.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize(
    "head", [b"", b"POST /check HTTP/1.1\r\nHost: x\r\n", b"POST /check HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_few_half_open_connections_block_nobody(service: Service, head: bytes) -> None:
    """Clients that begin a request and stop hold a thread each; the others go on."""
    stalled = [service.connect() for _ in range(3)]
    for connection in stalled:
        connection.sendall(head)
    started_s = time.monotonic()
    assert service.request("GET", "/health")[0] == 200
    assert time.monotonic() - started_s < 2
    for connection in stalled:
        connection.close()


def test_what_it_logs_is_json_and_complete(service: Service) -> None:
    """The file and stderr have the same events: each request, and each spend with its keys."""
    service.request("POST", "/spend", {"user_id": "bob", "cost": 1, "tags": {"team": "x"}}, **{"Idempotency-Key": "b"})
    service.wait_for("finops.spend.total")
    (spend,) = [e for e in service.events if e.get("op_id") == "b"]
    assert (spend["message"], spend["level"], spend["logger"]) == ("finops.spend.total", "INFO", "coreason_budget")
    assert (spend["user_id"], spend["cost_usd"], spend["tags"], spend["replayed"]) == (
        "bob",
        "1.00",
        {"team": "x"},
        False,
    )
    requests = [e for e in service.events if e["logger"] == "coreason_budget.server.access"]
    assert {"method", "path", "status", "duration_ms", "process", "timestamp"} <= requests[-1].keys()
    printed = [json.loads(line) for line in service.stderr.splitlines()]
    assert any(event.get("op_id") == "b" for event in printed)


def test_clients_that_stop_give_their_threads_back(tmp_path: Path) -> None:
    """More of them than threads: the service is there again after a few seconds."""
    with Service(tmp_path, workers=1, threads=2) as service:
        stalled = [service.connect() for _ in range(3)]
        for connection in stalled:
            connection.sendall(
                b"POST /check HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nContent-Type: application/json\r\n\r\n{"
            )
        assert service.request("GET", "/health")[0] == 200
        assert stalled[0].recv(12) == b"HTTP/1.1 408"
        for connection in stalled:
            connection.close()


def test_a_stop_lets_a_request_in_flight_finish(tmp_path: Path) -> None:
    """SIGTERM in the middle of a request: it is answered, booked, and the service ends with 0."""
    body = b'{"user_id": "alice", "cost": 1}'
    head = f"POST /spend HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n"
    with Service(tmp_path, workers=1) as service, service.connect() as raw:
        raw.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n")
        assert raw.recv(12) == b"HTTP/1.1 100"
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("Handling signal: term")
        raw.sendall(body)
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
        assert b"HTTP/1.1 200" in answer
        assert b'"recorded"' in answer
        assert service.process.wait(20) == 0
    with Service(tmp_path) as service:
        assert service.request("GET", "/usage?user_id=alice")[1]["accounts"][0]["spent_usd"] == "1.00"


def test_memory_works_with_one_worker(tmp_path: Path) -> None:
    """A budget in memory is that of the one worker."""
    with Service(tmp_path, ledger_url="memory://", workers=1) as service:
        assert service.request("GET", "/health") == (200, {"status": "healthy", "memory": "connected"})
        assert service.request("POST", "/spend", {"user_id": "a", "cost": 1})[0] == 200


def test_without_its_ledger_it_starts_and_says_503(tmp_path: Path) -> None:
    """A Redis that is down is no reason not to start; nothing is allowed until it is back."""
    url = f"redis://me:hunter2@127.0.0.1:{free_port()}/0"
    with Service(tmp_path, redis_url=url, ledger_timeout_s=1) as service:
        assert service.request("GET", "/health") == (503, {"status": "unhealthy", "redis": "disconnected"})
        for path, body in (("/check", {"user_id": "a"}), ("/spend", {"user_id": "a", "cost": 1})):
            assert service.request("POST", path, body)[0] == 503
        assert "hunter2" not in service.stderr + str(service.events)


@pytest.mark.redis
def test_on_redis(tmp_path: Path, valkey_url: str) -> None:
    """The same on a real server, which is named in /health."""
    with Service(tmp_path, redis_url=valkey_url, namespace=f"http-{os.getpid()}", ledger_timeout_s=5) as service:
        assert service.request("GET", "/health") == (200, {"status": "healthy", "redis": "connected"})
        assert service.request("POST", "/spend", {"user_id": "a", "cost": 10})[0] == 200
        assert service.request("POST", "/check", {"user_id": "a"})[0] == 429


NEWBORN = """
import os, signal, types
from coreason_budget.server.workers import Worker, hold_stops

signal.signal(signal.SIGTERM, lambda *_: print("the master's handler", flush=True))
worker = object.__new__(Worker)
worker.alive, worker.PIPE, worker.method_queue = True, os.pipe(), types.SimpleNamespace(defer=id)
os.set_blocking(worker.PIPE[1], False)
hold_stops()
child = os.fork()
if child == 0:
    os.kill(os.getpid(), signal.SIGTERM)
    worker.init_signals()
    os._exit(int(worker.alive))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""


def test_a_stop_that_comes_as_a_worker_is_born_is_heard() -> None:
    """Not by the master's handler that a fork leaves behind: the worker stops, the master can be stopped."""
    done = subprocess.run([sys.executable, "-c", NEWBORN], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "0 set()\n"


def test_gunicorn_starts_with_the_file_of_deploy(tmp_path: Path) -> None:
    """`gunicorn -c deploy/gunicorn.conf.py` is the same service, settings and log."""
    with Service(tmp_path, GUNICORN, workers=1) as service:
        assert service.request("POST", "/check", {"user_id": "a"})[0] == 200
        assert any(event["message"].endswith("workers.Worker") for event in service.events)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_every_class_of_worker_hears_a_stop(tmp_path: Path, kind: str) -> None:
    """With the file of deploy/, too: a stop that nobody hears lasts until the graceful time-out, and cuts requests."""
    with Service(tmp_path, (*GUNICORN[:-1], "-k", kind, GUNICORN[-1]), graceful_timeout_s=15) as service:
        service.process.send_signal(signal.SIGTERM)
        began_s = time.monotonic()
        service.process.wait(20)
    assert time.monotonic() - began_s < 10


@pytest.mark.slow
def test_a_new_master_takes_the_socket_over(tmp_path: Path) -> None:
    """USR2: the new one starts beside the old one, and no request of those meanwhile is refused."""
    with Service(tmp_path) as service:
        old = service.process.pid
        service.process.send_signal(signal.SIGUSR2)
        new = _wait_for(lambda: _new_master(old))
        _wait_for(lambda: service.stderr.count("Booting worker") >= 4)
        service.process.send_signal(signal.SIGQUIT)
        service.process.wait(20)
        try:
            for _ in range(40):
                assert service.request("GET", "/health")[0] == 200
        finally:
            os.kill(new, signal.SIGTERM)
        _wait_for(lambda: not Path(f"/proc/{new}/stat").exists())


def _new_master(old: int) -> int | None:
    """The process that gunicorn started to take over from a master."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"GUNICORN_PID={old}".encode() in (place / "environ").read_bytes().split(b"\0"):
                return int(place.name)
    return None


def _wait_for(found: Callable[[], Any]) -> Any:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come about")


@pytest.mark.parametrize("conf", [False, True])
def test_a_log_that_nobody_asked_for_may_be_missing(tmp_path: Path, conf: bool) -> None:
    """As in a container whose folder is read-only: it starts, logs to stderr, and says so once."""
    (tmp_path / "logs").touch()
    started = ("gunicorn", "-c", str(ROOT / "deploy" / "gunicorn.conf.py"), "coreason_budget.server:create_app()")
    command = (sys.executable, "-m", *started) if conf else SERVE
    with Service(tmp_path, command, ledger_url=f"sqlite:///{tmp_path}/b.db") as service:
        assert service.request("POST", "/check", {"user_id": "a"})[0] == 200
        said = service.stderr
    assert said.count("the log goes to stderr alone (log_path: 'logs/app.log' cannot be written") == 1
    assert '"message": "request"' in service.stderr


@pytest.mark.parametrize("off", ["none", "-"])
def test_the_log_file_can_be_left_out(tmp_path: Path, off: str) -> None:
    """Nothing is made in the folder, and nothing is warned of."""
    with Service(tmp_path, log_path=off, ledger_url="memory://", workers=1) as service:
        assert service.request("POST", "/check", {"user_id": "a"})[0] == 200
        assert "stderr alone" not in service.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"stderr"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ledger_url": "memory://", "workers": 2}, "workers: memory:// is the memory of one process"),
        ({"ledger_url": "ftp://x"}, "ledger_url: "),
        ({"port": "eighty"}, "COREASON_BUDGET_PORT: "),
        ({"limits_file": "missing.yaml"}, "missing.yaml"),
        ({"log_path": "file/app.log"}, "log_path: 'file/app.log' cannot be written: "),
        ({"log_path": "."}, "log_path: '.' cannot be written: "),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_2(tmp_path: Path, settings: dict[str, str | int], says: str) -> None:
    """Before any worker is started, and without a traceback."""
    (tmp_path / "file").touch()
    service = Service(tmp_path, **settings).start()
    assert service.process.wait(20) == 2
    last = service.stderr.splitlines()[-1]
    assert last.startswith("coreason-budget: ")
    assert says in last
    assert "Traceback" not in service.stderr


def test_a_port_in_use_is_one_sentence_and_2(tmp_path: Path) -> None:
    """Not a loop of retries in a log."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = Service(tmp_path, SERVE, port=port).start()
        assert service.process.wait(20) == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in service.stderr
