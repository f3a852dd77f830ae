"""What a process does while a deployment rolls: the same calls as every other, whatever its version."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coreason_budget.errors import BudgetError, BudgetExceededError, ReservationError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger import Backend, open_ledger
from coreason_budget.ledger.base import Charge
from coreason_budget.ledger.record import KEEP_CALLERS_US
from coreason_budget.model import Amounts
from coreason_budget.outbox import OutboxLedger, Store, open_outbox
from coreason_budget.outbox.spend import Kept
from coreason_budget.testing.kit import ALICE, BOB, USD, book, guard_on, limit
from tests.rolling import next_version

KEYS = 24
ROOM = 15
CHARGE = 3
LIMITS = (limit("user", ROOM, id="bob"), limit("user", 10 * USD))
VERSIONS: dict[str, Callable[[], object]] = {
    "this": int,
    "next": next_version.become,
    "positional": next_version.become_positional,
    "strict": next_version.become_strict,
}

Outcomes = Counter[str]


def begin(version: str) -> None:
    """Make this process one of a version."""
    VERSIONS[version]()


def opened(url: str, namespace: str) -> Backend:
    """The ledger that all share."""
    return open_ledger(url, namespace=namespace, timeout_s=30)


def join(url: str, namespace: str) -> None:
    """Come to the ledger, and go."""
    opened(url, namespace).ping()


def outbox_before(ledger: Backend, path: Path) -> OutboxLedger:
    """The outbox that all on this host share."""
    return open_outbox(
        Store(path, "rolling", 30), ledger, book(LIMITS), pricer=_unpriced, delivered=lambda *told: None, clock=int
    )


def _unpriced(content: Any) -> Any:
    raise AssertionError("every price is known")


def work(version: str, url: str, namespace: str, path: Path, seed: int) -> Outcomes:
    """Try every key, in an order of one's own: charge, reserve and settle, keep for later and deliver."""
    ledger = opened(url, namespace)
    kept = outbox_before(ledger, path)
    guard = guard_on(ledger, *LIMITS)
    done: Outcomes = Counter()
    jobs = [(call, number) for number in range(KEYS) for call in (_charge, _reserve)]
    random.Random(seed).shuffle(jobs)
    for call, number in jobs:
        done[_outcome(lambda call=call, number=number: call(guard, number))] += 1  # type: ignore[misc]
    for number in range(KEYS):
        _keep(kept, guard, f"kept {number}")
    _outcome(kept.outbox.flush)
    return done


def prepare(version: str, url: str, namespace: str) -> str:
    """Leave a reservation open, extended where the version can; its id."""
    ledger = opened(url, namespace)
    hold = guard_on(ledger, *LIMITS).reserve(ALICE, Amounts(100), idempotency_key=f"open by {version}", ttl_s=60)
    if version == "next":
        next_version.extend(ledger, hold.op_id, "extension")
        next_version.extend(ledger, hold.op_id, "extension")
    return hold.reservation_id


def finish(url: str, namespace: str, reservation_id: str) -> bool:
    """End what another version left open, twice; whether the second was a replay."""
    guard = guard_on(opened(url, namespace), *LIMITS)
    guard.settle(reservation_id, 90)
    return guard.settle(reservation_id, 90).replayed


def deliver(url: str, namespace: str, path: Path) -> int:
    """Book what waits; how much still does."""
    return outbox_before(opened(url, namespace), path).outbox.flush().waiting


def leave(path: Path, url: str, namespace: str, verb: str) -> None:
    """Put spend of a verb into the outbox that a newer version alone can deliver."""
    store = Store(path, "rolling", 30)
    store.add(Kept(verb, "of tomorrow", "digest", ("user/alice",), 1, 0, 1, needs=4, more=next_version.MORE), 1, None)


def _charge(guard: BudgetGuard, number: int) -> str:
    return "again" if guard.charge(ALICE, Amounts(CHARGE), idempotency_key=f"charge {number}").replayed else "charged"


def _reserve(guard: BudgetGuard, number: int) -> str:
    hold = guard.reserve(BOB, Amounts(1), idempotency_key=f"reserve {number}")
    receipt = guard.settle(hold.reservation_id, 1)
    return "settled again" if receipt.replayed else "settled"


def _keep(kept: OutboxLedger, guard: BudgetGuard, key: str) -> None:
    from coreason_budget.asked import digest_of

    plan = guard.limits.plan(ALICE, Amounts(CHARGE))
    digest = digest_of("charge", {"user_id": "alice", "cost_nanos": CHARGE})
    request = Charge(key, digest, plan, Amounts(CHARGE), KEEP_CALLERS_US)
    _outcome(lambda: kept.outbox.store.add(Kept.of(request, 1), 1, None))


def _outcome(call: Callable[[], Any]) -> str:
    try:
        return str(call())
    except BudgetExceededError:
        return "refused"
    except ReservationError as error:
        return f"is {error.reason}"
    except BudgetError as error:
        return type(error).__name__
