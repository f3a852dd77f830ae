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
from traceback import walk_tb
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
from coreason_budget.ledger.base import Charge, Correct, End, Refused, Reserve
from coreason_budget.ledger.record import KEEP_CALLERS_US
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.model import Amounts
from tests.simulation.scene import NOW_US, TTL_US, Act, Scene
from tests.simulation.store import Data, Fault, Store, parse

# Naps of 1, 2 and 3 ms at their longest: the third failure in a row is the last.
TIMEOUT_S = 0.0045

Replies: TypeAlias = tuple[Any, ...]
LOST, UNREACHABLE = "lost", "unreachable"
Event: TypeAlias = Replies | str
Note: TypeAlias = tuple[Any, ...]


class Caller:
    """Calls a ledger and notes what it began and what came of it."""

    def __init__(self, ledger: RedisLedger, scene: Scene) -> None:
        self.notes: list[Note] = []
        self._ledger = ledger
        self._scene = scene

    def reserve(self, op_id: str, amount: int) -> str:
        """Reserve; ``admitted``, ``refused``, or what went wrong."""
        plan = lambda now_us: self._scene.limits.entries(amount)  # noqa: E731
        request = Reserve(
            op_id, op_id, plan, Amounts(amount), KEEP_CALLERS_US, f"secret.{op_id}", TTL_US, self._scene.on_lapse
        )
        return self._note("reserve", op_id, amount, lambda: self._ledger.reserve(request))

    def charge(self, op_id: str, amount: int) -> str:
        """Charge; ``done``, or what went wrong."""
        plan = lambda now_us: self._scene.limits.entries(amount)  # noqa: E731
        request = Charge(op_id, op_id, plan, Amounts(amount), KEEP_CALLERS_US)
        return self._note("charge", op_id, amount, lambda: self._ledger.charge(request))

    def end(self, verb: str, op_id: str, cost: int, key: str | None = None) -> str:
        """Settle, release or lapse the reservation of an op id."""
        request = End(verb, f"secret.{op_id}", key, f"{verb}{cost}", lambda model: cost)
        return self._note(verb, op_id, cost, lambda: self._ledger.end(request))

    def report(self, op_id: str, amount: int) -> str:
        """Report what a call came to so far."""
        plan = lambda now_us: self._scene.limits.entries(amount)  # noqa: E731
        request = Charge(op_id, op_id, plan, Amounts(amount), KEEP_CALLERS_US, cumulative=True)
        return self._note("report", op_id, amount, lambda: self._ledger.charge(request))

    def correct(self, op_id: str, cost: int, key: str, only_up: bool, booking: str) -> str:
        """Correct what an op id booked, by whatever name."""
        request = Correct(key, f"{booking}{cost}", booking, lambda model: cost, KEEP_CALLERS_US, only_up=only_up)
        verb = "raise" if only_up else "correct"
        return self._note(verb, op_id, cost, lambda: self._ledger.correct(request))

    def read(self) -> None:
        """Look at the accounts, and so end what has lapsed."""
        self._note("read", "", 0, lambda: self._ledger.read(lambda now_us: self._scene.limits.entries(0)))

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
    """Where a client stands: its notes, and the packet that it waits for, or None once it is done.

    A connection ``is_new`` if this is its first packet. Where an attempt begins, all that the process
    ``knows`` tells what it will do; None elsewhere.
    """

    notes: tuple[Note, ...]
    packet: bytes | None = None
    connection: int = 0
    is_new: bool = False
    knows: tuple[Any, ...] | None = ()


class _Waits(BaseException):
    def __init__(self, packet: bytes, connection: int, is_new: bool) -> None:
        self.packet, self.connection, self.is_new = packet, connection, is_new


@frozen
class _Script:
    """The other end of a client's connections: the database itself at first, then the recorded replies."""

    events: Sequence[Event]
    store: Store
    state: dict[str, int] = field(factory=lambda: {"connections": 0, "used": 0, "next": -1, "attempt": -1})

    def connect(self, patience_s: float) -> int:
        if self._coming() == UNREACHABLE:
            self.state["next"] += 1
            time.sleep(patience_s)
            raise redis.TimeoutError(UNREACHABLE)
        self.state["connections"] += 1
        return self.state["connections"]

    def exchange(self, packet: bytes, connection: int) -> Iterator[Any]:
        if self.state["next"] < 0:
            return map(as_read, serve(self.store, packet))
        event = self._coming()
        if event is None:
            raise _Waits(packet, connection, connection > self.state["used"])
        self.state["next"] += 1
        self.state["used"] = connection
        return iter((redis.ConnectionError(LOST),) if event == LOST else event)

    def _coming(self) -> Event | None:
        return self.events[self.state["next"]] if 0 <= self.state["next"] < len(self.events) else None


class Connection:
    """What the ledger takes for a connection of redis-py."""

    def __init__(self, script: _Script) -> None:
        self._script = script
        self._number = 0
        self.socket_connect_timeout = 0.0
        self.is_connected = False

    def connect(self) -> None:
        self._number = self._script.connect(self.socket_connect_timeout)
        self.is_connected = True

    def disconnect(self, *_: object) -> None:
        self.is_connected = False

    def send_packed_command(self, packets: list[bytes], check_health: bool = True) -> None:
        self._replies = self._script.exchange(b"".join(packets), self._number)

    def read_response(self, **_: object) -> Any:
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply


def as_read(reply: Any) -> Any:
    """A reply as redis-py gives it."""
    if isinstance(reply, Fault):
        return redis.ResponseError(reply.text)
    return [as_read(part) for part in reply] if isinstance(reply, tuple | list) else reply


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


def run(act: Act, scene: Scene, data: Data, events: Sequence[Event]) -> Step:
    """Run a client on these replies, from a process that has seen the database before."""
    script = _Script(events, Store(data, NOW_US))
    ledger = scene.ledger("redis://simulated", timeout_s=TIMEOUT_S, connect=lambda: Connection(script))
    ledger.ping()
    script.state.update(next=0, used=script.state["connections"])
    caller = Caller(ledger, scene)
    link = ledger._client.link

    def begin(deadline_s: float) -> Any:
        script.state["attempt"] = script.state["next"]
        return link(deadline_s)

    try:
        with patch.object(ledger._client, "link", begin):
            act(caller)
    except _Waits as waits:
        is_first = script.state["attempt"] == len(events)
        knows = _knowledge(ledger, waits) if is_first else None
        return Step(tuple(caller.notes), waits.packet, waits.connection, waits.is_new, knows)
    return Step(tuple(caller.notes))


def _knowledge(ledger: RedisLedger, waits: BaseException) -> tuple[Any, ...]:
    """What a process carries from one attempt into the next."""
    frames = [frame.f_locals for frame, _ in walk_tb(waits.__traceback__)]
    operation = next(names["operation"] for names in frames if "operation" in names)
    left_s = round(operation.deadline_s - time.monotonic(), 4)
    mine = operation.op_id, operation.unsure, operation.fallback, operation.failures, left_s
    known = ledger._epoch._known
    assert known is not None
    shared = tuple(ledger._operations._unanswered), known.text, known.sequence, known.seen_us, ledger._reader._offset_us
    return *mine, *shared, len(ledger._client._idle)


def directly(act: Act, store: Store, scene: Scene) -> Caller:
    """Let a client act on a database that is its own."""
    script = _Script((), store)
    caller = Caller(RedisLedger("redis://simulated", timeout_s=1, connect=lambda: Connection(script)), scene)
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
