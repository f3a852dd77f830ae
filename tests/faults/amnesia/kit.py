"""A database that is made to forget, and what processes that knew it hear then."""

from __future__ import annotations

from collections.abc import Callable

from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Amounts
from tests.faults.conftest import CALL, USD, make_guard
from tests.faults.servers import SnapshotServer
from tests.ledger.verbs import why

NAMESPACE = "forgetful"
CENT = Amounts(USD // 100)
VERBS: dict[str, Callable[[BudgetGuard, str], object]] = {
    "check": lambda guard, _: guard.check(CALL, CENT),
    "reserve": lambda guard, _: guard.reserve(CALL, CENT),
    "charge": lambda guard, _: guard.charge(CALL, CENT),
    "settle": lambda guard, id: guard.settle(id, 1),
    "release": lambda guard, id: guard.release(id),
    "usage": lambda guard, _: guard.usage(CALL),
    "ping": lambda guard, _: guard.ledger.ping(),
}


def guard_of(server: SnapshotServer) -> BudgetGuard:
    """What a process has: a guard with a memory of its own."""
    return make_guard(server.url, NAMESPACE)


def forget_all(server: SnapshotServer) -> None:
    """Flush it."""
    with server.client() as client:
        client.flushall()


def begin_anew(server: SnapshotServer) -> None:
    """Flush it, and let somebody who knew nothing begin."""
    forget_all(server)
    guard_of(server).charge(CALL, CENT)


def lose_the_sequence(server: SnapshotServer) -> None:
    """Delete the one key."""
    with server.client() as client:
        assert client.delete(f"{{{NAMESPACE}}}:sequence") == 1


def used(guard: BudgetGuard) -> int:
    """What the first account of the calls has used."""
    return guard.usage(CALL)[0].used_units


def assert_halted(guard: BudgetGuard, reservation_id: str = "nobody") -> None:
    """No verb gets through, and each says what to do."""
    for verb in VERBS.values():
        text = why(lambda verb=verb: verb(guard, reservation_id))  # type: ignore[misc]
        assert "ledger is halted" in text
        assert "ledger accept" in text
    assert guard.ledger.status().trouble


def noticed(guard: BudgetGuard) -> None:
    """Let a process that knew better come by."""
    assert "ledger is halted" in why(lambda: guard.usage(CALL))
