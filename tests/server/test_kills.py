"""Workers die every few milliseconds under keyed load: every call is booked once."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import random
import secrets
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.scale import scaled
from tests.server.service import Service

pytestmark = [pytest.mark.service, pytest.mark.processes, pytest.mark.timeout(scaled(120, 1200))]

CLIENTS, KILLS = 6, scaled(10, 300)
_BROKEN = (OSError, http.client.HTTPException, ValueError)


def workers(service: Service) -> list[int]:
    """The worker processes of a service."""
    pid = service.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Killer(threading.Thread):
    """Kills a worker every 50 to 200 ms until it is told to stop."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service, self._done = service, threading.Event()
        self.kills = 0

    def run(self) -> None:
        chance = random.Random(1)
        while not self._done.wait(chance.uniform(0.05, 0.2)):
            for pid in workers(self._service)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.kills += 1

    def stop(self) -> None:
        """No more, once the last has died."""
        self._done.set()
        self.join()


def until_answered(service: Service, path: str, body: dict[str, object], key: str) -> tuple[int, dict[str, object]]:
    """Repeat a call with its key until the service answers it."""
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        with contextlib.suppress(*_BROKEN):
            status, answer = service.request("POST", path, body, **{"Idempotency-Key": key})
            if status < 500:
                return status, answer
    raise AssertionError(f"{path} {key} was never answered")


def load(service: Service, client: int, killer: Killer, seen: Counter[tuple[str, int]]) -> None:
    """Spend a cent, or reserve two and settle one, by turns, until there was enough killing."""
    for call in itertools.count():
        key = f"{client}-{call}"
        if killer.kills >= KILLS:
            return
        if call % 2:
            status, _ = until_answered(service, "/spend", {"user_id": "alice", "cost": "0.01"}, key)
            seen["spend", status] += 1
            continue
        status, held = until_answered(service, "/reserve", {"user_id": "alice", "cost": "0.02"}, f"r{key}")
        seen["reserve", status] += 1
        body = {"reservation_id": held["reservation_id"], "cost": "0.01"}
        status, _ = until_answered(service, "/settle", body, f"s{key}")
        seen["settle", status] += 1


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="this system does not list a process's children")
@pytest.mark.parametrize("ledger", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def test_killed_workers_lose_and_double_nothing(ledger: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """kill -9 in the middle of anything: with its key, each call counts once."""
    settings: dict[str, str | int] = {"daily_user_limit_usd": "unlimited", "workers": 3, "ledger_timeout_s": 10}
    if ledger == "redis":
        settings |= {"redis_url": request.getfixturevalue("valkey_url"), "namespace": secrets.token_hex(6)}
    seen: Counter[tuple[str, int]] = Counter()
    with Service(tmp_path, **settings) as service:
        killer = Killer(service)
        clients = [threading.Thread(target=load, args=(service, n, killer, seen)) for n in range(CLIENTS)]
        for thread in (killer, *clients):
            thread.start()
        for thread in clients:
            thread.join()
        killer.stop()
        accounts = until_usage(service)
    assert killer.kills >= KILLS
    assert set(seen) == {("spend", 200), ("reserve", 201), ("settle", 200)}
    assert seen["settle", 200] == seen["reserve", 201]
    assert {a["spent_usd"] for a in accounts} == {f"{(seen['spend', 200] + seen['settle', 200]) / 100:.2f}"}
    assert {a["reserved_usd"] for a in accounts} == {"0.00"}


def until_usage(service: Service) -> list[dict[str, str]]:
    """What alice spent, once a worker answers."""
    while True:
        with contextlib.suppress(*_BROKEN):
            status, answer = service.request("GET", "/usage?user_id=alice")
            if status == 200:
                return list(answer["accounts"])
