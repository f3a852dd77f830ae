"""Laws 10 to 12: what the books hold, whose they are, and that they balance whatever happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count

import pytest

from coreason_budget.books.audit import audit
from coreason_budget.errors import InvalidAmountError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.base import Charge
from coreason_budget.ledger.record import KEEP_CALLERS_US
from coreason_budget.model import Amounts, Subject
from coreason_budget.money import MAX_ACCOUNT
from coreason_budget.standing import Hold, Receipt
from coreason_budget.testing.fork import in_fork
from coreason_budget.testing.interrupt import interrupted_at
from coreason_budget.testing.kit import ALICE, BOB, CENT, DAY_S, USD, LedgerKit, books, limit, standing, usd
from coreason_budget.testing.walk import RandomWalk

ODD_IDS = (
    *("a", "A", "a ", " a", "a/b", "a//b", "/a", "a/", "a|b", "|", "usd|day|0|a", "a:b", ":", "a:1", "1:a", "op:a:0"),
    *("a:0", "0:a", "{a}", "{", "}", "{a", "{}", "*", "a*", "?", "[a]", "%", "%41", "\\", "a\\", "'", '"', "a'b"),
    *("a;DROP TABLE account", "$a", "a\u00a0", "é", "e\u0301", "🙂", "🙃", "👩‍👩‍👧", "名前", "ß", "ss", "ﬀ", "ff"),
    *("\u202ea", "global", "user/a", "None", "null", "0", "00", "a.b", ".", "..", "x" * 256, "x" * 255 + "y"),
    *("é" * 128, "🙂" * 64, "used", "reserved", "epoch", "open"),
)


class BookLaws(LedgerKit):
    """Amounts, names, balances; handles, forks and interrupts."""

    def test_ids_are_opaque(self) -> None:
        """Law 11: two different ids never share an account, whatever characters they hold."""
        guard = self.guard(limit("user", USD), limit("team", USD))
        for number, id in enumerate(ODD_IDS, start=1):
            guard.charge(Subject.of(id, id, id, {"team": id}), Amounts(number))
        for number, id in enumerate(ODD_IDS, start=1):
            subject = Subject.of(id, id, id, {"team": id})
            for kind in ("user", "project", "model", "team"):
                assert standing(guard, subject, kind) == (number, 0), (kind, id)
        assert standing(guard, ALICE, "global") == (sum(range(1, len(ODD_IDS) + 1)), 0)

    def test_keys_are_opaque(self) -> None:
        """Law 11: two different keys never share a record, nor one with what a ledger keeps beside it."""
        guard = self.guard(limit("user", USD), limit("project", USD), limit("global", USD))
        holds = {key: guard.reserve(ALICE, Amounts(2), idempotency_key=key) for key in ODD_IDS[::2]}
        for key in ODD_IDS[1::2]:
            assert not guard.charge(ALICE, Amounts(1), idempotency_key=key).replayed, key
        for key, hold in holds.items():
            again = guard.reserve(ALICE, Amounts(2), idempotency_key=key)
            assert (again.replayed, again.reservation_id) == (True, hold.reservation_id), key
            assert not guard.settle(hold.reservation_id, 1).replayed, key
        for key in ODD_IDS[1::2]:
            assert guard.charge(ALICE, Amounts(1), idempotency_key=key).replayed, key
        assert standing(guard, ALICE, "user") == (len(ODD_IDS), 0)

    def test_a_user_is_not_a_tag_is_not_a_project(self) -> None:
        """Law 11: a scope is its kind and its id; the same id under another kind is another budget."""
        guard = self.guard(*(limit(kind, USD) for kind in ("user", "project", "model", "team", "te")))
        guard.charge(Subject.of("x", tags={"team": "x"}), usd(1))
        guard.reserve(Subject.of("y", "x", "x", {"te": "am/x"}), usd(1))

    def test_a_call_with_every_scope_at_its_longest_works(self) -> None:
        """Law 11: 256 bytes for each of eleven ids and the key."""
        tags = {f"k{number}{'k' * 62}": f"{number}" * 256 for number in range(8)}
        subject = Subject.of("u" * 256, "p" * 256, "m" * 256, tags)
        guard = self.guard(*(limit(kind, USD) for kind in ("user", "project", "model", *tags, "global")))
        hold = guard.reserve(subject, usd(1), idempotency_key="k" * 256)
        assert guard.settle(hold.reservation_id, CENT, idempotency_key="s" * 256).reservation_id == hold.reservation_id
        assert len(guard.usage(subject)) == 12
        assert set(books(guard, subject).values()) == {(CENT, 0)}

    @pytest.mark.parametrize("verb", ["charge", "settle"])
    def test_an_account_never_passes_4e18(self, verb: str) -> None:
        """Law 10: refused by name before anything is written, also where only one account is full."""
        guard = self.guard(limit("user", USD))
        hold = guard.reserve(ALICE, usd(1))
        nearly = Amounts(MAX_ACCOUNT - 2 * USD)
        self.ledger.charge(Charge("fill", "", guard.limits.plan(Subject("other"), nearly), nearly, KEEP_CALLERS_US))
        before = books(guard, ALICE)
        with pytest.raises(InvalidAmountError):
            guard.charge(ALICE, Amounts(2 * USD + 1)) if verb == "charge" else guard.settle(
                hold.reservation_id, 2 * USD + 1
            )
        assert books(guard, ALICE) == before
        guard.charge(BOB, Amounts(2 * USD))
        assert standing(guard, ALICE, "global") == (MAX_ACCOUNT, 0)
        guard.settle(hold.reservation_id, 0)

    @pytest.mark.parametrize("seed", range(6))
    def test_books_balance(self, seed: int) -> None:
        """Law 12: after any sequence of calls, every account is the sum of what was booked on it."""
        RandomWalk(self, seed).run(150)

    def test_handles_share_everything(self) -> None:
        """Two handles on one ledger see the same accounts, keys and reservations."""
        limits = (limit("user", USD),)
        first = self.guard(*limits)
        second = type(first)(self.another(), first.limits)
        hold = first.reserve(ALICE, usd(1), idempotency_key="k")
        assert second.reserve(ALICE, usd(1), idempotency_key="k").reservation_id == hold.reservation_id
        assert second.settle(hold.reservation_id, CENT).status == "settled"
        assert first.settle(hold.reservation_id, CENT).replayed
        assert books(first, ALICE) == books(second, ALICE)

    def test_a_ledger_may_be_closed_and_used_again(self) -> None:
        """Closing gives back what is open, and loses nothing."""
        guard = self.guard(limit("user", USD))
        guard.charge(ALICE, usd(1))
        for _ in range(2):
            self.ledger.close()
        assert standing(guard, ALICE, "user") == (USD, 0)
        self.ledger.ping()

    def test_every_answer_tells_where_its_accounts_stand(self) -> None:
        """What is used and reserved just after it, by others too; a replay tells how it is today."""
        guard = self.guard(limit("user", 10 * USD), limit("project", 10 * USD), limit("global", 10 * USD))
        guard.charge(ALICE, usd(1))
        first, second = guard.reserve(ALICE, usd(2)), guard.reserve(ALICE, usd(3))
        acts: list[Callable[[], Hold | Receipt]] = [
            lambda: guard.reserve(ALICE, usd(0.1), idempotency_key="reserve"),
            lambda: guard.charge(ALICE, usd(0.2), idempotency_key="charge"),
            lambda: guard.settle(first.reservation_id, CENT),
            lambda: guard.release(second.reservation_id, idempotency_key="release"),
        ]
        for _ in range(2):
            for act in acts:
                answer = act()
                told = {b.account.key: (b.used_units, b.reserved_units) for b in answer.balances}
                now = books(guard, ALICE)
                assert told == {key: now[key] for key in told}
                assert len(told) >= 3

    def test_an_unknown_account_is_empty(self) -> None:
        """Nothing has to be made before its first use, and asking makes nothing."""
        guard = self.guard(limit("user", USD))
        assert set(books(guard, ALICE).values()) == {(0, 0)}
        assert guard.check(ALICE, usd(1)).remaining_usd == 1

    @pytest.mark.parametrize("verb", ["reserve", "charge", "settle", "release"])
    def test_an_interrupt_leaves_a_whole_call_or_none(self, verb: str) -> None:
        """KeyboardInterrupt wherever a signal can strike: the same call again counts once, in full."""
        guard = self.guard(limit("user", 10_000 * USD), limit("global", 10_000 * USD))
        for number in count():
            key = f"{verb}-{number}"
            hold = guard.reserve(ALICE, Amounts(2), idempotency_key="r" + key)
            call = _call(guard, verb, key, hold.reservation_id)
            try:
                with interrupted_at(number, self.ledger):
                    call()
                break
            except KeyboardInterrupt:
                call()
        calls = number + 1
        assert number > 20
        used = {"reserve": (3, 3), "charge": (3, 2), "settle": (1, 0), "release": (0, 0)}[verb]
        assert standing(guard, ALICE, "user") == (used[0] * calls, used[1] * calls)
        assert audit(self.ledger).differences == ()
        # What an interrupt left behind is passed over when its time has come.
        self.clock.advance(seconds=30 * DAY_S)
        guard.charge(ALICE, usd(1))
        assert standing(guard, ALICE, "user") == (USD, 0)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
    def test_a_ledger_survives_a_fork_after_its_first_use(self) -> None:
        """Parent and child go on with the handle they have, and count on the same accounts."""
        self.elsewhere()
        guard = self.guard(limit("user", 100 * USD))
        guard.charge(ALICE, usd(1))

        def charge_ten() -> None:
            for _ in range(10):
                guard.charge(ALICE, usd(1))

        with in_fork(charge_ten), in_fork(charge_ten):
            charge_ten()
        assert standing(guard, ALICE, "user") == (31 * USD, 0)


def _call(guard: BudgetGuard, verb: str, key: str, reservation_id: str) -> Callable[[], object]:
    calls: dict[str, Callable[[], object]] = {
        "reserve": lambda: guard.reserve(ALICE, Amounts(1), idempotency_key=key),
        "charge": lambda: guard.charge(ALICE, Amounts(1), idempotency_key=key),
        "settle": lambda: guard.settle(reservation_id, 1),
        "release": lambda: guard.release(reservation_id),
    }
    return calls[verb]
