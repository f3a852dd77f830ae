"""One event for each booking, and no secret in any log or error."""

import logging
import subprocess
import sys

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import (
    BudgetExceededError,
    ConfigError,
    LedgerUnavailableError,
)


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
        "redis://:hun%40ter2@127.0.0.1:1/0",
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
