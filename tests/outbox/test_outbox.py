"""The outbox: what the ledger did not take is kept first, counted meanwhile, and booked once."""

from __future__ import annotations

import logging
import pickle
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from coreason_budget import (
    BudgetExceededError,
    BudgetManager,
    ConfigError,
    IdempotencyConflictError,
    LedgerUnavailableError,
    OutcomeUnknownError,
    ReservationError,
)
from coreason_budget.outbox.store import SCHEMA
from coreason_budget.server import create_app
from coreason_budget.testing import ManualClock
from tests.outbox.kit import Flaky, manager, queued, spent, states


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the outbox is."""
    return tmp_path / "spend.outbox"


@pytest.fixture
def clock() -> ManualClock:
    """The time of ledger and host."""
    return ManualClock()


@pytest.fixture
def ledger(clock: ManualClock) -> Flaky:
    """A ledger that can go away."""
    return Flaky(clock)


@pytest.fixture
def budget(path: Path, ledger: Flaky, clock: ManualClock) -> BudgetManager:
    """A budget before that ledger, with an outbox."""
    return manager(path, ledger, clock)


def run(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


# Kept, and booked once.


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


# Counted while it waits.


def _stuck(budget: BudgetManager, ledger: Flaky, cost: int) -> None:
    """Leave one entry of alice that is never delivered."""
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", cost, idempotency_key="stuck"))
    run(budget.outbox.path, "UPDATE entry SET state = 'failed'")  # type: ignore[union-attr]
    ledger.state = "up"


def test_what_waits_counts_for_its_subject(budget: BudgetManager, ledger: Flaky) -> None:
    """A check, a reserve and a usage take it as spent, in every window; others have what they had."""
    _stuck(budget, ledger, 8)
    assert budget.check_availability("alice", estimated_cost=2).remaining_usd == 2
    assert [b.remaining for b in budget.reserve("alice", 2).balances if b.scope == "user/alice"] == [0]
    for refuse in (lambda: budget.reserve("alice", "0.01"), lambda: budget.check_availability("alice")):
        with pytest.raises(
            BudgetExceededError, match=r"0\.00 USD of 10\.00 USD per day left \(8\.00 USD spent"
        ) as caught:
            refuse()
        error = caught.value
        assert (error.limit, error.spent, error.reserved, error.reason) == (10, 8, 2, "busy")
    assert [b.spent for b in budget.usage("alice")] == [8, 8]
    assert budget.reserve("bob", 10).reserved_usd == 10
    assert spent(budget) == 0


def test_a_replayed_reserve_is_admitted_whatever_waits(budget: BudgetManager, ledger: Flaky) -> None:
    """It was admitted before; that it waits changes nothing about it."""
    first = budget.reserve("alice", 5, idempotency_key="k")
    _stuck(budget, ledger, 8)
    assert budget.reserve("alice", 5, idempotency_key="k").id == first.id


def test_a_full_outbox_does_not_admit(budget: BudgetManager, ledger: Flaky) -> None:
    """Past the limit by what waits alone: refused as spent."""
    _stuck(budget, ledger, 11)
    with pytest.raises(BudgetExceededError) as caught:
        budget.reserve("alice", 1)
    assert (caught.value.reason, caught.value.spent) == ("spent", 11)


# In doubt, and never.


def test_what_may_be_booked_and_forgotten_is_held(budget: BudgetManager, ledger: Flaky, clock: ManualClock) -> None:
    """Sent without an answer and older than the ledger's memory: not sent again unless somebody decides."""
    ledger.state = "loses answers"
    queued(lambda: budget.record_spend("alice", 3, idempotency_key="k"))
    clock.advance(seconds=25 * 3600)
    ledger.state = "up"
    budget.usage("alice")
    assert states(budget) == [("k", "doubtful")]
    assert budget.check_availability("alice").remaining_usd == 7, "it counts, twice rather than not"
    assert budget.outbox is not None
    assert budget.outbox.flush().doubtful == 1
    assert budget.outbox.flush(force=True).delivered == 1
    assert states(budget) == []


def test_within_the_ledgers_memory_it_is_a_replay(budget: BudgetManager, ledger: Flaky, clock: ManualClock) -> None:
    """Made keys are remembered for a day where there is an outbox."""
    ledger.state = "loses answers"
    error = queued(lambda: budget.record_spend("alice", 3))
    clock.advance(seconds=22 * 3600)
    ledger.state = "up"
    assert budget.outbox is not None
    assert budget.outbox.flush().delivered == 1
    assert budget.record_spend("alice", 3, idempotency_key=error.op_id).replayed


def test_what_was_never_sent_is_safe_at_any_age(budget: BudgetManager, ledger: Flaky, clock: ManualClock) -> None:
    """Nothing can have booked it: neither the call nor a delivery that found nobody."""
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", 3))
    with pytest.raises(LedgerUnavailableError):
        budget.usage("alice")
    clock.advance(seconds=30 * 24 * 3600)
    ledger.state = "up"
    budget.usage("alice")
    assert (states(budget), spent(budget)) == ([], 3)


def test_a_delivery_without_an_answer_puts_in_doubt(budget: BudgetManager, ledger: Flaky, clock: ManualClock) -> None:
    """From then on it may be booked, though the call itself was never sent."""
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", 3, idempotency_key="k"))
    ledger.state = "loses answers"
    with pytest.raises(LedgerUnavailableError):
        budget.usage("alice")
    clock.advance(seconds=25 * 3600)
    ledger.state = "up"
    budget.usage("alice")
    assert states(budget) == [("k", "doubtful")]


