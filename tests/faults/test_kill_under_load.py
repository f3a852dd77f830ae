"""Redis dies while the service works: blocked until it is back, and every dollar booked once."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from coreason_budget.books.audit import audit
from coreason_budget.ledger import open_ledger
from tests.faults.servers import PrivateServer
from tests.server.service import Service

CLIENTS, CALLS, KILLS = 8, 60, 3
SPEND = {"user_id": "user_123", "cost": "0.01"}


@pytest.mark.redis
@pytest.mark.service
@pytest.mark.timeout(120)
def test_kills_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    """Clients that repeat a call with its key until it is acknowledged are booked exactly, whatever dies."""
    redis = PrivateServer(tmp_path)
    redis.start()
    settings = {"redis_url": redis.url, "daily_user_limit_usd": "unlimited", "ledger_timeout_s": "0.5"}
    try:
        with Service(tmp_path, **settings) as service:
            assert service.request("GET", "/health") == (200, {"status": "healthy", "redis": "connected"})
            statuses = spend_while(service, redis)
            _, answer = service.request("GET", "/usage?user_id=user_123")
        ledger = open_ledger(redis.url, timeout_s=10)
        differences, booked = audit(ledger).differences, sum(entry.kind == "charge" for entry in ledger.journal())
    finally:
        redis.stop()
    assert set(statuses) == {200, 503}, statuses
    assert statuses[200] == CLIENTS * CALLS
    assert (differences, booked) == ((), CLIENTS * CALLS)
    assert {a["spent_usd"] for a in answer["accounts"]} == {f"{CLIENTS * CALLS / 100:.2f}"}


def spend_while(service: Service, redis: PrivateServer) -> Counter[int]:
    """Spend from many clients at once, and kill Redis in between; what was answered, by status."""
    statuses: Counter[int] = Counter()
    done = threading.Barrier(CLIENTS + 1)
    acknowledged: list[str] = []

    def client(number: int) -> None:
        for call in range(CALLS):
            status = 0
            while status != 200:
                status, _ = service.request("POST", "/spend", SPEND, **{"Idempotency-Key": f"{number}-{call}"})
                statuses[status] += 1
            acknowledged.append(f"{number}-{call}")
        done.wait()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for kill in range(KILLS):
        while len(acknowledged) < (kill + 1) * CLIENTS * CALLS // (KILLS + 1):
            time.sleep(0.002)
        redis.signal(signal.SIGKILL)
        assert service.request("POST", "/check", {"user_id": "user_123"})[0] == 503
        assert service.request("GET", "/health") == (503, {"status": "unhealthy", "redis": "disconnected"})
        redis.start()
    done.wait()
    return statuses
