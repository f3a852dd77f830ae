"""What is read of a whole namespace in Redis: all of it, and nothing of its neighbours."""

from __future__ import annotations

import pytest
from fakeredis import FakeRedis, FakeServer

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing.kit import ALICE, USD, guard_on, limit
from tests.fake_redis import connector

_JOURNAL = "{coreason}:journal"


def _guard(server: FakeServer, namespace: str = "coreason") -> BudgetGuard:
    ledger = RedisLedger("redis://nowhere", namespace=namespace, timeout_s=10, connect=connector(server))
    return guard_on(ledger, limit("user", USD))


@pytest.mark.parametrize(
    ("mine", "theirs"), [("a*b", "axb"), ("a?b", "axb"), ("a[x]b", "axb"), ("a\\xb", "axb"), ("a^[b", "a^b")]
)
def test_a_neighbours_keys_are_not_listed(server: FakeServer, mine: str, theirs: str) -> None:
    """Whatever its name means to SCAN."""
    for namespace, user in ((mine, "mine"), (theirs, "theirs")):
        guard = _guard(server, namespace)
        guard.lapse(guard.reserve(Subject(user), Amounts(1)).reservation_id)
    ledger = _guard(server, mine).ledger
    assert {key.rpartition("|")[2] for key in ledger.accounts()} == {"user/mine", "global"}
    assert [record.entries[0].account.scope.id for record in ledger.reservations()] == ["mine"]


def test_a_record_is_listed_under_its_op_id(server: FakeServer) -> None:
    """Open or lapsed."""
    guard = _guard(server)
    guard.reserve(ALICE, Amounts(1), idempotency_key="open é")
    guard.lapse(guard.reserve(ALICE, Amounts(1), idempotency_key="lapsed é").reservation_id)
    assert [(r.op_id, r.state) for r in guard.ledger.reservations()] == [("open é", "open"), ("lapsed é", "lapsed")]


def test_a_key_that_is_no_text_is_listed_too(server: FakeServer) -> None:
    """An audit tells of it, and is not stopped by it."""
    guard = _guard(server)
    guard.charge(ALICE, Amounts(1))
    FakeRedis(server=server).hset(b"{coreason}:a:\xff", "used", 1)
    assert "\\xff" in set(guard.ledger.accounts())


def test_an_entry_may_have_further_fields(server: FakeServer) -> None:
    """Its own is known by name."""
    guard = _guard(server)
    guard.charge(ALICE, Amounts(1))
    client = FakeRedis(server=server)
    ((_, fields),) = client.xrevrange(_JOURNAL, count=1)
    client.xadd(_JOURNAL, {"a": "1", "b": "2", **fields, "z": "3"})
    first, second = list(guard.ledger.journal())[1:]
    assert first == second


def test_an_entry_without_its_field_is_corrupt(server: FakeServer) -> None:
    """It is not passed over."""
    guard = _guard(server)
    guard.charge(ALICE, Amounts(1))
    FakeRedis(server=server).xadd(_JOURNAL, {"a": "1"})
    with pytest.raises(LedgerCorruptError, match="journal"):
        list(guard.ledger.journal())


def test_a_page_is_whole_while_the_entry_before_it_is_there(server: FakeServer) -> None:
    """To the very entry; a journal that is empty by then is not whole."""
    guard = _guard(server)
    guard.charge(ALICE, Amounts(1))
    cursor = guard.ledger.page().cursor
    for _ in range(3):
        guard.charge(ALICE, Amounts(1))
    client = FakeRedis(server=server)
    for kept, is_whole in ((4, True), (3, False), (0, False)):
        client.xtrim(_JOURNAL, maxlen=kept, approximate=False)
        page = guard.ledger.page(cursor)
        assert (len(page.entries), page.is_whole, page.is_end) == (min(kept, 3), is_whole, True)
        assert guard.ledger.page().is_whole
    assert page.cursor == cursor


def test_an_account_that_is_damaged_is_named(server: FakeServer) -> None:
    """A page tells of no standing that cannot be."""
    guard = _guard(server)
    key = guard.charge(ALICE, Amounts(1)).balances[0].account.key
    FakeRedis(server=server).hset("{coreason}:a:" + key, "reserved", 2)
    with pytest.raises(LedgerCorruptError) as caught:
        guard.ledger.page(keys=[key])
    assert key in str(caught.value)
