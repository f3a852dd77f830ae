"""BudgetManager: the front door, in USD, failing closed, each call counted once."""

import inspect
import logging
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import (
    BudgetError,
    BudgetExceededError,
    ConfigError,
    IdempotencyConflictError,
    InvalidAmountError,
    InvalidIdError,
    LedgerUnavailableError,
    OutcomeUnknownError,
    ReservationError,
    UnknownModelError,
)
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.ledger.record import op_id_of
from coreason_budget.testing import ManualClock
from tests.bad_inputs import BAD_AMOUNTS, BAD_IDS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PRICES = {"my-model": {"input_cost_per_token": "0.01", "output_cost_per_token": "0.02"}}
DEARER = {"my-model": {"input_cost_per_token": "1", "output_cost_per_token": "2"}}


class Untouchable:
    """A ledger that must not be asked anything."""

    name = "untouchable"

    def __getattr__(self, verb):
        raise AssertionError(f"the ledger was asked to {verb}")


class Unsure:
    """A ledger in memory that loses the next mutation's answer: before it is applied, or after."""

    name = "unsure"

    def __init__(self):
        self._ledger = MemoryLedger()
        self.lose = None

    def __getattr__(self, verb):
        method = getattr(self._ledger, verb)

        def call(request):
            lose, self.lose = self.lose, None
            op_id = getattr(request, "op_id", None) or op_id_of(getattr(request, "reservation_id", ""))
            if lose == "before":
                raise OutcomeUnknownError("no answer", op_id=op_id)
            answer = method(request)
            if lose == "after":
                raise OutcomeUnknownError("no answer", op_id=op_id)
            return answer

        return call


def make(ledger=None, **settings):
    settings.setdefault("model_price_overrides", PRICES)
    if ledger is None:
        settings.setdefault("ledger_url", "memory://")
    return BudgetManager(BudgetConfig(**settings), ledger=ledger)


@pytest.fixture
def budget():
    return make()


def _books(budget):
    return {b.scope: (b.spent, b.reserved) for b in budget.usage("alice", "alpha", "my-model", {"team": "search"})}


def _spent(budget, scope="user/alice"):
    return _books(budget)[scope][0]


# What the API is.


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        ("__init__", "(self, config=None, *, ledger=None, clock=None)"),
        ("check_availability", "(self, user_id, project_id=None, estimated_cost=0, *, model=None, tags=None)"),
        (
            # The design's `cost` has no default; left out, the model and its counts give one.
            "record_spend",
            "(self, user_id, cost=None, project_id=None, model=None, *, tags=None, input_tokens=None, "
            "output_tokens=None, idempotency_key=None)",
        ),
        (
            "reserve",
            "(self, user_id, cost=None, project_id=None, model=None, *, tags=None, input_tokens=None, "
            "max_output_tokens=None, ttl_s=None, release_on=(), idempotency_key=None)",
        ),
        (
            "settle",
            "(self, reservation_id, cost=None, *, usage=None, model=None, input_tokens=None, output_tokens=None, "
            "idempotency_key=None, entries=())",
        ),
        ("release", "(self, reservation_id, *, idempotency_key=None, entries=())"),
        ("usage", "(self, user_id=None, project_id=None, model=None, tags=None)"),
    ],
)
def test_the_api_is_that_of_the_design(method, signature):
    """Names, order, kinds and defaults of every parameter."""
    parameters = inspect.signature(getattr(BudgetManager, method)).parameters.values()
    bare = inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in parameters])
    assert str(bare) == signature


def test_the_example_of_the_design_works(budget):
    """Check, price, record, reserve and settle, as written there."""
    budget.check_availability("user_123")
    cost = budget.pricing.calculate(model="gpt-4o", input_tokens=1200, output_tokens=300)
    assert cost == Decimal("0.006")
    assert budget.record_spend(user_id="user_123", cost=cost, project_id="launch", model="gpt-4o").cost_usd == cost
    with budget.reserve(
        "user_123", project_id="launch", model="gpt-4o", input_tokens=1200, max_output_tokens=800
    ) as reservation:
        assert reservation.reserved_usd >= Decimal("0.011")
        reservation.settle(usage={"prompt_tokens": 1200, "completion_tokens": 300})
    spent = {b.scope: b.spent for b in budget.usage("user_123", "launch", "gpt-4o")}
    assert spent == dict.fromkeys(("user/user_123", "project/launch", "model/openai/gpt-4o", "global"), 2 * cost)


