"""Law 4: the same op id is applied once, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coreason_budget.errors import IdempotencyConflictError, ReservationError
from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing.kit import ALICE, BOB, CENT, DAY_S, HOUR_S, USD, LedgerKit, books, limit, standing, usd

_LIMITS = (limit("user", 10 * USD), limit("global", 100 * USD))

_OTHER_CALLS: dict[str, Callable[[BudgetGuard], object]] = {
    "another amount": lambda g: g.charge(ALICE, usd(2), idempotency_key="charge"),
    "another user": lambda g: g.charge(BOB, usd(1), idempotency_key="charge"),
    "other tokens": lambda g: g.charge(ALICE, Amounts(USD, 1), idempotency_key="charge"),
    "a tag more": lambda g: g.charge(
        Subject("alice", "launch", "gpt-4o", (("team", "x"),)), usd(1), idempotency_key="charge"
    ),
    "a project less": lambda g: g.charge(Subject("alice", None, "gpt-4o"), usd(1), idempotency_key="charge"),
    "reserve instead of charge": lambda g: g.reserve(ALICE, usd(1), idempotency_key="charge"),
    "charge instead of reserve": lambda g: g.charge(ALICE, usd(1), idempotency_key="reserve"),
    "another reserve": lambda g: g.reserve(ALICE, usd(2), idempotency_key="reserve"),
    "another ttl": lambda g: g.reserve(ALICE, usd(1), ttl_s=5, idempotency_key="reserve"),
    "charge instead of settle": lambda g: g.charge(ALICE, usd(1), idempotency_key="settle"),
    "reserve instead of release": lambda g: g.reserve(ALICE, usd(1), idempotency_key="release"),
}


class KeyLaws(LedgerKit):
    """What is remembered of a call, for how long, and what its repetition answers."""

    def test_a_charge_repeated_counts_once_and_says_so(self) -> None:
        """The same key and call: the same answer, marked, and nothing booked."""
        guard = self.guard(*_LIMITS)
        first = guard.charge(ALICE, usd(1), idempotency_key="job-1")
        again = guard.charge(ALICE, usd(1), idempotency_key="job-1")
        assert (first.replayed, again.replayed) == (False, True)
        assert (again.op_id, again.status, again.amounts) == ("job-1", "recorded", first.amounts)
        assert [b.account for b in again.balances] == [b.account for b in first.balances]
        assert standing(guard, ALICE, "user") == (USD, 0)

    def test_a_replay_shows_todays_balances(self) -> None:
        """Ids, amounts and accounts are those of then; balances are of now."""
        guard = self.guard(*_LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="job-1")
        guard.charge(ALICE, usd(2))
        assert guard.charge(ALICE, usd(1), idempotency_key="job-1").balances[0].used_units == 3 * USD

    def test_an_open_reserve_repeated_is_the_same_reservation(self) -> None:
        """A replay of an open reservation gives its id, amount and lapse, and holds nothing more."""
        guard = self.guard(limit("user", USD))
        first = guard.reserve(ALICE, usd(1), idempotency_key="job-1")
        self.clock.advance(seconds=300)
        again = guard.reserve(ALICE, usd(1), idempotency_key="job-1")
        assert (first.replayed, again.replayed) == (False, True)
        assert (again.reservation_id, again.lapses_us) == (first.reservation_id, first.lapses_us)
        assert (again.amounts, again.entries) == (first.amounts, first.entries)
        assert standing(guard, ALICE, "user") == (USD, USD)

    def test_a_replay_admits_though_nothing_is_left(self) -> None:
        """What was admitted stays admitted: the budget was taken for this very call."""
        guard = self.guard(limit("user", 2 * USD))
        guard.reserve(ALICE, usd(1), idempotency_key="job-1")
        guard.charge(ALICE, usd(5))
        assert guard.reserve(ALICE, usd(1), idempotency_key="job-1").replayed

    @pytest.mark.parametrize("how", ["settled", "released", "lapsed", "lapsed unnoticed"])
    def test_an_ended_reserve_repeated_admits_nothing(self, how: str) -> None:
        """A job that runs again must not make its call again: a named error that says how it ended."""
        guard = self.guard(*_LIMITS)
        hold = guard.reserve(ALICE, usd(1), idempotency_key="job-1")
        _end_it(self, guard, hold.reservation_id, how)
        before = None if how == "lapsed unnoticed" else books(guard, ALICE)
        with pytest.raises(ReservationError) as error:
            guard.reserve(ALICE, usd(1), idempotency_key="job-1")
        assert (error.value.reason, error.value.reservation_id) == (how.split()[0], hold.reservation_id)
        assert before is None or books(guard, ALICE) == before
        assert standing(guard, ALICE, "user")[1] == 0

    @pytest.mark.parametrize("other", list(_OTHER_CALLS))
    def test_another_call_with_the_same_key_is_a_conflict(self, other: str) -> None:
        """One key space for all verbs: other content is refused by name and changes nothing."""
        guard = self.guard(*_LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="charge")
        guard.reserve(ALICE, usd(1), idempotency_key="reserve")
        guard.settle(guard.reserve(ALICE, usd(1)).reservation_id, CENT, idempotency_key="settle")
        guard.release(guard.reserve(ALICE, usd(1)).reservation_id, idempotency_key="release")
        before = books(guard, ALICE, BOB)
        with pytest.raises(IdempotencyConflictError) as error:
            _OTHER_CALLS[other](guard)
        assert error.value.idempotency_key in ("charge", "reserve", "settle", "release")
        assert books(guard, ALICE, BOB) == before

    def test_an_ending_with_the_key_of_another_call_is_a_conflict(self) -> None:
        """The key of a charge, of another reservation or of another ending cannot end a reservation."""
        guard = self.guard(*_LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="charge")
        other = guard.reserve(ALICE, usd(1)).reservation_id
        guard.settle(other, CENT, idempotency_key="settle")
        guard.reserve(ALICE, usd(1), idempotency_key="reserve")
        mine = guard.reserve(ALICE, usd(1)).reservation_id
        before = books(guard, ALICE)
        for key in ("charge", "reserve", "settle"):
            with pytest.raises(IdempotencyConflictError):
                guard.settle(mine, CENT, idempotency_key=key)
            with pytest.raises(IdempotencyConflictError):
                guard.release(mine, idempotency_key=key)
        with pytest.raises(IdempotencyConflictError):
            guard.settle(other, 2 * CENT, idempotency_key="settle")
        assert books(guard, ALICE) == before
        assert not guard.settle(mine, CENT, idempotency_key="free").replayed

    @pytest.mark.parametrize("key", [None, "end-1"])
    @pytest.mark.parametrize("verb", ["settle", "release"])
    def test_an_ending_repeated_counts_once(self, verb: str, key: str | None) -> None:
        """With a key of its own or with the reservation's: the same answer, marked."""
        guard = self.guard(*_LIMITS)
        hold = guard.reserve(ALICE, usd(1))

        def end() -> object:
            if verb == "settle":
                return guard.settle(hold.reservation_id, CENT, idempotency_key=key)
            return guard.release(hold.reservation_id, idempotency_key=key)

        answers = [end(), end(), end()]
        assert [a.replayed for a in answers] == [False, True, True]  # type: ignore[attr-defined]
        assert len({(a.op_id, a.status, a.amounts) for a in answers}) == 1  # type: ignore[attr-defined]
        assert standing(guard, ALICE, "user") == (CENT if verb == "settle" else 0, 0)

    def test_the_reservations_own_key_ends_it_as_no_key_does(self) -> None:
        """settle and release without a key take the reservation's: naming it is the same call."""
        guard = self.guard(*_LIMITS)
        hold = guard.reserve(ALICE, usd(1), idempotency_key="job-1")
        assert not guard.settle(hold.reservation_id, CENT).replayed
        assert guard.settle(hold.reservation_id, CENT, idempotency_key="job-1").replayed

    def test_content_is_what_the_caller_gave_not_what_was_made_of_it(self) -> None:
        """Other limits, another day: a retry is still the same call, in its old accounts."""
        first = self.guard(limit("user", 10 * USD)).charge(ALICE, usd(1), idempotency_key="job-1")
        self.clock.advance(seconds=13 * HOUR_S)
        guard = self.guard(limit("user", 5), limit("user", 9, window="month"))
        again = guard.charge(ALICE, usd(1), idempotency_key="job-1")
        assert again.replayed
        assert [b.account for b in again.balances] == [b.account for b in first.balances]
        assert standing(guard, ALICE, "user") == (0, 0)

    def test_tags_in_another_order_are_the_same_call(self) -> None:
        """A mapping has no order that a retry would have to keep."""
        guard = self.guard(*_LIMITS)
        guard.charge(Subject.of("u", tags={"team": "a", "feature": "b"}), usd(1), idempotency_key="k")
        assert guard.charge(Subject.of("u", tags={"feature": "b", "team": "a"}), usd(1), idempotency_key="k").replayed

    def test_a_callers_key_is_remembered_for_a_day(self) -> None:
        """24 h: a retry within them counts once, afterwards the key is a new one."""
        self.needs_forgetting()
        guard = self.guard(limit("user", 10 * USD, window="total"))
        guard.charge(ALICE, usd(1), idempotency_key="job-1")
        self.clock.advance(seconds=DAY_S - 1)
        assert guard.charge(ALICE, usd(1), idempotency_key="job-1").replayed
        self.clock.advance(seconds=2)
        assert not guard.charge(ALICE, usd(1), idempotency_key="job-1").replayed
        assert standing(guard, ALICE, "user", "total") == (2 * USD, 0)

    def test_a_made_key_is_remembered_for_an_hour(self) -> None:
        """1 h: long enough to find out what became of a call whose answer was lost."""
        self.needs_forgetting()
        guard = self.guard(limit("user", 10 * USD, window="total"))
        op_id = guard.charge(ALICE, usd(1)).op_id
        self.clock.advance(seconds=HOUR_S - 1)
        assert guard.charge(ALICE, usd(1), idempotency_key=op_id).replayed
        self.clock.advance(seconds=2)
        assert not guard.charge(ALICE, usd(1), idempotency_key=op_id).replayed

    @pytest.mark.parametrize("key", [None, "job-1"])
    def test_an_open_reservation_is_never_forgotten(self, key: str | None) -> None:
        """It is remembered while it is open, whoever made its key, and 24 h from its end."""
        self.needs_forgetting()
        guard = self.guard(limit("user", 10 * USD, window="total"))
        hold = guard.reserve(ALICE, usd(1), ttl_s=DAY_S, idempotency_key=key)
        self.clock.advance(seconds=DAY_S - 1)
        assert guard.reserve(ALICE, usd(1), ttl_s=DAY_S, idempotency_key=hold.op_id).replayed
        guard.settle(hold.reservation_id, CENT)
        self.clock.advance(seconds=DAY_S - 1)
        assert guard.settle(hold.reservation_id, CENT).replayed
        self.clock.advance(seconds=2)
        with pytest.raises(ReservationError) as error:
            guard.settle(hold.reservation_id, CENT)
        assert error.value.reason == "unknown"
        assert standing(guard, ALICE, "user", "total") == (CENT, 0)


def _end_it(kit: LedgerKit, guard: BudgetGuard, reservation_id: str, how: str) -> None:
    if how == "settled":
        guard.settle(reservation_id, CENT)
    elif how == "released":
        guard.release(reservation_id)
    else:
        kit.clock.advance(seconds=600)
    if how == "lapsed":
        guard.usage(ALICE)
