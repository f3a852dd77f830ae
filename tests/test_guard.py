"""BudgetGuard: every budget of a call, in nanos, on any ledger."""

import inspect
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from coreason_budget import BudgetGuard
from coreason_budget.errors import (
    BudgetExceededError,
    ConfigError,
    IdempotencyConflictError,
    InvalidAmountError,
    InvalidIdError,
    ReservationError,
)
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.limits import Limit, LimitBook
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing import ManualClock
from coreason_budget.windows import Calendar

USD = 10**9
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ALICE = Subject.of("alice", "alpha", "m", {"team": "search"})


class Untouchable:
    """A ledger that must not be asked anything."""

    def __getattr__(self, verb):
        raise AssertionError(f"the ledger was asked to {verb}")


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def make(clock):
    """Make a guard on a ledger in memory."""

    def make(*limits, ledger=None, zone="UTC", **settings):
        ledger = ledger or MemoryLedger(clock=clock)
        return BudgetGuard(ledger, LimitBook(limits, Calendar(zone)), **settings)

    return make


def _used(guard, subject=ALICE):
    return {(b.scope, b.window, b.unit): (b.used_units, b.reserved_units) for b in guard.usage(subject)}


def test_its_constructor_is_small():
    """A ledger, limits, and three settings with the defaults of the design."""
    signature = inspect.signature(BudgetGuard).replace(return_annotation=inspect.Signature.empty)
    bare = [f"{p.name}={p.default}" if p.default is not p.empty else p.name for p in signature.parameters.values()]
    assert bare == ["ledger", "limits", "ttl_s=600", "on_lapse=charge", "required_scopes=()"]


# The limit that refuses, and how the refusal begins.
TEXTS = (
    (Limit("user", None, "day", "usd", 5), "Budget exceeded for User alice: "),
    (Limit("project", None, "day", "usd", 5), "Budget exceeded for Project alpha: "),
    (Limit("model", None, "day", "usd", 5), "Budget exceeded for Model m: "),
    (Limit("team", "search", "month", "usd", 5), "Budget exceeded for Team search: "),
    (Limit("global", None, "week", "usd", 5), "Budget exceeded for Global: "),
)


@pytest.mark.parametrize(("limit", "beginning"), TEXTS, ids=[limit.kind for limit, _ in TEXTS])
@pytest.mark.parametrize("verb", ["check", "reserve"])
def test_a_refusal_says_whose_budget_it_is(make, limit, beginning, verb):
    """The text begins as the design says, and names window and what is left."""
    guard = make(limit)
    with pytest.raises(BudgetExceededError) as caught:
        getattr(guard, verb)(ALICE, Amounts(6))
    assert str(caught.value).startswith(beginning)
    assert f"per {limit.window} left" in str(caught.value)
    assert caught.value.scope.partition("/")[0] == limit.kind


@pytest.mark.parametrize(
    ("window", "resets_at", "retry_after_s"),
    [
        ("minute", NOW + timedelta(minutes=1), 60),
        ("hour", NOW + timedelta(hours=1), 3600),
        ("day", NOW + timedelta(hours=12), 12 * 3600),
        ("week", datetime(2026, 11, 30, tzinfo=UTC), 6 * 86400 + 12 * 3600),
        ("month", datetime(2026, 12, 1, tzinfo=UTC), 7 * 86400 + 12 * 3600),
        ("total", None, None),
    ],
)
def test_what_is_spent_waits_for_the_reset(make, window, resets_at, retry_after_s):
    """Spent budget: reason, reset and seconds to it; a total never comes back."""
    guard = make(Limit("user", None, window, "usd", 3 * USD))
    guard.charge(ALICE, Amounts(2 * USD))
    with pytest.raises(BudgetExceededError) as caught:
        guard.check(ALICE, Amounts(2 * USD))
    error = caught.value
    assert (error.reason, error.resets_at, error.retry_after_s) == ("spent", resets_at, retry_after_s)
    assert (error.window, error.unit, error.scope) == (window, "usd", "user/alice")
    assert (error.limit, error.spent, error.reserved, error.requested) == (3, 2, 0, 2)
    assert isinstance(error.limit, Decimal)
    assert (str(resets_at.isoformat()) in str(error)) if resets_at else ("in total" in str(error))


