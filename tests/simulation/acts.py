"""What a client of the simulation does; a caller that is not told the outcome repeats its call."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.client import Caller
from tests.simulation.scene import Act


def _until_known(call: Callable[[], str]) -> str:
    outcome = call()
    return call() if outcome == "unknown" else outcome


def reserve(op_id: str, amount: int) -> Act:
    """Reserve."""
    return lambda caller: _ignore(_until_known(lambda: caller.reserve(op_id, amount)))


def charge(op_id: str, amount: int) -> Act:
    """Charge."""
    return lambda caller: _ignore(_until_known(lambda: caller.charge(op_id, amount)))


def report(op_id: str, amount: int) -> Act:
    """Report a call in parts."""
    return lambda caller: _ignore(_until_known(lambda: caller.report(op_id, amount)))


def correct(op_id: str, cost: int, key: str, only_up: bool = True, booking: str = "") -> Act:
    """Correct what is booked, by another name of it where one is given."""
    return lambda caller: _ignore(_until_known(lambda: caller.correct(op_id, cost, key, only_up, booking or op_id)))


def end(verb: str, op_id: str, cost: int = 0, key: str | None = None) -> Act:
    """End a reservation."""
    return lambda caller: _ignore(_until_known(lambda: caller.end(verb, op_id, cost, key)))


def life(op_id: str, amount: int, verb: str, cost: int = 0) -> Act:
    """Reserve, and end it if it was admitted."""

    def act(caller: Caller) -> None:
        if _until_known(lambda: caller.reserve(op_id, amount)) == "admitted":
            _until_known(lambda: caller.end(verb, op_id, cost))

    return act


def read(caller: Caller) -> None:
    """Look, and so end what has lapsed."""
    caller.read()


def once(op_id: str, amount: int) -> Act:
    """Reserve, and never ask again."""
    return lambda caller: _ignore(caller.reserve(op_id, amount))


def in_turn(*acts: Act) -> Act:
    """One after another."""

    def act(caller: Caller) -> None:
        for each in acts:
            each(caller)

    return act


def _ignore(_: str) -> None:
    return None
