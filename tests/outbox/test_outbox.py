"""The outbox: what the ledger did not take is kept first, and booked once, in order."""

from __future__ import annotations

import logging
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from coreason_budget import (
    BudgetManager,
    IdempotencyConflictError,
    LedgerUnavailableError,
    OutcomeUnknownError,
    ReservationError,
)
from coreason_budget.server import create_app
from tests.outbox.kit import Flaky, queued, spent, states


@pytest.mark.parametrize("state", ["down", "loses requests", "loses answers"])
@pytest.mark.parametrize("key", [None, "job-1"])
def test_a_charge_that_gets_no_answer_is_booked_once(
    budget: BudgetManager, ledger: Flaky, state: str, key: str
) -> None:
    """Sent or not, applied or not: kept before the caller is told, and booked once by the next call."""
    ledger.state = state
    error = queued(lambda: budget.record_spend("alice", 3, "launch", tags={"team": "x"}, idempotency_key=key))
    assert error.op_id == (key or error.op_id)
    assert "outbox" in str(error)
    assert states(budget) == [(error.op_id, "waiting")]
    ledger.state = "up"
    assert budget.record_spend("bob", 1).cost_usd == 1
    assert (states(budget), spent(budget)) == ([], 3)
    (team,) = [b for b in budget.usage(tags={"team": "x"}) if b.scope == "team/x"]
    assert team.spent == 3


@pytest.mark.parametrize("state", ["down", "loses requests", "loses answers"])
def test_a_repeat_with_its_op_id_counts_once(budget: BudgetManager, ledger: Flaky, state: str) -> None:
    """During the outage it is kept once; after it, it is the same call."""
    ledger.state = state
    error = queued(lambda: budget.record_spend("alice", 3))
    assert queued(lambda: budget.record_spend("alice", 3, idempotency_key=error.op_id)).op_id == error.op_id
    assert len(states(budget)) == 1
    ledger.state = "up"
    assert budget.record_spend("alice", 3, idempotency_key=error.op_id).replayed
    assert (states(budget), spent(budget)) == ([], 3)


def test_a_key_that_waits_stands_for_its_call(budget: BudgetManager, ledger: Flaky) -> None:
    """With other content it is a conflict, as on the ledger, and changes nothing."""
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", 3, idempotency_key="k"))
    with pytest.raises(IdempotencyConflictError):
        budget.record_spend("alice", 4, idempotency_key="k")
    ledger.state = "up"
    with pytest.raises(IdempotencyConflictError):
        budget.record_spend("alice", 4, idempotency_key="k")
    assert spent(budget) == 3


USAGE = {"prompt_tokens": 100, "completion_tokens": 50}
SETTLES: list[Any] = [
    pytest.param({"cost": "2.5"}, Decimal("2.5"), id="cost"),
    pytest.param({"usage": USAGE}, 2, id="usage"),
    pytest.param({"input_tokens": 100, "output_tokens": 50}, 2, id="counts"),
    pytest.param({"usage": USAGE, "model": "my-model"}, 2, id="usage and model"),
    pytest.param({"cost": 1, "idempotency_key": "mine"}, 1, id="own key"),
]


@pytest.mark.parametrize("state", ["down", "loses requests", "loses answers"])
@pytest.mark.parametrize(("what", "cost"), SETTLES)
@pytest.mark.parametrize("by", ["handle", "id"])
def test_a_settle_is_booked_once_at_its_price(
    budget: BudgetManager, ledger: Flaky, state: str, what: dict[str, Any], cost: Any, by: str
) -> None:
    """Also where only the reservation's record knows the model; the same settle again is the same one."""
    reservation = budget.reserve("alice", 5, model="my-model")
    ledger.state = state
    settle = reservation.settle if by == "handle" else lambda **w: budget.settle(reservation.id, **w)
    queued(lambda: settle(**what))
    ledger.state = "up"
    receipt = settle(**what)
    assert (receipt.replayed, receipt.cost_usd) == (True, cost)
    assert (states(budget), spent(budget)) == ([], cost)