def test_without_any_setting_it_keeps_an_sqlite_file_in_the_working_directory(tmp_path, caplog):
    """Its absolute path is logged; a second manager finds what the first one booked."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        budget = BudgetManager()
    assert str(tmp_path / "coreason-budget.db") in caplog.text
    budget.record_spend("alice", 3)
    budget.close()
    assert (tmp_path / "coreason-budget.db").is_file()
    assert _spent(BudgetManager()) == 3
    with pytest.raises(BudgetExceededError, match=r"^Budget exceeded for User alice"):
        BudgetManager().check_availability("alice", estimated_cost="7.01")


def test_a_closed_manager_opens_again(budget):
    """`close` gives connections back; it is no end."""
    budget = BudgetManager()
    budget.record_spend("alice", 1)
    budget.close()
    budget.close()
    assert budget.record_spend("alice", 1).cost_usd == 1
    assert _spent(budget) == 2


# What is refused before anything is asked.

VERBS = {
    "check_availability": ("estimated_cost", lambda b, cost: b.check_availability("alice", estimated_cost=cost)),
    "record_spend": ("cost", lambda b, cost: b.record_spend("alice", cost)),
    "reserve": ("cost", lambda b, cost: b.reserve("alice", cost)),
    "settle": ("cost", lambda b, cost: b.settle("some-reservation", cost)),
}


@pytest.mark.parametrize("value", [v for _, v in BAD_AMOUNTS], ids=[n for n, _ in BAD_AMOUNTS])
@pytest.mark.parametrize("verb", VERBS)
def test_a_bad_amount_is_refused_before_any_io(verb, value):
    """`InvalidAmountError` names the parameter, and the ledger is not asked."""
    field, call = VERBS[verb]
    with pytest.raises(InvalidAmountError) as caught:
        call(make(Untouchable()), value)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("user_id", lambda b, v: b.check_availability(v)),
        ("project_id", lambda b, v: b.check_availability("alice", v)),
        ("model", lambda b, v: b.check_availability("alice", model=v)),
        ("tags.team", lambda b, v: b.check_availability("alice", tags={"team": v})),
        ("user_id", lambda b, v: b.record_spend(v, 1)),
        ("project_id", lambda b, v: b.record_spend("alice", 1, v)),
        ("model", lambda b, v: b.record_spend("alice", 1, None, v)),
        ("model", lambda b, v: b.record_spend("alice", model=v, input_tokens=1)),
        ("tags.team", lambda b, v: b.record_spend("alice", 1, tags={"team": v})),
        ("idempotency_key", lambda b, v: b.record_spend("alice", 1, idempotency_key=v)),
        ("user_id", lambda b, v: b.reserve(v, 1)),
        ("project_id", lambda b, v: b.reserve("alice", 1, v)),
        ("model", lambda b, v: b.reserve("alice", 1, None, v)),
        ("model", lambda b, v: b.reserve("alice", model=v, input_tokens=1)),
        ("tags.team", lambda b, v: b.reserve("alice", 1, tags={"team": v})),
        ("idempotency_key", lambda b, v: b.reserve("alice", 1, idempotency_key=v)),
        ("idempotency_key", lambda b, v: b.settle("r", 1, idempotency_key=v)),
        ("model", lambda b, v: b.settle("r", 1, model=v)),
        ("model", lambda b, v: b.settle("r", model=v, input_tokens=1)),
        ("idempotency_key", lambda b, v: b.release("r", idempotency_key=v)),
        ("user_id", lambda b, v: b.usage(v)),
        ("project_id", lambda b, v: b.usage("alice", v)),
        ("model", lambda b, v: b.usage("alice", None, v)),
        ("tags.team", lambda b, v: b.usage("alice", tags={"team": v})),
    ],
)
def test_a_bad_id_is_refused_before_any_io(field, call):
    """`InvalidIdError` names the parameter, for every bad id, and the ledger is not asked."""
    budget = make(Untouchable())
    for name, value in BAD_IDS:
        with pytest.raises(InvalidIdError) as caught:
            call(budget, value)
        assert caught.value.field == field, name


@pytest.mark.parametrize("value", [v for n, v in BAD_IDS if "257" not in n and "129" not in n and "65" not in n])
def test_a_bad_reservation_id_is_refused_before_any_io(value):
    """An id of ours may be somewhat longer; else the same."""
    for call in (lambda b: b.settle(value, 1), lambda b: b.release(value), lambda b: b.lapse(value)):
        with pytest.raises(InvalidIdError) as caught:
            call(make(Untouchable()))
        assert caught.value.field == "reservation_id"


@pytest.mark.parametrize("verb", ["check_availability", "record_spend", "reserve"])
def test_nobody_is_no_user(verb):
    """None for the user would leave the user's own limits out: it is refused."""
    arguments = (None,) if verb == "check_availability" else (None, 1)
    with pytest.raises(InvalidIdError) as caught:
        getattr(make(Untouchable()), verb)(*arguments)
    assert caught.value.field == "user_id"


