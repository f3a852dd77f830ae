"""Laws 1, 4, 6, 7 and 12 under fire: threads and processes at a barrier, and exact totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from random import Random
from typing import Any

import pytest

from coreason_budget.ledger.base import Backend
from coreason_budget.limits import Limit
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing.crowd import (
    Burst,
    Corrections,
    Ending,
    Mix,
    Once,
    Reports,
    Watcher,
    in_processes,
    in_threads,
)
from coreason_budget.testing.kit import ALICE, CENT, USD, LedgerKit, limit, standing

Run = Callable[[Sequence[Any]], list[Any]]

_TEN_USD = (limit("user", 10 * USD),)
_THREE_SCOPES = (limit("user", 400), limit("project", 800), limit("global", 1500))

threads_and_processes = pytest.mark.parametrize(
    "crowd", ["threads", pytest.param("processes", marks=pytest.mark.processes)]
)


class RaceLaws(LedgerKit):
    """No interleaving over-admits, counts twice, or loses anything."""

    @pytest.mark.parametrize(("callers", "times"), [(8, 500), (32, 125)])
    @threads_and_processes
    def test_exactly_the_limit_is_admitted(self, crowd: str, callers: int, times: int) -> None:
        """Law 1: 4000 reservations of $0.01 against $10 admit exactly 1000."""
        run, open = self._crowd(crowd)
        admitted = run([Burst(open, _TEN_USD, times, CENT)] * callers)
        assert sum(admitted) == 1000
        assert standing(self.guard(*_TEN_USD), ALICE, "user") == (10 * USD, 10 * USD)

    @threads_and_processes
    def test_no_limit_of_three_scopes_is_ever_passed(self, crowd: str) -> None:
        """Laws 1 and 12: random users and projects, some settled and released: within all limits, and balanced."""
        run, open = self._crowd(crowd)
        kept = list(chain(*run([Mix(open, _THREE_SCOPES, 60, seed) for seed in range(8)])))
        guard = self.guard(*_THREE_SCOPES)
        sums = Counter[tuple[str, str]]()
        for user, project, amount in kept:
            sums.update({("user", user): amount, ("project", project): amount, ("global", ""): amount})
        for (kind, id), total in sums.items():
            subject = Subject(id if kind == "user" else "nobody", id if kind == "project" else None)
            assert standing(guard, subject, kind)[0] == total
            assert total <= {"user": 400, "project": 800, "global": 1500}[kind]
        assert sums["global", ""] > 1000

    def test_first_calls_of_unknown_users_race(self) -> None:
        """Law 1: 200 accounts that nobody made before, one barrier, and a whole with room for 100."""
        limits = (limit("user", USD), limit("global", 100 * USD))
        open = self._crowd("threads")[1]
        jobs = [Burst(open, limits, 1, USD, Subject(f"new-{number}")) for number in range(200)]
        admitted = in_threads(jobs)
        guard = self.guard(*limits)
        assert sum(admitted) == 100
        assert [standing(guard, job.subject, "user")[0] for job in jobs] == [n * USD for n in admitted]
        assert standing(guard, ALICE, "global") == (100 * USD, 100 * USD)

    @pytest.mark.parametrize("verb", ["charge", "reserve", "settle"])
    @threads_and_processes
    def test_the_same_key_from_eight_callers_counts_once(self, crowd: str, verb: str) -> None:
        """Law 4: one of 24 calls is the first, the others are told that they are not."""
        run, open = self._crowd(crowd)
        guard = self.guard(*_TEN_USD)
        id = guard.reserve(ALICE, Amounts(9)).reservation_id if verb == "settle" else ""
        firsts = run([Once(open, _TEN_USD, verb, "job-1", reservation_id=id)] * 8)
        assert sum(firsts) == 1
        assert standing(guard, ALICE, "user") == (7, 7 if verb == "reserve" else 0)

    @threads_and_processes
    def test_settle_and_release_race_for_one_reservation(self, crowd: str) -> None:
        """Law 6: exactly one of six wins, the others are told how it ended, and the books are the winner's."""
        run, open = self._crowd(crowd)
        guard = self.guard(*_TEN_USD)
        ids = tuple(guard.reserve(ALICE, Amounts(1000)).reservation_id for _ in range(25))
        jobs = [Ending(open, _TEN_USD, verb, ids, cost) for cost in (1, 10, 100) for verb in ("settle", "release")]
        total = 0
        for tries in zip(*run(jobs), strict=True):
            (winner,) = [t for t in tries if not t.startswith("ReservationError")]
            verb, cost = winner.split()
            total += int(cost) if verb == "settle" else 0
            assert Counter(tries)[f"ReservationError {verb}d"] == 5
        assert standing(guard, ALICE, "user") == (total, 0)

    @threads_and_processes
    def test_lapses_and_late_settles_race(self, crowd: str) -> None:
        """Law 7: while four notice lapses and two settle late, each reservation is booked once, at its cost."""
        run, open = self._crowd(crowd)
        guard = self.guard(*_TEN_USD)
        ids = tuple(guard.reserve(ALICE, Amounts(1000)).reservation_id for _ in range(60))
        self.clock.advance(seconds=600)
        open = self._crowd(crowd)[1]
        settle = [Ending(open, _TEN_USD, "settle", ids[part::2], 3) for part in (0, 1)]
        run([*settle, *[Watcher(open, _TEN_USD, 10)] * 4])
        assert standing(guard, ALICE, "user") == (60 * 3, 0)

    @threads_and_processes
    def test_reports_of_one_answer_race(self, crowd: str) -> None:
        """Eight callers report 40 costs of one answer in orders of their own: booked is the largest, to the unit."""
        run, open = self._crowd(crowd)
        orders = [tuple(Random(seed).sample(range(1, 1001), 40)) for seed in range(8)]
        added = list(chain(*run([Reports(open, _TEN_USD, "answer", costs) for costs in orders])))
        largest = max(chain(*orders))
        assert sum(added) == largest
        assert standing(self.guard(*_TEN_USD), ALICE, "user") == (largest, 0)

    @pytest.mark.parametrize("only_up", [True, False])
    @threads_and_processes
    def test_corrections_of_one_booking_race(self, crowd: str, only_up: bool) -> None:
        """Law 4: each key counts once, and the books are what all corrections together said that they changed."""
        run, open = self._crowd(crowd)
        guard = self.guard(*_TEN_USD)
        guard.charge(ALICE, Amounts(50), idempotency_key="call")
        orders = [tuple(Random(seed).sample(range(1, 100), 20)) for seed in range(8)]
        changed = run([Corrections(open, _TEN_USD, "call", costs, only_up) for costs in orders])
        booked, reserved = standing(guard, ALICE, "user")
        assert (50 + sum(chain(*changed)), 0) == (booked, reserved)
        assert booked == max(chain(*orders)) if only_up else booked in {*chain(*orders)}

    def _crowd(self, kind: str) -> tuple[Run, Callable[[], Backend]]:
        if kind == "processes":
            return in_processes, self.elsewhere()
        return in_threads, partial(_same, self.ledger)


def _same(ledger: Backend) -> Backend:
    return ledger


def over_admission(run: Run, open: Callable[[], Backend], callers: int = 8, times: int = 50) -> int:
    """How many calls too many a ledger admits in the race of `RaceLaws`: 0, or it breaks law 1.

    For a control: a proof is one only if a naive ledger fails it.
    """
    limits: tuple[Limit, ...] = (limit("user", 100),)
    return sum(run([Burst(open, limits, times, 1)] * callers)) - 100
