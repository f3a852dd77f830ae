"""What calls cost a budget: what still fits is admitted, one token more is refused."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreason_budget import BudgetConfig, BudgetExceededError, BudgetManager, InvalidIdError, UnknownModelError, costs
from coreason_budget.calls import Spend
from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.pricing import PricingEngine, Usage
from coreason_budget.pricing.usage import read_report

LIMITS = """\
limits:
  - {{scope: user, window: day, usd: {usd}}}
  - {{scope: user, window: hour, tokens: {tokens}}}
  - {{scope: user, window: minute, requests: 2}}
"""
CALL = {"model": "my-model", "input_tokens": 1000}
PRICES = {
    "my-model": {
        "input_cost_per_token": "0.000001",
        "output_cost_per_token": "0.000004",
        "max_output_tokens": 800,
    },
    "endless": {"input_cost_per_token": "0.000001", "output_cost_per_token": "0.000004"},
}


def make(path, usd, tokens, prices=PRICES):
    file = path / "limits.yaml"
    file.write_text(LIMITS.format(usd=usd, tokens=tokens))
    return BudgetManager(BudgetConfig(ledger_url="memory://", limits_file=file, model_price_overrides=prices))


@settings(max_examples=100, deadline=None)
@given(
    usd=st.decimals(0, "0.01", places=9),
    tokens=st.integers(0, 5000),
    prompt=st.integers(0, 2000),
    rates=st.tuples(st.integers(1, 10**5), st.integers(1, 10**5)),
    spent=st.none() | st.decimals(0, "0.001", places=9),
)
def test_what_is_affordable_is_admitted_and_one_more_token_is_not(tmp_path_factory, usd, tokens, prompt, rates, spent):
    """Over dollars and tokens at once, whatever is already spent."""
    price = {"input_cost_per_token": f"{rates[0]}e-10", "output_cost_per_token": f"{rates[1]}e-10"}
    budget = make(tmp_path_factory.mktemp("limits"), f"{usd:f}", tokens, {"m": price})
    if spent is not None:
        budget.record_spend("alice", spent)
    found = budget.affordable_output_tokens("alice", model="m", input_tokens=prompt)
    with pytest.raises(BudgetExceededError):
        budget.reserve("alice", model="m", input_tokens=prompt, max_output_tokens=found + 1)
    if found:
        budget.reserve("alice", model="m", input_tokens=prompt, max_output_tokens=found)


@pytest.mark.parametrize(
    ("usd", "tokens", "found"),
    [
        ("0.003", 10**6, 500),  # (0.003 - 0.001) at 0.000004
        ("1", 1300, 300),
        ("1", 10**6, 800),  # the model's own limit
        ("0.001", 10**6, 0),
        ("0", 10**6, 0),
        ("1", 1000, 0),
        ("1", 900, 0),
    ],
)
def test_the_tightest_limit_counts(tmp_path, usd, tokens, found):
    """Dollars, tokens or the model's own limit."""
    assert make(tmp_path, usd, tokens).affordable_output_tokens("alice", **CALL) == found


@pytest.mark.parametrize(
    ("usd", "tokens", "refused"),
    [
        ("0.003", 10**6, None),
        ("0.001", 10**6, None),
        ("0.000999999", 10**6, "usd"),
        ("1", 1000, None),
        ("1", 999, "tokens"),
    ],
)
def test_a_check_and_its_answer_length_agree(tmp_path, usd, tokens, refused):
    """Allowed, and so long an answer is admitted; refused where not even the input can be paid."""
    budget = make(tmp_path, usd, tokens)
    if refused:
        with pytest.raises(BudgetExceededError) as caught:
            budget.check_availability("alice", **CALL)
        assert caught.value.unit == refused
        return
    verdict = budget.check_availability("alice", **CALL)
    assert verdict.affordable_output_tokens == budget.affordable_output_tokens("alice", **CALL)
    budget.reserve("alice", **CALL, max_output_tokens=verdict.affordable_output_tokens)


class _Busy(MemoryLedger):
    """Between any two looks of one caller, another spends all there is."""

    looks = 0

    def read(self, plan):
        """Look, and then spend."""
        reading = super().read(plan)
        self.looks += 1
        BudgetManager(BudgetConfig(), ledger=self).record_spend("bob", 5000)
        return reading


def test_a_check_with_its_input_looks_once():
    """So nothing comes in between; two looks, as the control takes, say yes and then 0."""
    ledger = _Busy()
    budget = BudgetManager(BudgetConfig(ledger_url="memory://", model_price_overrides=PRICES), ledger=ledger)
    assert budget.check_availability("alice", **CALL).affordable_output_tokens == 800
    assert ledger.looks == 1
    other = _Busy()
    control = BudgetManager(BudgetConfig(ledger_url="memory://", model_price_overrides=PRICES), ledger=other)
    control.check_availability("alice")
    assert control.affordable_output_tokens("alice", **CALL) == 0


