"""The contract on Redis: a real Valkey, a real Redis, and for the quick loop fakeredis."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from uuid import uuid4

import pytest
import redis
from fakeredis import FakeRedis

from coreason_budget.ledger.base import Clock, Ledger
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.testing import LedgerContract
from coreason_budget.testing.kit import ALICE, USD, limit, usd
from tests.fake_redis import connector, fake_server


class _Forgetting(LedgerContract):
    """All laws, and what a server deletes by its own clock."""

    forgets_by_clock = False

    namespace: str

    def client(self) -> redis.Redis:
        """Whom to ask what is there."""
        raise NotImplementedError

    def test_the_server_forgets_when_it_should(self) -> None:
        """Laws 4 and 7: what the server deletes by its own clock has the time to live that the laws give it."""
        guard = self.guard(limit("user", USD), limit("user", USD, window="minute"), limit("user", USD, window="total"))
        made = guard.charge(ALICE, usd(0.1)).op_id
        guard.charge(ALICE, usd(0.1), idempotency_key="caller")
        still_open = guard.reserve(ALICE, usd(0.1)).op_id
        ended = guard.reserve(ALICE, usd(0.1)).op_id
        guard.settle(ended, 1, idempotency_key="ending")
        lives = {op_id: self._life_s("r:" + op_id) for op_id in (made, "caller", still_open, ended, "ending")}
        assert lives == {made: 3600, "caller": 86400, still_open: None, ended: 86400, "ending": 86400}
        accounts = {b.window: b.account.key for b in guard.usage(ALICE) if b.scope == "user/alice"}
        lives_of_accounts = {window: self._life_s("a:" + key) for window, key in accounts.items()}
        assert lives_of_accounts == {"minute": 60 + 49 * 3600, "day": 12 * 3600 + 7 * 86400, "total": None}

    def _life_s(self, key: str) -> int | None:
        with closing(self.client()) as client:
            life_ms = int(client.pttl(f"{{{self.namespace}}}:{key}"))  # type: ignore[arg-type]
        assert life_ms != -2, "there is no such key"
        # To the minute: some of it is over by now.
        return None if life_ms == -1 else round(life_ms / 60_000) * 60


class _OnRedis(_Forgetting):
    """All laws, on a namespace of the test's own."""

    across_processes = True

    url: str

    def make_ledger(self, clock: Clock) -> Ledger:
        return self.open_elsewhere(clock)()

    def open_elsewhere(self, clock: Clock) -> Callable[[], Ledger]:
        return partial(RedisLedger, self.url, namespace=self.namespace, timeout_s=30, clock=clock)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)


@pytest.mark.redis
class TestValkey(_OnRedis):
    """All laws, on a real Valkey."""

    @pytest.fixture(autouse=True)
    def _place(self, valkey_url: str) -> None:
        self.url, self.namespace = valkey_url, uuid4().hex


@pytest.mark.redis
class TestRedis(_OnRedis):
    """All laws, on a real Redis."""

    @pytest.fixture(autouse=True)
    def _place(self, redis_url: str) -> None:
        self.url, self.namespace = redis_url, uuid4().hex


class TestFakeRedis(_Forgetting):
    """All laws, on fakeredis: for the quick loop, and no proof."""

    namespace = "coreason"
    # A real server proves it, in a third of the time.
    test_an_interrupt_leaves_a_whole_call_or_none = None  # type: ignore[assignment]

    @pytest.fixture(autouse=True)
    def _place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = fake_server(monkeypatch)

    def make_ledger(self, clock: Clock) -> Ledger:
        connect = connector(self.server)
        return RedisLedger("redis://nowhere", namespace=self.namespace, timeout_s=30, clock=clock, connect=connect)

    def client(self) -> redis.Redis:
        return FakeRedis(server=self.server)