def test_what_the_ledger_will_never_take_lets_the_others_pass(budget: BudgetManager, ledger: Flaky) -> None:
    """It is set aside with its reason, and never dropped."""
    ledger.state = "down"
    queued(lambda: budget.settle("no-such-reservation", 1))
    queued(lambda: budget.record_spend("alice", 3))
    ledger.state = "up"
    assert budget.check_availability("alice").remaining_usd == 7
    assert states(budget) == [("no-such-reservation", "failed")]
    assert budget.outbox is not None
    assert "not known" in budget.outbox.entries()[0].reason
    assert budget.outbox.flush(force=True).failed == 1
    assert budget.outbox.drop(1)
    assert not budget.outbox.drop(1)
    assert states(budget) == []


def test_an_entry_that_cannot_be_read_is_set_aside(budget: BudgetManager, ledger: Flaky, path: Path) -> None:
    """Its op id is named, those behind it arrive."""
    ledger.state = "down"
    for key in ("one", "two"):
        queued(lambda key=key: budget.record_spend("alice", 3, idempotency_key=key))
    run(path, "UPDATE entry SET body = '{}' WHERE op_id = 'one'")
    ledger.state = "up"
    budget.usage("alice")
    assert states(budget) == [("one", "failed")]
    assert budget.outbox is not None
    assert "one" in budget.outbox.entries()[0].reason
    assert spent(budget) == 3


# The file.


@pytest.mark.parametrize("damage", ["a folder that is not there", "a folder", "a text", "newer", "foreign"])
def test_a_file_that_cannot_be_used_is_a_setting(path: Path, ledger: Flaky, damage: str) -> None:
    """Told at the start, with its path, and left as it is."""
    if damage == "a folder that is not there":
        path = path / "spend.outbox"
    elif damage == "a folder":
        path.mkdir()
    elif damage == "a text":
        path.write_text("my diary, " * 1000)
    else:
        run(path, f"PRAGMA user_version={SCHEMA + 1}" if damage == "newer" else "CREATE TABLE invoice (id INTEGER)")
    with pytest.raises(ConfigError) as caught:
        manager(path, ledger)
    assert caught.value.field == "outbox"
    assert str(path) in str(caught.value) or str(path.parent) in str(caught.value)


def _break(path: Path) -> None:
    path.rename(path.with_name("away"))


def test_a_disk_that_fails_is_said(
    budget: BudgetManager, ledger: Flaky, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not kept: the caller reads it, with the op id to repeat with, and so does the log."""
    budget.usage("alice")
    ledger.state = "down"
    _break(path)
    with pytest.raises(LedgerUnavailableError, match="NOT be put into the outbox") as caught:
        budget.record_spend("alice", 3)
    assert not caught.value.queued
    assert any(r.levelno == logging.ERROR and "NOT" in r.message for r in caplog.records)
    ledger.state = "up"
    path.with_name("away").rename(path)
    assert not budget.record_spend("alice", 3, idempotency_key=caught.value.op_id).replayed
    assert spent(budget) == 3


def test_a_full_disk_is_said(budget: BudgetManager, ledger: Flaky, path: Path) -> None:
    """What did not fit is not kept, and what was kept before is whole."""
    store = budget.outbox.store  # type: ignore[union-attr]
    with store._file.read(1) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    store._file._local.opened.connection.execute(f"PRAGMA max_page_count={pages}")
    ledger.state = "down"
    errors = [charge_in_vain(budget, number) for number in range(200)]
    kept = [error.op_id for error in errors if error.queued]
    assert 0 < len(kept) < len(errors)
    assert all("full" in str(error) for error in errors if not error.queued)
    ledger.state = "up"
    assert budget.outbox.flush().delivered == len(kept)  # type: ignore[union-attr]
    assert ledger.arrived == kept


def charge_in_vain(budget: BudgetManager, number: int) -> LedgerUnavailableError:
    with pytest.raises(LedgerUnavailableError) as caught:
        budget.record_spend("alice", "0.01", tags={"team": f"{number:0250d}"})
    return caught.value


def test_without_its_outbox_nothing_is_admitted_and_spend_is_booked(
    budget: BudgetManager, ledger: Flaky, path: Path
) -> None:
    """What waits cannot be counted: no admission; but what was spent goes to the ledger."""
    reservation = budget.reserve("alice", 1)
    _break(path)
    for call in (lambda: budget.check_availability("alice"), lambda: budget.reserve("alice", 1), reservation.release):
        with pytest.raises(LedgerUnavailableError, match="outbox"):
            call()
    assert budget.record_spend("alice", 3).cost_usd == 3
    assert reservation.settle(1).cost_usd == 1


def test_namespaces_share_a_file_and_nothing_in_it(path: Path, ledger: Flaky) -> None:
    """Each delivers and counts its own."""
    one, two = manager(path, ledger, namespace="one"), manager(path, Flaky(), namespace="two")
    ledger.state = "down"
    queued(lambda: one.record_spend("alice", 3))
    assert two.check_availability("alice").remaining_usd == 10
    assert (len(states(one)), len(states(two))) == (1, 0)


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