def test_every_account_of_the_call_counts():
    """Reservations of others on the same project leave less."""
    budget = BudgetManager(
        BudgetConfig(ledger_url="memory://", daily_project_limit_usd="0.005", model_price_overrides=PRICES)
    )
    with budget.reserve("bob", "0.002", "launch") as held:
        assert budget.affordable_output_tokens("alice", "launch", **CALL) == 500
        assert budget.affordable_output_tokens("alice", "other", **CALL) == 800
        held.release()
    assert budget.affordable_output_tokens("alice", "launch", **CALL) == 800
    assert budget.affordable_output_tokens("alice", "launch", **CALL, max_output_tokens=7) == 7


def test_spent_requests_leave_nothing(tmp_path):
    """A limit that counts calls refuses them of any length."""
    budget = make(tmp_path, 1, 10**6)
    for left in (800, 800, 0):
        assert budget.affordable_output_tokens("alice", **CALL) == left
        if left:
            budget.record_spend("alice", 0)


def test_without_any_limit_one_operation_has_its_own():
    """No reserve admits more than 10**7 USD."""
    unlimited = dict.fromkeys((f"daily_{kind}_limit_usd" for kind in ("user", "project", "global")), "unlimited")
    budget = BudgetManager(BudgetConfig(ledger_url="memory://", model_price_overrides=PRICES, **unlimited))
    dear = {"m": {"input_cost_per_token": 1, "output_cost_per_token": 1, "outrageous": True}}
    budget = BudgetManager(BudgetConfig(ledger_url="memory://", model_price_overrides=dear, **unlimited))
    assert budget.affordable_output_tokens("alice", model="m", input_tokens=1) == 10**7 - 1


def test_bad_input_is_refused():
    """As everywhere."""
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
    with pytest.raises(InvalidIdError):
        budget.affordable_output_tokens("", model="gpt-4o", input_tokens=1)
    with pytest.raises(UnknownModelError):
        budget.affordable_output_tokens("alice", model="gpt-4oo", input_tokens=1)


def test_settle_by_usage_takes_the_reported_cost_where_it_is_preferred():
    """The setting decides; the usage is the same."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "cost": 0.004}
    for prefer, booked in ((False, "0.0035"), (True, "0.004")):
        budget = BudgetManager(BudgetConfig(ledger_url="memory://", prefer_reported_cost=prefer))
        with budget.reserve("alice", 1, model="gpt-4o") as reservation:
            assert reservation.settle(usage=usage).cost_usd == Decimal(booked)


@pytest.mark.parametrize(
    "usage",
    [
        {"inputTokens": 5, "outputTokens": 2, "cacheReadInputTokens": 3},
        {"billed_units": {"input_tokens": 5.0, "output_tokens": 2.0}},
        {"type": "duration", "seconds": 2.5},
    ],
)
def test_settle_takes_every_shape_once(usage):
    """Sent again it is replayed."""
    seconds = {"input_cost_per_second": "0.0001"} if "seconds" in usage else {}
    prices = {"m": {**PRICES["endless"], **seconds}}
    budget = BudgetManager(BudgetConfig(ledger_url="memory://", model_price_overrides=prices))
    reservation = budget.reserve("alice", 1, model="m")
    first = reservation.settle(usage=usage)
    again = reservation.settle(usage=usage)
    assert (again.replayed, again.cost_usd) == (True, first.cost_usd)
    assert first.cost_usd > 0


@pytest.mark.parametrize("prefer_reported", [False, True])
@pytest.mark.parametrize(
    "used",
    [
        Usage(input=1000, output=10, service="batch"),
        Usage(input=7, per_second=Decimal("2.125")),
        Usage(input=7, per_second=2, per_request=3),
        Usage(input=7, output=1, reported_nanos=12345),
        Usage(input=7, output=1, web_search=1, cache_read_image=3, search_context="low"),
    ],
)
def test_a_settle_that_was_kept_as_json_costs_the_same(used, prefer_reported):
    """What an outbox kept is priced as the call itself would have been, fractions and reports too."""
    rates = {"input_cost_per_token": "0.000001", "output_cost_per_token": "0.000004"}
    batch = {f"{meter}_batches": rate for meter, rate in rates.items()}
    units = {"input_cost_per_second": "0.0001", "input_cost_per_query": "0.002"} if used.per_second else {}
    units |= {"web_search_cost_per_query": "0.01"} if used.web_search else {}
    pricing = PricingEngine({"m": {**rates, **batch, **units}})
    report = read_report(used)
    content = Spend(user_id="alice", usage=used).content_of_cost()
    kept = json.loads(json.dumps(content))
    said, again = (
        costs.pricer(pricing, *given, prefer_reported=prefer_reported)("m") for given in ((content, report), (kept,))
    )
    assert again == said
    assert said.nanos > 0


@pytest.mark.parametrize("kept", [{}, {"parts": [{}]}, {"parts": 5}, []])
def test_a_usage_that_only_a_later_version_knows_is_not_priced_without_it(kept):
    """What an outbox kept waits for whoever can read all of it."""
    with pytest.raises(LedgerCorruptError, match="cannot be read by this version"):
        costs.pricer(PricingEngine(), {"usage": kept}, prefer_reported=False)