@pytest.mark.parametrize("tags", ["", [], 0, False, "team", [("team", "x")]], ids=repr)
def test_tags_that_are_no_mapping_are_refused(tags):
    """Also those that count as false: a dropped tag would be a dropped limit."""
    for call in (
        lambda b: b.check_availability("alice", tags=tags),
        lambda b: b.record_spend("alice", 1, tags=tags),
        lambda b: b.reserve("alice", 1, tags=tags),
    ):
        with pytest.raises(InvalidIdError) as caught:
            call(make(Untouchable()))
        assert caught.value.field == "tags"


@pytest.mark.parametrize("count", [-1, 1.0, "1", True, 10**12 + 1, [1], float("nan")])
@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("input_tokens", lambda b, v: b.record_spend("alice", 1, input_tokens=v)),
        ("output_tokens", lambda b, v: b.record_spend("alice", model="my-model", input_tokens=1, output_tokens=v)),
        ("input_tokens", lambda b, v: b.reserve("alice", model="my-model", input_tokens=v, max_output_tokens=1)),
        ("max_output_tokens", lambda b, v: b.reserve("alice", 1, input_tokens=1, max_output_tokens=v)),
        ("input_tokens", lambda b, v: b.settle("r", input_tokens=v, output_tokens=1)),
        ("output_tokens", lambda b, v: b.settle("r", 1, output_tokens=v)),
    ],
)
def test_a_bad_count_is_refused_before_any_io(field, call, count):
    """`InvalidAmountError` names the parameter."""
    with pytest.raises(InvalidAmountError) as caught:
        call(make(Untouchable()), count)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.record_spend("alice"),
        lambda b: b.record_spend("alice", model="my-model"),
        lambda b: b.record_spend("alice", input_tokens=1, output_tokens=1),
        lambda b: b.reserve("alice"),
        lambda b: b.reserve("alice", model="my-model"),
        lambda b: b.reserve("alice", model="my-model", max_output_tokens=1),
        lambda b: b.reserve("alice", input_tokens=1, max_output_tokens=1),
        lambda b: b.settle("r"),
        lambda b: b.settle("r", 1, usage={"prompt_tokens": 1, "completion_tokens": 1}),
        lambda b: b.settle("r", usage={"prompt_tokens": 1, "completion_tokens": 1}, output_tokens=1),
        lambda b: b.settle("r", usage={}),
        lambda b: b.settle("r", usage={"prompt_tokens": -1}),
        lambda b: b.settle("r", usage=object()),
    ],
)
def test_a_cost_that_cannot_be_known_is_refused_before_any_io(call):
    """Nothing is ever free because something was left out."""
    with pytest.raises(InvalidAmountError):
        call(make(Untouchable()))


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.record_spend("alice", model="no-such-model", input_tokens=1),
        lambda b: b.reserve("alice", model="no-such-model", input_tokens=1, max_output_tokens=1),
    ],
)
def test_a_model_without_price_is_refused_before_any_io(call):
    """`UnknownModelError` carries the model."""
    with pytest.raises(UnknownModelError) as caught:
        call(make(Untouchable()))
    assert caught.value.model == "no-such-model"


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.record_spend("alice", model="my-model", input_tokens=10**7 + 1),
        lambda b: b.reserve("alice", model="my-model", input_tokens=10**7 + 1, max_output_tokens=1),
    ],
)
def test_a_computed_cost_over_the_bound_is_refused_before_any_io(call):
    """Law 10 counts for prices as well: at most 10**7 USD in one operation."""
    with pytest.raises(InvalidAmountError) as caught:
        call(make(Untouchable(), model_price_overrides=DEARER))
    assert caught.value.field == "cost"


