"""What is refused before the ledger is asked anything."""

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import (
    InvalidAmountError,
    InvalidIdError,
    UnknownModelError,
)
from tests.bad_inputs import BAD_AMOUNTS, BAD_IDS
from tests.manager.kit import DEARER, Untouchable, books, make

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
    before = books(budget)
    for _, value in BAD_AMOUNTS:
        for call in (
            lambda value=value: budget.record_spend("alice", value, "alpha"),
            lambda value=value: budget.reserve("alice", value, "alpha"),
            lambda value=value: budget.settle(reservation.id, value),
            lambda value=value: budget.settle(reservation.id, input_tokens=10**12, model="gpt-4", output_tokens=-1),
        ):
            with pytest.raises(InvalidAmountError):
                call()
    assert books(budget) == before
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


@pytest.mark.parametrize("flag", ["no", 1, 0, "false"])
def test_a_flag_is_true_or_false(flag):
    """A text that says no must not count as yes; nothing is booked."""
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
    budget.record_spend("alice", 1, idempotency_key="k")
    for call in (
        lambda: budget.correct("k", void=flag),
        lambda: budget.correct("k", 2, only_up=flag),
        lambda: budget.record_spend("alice", 2, idempotency_key="c", cumulative=flag),
    ):
        with pytest.raises(InvalidAmountError, match="true or false"):
            call()
    assert budget.usage("alice")[0].spent == 1
