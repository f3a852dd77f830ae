"""Records what callers did and were told, with the times at which they asked and heard."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

from attrs import define, frozen

from coreason_budget.errors import BudgetExceededError, LedgerUnavailableError, ReservationError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.base import Ledger
from coreason_budget.limits import Limit
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing.kit import guard_on


@define
class Call:
    """One call: what was asked, when, and what came of it.

    ``outcome`` is ``done`` (a reserve: admitted), ``refused``, ``ended`` (a named error) or ``unknown``.
    Of a read, ``amount`` is the ``used`` that it saw. Times are the host's, in nanoseconds; ``returned``
    of a call that had to be repeated is that of its last answer.
    """

    verb: str
    key: str
    user: str
    amount: int
    invoked: int
    returned: int = 0
    outcome: str = "unknown"
    reservation: str = ""
    lapses: int | None = None
    on_lapse: str = "charge"


@frozen
class Worker:
    """Makes random calls of all kinds; answers its history. What is unknown stays so."""

    open: Callable[[], Ledger]
    limits: tuple[Limit, ...]
    seed: int
    times: int
    users: tuple[str, ...] = ("ann", "ben")

    def __call__(self, start: Callable[[], object]) -> list[Call]:
        on_lapse = ("charge", "release")[self.seed % 2]
        guard, random = guard_on(self.open(), *self.limits, on_lapse=on_lapse), Random(self.seed)
        history: list[Call] = []
        start()
        for number in range(self.times):
            call = self._next(history, random, f"{self.seed}-{number}", on_lapse)
            history.append(call)
            attempt(guard, call)
        return history

    def _next(self, history: list[Call], random: Random, key: str, on_lapse: str) -> Call:
        user, amount = random.choice(self.users), random.randrange(1, 40)
        mine = [c for c in history if c.verb == "reserve" and c.reservation]
        verb = random.choice(["reserve"] * 4 + ["charge", "read"] + ["settle", "settle", "release"] * bool(mine))
        call = Call(verb, key, user, 1 + amount // 8 if verb == "charge" else amount, time.time_ns(), on_lapse=on_lapse)
        if verb in ("settle", "release"):
            held = random.choice(mine)
            call.user, call.reservation = held.user, held.reservation
            call.amount = int(held.amount * random.uniform(0, 1.5)) if verb == "settle" else 0
        return call


def attempt(guard: BudgetGuard, call: Call) -> None:
    """Make a call, or make it again, and note what came of it."""
    try:
        _make(guard, call)
        call.outcome = "done"
    except BudgetExceededError:
        call.outcome = "refused"
    except ReservationError:
        call.outcome = "ended"
    except LedgerUnavailableError:
        call.outcome = "unknown"
    call.returned = time.time_ns()


def _make(guard: BudgetGuard, call: Call) -> None:
    subject = Subject(call.user)
    if call.verb == "reserve":
        # Some lapse within the run.
        hold = guard.reserve(subject, Amounts(call.amount), ttl_s=0.2, idempotency_key=call.key)
        call.reservation, call.lapses = hold.reservation_id, hold.lapses_us * 1000
    elif call.verb == "charge":
        guard.charge(subject, Amounts(call.amount), idempotency_key=call.key)
    elif call.verb == "settle":
        guard.settle(call.reservation, call.amount, idempotency_key=call.key)
    elif call.verb == "release":
        guard.release(call.reservation, idempotency_key=call.key)
    else:
        standing = {(b.account.scope.kind, b.window): b.used_units for b in guard.usage(subject)}
        call.amount = standing["user", "total"]
