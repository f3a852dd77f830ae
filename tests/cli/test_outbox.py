"""The outbox on the command line."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from click.testing import CliRunner, Result

from coreason_budget.cli import cli
from tests.outbox.kit import DEAD

FILE = "spend.outbox"


@pytest.fixture(autouse=True)
def _outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outbox in the test's folder; without a ledger URL the ledger is an SQLite file there."""
    monkeypatch.setenv("COREASON_BUDGET_OUTBOX", FILE)


def run(*arguments: str, input: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["outbox", *arguments], input=input, env=environment)


def spend_in_vain(user: str, key: str) -> Result:
    """Spend while the ledger is out of reach."""
    environment = {"COREASON_BUDGET_LEDGER_URL": DEAD}
    return CliRunner().invoke(cli, ["spend", user, "--cost", "2", "--key", key, "--json"], env=environment)


def listed() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(run("--json").stdout)["entries"]
    return entries


def spent() -> str:
    CliRunner().invoke(cli, ["check", "alice"])
    usage = json.loads(CliRunner().invoke(cli, ["usage", "--user", "alice", "--json"]).stdout)
    return str(usage["accounts"][0]["spent_usd"])


def test_spend_without_a_ledger_is_queued_listed_and_flushed() -> None:
    """Status 3 and `queued`; a row each; then delivered, with its progress on stderr."""
    answer = spend_in_vain("alice", "k")
    assert (answer.exit_code, json.loads(answer.stdout)["queued"]) == (3, True)
    spend_in_vain("bob", "l")
    assert [(e["op_id"], e["state"], e["cost_usd"], e["scopes"][0]) for e in listed()] == [
        ("k", "waiting", "2.00", "user/alice"),
        ("l", "waiting", "2.00", "user/bob"),
    ]
    assert [line.split()[:4] for line in run().stdout.splitlines()[1:]] == [
        ["1", "waiting", "charge", "2.00"],
        ["2", "waiting", "charge", "2.00"],
    ]
    down = run("flush", "--json", COREASON_BUDGET_LEDGER_URL=DEAD)
    assert (down.exit_code, json.loads(down.stdout)["status"], len(listed())) == (3, 503, 2)
    flushed = run("flush", "--json")
    assert json.loads(flushed.stdout) == {"delivered": 2, "waiting": 0, "doubtful": 0, "failed": 0}
    assert "delivering" in flushed.stderr
    assert (listed(), spent()) == ([], "2.00")


def test_drop_asks_unless_told() -> None:
    """What is dropped is not booked; an id that is not there is wrong usage."""
    for key in ("k", "l"):
        spend_in_vain("alice", key)
    assert run("drop", "1", input="n\n").exit_code == 1
    assert len(listed()) == 2
    assert run("drop", "1", input="y\n").exit_code == 0
    assert run("drop", "2", "--yes").stdout == "dropped 2 (op id l)\n"
    gone = run("drop", "2", "--yes", "--json")
    assert (gone.exit_code, gone.stderr) == (2, "coreason-budget: the outbox has no entry 2\n")
    assert (listed(), spent(), run().stdout) == ([], "0.00", "nothing waits\n")


def test_what_was_set_aside_is_shown_and_forced() -> None:
    """A failed entry says why, also where it cannot be read, and stays until it is flushed by force."""
    for key in ("k", "l"):
        spend_in_vain("alice", key)
    with closing(sqlite3.connect(FILE, isolation_level=None)) as connection:
        connection.execute("UPDATE entry SET state = 'failed', reason = 'why not' WHERE op_id = 'k'")
        connection.execute("UPDATE entry SET body = '?' WHERE op_id = 'l'")
    assert run("flush").stdout == "delivered 0; 0 waiting, 0 doubtful, 2 failed\n"
    assert [(e["state"], e["cost_usd"]) for e in listed()] == [("failed", "2.00"), ("failed", None)]
    assert "why not" in run().stdout
    assert run("flush", "--force").stdout == "delivered 1; 0 waiting, 0 doubtful, 1 failed\n"
    assert "cannot be read" in listed()[0]["reason"]


def test_without_an_outbox_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 2 and the variable."""
    monkeypatch.delenv("COREASON_BUDGET_OUTBOX")
    for command in ([], ["flush"], ["drop", "1"]):
        answer = run(*command)
        assert answer.exit_code == 2
        assert "COREASON_BUDGET_OUTBOX" in answer.stderr