def test_what_is_reserved_may_come_back_soon(make):
    """It would fit without the open reservations: busy, try again in a second."""
    guard = make(Limit("user", None, "day", "usd", 10))
    guard.reserve(ALICE, Amounts(8))
    with pytest.raises(BudgetExceededError, match="try again soon") as caught:
        guard.reserve(ALICE, Amounts(3))
    assert (caught.value.reason, caught.value.retry_after_s) == ("busy", 1)
    assert (caught.value.reserved, caught.value.spent) == (Decimal("0.000000008"), 0)


def test_a_call_that_never_fits_is_too_large_and_told_no_time(make):
    """More than the whole limit: no reservation is to blame, and no reset helps."""
    guard = make(Limit("user", None, "day", "usd", 10))
    guard.reserve(ALICE, Amounts(8))
    for ask in (guard.check, guard.reserve):
        with pytest.raises(BudgetExceededError) as caught:
            ask(ALICE, Amounts(11))
        assert (caught.value.reason, caught.value.retry_after_s) == ("too_large", None)
        assert caught.value.affordable_output_tokens is None


def test_retry_after_is_never_below_a_second(make, clock):
    """A moment before the reset a client is not told to come back at once."""
    guard = make(Limit("user", None, "day", "usd", 1))
    guard.charge(ALICE, Amounts(1))
    clock.set(datetime(2026, 11, 23, 23, 59, 59, 999_999, tzinfo=UTC))
    with pytest.raises(BudgetExceededError) as caught:
        guard.check(ALICE)
    assert caught.value.retry_after_s == 1
    clock.advance(us=-1_000_000)
    with pytest.raises(BudgetExceededError) as caught:
        guard.check(ALICE)
    assert caught.value.retry_after_s == 2


def test_of_several_refusals_the_one_that_resets_last_is_told(make):
    """Coming back for the first reset would be in vain."""
    guard = make(*(Limit("user", None, window, "usd", 1) for window in ("day", "month", "minute")))
    guard.charge(ALICE, Amounts(1))
    with pytest.raises(BudgetExceededError) as caught:
        guard.check(ALICE)
    assert caught.value.window == "month"


@pytest.mark.parametrize(("unit", "amount"), [("usd", 0), ("tokens", 0), ("requests", 1)])
def test_a_budget_with_nothing_left_refuses_a_check_without_estimate(make, unit, amount):
    """Law 3: it asks for at least one of the account's unit, and says of none that it was requested."""
    guard = make(Limit("user", None, "day", unit, 1))
    guard.check(ALICE)
    guard.charge(ALICE, Amounts(1, 1, 1))
    with pytest.raises(BudgetExceededError) as caught:
        guard.check(ALICE)
    assert (caught.value.requested, caught.value.reason) == (amount, "spent")
    assert ("requested" in str(caught.value)) == bool(amount)


@pytest.mark.parametrize("verb", ["check", "reserve"])
@pytest.mark.parametrize("limit", [0, 1])
def test_what_costs_nothing_passes_every_limit_in_usd(make, verb, limit):
    """Law 3: used up or 0, it is not asked; where tokens or requests are used up, what is free is refused too."""
    guard = make(
        *(Limit("user", None, "day", unit, limit if unit == "usd" else 3) for unit in ("usd", "tokens", "requests"))
    )
    guard.charge(ALICE, Amounts(5, 2, 1))
    getattr(guard, verb)(ALICE, Amounts(0))
    with pytest.raises(BudgetExceededError, match=r"0\.000000001 USD requested"):
        getattr(guard, verb)(ALICE, Amounts(1))
    guard.charge(ALICE, Amounts(0, 1, 2))
    with pytest.raises(BudgetExceededError) as caught:
        getattr(guard, verb)(ALICE, Amounts(0))
    assert caught.value.unit in ("tokens", "requests")


