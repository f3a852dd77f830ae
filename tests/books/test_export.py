"""The export hands the journal on: exact, whole, and harmless to a spreadsheet."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.books.export import COLUMNS, csv_head, csv_line, json_line
from coreason_budget.ledger.base import Ledger
from coreason_budget.ledger.journal import JournalEntry
from coreason_budget.model import Amounts, Memo
from coreason_budget.testing import ManualClock
from coreason_budget.testing.books import ODD_IDS
from coreason_budget.testing.kit import ALICE


@pytest.fixture
def ledger() -> Ledger:
    """A day of calls of every kind, one of them late."""
    clock = ManualClock()
    budget = BudgetManager(BudgetConfig(ledger_url="memory://", daily_user_limit_usd=100), clock=clock)
    budget.record_spend("alice", "0.000000001", "launch", "gpt-4o", tags={"team": "search"})
    budget.record_spend("alice", model="gpt-4o", input_tokens=1000, output_tokens=100)
    budget.reserve("alice", "2").settle("0.75")
    budget.reserve("alice", model="gpt-4o", input_tokens=1000, max_output_tokens=100).release()
    late = budget.reserve("bob", "3")
    clock.advance(seconds=600)
    budget.usage("bob")
    late.settle(usage={"prompt_tokens": 10, "completion_tokens": 1}, model="gpt-4o")
    return budget.ledger


def rows(ledger: Ledger) -> list[dict[str, str]]:
    return list(csv.DictReader([csv_head(), *map(csv_line, ledger.journal())]))


def test_what_is_spent_adds_up_to_the_books(ledger: Ledger) -> None:
    """In both forms, to the nano, holds and corrections included."""
    spent = sum(Decimal(row["spent_usd"]) for row in rows(ledger))
    assert spent == Decimal("0.753535001")
    assert spent == sum(Decimal(json.loads(json_line(e))["spent_usd"]) for e in ledger.journal())
    day = next(key for key in ledger.accounts() if key.endswith("global"))
    assert ledger.page(keys=[day]).standings[day] == (int(spent * 10**9), 0)


def test_every_entry_is_one_line(ledger: Ledger) -> None:
    """Kind by kind, with what it was and by what price."""
    found = [(row["kind"], row["amount_usd"], row["price"].rpartition(" ")[0] or row["price"]) for row in rows(ledger)]
    table = "openai/gpt-4o standard"
    assert found == [
        ("begin", "0.00", ""),
        ("charge", "0.000000001", "given"),
        ("charge", "0.0035", table),
        ("reserve", "2.00", "given"),
        ("settle", "0.75", "given"),
        ("reserve", "0.0035", table),
        ("release", "0.00", ""),
        ("reserve", "3.00", "given"),
        ("lapse", "3.00", "given"),
        ("correction", "0.000035", table),
    ]
    assert rows(ledger)[-1]["spent_usd"] == "-2.999965"
    first = rows(ledger)[1]
    assert (first["user_id"], first["project_id"], first["model"]) == ("alice", "launch", "openai/gpt-4o")
    assert (first["at"], first["tags"]) == ("2026-11-23T12:00:00.000000+00:00", '{"team": "search"}')


def test_a_correction_has_both_amounts() -> None:
    """What it found and what it left, of what, in both forms; and what is spent adds up to what it left."""
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"), clock=ManualClock())
    budget.guard.charge(ALICE, Amounts(2, 7), idempotency_key="=answer", cumulative=True)
    budget.guard.charge(ALICE, Amounts(159, 30), idempotency_key="=answer", cumulative=True)
    budget.guard.correct("=answer", 5, only_up=False, idempotency_key="fix")
    found = [
        [json.loads(json_line(entry))[name] for name in ("kind", "op_id", "corrects", "before_usd", "before_tokens")]
        for entry in budget.ledger.journal()
    ]
    assert found[1:] == [
        ["charge", "=answer", "", None, None],
        ["correct", "=answer", "=answer", "0.000000002", 7],
        ["correct", "fix", "=answer", "0.000000159", 30],
    ]
    last = rows(budget.ledger)[-1]
    assert (last["amount_usd"], last["spent_usd"], last["tokens"]) == ("0.000000005", "-0.000000154", "30")
    assert (last["corrects"], last["before_usd"], last["before_tokens"]) == ("'=answer", "0.000000159", "30")
    assert [row["before_usd"] for row in rows(budget.ledger)][:2] == ["", ""]
    assert sum(Decimal(row["spent_usd"]) for row in rows(budget.ledger)) == Decimal("0.000000005")


def test_json_lines_have_every_movement(ledger: Ledger) -> None:
    """Money as text, accounts by name."""
    reserve = json.loads(json_line(list(ledger.journal())[3]))
    assert reserve["movements"][0] == {
        "scope": "user/alice",
        "window": "day",
        "from": "2026-11-23T00:00:00+00:00",
        "unit": "usd",
        "used_usd": "2.00",
        "reserved_usd": "2.00",
    }
    assert set(COLUMNS) == set(reserve) - {"movements"}


def test_the_books_can_be_made_again_from_json_lines(ledger: Ledger) -> None:
    """Every account, both of its sums: nothing is rounded and nothing is left out."""
    books: dict[tuple[str, ...], list[Decimal]] = {}
    for line in map(json_line, ledger.journal()):
        for moved in json.loads(line)["movements"]:
            sums = books.setdefault(
                (moved["unit"], moved["window"], moved["from"], moved["scope"]), [Decimal(), Decimal()]
            )
            sums[0] += Decimal(moved["used_usd"])
            sums[1] += Decimal(moved["reserved_usd"])
    found = {}
    for key in ledger.accounts():
        unit, window, start_s, scope = key.split("|", 3)
        start = datetime.fromtimestamp(int(start_s), UTC).isoformat()
        found[unit, window, start, scope] = [Decimal(n) / 10**9 for n in ledger.page(keys=[key]).standings[key]]
    assert books == found
    assert len(books) == 6


@pytest.mark.parametrize("id", [*ODD_IDS, "=1+1", "+1", "-1", "@SUM(A1)", "＝1", 'a","=1', "a;=1"])
def test_ids_are_any_text_and_no_formula(id: str) -> None:
    """JSON gives them back as they are; CSV too, with an apostrophe before what a spreadsheet would run."""
    subject = (f"user/{id}", f"project/{id}", f"model/{id}", f"team/{id}", "global")
    entry = JournalEntry(1, "charge", id, subject, Amounts(1), Memo(id, id), reserved_as=id)
    read = json.loads(json_line(entry))
    (row,) = csv.DictReader([csv_head(), csv_line(entry)])
    for name in ("op_id", "reservation", "user_id", "project_id", "model", "price", "reference"):
        assert read[name] == id
        assert row[name] == ("'" if id[0] in "=+-@＝＋－＠" else "") + id
    assert read["tags"] == json.loads(row["tags"]) == {"team": id}
    assert json_line(entry).count("\n") == csv_line(entry).count("\n") == 1
