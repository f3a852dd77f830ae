"""What a server says of how it keeps budgets: refused where it evicts, and said at the start."""

from __future__ import annotations

import logging

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import ConfigError
from coreason_budget.ledger.redis.ledger import RedisLedger
from tests.faults.amnesia.kit import CENT, NAMESPACE, VERBS, forget_all, guard_of, noticed, used
from tests.faults.conftest import CALL
from tests.faults.servers import SnapshotServer

pytestmark = pytest.mark.redis


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "volatile-lru"])
def test_an_evicting_server_is_refused_unless_allowed(
    policy: str, server: SnapshotServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that evicts only what expires, for accounts do. Refused, it is not written to."""
    with server.client() as client:
        client.config_set("maxmemory-policy", policy)
        for verb in VERBS.values():
            with pytest.raises(ConfigError, match=f"{policy}.*COREASON_BUDGET_ALLOW_EVICTION") as caught:
                verb(guard_of(server), "nobody")
            assert caught.value.field == "allow_eviction"
        assert client.dbsize() == 0
    assert policy in RedisLedger(server.url, namespace=NAMESPACE).status().trouble
    budget = BudgetManager(BudgetConfig(redis_url=server.url, allow_eviction="true"))
    budget.record_spend("alice", 1)
    assert f"may evict budgets (maxmemory-policy {policy})" in caplog.text


def test_what_an_operator_accepts_is_checked_again(server: SnapshotServer) -> None:
    """The server behind the address may be another one now, and evict."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lfu")
        with pytest.raises(ConfigError, match="allkeys-lfu"):
            guard.charge(CALL, CENT)
        client.config_set("maxmemory-policy", "noeviction")
    guard.charge(CALL, CENT)
    assert used(guard) == CENT.usd_nanos


def test_how_a_server_keeps_budgets_is_said_at_the_start(
    server: SnapshotServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Persistence and eviction, in the log and in the status."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        guard_of(server).charge(CALL, CENT)
    assert "append-only file off, maxmemory-policy noeviction" in caplog.text
    assert "a restart may forget what was spent (appendonly yes)" in caplog.text
    status = RedisLedger(server.url, namespace=NAMESPACE).status()
    kept = dict(status.kept)
    assert kept.pop("server").partition(" ")[0] in ("redis", "valkey")
    assert kept == {
        "aof_enabled": "0", "appendfsync": "everysec", "save": "", "maxmemory": "0",
        "maxmemory_policy": "noeviction", "role": "master",
    }  # fmt: skip
    assert (status.trouble, status.sequence, status.open_reservations) == ("", 1, 0)


def test_a_user_without_rights_to_ask_is_refused_unless_that_is_allowed(
    server: SnapshotServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Where INFO and CONFIG are forbidden nobody knows that it does not evict. Refused, it is not written to."""
    url = server.url.replace("//", "//app:pw@")
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-info", "-config")
        with pytest.raises(ConfigError, match=r"does not say whether it evicts.*COREASON_BUDGET_ALLOW_EVICTION"):
            RedisLedger(url, namespace=NAMESPACE).ping()
        assert client.dbsize() == 0
    ledger = RedisLedger(url, namespace=NAMESPACE, allow_eviction=True)
    ledger.ping()
    assert "does not say whether it may evict" in caplog.text
    assert dict(ledger.status().kept) == {"server": "redis"}