def test_a_charge_is_booked_in_full_whatever_the_limit(make):
    """Law 2: limits gate admission, never accounting."""
    guard = make(Limit("user", None, "day", "usd", 10))
    receipt = guard.charge(ALICE, Amounts(25))
    assert receipt.amounts.usd_nanos == 25
    assert _used(guard)["user/alice", "day", "usd"] == (25, 0)
    (balance,) = [b for b in receipt.balances if b.scope == "user/alice"]
    assert balance.remaining == 0
    with pytest.raises(BudgetExceededError, match="User alice"):
        guard.check(ALICE)


@pytest.mark.parametrize(
    "amounts",
    [
        Amounts(-1),
        Amounts(10**16 + 1),
        Amounts(True),
        Amounts(1.5),
        Amounts(Decimal(1)),
        Amounts("1"),
        Amounts(None),
        Amounts(0, -1),
        Amounts(0, 10**19),
        Amounts(0, True),
        Amounts(0, 0, -1),
        Amounts(0, 0, 1.0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("verb", ["check", "charge", "reserve"])
def test_amounts_that_are_none_are_refused_before_any_io(make, amounts, verb):
    """Law 10 holds for those who use the guard itself: a negative charge would give budget back."""
    with pytest.raises(InvalidAmountError) as caught:
        getattr(make(ledger=Untouchable()), verb)(ALICE, amounts)
    assert caught.value.field in ("cost", "tokens", "requests")


@pytest.mark.parametrize(
    ("cost", "tokens"), [(-1, None), (10**16 + 1, None), (True, None), (1.5, None), (1, -1), (1, 1.5)]
)
def test_a_settle_of_no_amount_is_refused_before_any_io(make, cost, tokens):
    """The same for settle."""
    with pytest.raises(InvalidAmountError):
        make(ledger=Untouchable()).settle("some-reservation", cost, tokens)


def test_a_computed_cost_of_no_amount_changes_nothing(make):
    """What a price function gives is checked as well; the reservation stays open."""
    guard = make(Limit("user", None, "day", "usd", 100))
    hold = guard.reserve(ALICE, Amounts(10))
    before = _used(guard)
    for wrong in (-1, 10**16 + 1, 1.5, None):
        with pytest.raises(InvalidAmountError):
            guard.settle(hold.reservation_id, lambda model, cost=wrong: cost, content={"x": 1})
        assert _used(guard) == before
    assert guard.settle(hold.reservation_id, 7).status == "settled"


@pytest.mark.parametrize(
    "ttl_s",
    [0, -1, 0.0009, 86400.1, float("nan"), float("inf"), True, "10", Decimal(10), timedelta(seconds=5), [1], 10**400],
)
def test_a_time_to_live_is_checked_before_any_io(make, ttl_s):
    """From 1 ms to 24 h, a number; anything else is named."""
    with pytest.raises(InvalidAmountError) as caught:
        make(ledger=Untouchable()).reserve(ALICE, Amounts(1), ttl_s=ttl_s)
    assert caught.value.field == "ttl_s"
    with pytest.raises(InvalidAmountError):
        make(ledger=Untouchable(), ttl_s=ttl_s)


@pytest.mark.parametrize("ttl_s", [0.001, 1, 1.5, 86400])
def test_a_reservation_lapses_after_its_time_to_live(make, clock, ttl_s):
    """To the microsecond; then it counts as spent."""
    guard = make(Limit("user", None, "total", "usd", 100))
    hold = guard.reserve(ALICE, Amounts(10), ttl_s=ttl_s)
    assert hold.lapses_us == clock.now_us + round(ttl_s * 1_000_000)
    clock.advance(us=round(ttl_s * 1_000_000) - 1)
    assert _used(guard)["user/alice", "total", "usd"] == (10, 10)
    clock.advance(us=1)
    assert _used(guard)["user/alice", "total", "usd"] == (10, 0)


def test_the_same_time_to_live_is_the_same_content(make):
    """5 and 5.0 seconds are one call; 6 is another."""
    guard = make()
    hold = guard.reserve(ALICE, Amounts(1), ttl_s=5, idempotency_key="k")
    assert guard.reserve(ALICE, Amounts(1), ttl_s=5.0, idempotency_key="k").reservation_id == hold.reservation_id
    with pytest.raises(IdempotencyConflictError):
        guard.reserve(ALICE, Amounts(1), ttl_s=6, idempotency_key="k")


@pytest.mark.parametrize("on_lapse", ["", "Charge", None, True, "forget"])
def test_a_lapse_charges_or_releases(make, on_lapse):
    """Anything else would silently count as nothing spent."""
    with pytest.raises(ConfigError, match="charge or release"):
        make(on_lapse=on_lapse)


@pytest.mark.parametrize(
    ("required", "subject", "field"),
    [
        (("user",), Subject.of(None, "alpha"), "user_id"),
        (("project",), Subject.of("alice"), "project_id"),
        (("model",), Subject.of("alice"), "model"),
        (("team",), Subject.of("alice", tags={"feature": "x"}), "tags.team"),
        (("user", "team"), Subject.of("alice"), "tags.team"),
    ],
)
@pytest.mark.parametrize("verb", ["check", "charge", "reserve"])
def test_a_required_scope_cannot_be_left_out(make, required, subject, field, verb):
    """Nobody escapes a limit by omission; it is refused before any I/O and names the field."""
    guard = make(ledger=Untouchable(), required_scopes=required)
    with pytest.raises(InvalidIdError, match="every call must name its") as caught:
        getattr(guard, verb)(subject, Amounts(1))
    assert caught.value.field == field


def test_a_call_that_names_all_required_scopes_passes(make):
    """And usage may be asked without them."""
    guard = make(required_scopes=("user", "project", "model", "team", "global"))
    assert guard.charge(ALICE, Amounts(1)).status == "recorded"
    assert len(guard.usage(Subject.of())) == 1


def test_a_reservation_id_tells_nothing_and_is_never_the_same(make):
    """Made by us, unguessable, also where the caller's key is known."""
    guard = make()
    holds = [guard.reserve(ALICE, Amounts(1)) for _ in range(20)]
    holds += [guard.reserve(ALICE, Amounts(1), idempotency_key=f"job{i}") for i in range(20)]
    assert len({hold.reservation_id for hold in holds}) == 40
    for i, hold in enumerate(holds[20:]):
        secret, _, key = hold.reservation_id.partition(".")
        assert (key, len(secret) >= 20) == (f"job{i}", True)
        for guess in (key, f".{key}", f"{'x' * len(secret)}.{key}", secret):
            with pytest.raises(ReservationError) as caught:
                guard.release(guess)
            assert caught.value.reason == "unknown"


def test_the_key_of_a_receipt_can_be_sent_back(make):
    """An ending without a key takes the reservation's; naming that key is the same ending."""
    guard = make()
    for key in (None, "job"):
        hold = guard.reserve(ALICE, Amounts(10), idempotency_key=key)
        receipt = guard.settle(hold.reservation_id, 7)
        again = guard.settle(hold.reservation_id, 7, idempotency_key=receipt.op_id)
        assert (again.replayed, again.op_id, again.amounts) == (True, receipt.op_id, receipt.amounts)


def test_one_key_stands_for_one_verb(make):
    """One key space: a key of a charge is no key for a reserve, nor the other way round."""
    guard = make()
    guard.charge(ALICE, Amounts(1), idempotency_key="k")
    hold = guard.reserve(ALICE, Amounts(1), idempotency_key="r")
    before = _used(guard)
    for call in (
        lambda: guard.reserve(ALICE, Amounts(1), idempotency_key="k"),
        lambda: guard.charge(ALICE, Amounts(1), idempotency_key="r"),
        lambda: guard.settle(hold.reservation_id, 1, idempotency_key="k"),
        lambda: guard.release(hold.reservation_id, idempotency_key="k"),
    ):
        with pytest.raises(IdempotencyConflictError):
            call()
        assert _used(guard) == before


def test_a_subject_that_differs_anywhere_is_other_content(make):
    """No two contents share a digest by how their parts are joined."""
    guard = make()
    subjects = [
        Subject.of("a", "b"), Subject.of("b", "a"), Subject.of("a", None, "b"), Subject.of("a"), Subject.of(None, "a"),
        Subject.of("a", tags={"x": "b"}), Subject.of("a", tags={"xb": "b"}), Subject.of('a","b'), Subject.of("a', 'b"),
    ]  # fmt: skip
    for i, subject in enumerate(subjects):
        guard.charge(subject, Amounts(1), idempotency_key=f"k{i}")
        for other in subjects[:i] + subjects[i + 1 :]:
            with pytest.raises(IdempotencyConflictError):
                guard.charge(other, Amounts(1), idempotency_key=f"k{i}")


def test_a_settle_after_midnight_books_in_yesterday(make, clock):
    """Law 5: in the windows that admitted it; nothing is left in today's."""
    guard = make(Limit("user", None, "day", "usd", 100))
    clock.set(datetime(2026, 11, 23, 23, 59, tzinfo=UTC))
    hold = guard.reserve(ALICE, Amounts(10))
    clock.advance(120)
    receipt = guard.settle(hold.reservation_id, 7)
    assert {b.account.start_s for b in receipt.balances} == {datetime(2026, 11, 23, tzinfo=UTC).timestamp()}
    assert set(_used(guard).values()) == {(0, 0)}


class Recorder(MemoryLedger):
    """Remembers what it was asked."""

    def end(self, request):
        self.asked = request
        return super().end(request)


@pytest.mark.parametrize("verb", ["settle", "release", "lapse"])
def test_the_entries_that_a_caller_still_has_reach_the_ledger(make, clock, verb):
    """They save Redis a round trip."""
    ledger = Recorder(clock=clock)
    guard = make(Limit("user", None, "day", "usd", USD), ledger=ledger)
    hold = guard.reserve(ALICE, Amounts(5))
    getattr(guard, verb)(hold.reservation_id, *([1] if verb == "settle" else []), entries=hold.entries)
    assert ledger.asked.entries == hold.entries


def test_a_check_asks_the_limited_accounts_alone(make):
    """What no limit bounds says nothing of whether a call fits."""
    guard = make(Limit("user", None, "day", "usd", USD))
    assert [b.scope for b in guard.check(ALICE, Amounts(5)).balances] == ["user/alice"]
    assert len(guard.usage(ALICE)) > 1


def test_the_content_that_a_caller_gives_stands_for_a_settle(make):
    """Law 4: the same content is the same call whatever its cost came to, and other content is not."""
    guard = make(Limit("user", None, "day", "usd", USD))
    id = guard.reserve(ALICE, Amounts(5)).reservation_id
    guard.settle(id, 3, content={"usage": 7})
    again = guard.settle(id, 4, content={"usage": 7})
    assert (again.replayed, again.amounts.usd_nanos) == (True, 3)
    with pytest.raises(ReservationError):
        guard.settle(id, 3, content={"usage": 8})


@pytest.mark.parametrize(
    ("cost", "tokens", "field"), [(-1, None, "cost"), (lambda model: -1, None, "cost"), (1, -1, "tokens")]
)
def test_a_settle_of_no_amount_names_its_field(make, cost, tokens, field):
    """Fixed or computed: the field is the caller's own."""
    guard = make(Limit("user", None, "day", "usd", USD))
    id = guard.reserve(ALICE, Amounts(5)).reservation_id
    with pytest.raises(InvalidAmountError) as error:
        guard.settle(id, cost, tokens, content={"c": 1})
    assert error.value.field == field
    assert str(error.value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("limit", "spent", "held", "asked", "text"),
    [
        (
            Limit("user", None, "day", "usd", 10 * USD), 6 * USD, 3 * USD, Amounts(5 * USD),
            "Budget exceeded for User alice: 5.00 USD requested, 1.00 USD of 10.00 USD per day left "
            "(6.00 USD spent, 3.00 USD reserved); resets at 2026-11-24T00:00:00+00:00",
        ),
        (
            Limit("user", None, "day", "usd", 10 * USD), 6 * USD, 4 * USD, Amounts(3 * USD),
            "Budget exceeded for User alice: 3.00 USD requested, 0.00 USD of 10.00 USD per day left "
            "(6.00 USD spent, 4.00 USD reserved); open reservations hold the rest, try again soon",
        ),
        (
            Limit("user", None, "total", "requests", 1), 0, 0, Amounts(1),
            "Budget exceeded for User alice: 1 requests requested, 0 requests of 1 requests in total left "
            "(1 requests spent, 0 requests reserved)",
        ),
        (
            Limit("user", None, "day", "usd", 0), 0, 0, Amounts(7),
            "Budget exceeded for User alice: 0.000000007 USD requested, 0.00 USD of 0.00 USD per day left "
            "(0.00 USD spent, 0.00 USD reserved); nothing that counts fits a limit of 0",
        ),
        (
            Limit("user", None, "day", "usd", 10 * USD, "limits.yaml:3"), 6 * USD, 0, Amounts(11 * USD),
            "Budget exceeded for User alice: 11.00 USD requested, 4.00 USD of 10.00 USD per day left (6.00 USD spent, "
            "0.00 USD reserved; limit of limits.yaml:3); larger than the whole limit, so no reset makes it fit",
        ),
    ],
)  # fmt: skip
def test_a_refusal_reads_so(make, limit, spent, held, asked, text):
    """Who, what was asked, what is left of what, what stands, and what to wait for."""
    guard = make(limit)
    if held:
        guard.reserve(ALICE, Amounts(held))
    if spent or limit.unit == "requests":
        guard.charge(ALICE, Amounts(spent))
    with pytest.raises(BudgetExceededError) as error:
        guard.reserve(ALICE, asked)
    assert str(error.value) == text
    assert error.value.limit == (limit.amount if limit.unit == "requests" else limit.amount // USD)


@pytest.mark.parametrize("verb", ["charge", "reserve"])
def test_the_content_that_a_caller_gives_stands_for_the_call(make, verb):
    """Law 4: the same content is the same call at another price, and other content is not."""
    guard = make(Limit("user", None, "day", "usd", USD))
    call = getattr(guard, verb)
    call(ALICE, Amounts(5), idempotency_key="k", content={"tokens": 7})
    again = call(ALICE, Amounts(6), idempotency_key="k", content={"tokens": 7})
    assert (again.replayed, again.amounts.usd_nanos) == (True, 5)
    with pytest.raises(IdempotencyConflictError):
        call(ALICE, Amounts(5), idempotency_key="k", content={"tokens": 8})


def test_bad_ids_and_settings_are_named(make):
    """By the field that the caller wrote."""
    guard = make(Limit("user", None, "day", "usd", USD))
    id = guard.reserve(ALICE, Amounts(5)).reservation_id
    for field, call in (
        ("reservation_id", lambda: guard.release("")),
        ("idempotency_key", lambda: guard.release(id, idempotency_key="")),
        ("idempotency_key", lambda: guard.charge(ALICE, Amounts(1), idempotency_key="")),
    ):
        with pytest.raises(InvalidIdError, match=f"^{field}: ") as error:
            call()
        assert error.value.field == field
    with pytest.raises(ConfigError, match=r"^on_lapse: must be charge or release, not 'never'") as error:
        make(on_lapse="never")
    assert error.value.field == "on_lapse"


def test_the_key_of_an_ending_is_in_its_receipt(make):
    """Its own where it has one, else the reservation's; the most that fits an operation is allowed."""
    guard = make(Limit("user", None, "day", "usd", 10**7 * USD))
    first, second = (guard.reserve(ALICE, Amounts(1)) for _ in range(2))
    assert guard.settle(first.reservation_id, 10**7 * USD, idempotency_key="mine").op_id == "mine"
    assert guard.release(second.reservation_id).op_id == second.op_id
