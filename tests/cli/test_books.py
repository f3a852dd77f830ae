"""audit, export and reservations: what an operator sees, and the exit status."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from coreason_budget import BudgetManager
from coreason_budget.cli import cli
from tests.cli.test_commands import answer, run


def tamper(statement: str) -> None:
    with closing(sqlite3.connect("coreason-budget.db", isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount == 1


@pytest.fixture
def spent() -> str:
    """Two calls and an open reservation; its id."""
    run("spend", "alice", "--cost", "0.25")
    run("spend", "bob", "--cost", "1", "--tag", "team=x")
    return str(answer("reserve", "alice", "--cost", "2")["reservation_id"])


@pytest.mark.usefixtures("spent")
def test_an_audit_that_balances_is_0() -> None:
    """A sentence for a person, figures for a program."""
    result = run("audit")
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
    assert result.stdout.splitlines()[-1] == "the books balance"
    found = answer("audit")
    assert (found["status"], found["entries"], found["accounts"], found["not_covered"]) == ("balanced", 4, 4, 0)
    assert (found["is_complete"], found["differences"]) == (True, [])


@pytest.mark.usefixtures("spent")
def test_an_audit_that_differs_is_1_and_shows_where() -> None:
    """Expected and found, account by account."""
    tamper("UPDATE account SET used = used + 1 WHERE key LIKE '%user/alice'")
    result = run("audit")
    assert result.exit_code == 1
    assert "accounts that differ: 1" in result.stdout
    row = result.stdout.splitlines()[-1].split()
    assert (row[0], row[-6:]) == ("user/alice", ["usd", "2.25", "2.250000001", "2.00", "2.00", "2.00"])
    as_json = run("audit", "--json")
    (difference,) = json.loads(as_json.stdout)["differences"]
    assert as_json.exit_code == 1
    assert difference.pop("account").startswith("user/alice day from 20")
    assert difference == {
        "expected_used_usd": "2.25",
        "found_used_usd": "2.250000001",
        "expected_reserved_usd": "2.00",
        "found_reserved_usd": "2.00",
        "open_reservations_usd": "2.00",
        "problem": None,
    }


@pytest.mark.usefixtures("spent")
def test_what_cannot_be_read_or_named_is_shown_too() -> None:
    """As it is stored, with the reason."""
    tamper("UPDATE account SET reserved = 9, used = 1 WHERE key LIKE '%user/bob'")
    tamper("INSERT INTO account VALUES ('coreason', 'no account', 1, 0, NULL)")
    result = run("audit")
    assert result.exit_code == 1
    assert "used=1, reserved=9" in result.stdout
    assert "no account " in result.stdout
    assert "?" in result.stdout


def test_accounts_that_the_journal_does_not_cover_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short journal is no reason to call the books wrong."""
    monkeypatch.setenv("COREASON_BUDGET_JOURNAL_LENGTH", "1")
    budget = BudgetManager()
    for _ in range(250):
        budget.record_spend("alice", 0)
    budget.record_spend("alice", 1)
    budget.close()
    result = run("audit")
    assert result.exit_code == 0
    assert "accounts older than the journal, not covered: 2" in result.stdout