def test_what_is_refused_changes_nothing(budget):
    """Of all the bad amounts not one leaves a trace, and the reservation they aim at stays open."""
    reservation = budget.reserve("alice", 5, "alpha")
    before = _books(budget)
    for _, value in BAD_AMOUNTS:
        for call in (
            lambda value=value: budget.record_spend("alice", value, "alpha"),
            lambda value=value: budget.reserve("alice", value, "alpha"),
            lambda value=value: budget.settle(reservation.id, value),
            lambda value=value: budget.settle(reservation.id, input_tokens=10**12, model="gpt-4", output_tokens=-1),
        ):
            with pytest.raises(InvalidAmountError):
                call()
    assert _books(budget) == before
    assert reservation.settle(1).status == "settled"


def test_required_scopes_are_asked_of_every_call():
    """By setting; the error names the parameter that is missing."""
    budget = make(Untouchable(), required_scopes="project,team")
    for call in (
        lambda **more: budget.check_availability("alice", **more),
        lambda **more: budget.record_spend("alice", 1, **more),
        lambda **more: budget.reserve("alice", 1, **more),
    ):
        for more, field in (({}, "project_id"), ({"project_id": "alpha"}, "tags.team")):
            with pytest.raises(InvalidIdError) as caught:
                call(**more)
            assert caught.value.field == field


# Verdicts and refusals.


def test_a_verdict_tells_what_remains_and_what_binds(budget):
    """Every limited account as it stands; the tightest is the one that binds."""
    budget.record_spend("alice", 3, "alpha")
    verdict = budget.check_availability("alice", "alpha", 7)
    assert [(b.scope, b.remaining) for b in verdict.balances] == [
        ("user/alice", 7),
        ("project/alpha", 497),
        ("global", 4997),
    ]
    assert verdict.binding.scope == "user/alice"
    assert verdict.remaining_usd == 7
    assert verdict.binding.resets_at > datetime.now(UTC)


def test_without_any_limit_nothing_binds():
    """Three times unlimited: allowed, and nothing remains to be told."""
    limits = dict.fromkeys(("daily_user_limit_usd", "daily_project_limit_usd", "daily_global_limit_usd"), "unlimited")
    verdict = make(**limits).check_availability("alice", "alpha", 10**7)
    assert (verdict.balances, verdict.binding, verdict.remaining_usd) == ((), None, None)


def test_a_check_holds_nothing(budget):
    """It is advisory: any number of them may all be told yes."""
    for _ in range(3):
        budget.check_availability("alice", estimated_cost=10)
    assert _books(budget)["user/alice"] == (0, 0)


@pytest.mark.parametrize(
    ("settings", "beginning"),
    [
        (
            {"daily_user_limit_usd": 1},
            "Budget exceeded for User alice: 2.00 USD requested, 1.00 USD of 1.00 USD per day left",
        ),
        ({"daily_project_limit_usd": 1}, "Budget exceeded for Project alpha: 2.00 USD requested"),
        ({"daily_global_limit_usd": 1}, "Budget exceeded for Global: 2.00 USD requested"),
    ],
)
def test_a_refusal_begins_as_the_design_says(settings, beginning):
    """The three daily limits, by check and by reserve."""
    budget = make(**settings)
    for call in (lambda: budget.check_availability("alice", "alpha", 2), lambda: budget.reserve("alice", 2, "alpha")):
        with pytest.raises(BudgetExceededError) as caught:
            call()
        assert str(caught.value).startswith(beginning)
    assert set(_books(budget).values()) == {(0, 0)}, "a refused reserve leaves nothing behind"


