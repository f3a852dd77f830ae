"""A client of the simulation: the real ledger, run again from its start for each new reply.

What it does next depends on nothing but the replies it had, so its state is that list: the code
is run against it and stopped at the first packet that has no reply yet.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from unittest.mock import patch

import redis
from attrs import field, frozen

from coreason_budget.errors import (
    BudgetError,
    IdempotencyConflictError,
    InvalidAmountError,
    OutcomeUnknownError,
    ReservationError,
)
from coreason_budget.ledger.base import Charge, End, Refused, Reserve
from coreason_budget.ledger.record import KEEP_CALLERS_US
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.model import Account, Amounts, Entry, Scope
from tests.simulation.store import Data, Fault, Store, parse

NOW_US = 1_800_000_000 * 1_000_000
TTL_US = 600 * 1_000_000
# Naps of 1, 2 and 3 ms at their longest: the third failure in a row is the last.
TIMEOUT_S = 0.0045

_DAY = (NOW_US // 1_000_000 // 86400 * 86400, NOW_US // 1_000_000 // 86400 * 86400 + 86400)
USER = Account(Scope("user", "a"), "day", *_DAY, "usd")
GLOBAL = Account(Scope("global"), "day", *_DAY, "usd")
TEAM = Account(Scope("team", "t"), "day", *_DAY, "usd")

Replies: TypeAlias = tuple[Any, ...]
LOST = "lost"
Event: TypeAlias = Replies | str
Note: TypeAlias = tuple[Any, ...]
Act: TypeAlias = Callable[["Caller"], None]


@frozen
class Limits:
    """What the accounts of every call allow; the team's is never limited."""

    user: int = 10
    whole: int = 10

    def entries(self, amount: int) -> tuple[Entry, ...]:
        return Entry(USER, amount, self.user), Entry(TEAM, amount, None), Entry(GLOBAL, amount, self.whole)


class Caller:
    """Calls a ledger and notes what it began and what came of it."""

    def __init__(self, ledger: RedisLedger, limits: Limits, on_lapse: str = "charge") -> None:
        self.notes: list[Note] = []
        self._ledger = ledger
        self._limits = limits
        self._on_lapse = on_lapse

    def reserve(self, op_id: str, amount: int) -> str:
        """Reserve; ``admitted``, ``refused``, or what went wrong."""
        plan = lambda now_us: self._limits.entries(amount)  # noqa: E731
        request = Reserve(
            op_id, op_id, plan, Amounts(amount), KEEP_CALLERS_US, f"secret.{op_id}", TTL_US, self._on_lapse
        )
        return self._note("reserve", op_id, amount, lambda: self._ledger.reserve(request))

    def charge(self, op_id: str, amount: int) -> str:
        """Charge; ``done``, or what went wrong."""
        plan = lambda now_us: self._limits.entries(amount)  # noqa: E731
        request = Charge(op_id, op_id, plan, Amounts(amount), KEEP_CALLERS_US)
        return self._note("charge", op_id, amount, lambda: self._ledger.charge(request))

    def end(self, verb: str, op_id: str, cost: int, key: str | None = None) -> str:
        """Settle, release or lapse the reservation of an op id."""
        request = End(verb, f"secret.{op_id}", key, f"{verb}{cost}", lambda model: cost)
        return self._note(verb, op_id, cost, lambda: self._ledger.end(request))

    def read(self) -> None:
        """Look at the accounts, and so end what has lapsed."""
        self._note("read", "", 0, lambda: self._ledger.read(lambda now_us: self._limits.entries(0)))

    def _note(self, verb: str, op_id: str, amount: int, call: Callable[[], object]) -> str:
        self.notes.append((verb, op_id, amount, "begun"))
        self.notes[-1] = (verb, op_id, amount, _outcome(verb, call))
        return str(self.notes[-1][3])


def _outcome(verb: str, call: Callable[[], object]) -> str:
    try:
        answer = call()
    except OutcomeUnknownError:
        return "unknown"
    except (ReservationError, IdempotencyConflictError, InvalidAmountError):
        return "named error"
    except BudgetError:
        return "unavailable"
    if isinstance(answer, Refused):
        return "refused"
    return "admitted" if verb == "reserve" else "done"


