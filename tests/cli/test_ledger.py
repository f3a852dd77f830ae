"""`coreason-budget ledger`: how it stands, and the decision to go on after a loss."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result

from coreason_budget import BudgetConfig, BudgetManager, LedgerUnavailableError
from coreason_budget.cli import cli


def run(*arguments: str, input: str | None = None) -> Result:
    """A command on the ledger of the environment."""
    return CliRunner().invoke(cli, list(arguments), input=input, prog_name="coreason-budget")


def shown(result: Result) -> dict[str, Any]:
    """The JSON it printed."""
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.fixture
def forgetful(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> BudgetManager:
    """A running process whose namespace was deleted behind its back, which it has noticed."""
    namespace = secrets.token_hex(6)
    url = valkey_url.replace("//", "//default:hunter2@")
    monkeypatch.setenv("COREASON_BUDGET_REDIS_URL", url)
    monkeypatch.setenv("COREASON_BUDGET_NAMESPACE", namespace)
    budget = BudgetManager(BudgetConfig(redis_url=valkey_url))
    budget.record_spend("alice", 1)
    with redis.Redis.from_url(valkey_url) as client:
        client.delete(*client.scan_iter(f"{{{namespace}}}*"))
    with pytest.raises(LedgerUnavailableError):
        budget.usage()
    return budget


def test_a_healthy_file() -> None:
    """0, where it is, and how it is kept; accepting it writes nothing."""
    assert run("reserve", "alice", "--cost", "1").exit_code == 0
    before = Path("coreason-budget.db").read_bytes()
    result = run("ledger", "status", "--json")
    answer = shown(result)
    assert (result.exit_code, answer["ledger"], answer["status"], answer["trouble"]) == (0, "sqlite", "healthy", "")
    assert answer["open_reservations"] == 1
    assert answer["kept"]["file"] == str(Path("coreason-budget.db").absolute())
    text = run("ledger", "status").stdout
    assert "healthy" in text
    assert "synchronous" in text
    accepted = run("ledger", "accept", "--yes")
    assert (accepted.exit_code, accepted.stdout) == (0, "the ledger is healthy; there is nothing to accept\n")
    assert shown(run("ledger", "accept", "--json"))["accepted"] is False
    assert Path("coreason-budget.db").read_bytes() == before


def test_one_that_does_not_answer_is_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither healthy nor halted: nobody knows, and nothing can be accepted."""
    monkeypatch.setenv("COREASON_BUDGET_REDIS_URL", "redis://127.0.0.1:1")
    for command in ("status", "accept"):
        result = run("ledger", command, "--json")
        assert result.exit_code == 3
        assert shown(result)["type"] == "urn:coreason-budget:ledger-unavailable"


@pytest.mark.redis
def test_a_halted_one_is_3_and_says_why(forgetful: BudgetManager) -> None:
    """With everything an operator decides by, and no password."""
    result = run("ledger", "status", "--json")
    answer = shown(result)
    assert (result.exit_code, answer["status"], answer["sequence"]) == (3, "halted", 0)
    assert "flushed or replaced while in use" in answer["trouble"]
    assert answer["since"]
    assert answer["kept"]["maxmemory_policy"] == "noeviction"
    assert answer["kept"]["aof_enabled"] == "0"
    for text in (result.output, run("ledger", "status").output):
        assert "hunter2" not in text
        assert "***@" in text
        assert "flushed or replaced" in text
    blocked = run("check", "alice")
    assert (blocked.exit_code, "ledger accept" in blocked.stderr) == (3, True)


@pytest.mark.redis
def test_accept_asks_and_goes_on_only_with_a_yes(forgetful: BudgetManager) -> None:
    """It tells what will be forgotten first; afterwards a running process goes on, too."""
    for answer in ("n\n", "\n"):
        refused = run("ledger", "accept", input=answer)
        assert refused.exit_code == 1
        assert "is forgotten for good" in refused.stderr
        assert run("ledger", "status").exit_code == 3
    accepted = run("ledger", "accept", input="y\n")
    assert accepted.exit_code == 0
    assert accepted.stdout.startswith("accepted: epoch ")
    assert run("ledger", "status").exit_code == 0
    assert forgetful.usage("alice")[0].spent == 0
    assert "nothing to accept" in run("ledger", "accept").stdout


@pytest.mark.redis
def test_a_script_says_yes(forgetful: BudgetManager) -> None:
    """And reads the new epoch from the answer."""
    before = shown(run("ledger", "status", "--json"))
    result = run("ledger", "accept", "--yes", "--json")
    answer = shown(result)
    assert (result.exit_code, answer["accepted"], answer["status"]) == (0, True, "healthy")
    assert answer["epoch"] != before["epoch"]


@pytest.mark.redis
def test_what_no_decision_helps_is_not_accepted(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace of another zone is a matter of settings: said by status, refused by accept."""
    namespace = secrets.token_hex(6)
    BudgetManager(BudgetConfig(redis_url=valkey_url, namespace=namespace, timezone="Asia/Tokyo")).usage()
    monkeypatch.setenv("COREASON_BUDGET_REDIS_URL", valkey_url)
    monkeypatch.setenv("COREASON_BUDGET_NAMESPACE", namespace)
    status = run("ledger", "status", "--json")
    assert (status.exit_code, "Asia/Tokyo" in shown(status)["trouble"]) == (3, True)
    refused = run("ledger", "accept", "--yes")
    assert (refused.exit_code, "not halted" in refused.stderr) == (2, True)
