"""Laws 1 to 3: who is admitted, what a refusal says and leaves, what is booked past a limit."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from coreason_budget.errors import BudgetExceededError
from coreason_budget.guard import BudgetGuard
from coreason_budget.limits import Limit
from coreason_budget.model import UNITS, Amounts, Subject
from coreason_budget.testing.kit import ALICE, BOB, CENT, USD, LedgerKit, balance, books, limit, standing, usd

_RESETS = {
    "minute": datetime(2026, 11, 23, 12, 1, tzinfo=UTC),
    "hour": datetime(2026, 11, 23, 13, tzinfo=UTC),
    "day": datetime(2026, 11, 24, tzinfo=UTC),
    "week": datetime(2026, 11, 30, tzinfo=UTC),
    "month": datetime(2026, 12, 1, tzinfo=UTC),
}


class AdmissionLaws(LedgerKit):
    """What `reserve` and `check` admit, and what they do not."""

    def test_reserve_admits_up_to_the_limit_and_not_a_nano_more(self) -> None:
        """Law 1: admitted is what keeps used + amount within the limit, exactly."""
        guard = self.guard(limit("user", 10 * USD))
        for _ in range(9):
            guard.reserve(ALICE, usd(1))
        self._is_refused(guard, ALICE, Amounts(USD + 1))
        assert guard.reserve(ALICE, usd(1)).balances[0].remaining_units == 0
        self._is_refused(guard, ALICE, Amounts(1))
        assert standing(guard, ALICE, "user") == (10 * USD, 10 * USD)

    def test_reserve_asks_every_limited_account(self) -> None:
        """Law 1: user, project, model, tag and the whole must all have room."""
        for kind in ("user", "project", "model", "team", "global"):
            guard = self.guard(limit(kind, USD, window="total"))
            subject = Subject(f"u-{kind}", f"p-{kind}", f"m-{kind}", (("team", f"t-{kind}"),))
            before = books(guard, subject)
            assert self._is_refused(guard, subject, Amounts(USD + 1)).scope.startswith(kind)
            assert books(guard, subject) == before

    def test_refused_reserve_leaves_nothing(self) -> None:
        """Law 1: an account with room is not touched where another one refuses."""
        guard = self.guard(limit("user", 10 * USD), limit("project", USD), limit("global", 10 * USD))
        guard.charge(BOB, usd(0.5))
        before = books(guard, ALICE, BOB)
        assert self._is_refused(guard, ALICE, usd(0.6)).scope == "project/launch"
        assert books(guard, ALICE, BOB) == before

    def test_refusals_are_not_remembered(self) -> None:
        """Law 4: a refused key is free again, for the same call and for another."""
        guard = self.guard(limit("user", USD))
        held = guard.reserve(ALICE, usd(1))
        for key in ("again", "other"):
            with pytest.raises(BudgetExceededError):
                guard.reserve(ALICE, usd(1), idempotency_key=key)
        guard.release(held.reservation_id)
        assert not guard.charge(ALICE, usd(0.25), idempotency_key="other").replayed
        assert not guard.reserve(ALICE, usd(0.75), idempotency_key="again").replayed

    def test_charge_is_booked_past_the_limit_and_then_refuses(self) -> None:
        """Law 2: what was spent is booked in full; the next admission is refused."""
        guard = self.guard(limit("user", USD))
        guard.charge(ALICE, usd(3))
        guard.charge(ALICE, usd(4))
        assert standing(guard, ALICE, "user") == (7 * USD, 0)
        assert self._is_refused(guard, ALICE, Amounts(1)).spent == 7
        assert balance(guard, ALICE, "user").remaining_units == 0

    def test_settle_is_booked_past_the_limit_and_then_refuses(self) -> None:
        """Law 2: a call that cost more than it reserved is booked in full."""
        guard = self.guard(limit("user", USD))
        guard.settle(guard.reserve(ALICE, usd(1)).reservation_id, 5 * USD)
        assert standing(guard, ALICE, "user") == (5 * USD, 0)
        self._is_refused(guard, ALICE, Amounts(1))

    @pytest.mark.parametrize("unit", UNITS)
    def test_nothing_left_refuses_a_check_without_estimate(self, unit: str) -> None:
        """Law 3: where the caller gave no estimate, a check asks for at least 1 of each unit."""
        guard = self.guard(limit("user", 2, window="day", unit=unit))
        guard.charge(ALICE, Amounts(1, 1, 1))
        guard.check(ALICE)
        guard.charge(ALICE, Amounts(1, 1, 1))
        with pytest.raises(BudgetExceededError) as refused:
            guard.check(ALICE)
        assert (refused.value.unit, refused.value.reason) == (unit, "spent")

    def test_a_limit_of_zero_admits_nothing_that_costs(self) -> None:
        """Law 3: a budget of 0 refuses the first call, with an estimate or without."""
        guard = self.guard(limit("user", 0))
        self._is_refused(guard, ALICE, Amounts(1))
        for amounts in (None, Amounts(1)):
            with pytest.raises(BudgetExceededError):
                guard.check(ALICE, amounts)

    @pytest.mark.parametrize("most", [0, USD])
    def test_a_free_call_is_admitted_by_limits_in_usd(self, most: int) -> None:
        """Law 3: it passes those that are used up or 0, and holds nothing there; its true cost is booked."""
        guard = self.guard(limit("user", most), limit("global", 3, unit="requests"))
        guard.charge(ALICE, usd(2))
        guard.check(ALICE, Amounts(0))
        hold = guard.reserve(ALICE, Amounts(0))
        assert standing(guard, ALICE, "user") == (2 * USD, 0)
        assert standing(guard, ALICE, "global", unit="requests") == (2, 1)
        guard.settle(hold.reservation_id, CENT)
        assert standing(guard, ALICE, "user") == (2 * USD + CENT, 0)
        guard.release(guard.reserve(ALICE, Amounts(0)).reservation_id)
        guard.charge(ALICE, Amounts(0))
        assert self._is_refused(guard, ALICE, Amounts(0)).unit == "requests"
        assert standing(guard, ALICE, "user") == (2 * USD + CENT, 0)

    @pytest.mark.parametrize("unit", ["tokens", "requests"])
    def test_a_free_call_asks_for_a_token_and_a_request(self, unit: str) -> None:
        """Law 3: where none of them are left, what is free is refused too."""
        guard = self.guard(limit("user", 1, unit=unit))
        guard.reserve(ALICE, Amounts(0, 0, 0))
        assert self._is_refused(guard, ALICE, Amounts(0, 0, 0)).unit == unit

    def test_larger_than_the_whole_limit_is_too_large(self) -> None:
        """No reset makes it fit: no time to wait for, and named before an account that is only spent."""
        guard = self.guard(limit("user", USD, window="total"), limit("project", 2 * USD))
        guard.charge(ALICE, usd(1))
        assert self._is_refused(guard, ALICE, usd(1)).reason == "spent"
        error = self._is_refused(guard, ALICE, usd(3))
        assert (error.scope.partition("/")[0], error.reason, error.retry_after_s) == ("user", "too_large", None)
        guard = self.guard(limit("user", 3 * USD, window="total"), limit("project", USD))
        guard.charge(ALICE, usd(2))
        error = self._is_refused(guard, ALICE, usd(2))
        assert (error.scope, error.reason, error.retry_after_s) == ("project/launch", "too_large", None)

    def test_check_tells_what_remains_and_changes_nothing(self) -> None:
        """A check is read only: it says what binds and takes nothing."""
        guard = self.guard(limit("user", 10 * USD), limit("project", 3 * USD))
        guard.charge(BOB, usd(1))
        before = books(guard, ALICE, BOB)
        verdict = guard.check(ALICE, usd(2))
        assert verdict.remaining_usd == 2
        assert [b.scope for b in (verdict.binding,) if b] == ["project/launch"]
        assert books(guard, ALICE, BOB) == before

    def test_check_and_reserve_agree(self) -> None:
        """Law 1: alone on a ledger, a check tells what a reserve will do."""
        guard = self.guard(limit("user", USD), limit("global", 2 * USD))
        guard.charge(BOB, usd(1.5))
        guard.check(ALICE, usd(0.5))
        with pytest.raises(BudgetExceededError) as checked:
            guard.check(ALICE, Amounts(USD // 2 + 1))
        assert str(self._is_refused(guard, ALICE, Amounts(USD // 2 + 1))) == str(checked.value)
        guard.reserve(ALICE, usd(0.5))

    def test_spent_says_when_the_window_resets(self) -> None:
        """Reason ``spent``: it would not fit without any reservation; wait for the reset."""
        guard = self.guard(limit("user", USD))
        guard.charge(ALICE, usd(0.75))
        guard.reserve(ALICE, usd(0.25))
        error = self._is_refused(guard, ALICE, usd(0.5))
        assert (error.reason, error.resets_at, error.retry_after_s) == ("spent", _RESETS["day"], 12 * 3600)
        assert (float(error.limit), float(error.spent), float(error.reserved)) == (1, 0.75, 0.25)
        assert str(error).startswith("Budget exceeded for User alice")

    def test_busy_says_to_come_back_soon(self) -> None:
        """Reason ``busy``: open reservations hold the rest; when they end, the call is admitted."""
        guard = self.guard(limit("project", USD))
        guard.charge(ALICE, usd(0.5))
        held = guard.reserve(BOB, usd(0.5))
        error = self._is_refused(guard, ALICE, usd(0.5))
        assert (error.reason, error.retry_after_s) == ("busy", 1)
        assert str(error).startswith("Budget exceeded for Project launch")
        guard.release(held.reservation_id)
        guard.reserve(ALICE, usd(0.5))

    def test_of_several_refusing_accounts_the_last_to_reset_is_named(self) -> None:
        """Whoever waits for the account that is named does not meet another one that refused."""
        windows = ("minute", "hour", "day", "week", "month", "total")
        for count in range(1, 7):
            subject = Subject(f"user-{count}")
            guard = self.guard(*(limit("user", 1, window=w) for w in reversed(windows[:count])))
            guard.charge(subject, usd(1))
            error = self._is_refused(guard, subject, Amounts(1))
            assert (error.window, error.resets_at) == (windows[count - 1], _RESETS.get(windows[count - 1]))
        assert error.retry_after_s is None

    def test_of_two_that_reset_together_the_spent_one_is_named(self) -> None:
        """``busy`` would invite to try again soon, in vain."""
        for spent, busy in (("user", "project"), ("project", "user")):
            guard = self.guard(limit(spent, 2 * USD), limit(busy, 3 * USD))
            subject = Subject(f"{spent}-spent", f"{busy}-busy")
            guard.reserve(subject, usd(0.5))
            guard.charge(subject, usd(1))
            error = self._is_refused(guard, subject, usd(1.75))
            assert (error.scope.partition("/")[0], error.reason) == (spent, "spent")

    @pytest.mark.parametrize("window", list(_RESETS))
    def test_a_window_is_a_full_budget_again_once_it_is_over(self, window: str) -> None:
        """Windows are calendar periods: refused until the last microsecond, admitted from the next."""
        guard = self.guard(limit("user", USD, window=window))
        guard.charge(ALICE, usd(1))
        self.clock.set(_RESETS[window])
        self.clock.advance(us=-1)
        assert self._is_refused(guard, ALICE, Amounts(1)).resets_at == _RESETS[window]
        self.clock.advance(us=1)
        guard.reserve(ALICE, usd(1))
        assert standing(guard, ALICE, "user", window) == (USD, USD)

    def test_total_never_resets(self) -> None:
        """A total is for good: no date brings it back."""
        guard = self.guard(limit("user", USD, window="total"))
        guard.charge(ALICE, usd(1))
        self.clock.set(datetime(2036, 1, 1, tzinfo=UTC))
        assert self._is_refused(guard, ALICE, Amounts(1)).retry_after_s is None

    def test_units_are_counted_apart(self) -> None:
        """Nanos, tokens and requests of one call each go to their own account."""
        limits = [limit("user", 10 * USD), limit("user", 100, unit="tokens"), limit("user", 3, unit="requests")]
        guard = self.guard(*limits)
        hold = guard.reserve(ALICE, Amounts(CENT, 40))
        guard.charge(ALICE, Amounts(2 * CENT, 50))
        guard.settle(hold.reservation_id, 3 * CENT, 45)
        used = {unit: standing(guard, ALICE, "user", unit=unit) for unit in UNITS}
        assert used == {"usd": (5 * CENT, 0), "tokens": (95, 0), "requests": (2, 0)}
        assert self._is_refused(guard, ALICE, Amounts(1, 6)).unit == "tokens"
        guard.charge(ALICE, Amounts(0, 0))
        assert self._is_refused(guard, ALICE, Amounts(1, 1)).unit == "requests"

    def test_a_single_subject_has_its_own_limit_instead(self) -> None:
        """A limit on one id stands instead of its kind's; ``None`` lifts it."""
        limits = [limit("user", USD), limit("user", 3 * USD, id="alice"), limit("user", None, id="batch")]
        guard = self.guard(*limits)
        guard.reserve(ALICE, usd(3))
        guard.reserve(Subject("batch"), usd(1000))
        self._is_refused(guard, ALICE, Amounts(1))
        self._is_refused(guard, BOB, Amounts(USD + 1))

    def test_scopes_without_a_limit_are_booked_but_never_held(self) -> None:
        """What no limit bounds is for the books alone: charge and settle write it, reserve does not."""
        guard = self.guard(limit("user", 10 * USD))
        hold = guard.reserve(ALICE, usd(2))
        assert standing(guard, ALICE, "project") == (0, 0)
        guard.settle(hold.reservation_id, USD)
        guard.charge(ALICE, usd(3))
        for kind in ("user", "project", "model", "global"):
            assert standing(guard, ALICE, kind) == (4 * USD, 0)

    def test_a_limit_that_is_lowered_counts_at_once(self) -> None:
        """Limits gate admission: what stands in the books is judged by today's limit."""
        self.guard(limit("user", 10 * USD)).charge(ALICE, usd(5))
        assert self._is_refused(self.guard(limit("user", 4 * USD)), ALICE, Amounts(1)).limit == 4
        self.guard(limit("user", 6 * USD)).reserve(ALICE, usd(1))

    def _is_refused(self, guard: BudgetGuard, subject: Subject, amounts: Amounts) -> BudgetExceededError:
        with pytest.raises(BudgetExceededError) as refused:
            guard.reserve(subject, amounts)
        return refused.value


def limits_of_all_scopes(user: int, project: int, whole: int) -> tuple[Limit, ...]:
    """Daily limits on the three scopes of nearly every call."""
    return limit("user", user), limit("project", project), limit("global", whole)