@frozen
class Step:
    """Where a client stands: the packet it waits for, or None once it is done, and its notes."""

    notes: tuple[Note, ...]
    packet: bytes | None = None
    connection: int = 0


class _Waits(BaseException):
    def __init__(self, packet: bytes, connection: int) -> None:
        self.packet, self.connection = packet, connection


@frozen
class _Script:
    """The other end of a client's connections: the database itself at first, then the recorded replies."""

    events: Sequence[Event]
    store: Store
    state: dict[str, int] = field(factory=lambda: {"connections": 0, "next": -1})

    def exchange(self, packet: bytes, connection: int) -> Iterator[Any]:
        if self.state["next"] < 0:
            return iter(serve(self.store, packet))
        if self.state["next"] == len(self.events):
            raise _Waits(packet, connection)
        event = self.events[self.state["next"]]
        self.state["next"] += 1
        return iter((redis.ConnectionError("lost"),) if event is LOST else event)


class Connection:
    """What the ledger takes for a connection of redis-py."""

    def __init__(self, script: _Script) -> None:
        self._script = script
        self._number = 0
        self.is_connected = False

    def connect(self) -> None:
        self._script.state["connections"] += 1
        self._number = self._script.state["connections"]
        self.is_connected = True

    def disconnect(self, *_: object) -> None:
        self.is_connected = False

    def send_packed_command(self, packets: list[bytes], check_health: bool = True) -> None:
        self._replies = self._script.exchange(b"".join(packets), self._number)

    def read_response(self, **_: object) -> Any:
        reply = _as_read(next(self._replies))
        if isinstance(reply, Exception):
            raise reply
        return reply


def _as_read(reply: Any) -> Any:
    if isinstance(reply, Fault):
        return redis.ResponseError(reply.text)
    return [_as_read(part) for part in reply] if isinstance(reply, tuple | list) else reply


def serve(store: Store, packet: bytes) -> list[Any]:
    """A packet's replies where nobody else is there."""
    replies: list[Any] = []
    queued: list[Any] | None = None
    for command in parse(packet):
        if command[0] == b"EXEC":
            replies.append([store.run(c) for c in queued or ()])
            queued = None
        elif queued is not None:
            queued.append(command)
            replies.append(b"QUEUED")
        elif command[0] == b"MULTI":
            queued = []
            replies.append(b"OK")
        else:
            replies.append(b"OK" if command[0] in (b"WATCH", b"UNWATCH") else store.run(command))
    return replies


def run(act: Act, kind: type[RedisLedger], limits: Limits, on_lapse: str, data: Data, events: Sequence[Event]) -> Step:
    """Run a client on these replies, from a process that has seen the database before."""
    script = _Script(events, Store(data, NOW_US))
    ledger = kind("redis://simulated", timeout_s=TIMEOUT_S, connect=lambda: Connection(script))
    ledger.ping()
    script.state["next"] = 0
    caller = Caller(ledger, limits, on_lapse)
    try:
        act(caller)
    except _Waits as waits:
        return Step(tuple(caller.notes), waits.packet, waits.connection)
    return Step(tuple(caller.notes))


def directly(act: Act, store: Store, limits: Limits, on_lapse: str = "charge") -> Caller:
    """Let a client act on a database that is its own."""
    script = _Script((), store)
    caller = Caller(RedisLedger("redis://simulated", timeout_s=1, connect=lambda: Connection(script)), limits, on_lapse)
    act(caller)
    return caller


@contextmanager
def still_time() -> Iterator[None]:
    """Time that only naps move, and no chance: the same replies give the same packets."""
    now = [0.0]

    def nap(seconds: float) -> None:
        now[0] += seconds

    with (
        patch.object(time, "monotonic", lambda: now[0]),
        patch.object(time, "sleep", nap),
        patch.object(time, "time_ns", lambda: NOW_US * 1000),
        patch.object(random, "uniform", lambda least, most: most),
        patch.object(secrets, "token_hex", lambda size=16: "0" * 2 * size),
    ):
        yield