def test_limits_of_a_file_and_of_the_settings_stand_together(tmp_path):
    """A line of the file replaces a daily setting for the same place, and no other."""
    Path("limits.yaml").write_text(
        "timezone: Asia/Kolkata\n"
        "limits:\n"
        "- {scope: user, window: day, usd: 2}\n"
        "- {scope: team, window: month, usd: 1}\n"
        "- {scope: model/gpt-4o, window: day, tokens: 100}\n"
    )
    budget = make(limits_file="limits.yaml")
    limits = {
        (b.scope, b.window, b.unit): b.limit
        for b in budget.usage("alice", "alpha", "openai/gpt-4o", {"team": "search"})
        if b.limit is not None
    }
    assert limits == {
        ("user/alice", "day", "usd"): 2,
        ("project/alpha", "day", "usd"): 500,
        ("model/openai/gpt-4o", "day", "tokens"): 100,
        ("team/search", "month", "usd"): 1,
        ("global", "day", "usd"): 5000,
    }
    (day,) = [b for b in budget.usage() if b.window == "day"]
    assert (day.resets_at.hour, day.resets_at.minute) == (18, 30)
    with pytest.raises(BudgetExceededError, match=r"^Budget exceeded for Team search"):
        budget.reserve("alice", "1.01", tags={"team": "search"})
    with pytest.raises(BudgetExceededError, match=r"^Budget exceeded for Model openai/gpt-4o: 101 tokens requested"):
        budget.reserve("alice", model="gpt-4o-2024-08-06", input_tokens=51, max_output_tokens=50)


def test_two_time_zones_are_one_too_many():
    """Settings and file must agree."""
    Path("limits.yaml").write_text("timezone: Asia/Tokyo\nlimits: []\n")
    with pytest.raises(ConfigError, match="set one of them"):
        make(limits_file="limits.yaml", timezone="Europe/Berlin")
    make(limits_file="limits.yaml", timezone="Asia/Tokyo")


def test_a_clock_moves_the_windows():
    """For tests; a ledger of one's own has its own clock."""
    clock = ManualClock(NOW)
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"), clock=clock)
    budget.record_spend("alice", 10)
    with pytest.raises(BudgetExceededError) as caught:
        budget.check_availability("alice")
    clock.advance(caught.value.retry_after_s)
    assert budget.check_availability("alice").remaining_usd == 10
    with pytest.raises(ConfigError, match="clock"):
        BudgetManager(BudgetConfig(), ledger=MemoryLedger(), clock=clock)


# Settling.