@pytest.mark.parametrize("command", ["audit", "export"])
def test_without_a_journal_there_is_nothing_to_go_by(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """A matter of settings, and said so."""
    monkeypatch.setenv("COREASON_BUDGET_JOURNAL_LENGTH", "0")
    assert run("check", "alice").exit_code == 0
    result = run(command)
    assert (result.exit_code, "journal_length" in result.stderr) == (2, True)


@pytest.mark.usefixtures("spent")
def test_export_writes_lines() -> None:
    """One an entry, to stdout or to a file."""
    lines = [json.loads(line) for line in run("export").stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["begin", "charge", "charge", "reserve"]
    assert run("export", "--format", "csv", "--output", "journal.csv").stdout == ""
    with Path("journal.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["user_id"] for row in rows] == ["", "alice", "bob", "alice"]
    assert [row["spent_usd"] for row in rows] == ["0.00", "0.25", "1.00", "0.00"]
    assert not list(Path().glob("*.part"))


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize(
    ("since", "count"),
    [("2000-01-01", 4), ("2100-01-01", 0), ("2000-01-01T08:30:00+01:00", 4), ("2099-12-31T23:59:59.999999Z", 0)],
)
def test_export_since_a_moment(since: str, count: int) -> None:
    """A day, or a moment with its offset."""
    assert len(run("export", "--since", since).stdout.splitlines()) == count


@pytest.mark.parametrize("since", ["yesterday", "24.11.2026", "2026-13-01"])
def test_a_moment_that_is_none_is_2(since: str) -> None:
    """With an example."""
    result = run("export", "--since", since)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "write 2026-11-24" in result.stderr


def test_an_export_that_fails_leaves_the_file_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk or a ledger may fail in the middle: nobody takes a part for the whole."""
    Path("journal.csv").write_text("yesterday's")
    assert run("export", "--output", "missing/journal.csv").exit_code == 2
    run("spend", "alice", "--cost", "1")
    tamper("UPDATE journal SET body = 'nonsense' WHERE id = 2")
    assert run("export", "--output", "journal.csv").exit_code == 3
    assert Path("journal.csv").read_text() == "yesterday's"


@pytest.mark.usefixtures("spent")
def test_an_export_leaves_a_link_a_link_and_a_pipe_a_pipe() -> None:
    """Put in the place of a device, a file would take everything that is sent there from then on."""
    Path("link.csv").symlink_to("real.csv")
    assert run("export", "--output", "link.csv").exit_code == 0
    assert Path("link.csv").is_symlink()
    assert len(Path("real.csv").read_text(encoding="utf-8").splitlines()) == 4
    os.mkfifo("pipe")
    # Open for both, so that nobody waits for the other end.
    pipe = os.open("pipe", os.O_RDWR)
    assert run("export", "--output", "pipe").exit_code == 0
    assert Path("pipe").is_fifo()
    assert os.read(pipe, 2**16).count(b"\n") == 4
    os.close(pipe)


def test_reservations_are_listed(spent: str) -> None:
    """Open ones first, then those that lapsed."""
    lapsed = answer("reserve", "bob", "--cost", "1", "--ttl", "0.001")["reservation_id"]
    lines = run("reservations").stdout.splitlines()
    assert lines[0].split()[:2] == ["RESERVATION", "STATE"]
    assert [line.split()[:2] for line in lines[1:]] == [[spent, "open"], [lapsed, "lapsed"]]
    first = answer("reservations")["reservations"][0]
    assert (first["reservation_id"], first["reserved_usd"], first["scopes"]) == (
        spent,
        "2.00",
        ["user/alice", "global"],
    )


def test_without_reservations_there_is_a_sentence() -> None:
    """Not an empty table."""
    assert run("check", "alice").exit_code == 0
    assert run("reservations").stdout == "no reservation is open or lapsed\n"
    assert answer("reservations") == {"reservations": []}


@pytest.mark.parametrize(
    ("how", "said", "spent_usd"),
    [
        (("release",), "released at 0.00 USD", "0.25"),
        (("lapse",), "lapsed at 2.00 USD", "2.25"),
        (("settle", "--cost", "0.5"), "settled at 0.50 USD", "0.75"),
    ],
)
def test_a_reservation_is_ended(spent: str, how: tuple[str, ...], said: str, spent_usd: str) -> None:
    """In any of its ways, once."""
    assert run("reservations", "end", spent, "--as", *how).stdout == f"{said}\n"
    assert answer("usage", "--user", "alice")["accounts"][0]["spent_usd"] == spent_usd
    again = run("reservations", "end", spent, "--as", "release" if how != ("release",) else "lapse")
    assert again.exit_code == (0 if how == ("lapse",) else 2)
    assert run("audit").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("end",),
        ("end", "x"),
        ("end", "x", "--as", "forget"),
        ("end", "x", "--as", "settle"),
        ("end", "x", "--as", "release", "--cost", "1"),
        ("end", "x", "--as", "release"),
        ("end", "-x", "--as", "lapse"),
        ("start",),
    ],
)
def test_a_wrong_ending_is_2(arguments: tuple[str, ...]) -> None:
    """Nothing is ended, and there is no traceback."""
    result = run("reservations", *arguments)
    assert (result.exit_code, result.stdout, "Traceback" in result.stderr) == (2, "", False)


def test_an_unavailable_ledger_is_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For each of them."""
    monkeypatch.setenv("COREASON_BUDGET_LEDGER_URL", f"sqlite:///{tmp_path}")
    for command in ("audit", "export", "reservations"):
        result = run(command)
        assert (result.exit_code, "Traceback" in result.stderr) == (3, False)


def test_subcommands_explain_themselves() -> None:
    """Every one of them, and every option."""
    group: Any = cli.commands["reservations"]
    for command in group.commands.values():
        assert command.help
        assert all(getattr(option, "help", "") for option in command.params if option.opts[0].startswith("-"))
