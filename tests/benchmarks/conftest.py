"""Managers on every ledger, and the bare commands they cannot be faster than."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from coreason_budget import BudgetConfig, BudgetManager

LEDGERS = ("memory", "sqlite", "redis")
ACCOUNTS = ("user", "project", "global")


@pytest.fixture(params=LEDGERS)
def budget(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BudgetManager]:
    """A manager whose limits are far away, on each ledger in turn."""
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/bench.db"}
    url = urls.get(request.param) or request.getfixturevalue("redis_url")
    manager = make_manager(url)
    yield manager
    manager.close()


def make_manager(url: str, namespace: str | None = None, **settings: object) -> BudgetManager:
    """A manager with far limits in a namespace of its own."""
    limits = dict.fromkeys((f"daily_{kind}_limit_usd" for kind in ACCOUNTS), 10**9)
    return BudgetManager(
        BudgetConfig(ledger_url=url, namespace=namespace or secrets.token_hex(6), **{**limits, **settings})  # type: ignore[arg-type]
    )


class Bare:
    """The same commands as the ledger's packets, through redis-py's pipelines, with no law kept.

    What is left out: WATCH, which a redis-py pipeline cannot send together with reads.
    """

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, protocol=2)
        self._tag = f"{{{secrets.token_hex(6)}}}:"
        self._record = "x" * 430
        self._entry = "x" * 430
        self._names = [f"{self._tag}a:usd|day|1795392000|{kind}/{kind}" for kind in ACCOUNTS]
        self._model = f"{self._tag}a:usd|day|1795392000|model/openai/gpt-4o"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def check(self) -> None:
        """One packet of reads."""
        self._read([], self._names)

    def charge(self) -> None:
        """Read, then count four accounts and write a record."""
        op_id = secrets.token_urlsafe(16)
        names = [*self._names, self._model]
        self._read([op_id], names)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.set(f"{self._tag}r:{op_id}", self._record, px=3_600_000)
            for name in names:
                pipe.hincrby(name, "used", 1)
            self._note(pipe)
            pipe.incr(f"{self._tag}sequence")
            pipe.execute()

    def reserve(self) -> str:
        """Read, then hold on three accounts, copy them, write a record and list it."""
        op_id = secrets.token_urlsafe(16)
        self._read([op_id], self._names)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.set(f"{self._tag}r:{op_id}", self._record)
            pipe.zadd(f"{self._tag}open", {op_id: 1})
            for name in self._names:
                pipe.hincrby(name, "used", 1)
                pipe.hincrby(name, "reserved", 1)
            for number, name in enumerate(self._names):
                pipe.copy(name, f"{self._tag}v:{number}:{op_id}", replace=True)
            self._note(pipe)
            pipe.incr(f"{self._tag}sequence")
            pipe.execute()
        return op_id

    def settle(self, op_id: str) -> None:
        """Read, then count four accounts, end the record and drop its copies."""
        names = [*self._names, self._model]
        copies = [f"{self._tag}v:{number}:{op_id}" for number in range(len(self._names))]
        self._read([op_id], names, copies)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.set(f"{self._tag}r:{op_id}", self._record, px=86_400_000)
            for name in self._names:
                pipe.hincrby(name, "used", 1)
                pipe.hincrby(name, "reserved", -1)
            pipe.hincrby(self._model, "used", 1)
            pipe.zrem(f"{self._tag}open", op_id)
            pipe.delete(*copies)
            self._note(pipe)
            pipe.incr(f"{self._tag}sequence")
            pipe.execute()

    def _note(self, pipe: redis.client.Pipeline) -> None:
        pipe.xadd(f"{self._tag}journal", {"e": self._entry}, maxlen=100_000)

    def _read(self, op_ids: list[str], names: list[str], copies: list[str] = []) -> None:  # noqa: B006
        with self._client.pipeline(transaction=False) as pipe:
            for op_id in op_ids:
                pipe.get(f"{self._tag}r:{op_id}")
                pipe.xlen(f"{self._tag}journal")
            pipe.get(f"{self._tag}epoch")
            pipe.get(f"{self._tag}sequence")
            for name in names:
                pipe.hmget(name, ["used", "reserved"])
            for copy in copies:
                pipe.hget(copy, "used")
            pipe.zrange(f"{self._tag}open", 0, 0, withscores=True)
            pipe.time()
            pipe.execute()


@pytest.fixture
def bare(redis_url: str) -> Iterator[Bare]:
    """The floor on the same server."""
    made = Bare(redis_url)
    yield made
    made.close()


Benchmark = Callable[..., object]