@pytest.mark.parametrize(
    ("given", "cost"),
    [
        ({"cost": "0.5"}, "0.5"),
        ({"cost": 0}, "0"),
        ({"input_tokens": 10}, "0.1"),
        ({"output_tokens": 10}, "0.2"),
        ({"input_tokens": 10, "output_tokens": 5}, "0.2"),
        ({"cost": 1, "input_tokens": 10, "output_tokens": 5}, "1"),
        ({"usage": {"prompt_tokens": 10, "completion_tokens": 5}}, "0.2"),
        ({"usage": {"usage": {"input_tokens": 10, "output_tokens": 5}}}, "0.2"),
        ({"model": "gpt-4o", "input_tokens": 10**6, "output_tokens": 0}, "2.5"),
        ({"model": "gpt-4o", "usage": {"prompt_tokens": 10**6, "completion_tokens": 0}}, "2.5"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("by", ["handle", "id", "id from another manager"])
def test_a_reservation_is_settled_by_cost_usage_or_counts(given, cost, by, tmp_path):
    """With the handle, or by id alone: the model that prices it is in the ledger's record."""
    budget = make(ledger_url="sqlite:///b.db")
    reservation = budget.reserve("alice", 5, "alpha", "my-model", tags={"team": "search"})
    if by == "handle":
        receipt = reservation.settle(**given)
    elif by == "id":
        receipt = budget.settle(reservation.id, **given)
    else:
        receipt = make(ledger_url="sqlite:///b.db").settle(reservation.id, **given)
    assert receipt.cost_usd == Decimal(cost)
    assert set(_books(budget).values()) == {(Decimal(cost), 0)}
    assert receipt.reservation_id == reservation.id


def test_counts_without_any_model_cannot_be_priced(budget):
    """The reservation named none: it stays open, and a cost still settles it."""
    reservation = budget.reserve("alice", 5)
    for given in ({"input_tokens": 1}, {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}):
        with pytest.raises(InvalidAmountError, match="need a model"):
            budget.settle(reservation.id, **given)
    with pytest.raises(UnknownModelError):
        budget.settle(reservation.id, model="no-such-model", input_tokens=1)
    assert _books(budget)["user/alice"] == (0, 5)
    assert budget.settle(reservation.id, 1).cost_usd == 1


def test_a_settle_over_the_bound_changes_nothing():
    """More than 10**7 USD by its price: refused, and the reservation stays open."""
    budget = make(model_price_overrides=DEARER)
    reservation = budget.reserve("alice", 5, model="my-model")
    with pytest.raises(InvalidAmountError):
        budget.settle(reservation.id, input_tokens=10**7 + 1)
    assert _books(budget)["user/alice"] == (0, 5)


@pytest.mark.parametrize("id", ["nobody", "secret.key", "x" * 280])
def test_an_unknown_reservation_is_a_named_error(budget, id):
    """And changes nothing."""
    for call in (lambda: budget.settle(id, 1), lambda: budget.release(id)):
        with pytest.raises(ReservationError) as caught:
            call()
        assert (caught.value.reason, caught.value.reservation_id) == ("unknown", id)


# Exactly once.


@pytest.mark.parametrize("again", [PRICES, DEARER], ids=["same prices", "other prices"])
def test_a_retry_counts_once_whatever_prices_do_meanwhile(again):
    """Law 4: computed prices are no content; the first application stands."""
    ledger = MemoryLedger()
    one, two = make(ledger), make(ledger, model_price_overrides=again)
    spend = {"project_id": "alpha", "model": "my-model", "input_tokens": 10, "output_tokens": 5}
    first = one.record_spend("alice", idempotency_key="s", **spend)
    second = two.record_spend("alice", idempotency_key="s", **spend)
    assert (first.replayed, second.replayed) == (False, True)
    assert (second.cost_usd, second.op_id) == (first.cost_usd, "s") == (Decimal("0.2"), "s")

    hold = {"model": "my-model", "input_tokens": 10, "max_output_tokens": 5, "ttl_s": 60}
    reserved = one.reserve("alice", idempotency_key="r", **hold)
    replayed = two.reserve("alice", idempotency_key="r", **hold)
    assert (replayed.replayed, replayed.id, replayed.reserved_usd) == (True, reserved.id, reserved.reserved_usd)

    settled = one.settle(reserved.id, input_tokens=10, output_tokens=1, idempotency_key="e")
    twice = two.settle(reserved.id, input_tokens=10, output_tokens=1, idempotency_key="e")
    assert (twice.replayed, twice.cost_usd) == (True, settled.cost_usd) == (True, Decimal("0.12"))
    assert _spent(one) == Decimal("0.32")


def test_the_same_amount_in_another_form_is_the_same_call(budget):
    """0.1, "0.10" and Decimal("0.1") are one content; so are tags in another order."""
    for cost in (0.1, "0.10", Decimal("0.1"), "1e-1"):
        budget.record_spend("alice", cost, idempotency_key="k", tags={"a": "1", "b": "2"})
        budget.record_spend("alice", cost, idempotency_key="k", tags={"b": "2", "a": "1"})
    assert _spent(budget) == Decimal("0.1")


@pytest.mark.parametrize(
    "other",
    [
        {"cost": 2},
        {"user_id": "bob"},
        {"project_id": "alpha"},
        {"model": "my-model"},
        {"tags": {"team": "search"}},
        {"input_tokens": 1},
        {"output_tokens": 0},
    ],
    ids=repr,
)
def test_the_same_key_for_another_call_is_a_conflict(budget, other):
    """Whatever the caller gave differently; nothing changes."""
    call = {"user_id": "alice", "cost": 1}
    budget.record_spend(**call, idempotency_key="k")
    with pytest.raises(IdempotencyConflictError) as caught:
        budget.record_spend(**(call | other), idempotency_key="k")
    assert caught.value.idempotency_key == "k"
    assert _spent(budget) == 1


@pytest.mark.parametrize("lose", ["before", "after"])
@pytest.mark.parametrize("key", [None, "mine"])
@pytest.mark.parametrize("verb", ["record_spend", "reserve", "settle", "release"])
def test_the_op_id_of_an_unknown_outcome_finds_it_out(verb, key, lose):
    """The same call with that key counts once, whether the lost one was applied or not."""
    ledger = Unsure()
    budget = make(ledger)
    reservation = budget.reserve("alice", 5)
    call = {
        "record_spend": lambda key: budget.record_spend("alice", 2, idempotency_key=key),
        "reserve": lambda key: budget.reserve("alice", 2, idempotency_key=key),
        "settle": lambda key: budget.settle(reservation.id, 2, idempotency_key=key),
        "release": lambda key: budget.release(reservation.id, idempotency_key=key),
    }[verb]
    ledger.lose = lose
    with pytest.raises(OutcomeUnknownError) as caught:
        call(key)
    assert isinstance(caught.value, LedgerUnavailableError)
    op_id = pickle.loads(pickle.dumps(caught.value)).op_id
    assert key in (None, op_id)
    for replayed in (lose == "after", True):
        answer = call(op_id)
        assert (answer.replayed, answer.op_id) == (replayed, op_id)
    expected = {"record_spend": (2, 5), "reserve": (0, 7), "settle": (2, 0), "release": (0, 0)}
    assert _books(budget)["user/alice"] == expected[verb]


# Logs and secrets.


def _events(caplog):
    return [record for record in caplog.records if record.getMessage() == "finops.spend.total"]


def test_every_booking_is_one_structured_event(budget, caplog):
    """`finops.spend.total` with who, what for, which model, how much and its op id."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        receipt = budget.record_spend(
            "alice", "0.25", "alpha", "gpt-4o", tags={"team": "search"}, input_tokens=7, idempotency_key="k"
        )
        reservation = budget.reserve("alice", 5)
        reservation.settle(2)
    charge, settle = _events(caplog)
    expected = {
        "user_id": "alice",
        "project_id": "alpha",
        "model": "openai/gpt-4o",
        "tags": {"team": "search"},
        "cost_usd": "0.25",
        "tokens": 7,
        "status": "recorded",
        "op_id": "k",
        "reservation_id": None,
        "replayed": False,
        "late": False,
    }
    assert {name: getattr(charge, name) for name in expected} == expected
    assert (charge.name, charge.levelno) == ("coreason_budget", logging.INFO)
    assert (settle.status, settle.cost_usd, settle.reservation_id) == ("settled", "2.00", reservation.id)
    assert (settle.project_id, settle.model, settle.tags) == (None, None, {})
    assert receipt.op_id == "k"


def test_what_books_nothing_is_no_event(budget, caplog):
    """Checks, reserves, releases and refusals are no spend."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        budget.check_availability("alice")
        budget.reserve("alice", 5).release()
        with pytest.raises(BudgetExceededError):
            budget.reserve("alice", 11)
    assert _events(caplog) == []


def test_a_lapse_at_the_exit_of_a_block_is_an_event(budget, caplog):
    """It counts as spent, so the books and the log agree."""
    with caplog.at_level(logging.INFO, "coreason_budget"), pytest.raises(KeyError), budget.reserve("alice", 5):
        raise KeyError
    (event,) = _events(caplog)
    assert (event.status, event.cost_usd) == ("lapsed", "5.00")


def test_the_library_configures_no_logging():
    """It has a logger and a NullHandler; level, handlers and root are the application's."""
    script = (
        "import logging, coreason_budget\n"
        "log = logging.getLogger('coreason_budget')\n"
        "assert not logging.getLogger().handlers and log.level == 0 and log.propagate\n"
        "assert [type(h).__name__ for h in log.handlers] == ['NullHandler'], log.handlers\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    "url",
    [
        "redis://app:hunter2@127.0.0.1:1/0",
        "redis://:hun@ter2@127.0.0.1:1/0",
        "unix://:hunter2@/nowhere/redis.sock",
    ],
)
@pytest.mark.parametrize("setting", ["redis_url", "ledger_url"])
def test_no_log_and_no_error_shows_a_password(setting, url, caplog):
    """A Redis that is not there: unavailable, and neither texts, causes nor logs hold the secret."""
    with caplog.at_level(logging.DEBUG):
        budget = BudgetManager(BudgetConfig(**{setting: url}, ledger_timeout_s=0.05, api_keys=("swordfish",)))
        shown = [repr(budget), repr(budget.ledger), repr(budget.config), repr(budget.__dict__)]
        for call in (lambda: budget.check_availability("alice"), lambda: budget.record_spend("alice", 1)):
            with pytest.raises(LedgerUnavailableError) as caught:
                call()
            error = caught.value
            while error is not None:
                shown += [repr(error), str(error)]
                error = error.__cause__ or error.__context__
    for text in (*shown, caplog.text):
        assert "ter2" not in text
        assert "swordfish" not in text


def test_a_password_among_the_options_of_a_url_is_refused_unseen(caplog):
    """The option is named, its value is not."""
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError, match="password") as caught:
        BudgetManager(BudgetConfig(redis_url="redis://127.0.0.1:1/0?password=hunter2"))
    assert "hunter2" not in str(caught.value) + caplog.text


# Threads and processes.


@pytest.mark.parametrize("url", ["memory://", "sqlite:///b.db"])
def test_one_manager_serves_every_thread(url):
    """Threads that race for 10 USD admit exactly what fits, and the books balance."""
    budget = make(ledger_url=url, ledger_timeout_s=30)
    barrier = threading.Barrier(8)

    def work(i):
        barrier.wait()
        admitted = 0
        for _ in range(25):
            try:
                with budget.reserve("alice", "0.10", f"project{i}") as reservation:
                    reservation.settle("0.10")
                admitted += 1
            except BudgetExceededError:
                pass
        return admitted

    with ThreadPoolExecutor(8) as pool:
        admitted = sum(pool.map(work, range(8)))
    assert admitted == 100
    assert _books(budget)["user/alice"] == _books(budget)["global"] == (10, 0)


_FORK = """
import os, sys
from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import BudgetExceededError
budget = BudgetManager(BudgetConfig(ledger_url="sqlite:///b.db", ledger_timeout_s=30))
if sys.argv[1] == "used":
    budget.record_spend("alice", "0.5")
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        admitted = 0
        for _ in range(20):
            try:
                budget.reserve("alice", "0.5").settle("0.5")
                admitted += 1
            except BudgetExceededError:
                pass
        os._exit(admitted)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
budget.record_spend("bob", 1)
spent = {b.scope: b.spent for b in budget.usage("alice")}
print(sum(codes), spent["user/alice"], spent["global"])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(("before", "admitted"), [("used", "19"), ("unused", "20")])
def test_a_manager_may_be_forked_before_or_after_its_first_use(before, admitted):
    """Children and parent share one budget, each on connections of its own."""
    done = subprocess.run([sys.executable, "-c", _FORK, before], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [admitted, "10.00", "11.00"], done.stderr


_MEMORY_FORK = """
import os
from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import ConfigError
budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
budget.record_spend("alice", 1)
child = os.fork()
if child == 0:
    try:
        budget.check_availability("alice")
    except ConfigError:
        os._exit(7)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_budget_in_memory_is_refused_in_a_second_process():
    """Every fork would own a full budget."""
    done = subprocess.run([sys.executable, "-c", _MEMORY_FORK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "7"


def test_every_error_of_a_manager_is_a_budget_error(budget):
    """One except clause catches whatever goes wrong."""
    for call in (
        lambda: budget.check_availability("alice", estimated_cost=11),
        lambda: budget.record_spend("alice", -1),
        lambda: budget.record_spend("", 1),
        lambda: budget.record_spend("alice", model="no-such-model", input_tokens=1),
        lambda: budget.settle("nobody", 1),
        lambda: BudgetConfig(port=0),
        lambda: BudgetManager(BudgetConfig(ledger_url="http://x")),
    ):
        with pytest.raises(BudgetError):
            call()
