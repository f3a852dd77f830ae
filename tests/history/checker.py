"""Holds a recorded history against the laws: is there an order of its calls in which none was broken?

Each call happened at some moment between its asking and its answer. What an account held at a moment
is therefore known within bounds: the least counts only what must have happened, the most all that may
have. An admission needs a moment at which it fits the least, a refusal one at which it does not fit the
most, a read one whose bounds hold what it saw. At the end nothing is open, and the books are exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from tests.history.recorder import Call

# The server's clock and ours are one; it reads its a little before it answers.
_BLUR_NS = 5_000_000


class History:
    """The calls on one account: those of one user, or of all.

    Args:
        calls: Every call of the run, each with its final outcome.
        user: Whose account; None for everybody's.
        limit: What the account allows.
    """

    def __init__(self, calls: Sequence[Call], user: str | None, limit: int) -> None:
        self._calls = [c for c in calls if user in (None, c.user)]
        self._user, self._limit = user, limit
        self._asked = [c for c in self._calls if c.verb in ("reserve", "charge")]
        self._endings = {
            c.reservation: c for c in self._calls if c.verb in ("settle", "release") and c.outcome == "done"
        }

    def explains(self, call: Call) -> bool:
        """Whether a call may have got the answer that it got, by this account alone."""
        return any(self._is_right(call, moment) for moment in self._moments(call))

    def overfull(self) -> Iterator[str]:
        """Reservations that were held at the same time, of which none can have been the last to be admitted."""
        admitted = [c for c in self._asked if c.verb == "reserve" and c.outcome == "done"]
        for call in admitted:
            moment = call.returned + 1
            together = [c for c in admitted if c.returned < moment and self._possible(c, moment) == {c.amount}]
            if together and not any(self._is_last(c, together) for c in together):
                yield f"held together, and too much: {together}"

    def _is_last(self, last: Call, together: list[Call]) -> bool:
        others = [c for c in self._asked if c not in together and c.invoked <= last.invoked]
        before = sum(min(self._possible(c, last.invoked)) for c in others)
        return before + sum(c.amount for c in together) <= self._limit

    def booked(self) -> int:
        """What the account holds after the last lapse."""
        return sum(self._final(c) for c in self._asked if c.outcome in ("done", "lapsed"))

    def _is_right(self, call: Call, moment: int) -> bool:
        if call.verb == "read":
            return self._user is None or self._held(moment, call, 0) <= call.amount <= self._held(moment, call, 1)
        if call.verb != "reserve" or call.outcome == "lapsed":
            return True
        if call.outcome == "done":
            return self._held(moment, call, 0) + call.amount <= self._limit
        return self._held(moment, call, 1) + call.amount > self._limit

    def _moments(self, call: Call) -> list[int]:
        """One of every stretch of the call's time in which nothing begins or ends."""
        turns = {call.invoked, call.returned}
        for other in self._calls:
            times = [other.invoked, other.returned]
            times += [other.lapses - _BLUR_NS, other.lapses + _BLUR_NS] if other.lapses else []
            turns.update(t + step for t in times for step in (-1, 1) if call.invoked <= t <= call.returned)
        return sorted(turns)

    def _held(self, moment: int, but: Call, most: int) -> int:
        pick = max if most else min
        return sum(pick(self._possible(c, moment)) for c in self._asked if c is not but and c.invoked <= moment)

    def _possible(self, call: Call, moment: int) -> set[int]:
        """What a call that has begun may put on the account at a moment."""
        if call.outcome == "lapsed":
            return {0, call.amount}
        if call.outcome != "done":
            # What was refused may have been written and undone.
            return {0, call.amount} if moment <= call.returned else {0}
        possible = {call.amount} if moment > call.returned else {0, call.amount}
        ending = self._endings.get(call.reservation) if call.verb == "reserve" else None
        if call.lapses is not None and call.on_lapse == "release" and moment > call.lapses - _BLUR_NS:
            possible = {0} if moment > call.lapses + _BLUR_NS else {0, *possible}
        if ending is not None and moment >= ending.invoked:
            possible = {ending.amount} if moment > ending.returned else {ending.amount, *possible}
        return possible

    def _final(self, call: Call) -> int:
        if call.verb == "charge":
            return call.amount
        ending = self._endings.get(call.reservation)
        if ending is not None:
            return ending.amount
        return call.amount if call.on_lapse == "charge" else 0


def problems(calls: Sequence[Call], limits: Mapping[str | None, int], books: Mapping[str | None, int]) -> list[str]:
    """All that is wrong with a history, whose accounts (by user, None for all) ended as ``books``."""
    accounts = {user: History(calls, user, limit) for user, limit in limits.items()}
    return [
        *(found for call in calls if (found := _problem(call, accounts))),
        *_wrong_endings(calls),
        *chain.from_iterable(account.overfull() for account in accounts.values()),
        *(
            f"{user or 'all'}: {account.booked()} by the answers, {books[user]} in the books"
            for user, account in accounts.items()
            if account.booked() != books[user]
        ),
    ]


def _problem(call: Call, accounts: Mapping[str | None, History]) -> str:
    if call.outcome == "unknown":
        return f"never answered: {call}"
    explained = [accounts[user].explains(call) for user in (call.user, None)]
    # An admission has to fit every account; one that is full is reason enough to refuse.
    is_right = any(explained) if call.outcome == "refused" else all(explained)
    return "" if is_right else f"no moment explains {call}"


def _wrong_endings(calls: Sequence[Call]) -> Iterator[str]:
    endings = [c for c in calls if c.verb in ("settle", "release")]
    done = Counter(c.reservation for c in endings if c.outcome == "done")
    yield from (f"ended {times} times: {id}" for id, times in done.items() if times > 1)
    yield from (f"nothing had ended it: {c}" for c in endings if c.outcome == "ended" and not done[c.reservation])
