"""The journal for other programs: every entry as a line of JSON or of CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from coreason_budget.ids import SCOPE_FIELDS
from coreason_budget.ledger.journal import JournalEntry, Movement
from coreason_budget.model import Scope, named
from coreason_budget.moments import US_PER_S, to_moment
from coreason_budget.money import usd_text

COLUMNS = (
    "at", "kind", "op_id", "reservation", "user_id", "project_id", "model", "tags",
    "amount_usd", "spent_usd", "tokens", "requests", "price", "late", "corrects", "before_usd", "before_tokens",
    "reference",
)  # fmt: skip

# https://owasp.org/www-community/attacks/CSV_Injection; ids hold no tab and no line end.
_FORMULA = tuple("=+-@＝＋－＠")


def values(entry: JournalEntry) -> dict[str, Any]:
    """An entry as JSON values. USD is exact text; ``spent_usd`` of all entries adds up to what was spent.

    Of a correction, ``before_usd`` and ``amount_usd`` are what it found and what it left.
    """
    before = entry.before
    return {
        "at": to_moment(entry.at_us).isoformat(timespec="microseconds"),
        "kind": entry.kind,
        "op_id": entry.op_id,
        "reservation": entry.reserved_as,
        **named(map(Scope.parse, entry.subject)),
        "amount_usd": usd_text(entry.amounts.usd_nanos),
        "spent_usd": usd_text(entry.spent_nanos),
        "tokens": entry.amounts.tokens,
        "requests": entry.amounts.requests,
        "price": entry.price,
        "late": entry.late,
        "corrects": entry.corrects,
        "before_usd": None if before is None else usd_text(before.usd_nanos),
        "before_tokens": None if before is None else before.tokens,
        "reference": entry.reference,
    }


def lines(entries: Iterable[JournalEntry], form: str) -> Iterator[str]:
    """The lines of a whole export in ``csv`` (its head first) or ``jsonl``."""
    if form != "csv":
        return map(json_line, entries)
    return chain([csv_head()], map(csv_line, entries))


def json_line(entry: JournalEntry) -> str:
    """An entry as one line of JSON, with what it moved on every account."""
    moved = [_movement(movement) for movement in entry.movements]
    return json.dumps({**values(entry), "movements": moved}, ensure_ascii=False) + "\n"


def csv_head() -> str:
    """The names of the columns."""
    return _csv(COLUMNS)


def csv_line(entry: JournalEntry) -> str:
    """An entry as one line of CSV, safe to open in a spreadsheet.

    Every text is quoted, and one that begins with ``=``, ``+``, ``-`` or ``@`` has an apostrophe
    in front, or a spreadsheet would run it: ids are any text. Amounts are numbers as they are.
    """
    found = values(entry)
    texts = ("op_id", "reservation", *SCOPE_FIELDS.values(), "price", "corrects", "reference")
    found |= {name: _harmless(found[name] or "") for name in texts}
    found["tags"] = _harmless(json.dumps(found["tags"], ensure_ascii=False) if found["tags"] else "")
    found["late"] = "true" if found["late"] else "false"
    return _csv([found[name] for name in COLUMNS])


def _movement(movement: Movement) -> dict[str, Any]:
    account = movement.account
    start = to_moment(account.start_s * US_PER_S).isoformat()
    moved: dict[str, Any] = {"scope": str(account.scope), "window": account.window, "from": start, "unit": account.unit}
    if account.unit == "usd":
        return {**moved, "used_usd": usd_text(movement.used), "reserved_usd": usd_text(movement.reserved)}
    return {**moved, "used": movement.used, "reserved": movement.reserved}


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerow(cells)
    return line.getvalue()
