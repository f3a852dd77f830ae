"""Fields by name, in everything that is stored: what a later version wrote beside them is kept, and does no harm.

A name means one thing for ever, and is left out where the value is nothing (0, empty, none). A reader takes the
names that it knows; whoever writes a text anew writes the rest as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from coreason_budget.model import Amounts, Memo

SCHEMA = 3
"""What this version writes. Every change to what is stored raises it."""
READABLE_BY = 3
"""The oldest schema whose readers may work on what this version writes; they share it while a deployment rolls."""
OLDEST = 3
"""The oldest schema that this version works on."""
UNRELEASED = "of a format that was never released and is left behind"

AMOUNTS = frozenset(("u", "t", "r"))
"""The fields of amounts: nano-USD, tokens, requests."""

MEMO = {"p": "price", "r": "reference"}
"""The fields of a memo, beside those of what it is a memo of: the name -> the field of `Memo`."""

encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
"""A value as compact JSON."""


def unknown(fields: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The fields that a later version wrote."""
    return {} if fields.keys() <= known else {name: fields[name] for name in fields if name not in known}


def amounts_fields(amounts: Amounts) -> dict[str, int]:
    """Amounts by name."""
    fields = {}
    if amounts.usd_nanos:
        fields["u"] = amounts.usd_nanos
    if amounts.tokens:
        fields["t"] = amounts.tokens
    if amounts.requests:
        fields["r"] = amounts.requests
    return fields


def read_amounts(fields: Mapping[str, Any]) -> Amounts:
    """Amounts read back.

    Raises:
        ValueError: One is no whole number.
    """
    nanos, tokens, requests = fields.get("u", 0), fields.get("t", 0), fields.get("r", 0)
    if type(nanos) is type(tokens) is type(requests) is int:
        return Amounts(nanos, tokens, requests)
    raise ValueError("a count is not a whole number")


def memo_fields(memo: Memo) -> dict[str, str]:
    """A memo by name."""
    return {name: value for name, field in MEMO.items() if (value := getattr(memo, field))}


def read_memo(fields: Mapping[str, Any]) -> Memo:
    """A memo read back.

    Raises:
        ValueError: A field is no text.
    """
    return Memo(**{field: text(fields[name]) for name, field in MEMO.items() if name in fields})


def whole(value: object) -> int:
    """Give ``value`` back if it is a whole number.

    Raises:
        ValueError: It is not.
    """
    if type(value) is not int:
        raise ValueError("a count is not a whole number")
    return value


def text(value: object) -> str:
    """Give ``value`` back if it is text.

    Raises:
        ValueError: It is not.
    """
    if type(value) is not str:
        raise ValueError("a text is none")
    return value