def test_entries_arrive_in_order(budget: BudgetManager, ledger: Flaky) -> None:
    """Whatever they are, before the call that delivers them."""
    reservation = budget.reserve("alice", 1, idempotency_key="r")
    ledger.state = "down"
    for number in range(5):
        queued(lambda number=number: budget.record_spend("bob", 1, idempotency_key=f"k{number}"))
    queued(lambda: reservation.settle(1))
    ledger.state, ledger.arrived = "up", []
    budget.record_spend("alice", 1, idempotency_key="last")
    assert ledger.arrived == ["k0", "k1", "k2", "k3", "k4", "r", "last"]


def test_a_release_cannot_overtake_a_settle(budget: BudgetManager, ledger: Flaky) -> None:
    """The settle was first: it is booked, and the reservation has ended so."""
    reservation = budget.reserve("alice", 5)
    ledger.state = "down"
    queued(lambda: reservation.settle(3))
    with pytest.raises(LedgerUnavailableError) as caught:
        reservation.release()
    assert not caught.value.queued
    ledger.state = "up"
    with pytest.raises(ReservationError, match="settled"):
        reservation.release()
    assert spent(budget) == 3


def test_a_release_is_not_kept(budget: BudgetManager, ledger: Flaky) -> None:
    """Without it the reservation still counts: nothing is lost, and the caller may say it again."""
    reservation = budget.reserve("alice", 5)
    ledger.state = "down"
    with pytest.raises(LedgerUnavailableError) as caught:
        reservation.release()
    assert (caught.value.queued, states(budget)) == (False, [])


def test_admissions_are_not_kept(budget: BudgetManager, ledger: Flaky) -> None:
    """What was not spent has no place there."""
    ledger.state = "down"
    for call in (lambda: budget.reserve("alice", 1), lambda: budget.check_availability("alice")):
        with pytest.raises(LedgerUnavailableError) as caught:
            call()
        assert not caught.value.queued
    assert states(budget) == []


def test_what_arrives_later_is_logged_as_spend(
    budget: BudgetManager, ledger: Flaky, caplog: pytest.LogCaptureFixture
) -> None:
    """The one event per booking, whoever delivers it."""
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", 3, idempotency_key="k"))
    ledger.state = "up"
    with caplog.at_level(logging.INFO, "coreason_budget"):
        budget.usage("alice")
    (event,) = [r for r in caplog.records if r.message == "finops.spend.total"]
    assert (event.user_id, event.cost_usd, event.op_id) == ("alice", "3.00", "k")  # type: ignore[attr-defined]


def test_the_error_crosses_processes(budget: BudgetManager, ledger: Flaky) -> None:
    """Kind, text, op id and `queued` come back from a pickle."""
    for state, kind in (("loses answers", OutcomeUnknownError), ("down", LedgerUnavailableError)):
        ledger.state = state
        error = queued(lambda state=state: budget.record_spend("alice", 3, idempotency_key=state))
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), str(back), back.queued, back.op_id) == (kind, str(error), True, state)


def test_the_service_says_that_it_is_queued(budget: BudgetManager, ledger: Flaky) -> None:
    """503 with ``queued`` and the op id to repeat with; a refused check has neither."""
    ledger.state = "down"
    client = create_app(budget=budget).test_client()
    answer = client.post("/spend", json={"user_id": "alice", "cost": 3})
    assert (answer.status_code, answer.json["queued"]) == (503, True)
    assert "queued" not in client.post("/check", json={"user_id": "alice"}).json
    ledger.state = "up"
    again = client.post(
        "/spend", json={"user_id": "alice", "cost": 3}, headers={"Idempotency-Key": answer.json["op_id"]}
    )
    assert (again.status_code, again.json["replayed"], spent(budget)) == (200, True, 3)


def test_without_a_setting_there_is_none(tmp_path: Path) -> None:
    """No file, no wrapper: the ledger is the ledger."""
    budget = BudgetManager()
    assert budget.outbox is None
    assert type(budget.ledger).__name__ == "SqliteLedger"
