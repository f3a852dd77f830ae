"""Many processes on one global account: this ledger beside WATCH on the counters themselves."""

from __future__ import annotations

import multiprocessing
import random
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.benchmarks.conftest import ACCOUNTS, make_manager

pytestmark = pytest.mark.benchmark

CALLS_IN_ALL = 2000
Reserve = Callable[[], object]


def ours(url: str, namespace: str) -> Reserve:
    """Reserve through the manager: the whole protocol, laws and all."""
    budget = make_manager(url, namespace, ledger_timeout_s=30)
    return lambda: budget.reserve("user", "0.01", "project")


def watching(url: str, namespace: str) -> Reserve:
    """Reserve by WATCH on all counters and a record, again on abort after a jittered nap; nothing else."""
    client = redis.Redis.from_url(url, protocol=2)
    names = [f"{{{namespace}}}:{kind}" for kind in ACCOUNTS]

    def reserve() -> None:
        record = f"{{{namespace}}}:{secrets.token_urlsafe(16)}"
        for attempt in range(1000):
            with client.pipeline(transaction=True) as pipe:
                try:
                    pipe.watch(*names, record)
                    if all(int(value or 0) < 10**18 for value in pipe.mget(names)):
                        pipe.multi()
                        for name in names:
                            pipe.incrby(name, 1)
                        pipe.set(record, "x" * 430)
                        pipe.execute()
                    return
                except redis.WatchError:
                    time.sleep(random.uniform(0, 0.0005 * (attempt + 1)))

    return reserve


def work(make: Callable[[str, str], Reserve], url: str, namespace: str, calls: int, barrier: Any, out: Any) -> None:
    """One process: so many calls at once with all the others, each timed."""
    reserve = make(url, namespace)
    reserve()
    barrier.wait()
    times = []
    for _ in range(calls):
        began_s = time.perf_counter()
        reserve()
        times.append(time.perf_counter() - began_s)
    out.put(times)


@pytest.mark.parametrize("processes", [8, 32])
@pytest.mark.parametrize("make", [ours, watching], ids=["ours", "watching"])
def test_reserves_of_many_processes(
    make: Callable[[str, str], Reserve], processes: int, redis_url: str, benchmark: Any
) -> None:
    """All calls of all processes are one round; p50 and p99 of a call are in the extra columns."""
    context = multiprocessing.get_context("fork")
    if benchmark.disabled:
        processes = 2
    namespace, out, barrier = secrets.token_hex(6), context.Queue(), context.Barrier(processes + 1)
    calls = CALLS_IN_ALL // processes
    workers = [
        context.Process(target=work, args=(make, redis_url, namespace, calls, barrier, out)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    times: list[float] = []

    def run() -> None:
        barrier.wait()
        for _ in workers:
            times.extend(out.get())

    benchmark.pedantic(run, rounds=1)
    for worker in workers:
        worker.join()
    times.sort()
    benchmark.extra_info |= {
        "per_s": round(len(times) / benchmark.stats["mean"]) if benchmark.stats else 0,
        "p50_ms": round(times[len(times) // 2] * 1000, 1),
        "p99_ms": round(times[len(times) * 99 // 100] * 1000, 1),
    }
    print({"processes": processes, "how": make.__name__, **benchmark.extra_info})
    assert len(times) == calls * processes
