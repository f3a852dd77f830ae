"""What a usage told, by role, and the walk that lets no count pass unread."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from numbers import Number
from typing import Any, TypeAlias

from coreason_budget.errors import InvalidAmountError
from coreason_budget.ids import MAX_TOKENS, check_count
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent, items_of, word

NOTHING = ""
"""The role of a field that is no money of its own: a share of a count that is read, or a time."""

Row: TypeAlias = "str | Table | Callable[[Told, Any, str], None]"
Table: TypeAlias = Mapping[str, Any]
"""Field name -> its role, the table of the level under it, or a function for what is neither."""

_LISTS = (list, tuple, set, frozenset)
_HELP = "Pass cost=, or a coreason_budget.pricing.Usage that says what it is."


class Told:
    """The counts of a usage by role, each with the name of the field that told it."""

    def __init__(self) -> None:
        self.counts: dict[str, Any] = {}
        self.names: dict[str, str] = {}

    def tell(self, role: str, value: Any, name: str) -> None:
        """Take a count down. Told twice it must be the same: 0 counts as not told.

        Raises:
            InvalidAmountError: Not a whole number from 0 to 10**12, or another than was told before.
        """
        before = self.counts.get(role)
        if type(value) is int and value == 0:
            if before is None:
                self.counts[role] = 0
                self.names[role] = name
            return
        check_count(value, name)
        if before and before != value:
            raise InvalidAmountError(f"{name}: {value}, where {self.names[role]} says {before}", field=name)
        self.counts[role] = value
        self.names[role] = name

    def add(self, role: str, value: Any, name: str) -> None:
        """Add one of several counts of the same role."""
        self.counts[role] = self.counts.get(role, 0) + check_count(value, name)
        self.names[role] = name

    def name(self, role: str) -> str:
        """Name the field that told a role."""
        return self.names.get(role, role)


def walk(told: Told, fields: Fields, table: Table, path: str = "") -> None:
    """Read every field of a level by its row.

    Raises:
        InvalidAmountError: A count that no row reads; names the field and where it stands.
    """
    counts, names = told.counts, told.names
    for name, value in fields.items():
        if value is None:
            continue
        row = table.get(name)
        if type(row) is str and row and type(value) is int and 0 <= value <= MAX_TOKENS and row not in counts:
            counts[row], names[row] = value, name  # What nearly every field is: this loop is run for every call.
        elif row is None:
            refuse_counts(name, value, path)
        elif row == NOTHING or is_absent(value):
            continue
        elif type(row) is str:
            told.tell(row, value, name)
        elif callable(row):
            row(told, value, name)
        else:
            walk(told, _level(name, value, row), row, f"{path}{name}.")


def _level(name: str, value: Any, row: Table) -> Fields:
    fields = fields_of(value)
    if not fields and (isinstance(value, bool | int | float | Decimal | str) or (isinstance(value, _LISTS) and value)):
        raise InvalidAmountError(f"{name}: {type(value).__name__} where {', '.join(row)} should be", field=name)
    return fields


def refuse_counts(name: str, value: Any, path: str = "") -> None:
    """Refuse a field that nobody reads if it holds a number other than 0, at whatever depth.

    Raises:
        InvalidAmountError: It does; names the field.
    """
    found = _number_in(value, f"{path}{name}", 0)
    if found is not None:
        where, number = found
        raise InvalidAmountError(f"{where}: {number} is a count that is not understood. {_HELP}", field=name)


def has_count(value: Any) -> bool:
    """Tell whether a number other than 0 stands anywhere in a value."""
    return _number_in(value, "", 0) is not None


def _number_in(value: Any, where: str, depth: int) -> tuple[str, str] | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return None if _is_zero(value) else (where, "a number" if _is_long(value) else str(value))
    if isinstance(value, str | bytes):
        text = value if isinstance(value, str) else value.decode("latin-1")
        return (where, text.strip()[:30]) if _NUMBER.fullmatch(text) and text.strip("0.,+- ") else None
    if isinstance(value, Number):  # Fractions, and numpy's.
        return (where, str(value)) if value else None
    if depth > 8:
        return where, "something deep"
    if isinstance(value, Collection) and not isinstance(value, Mapping):
        inner = [(f"{where}[{index}]", item) for index, item in enumerate(value)]
    else:
        inner = [(f"{where}.{name}", item) for name, item in fields_of(value).items()]
    return next((found for place, item in inner if (found := _number_in(item, place, depth + 1))), None)


_NUMBER = re.compile(r"\s*[+-]?[\d,_]*\.?\d+(?:[eE][+-]?\d+)?\s*")


def _is_zero(value: int | float | Decimal) -> bool:
    # A signalling NaN cannot be compared.
    return value.is_zero() if isinstance(value, Decimal) else value == 0


def _is_long(value: int | float | Decimal) -> bool:
    # Python refuses to write out integers of thousands of digits.
    return isinstance(value, int) and value.bit_length() > 200


def whole(role: str) -> Callable[[Told, Any, str], None]:
    """Give the row of a count that may be written as a whole fraction: Cohere's ``5.0``."""

    def row(told: Told, value: Any, name: str) -> None:
        if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
            value = int(value)
        told.tell(role, value, name)

    return row


def digits(role: str) -> Callable[[Told, Any, str], None]:
    """Give the row of a count that is written as text: a header's."""

    def row(told: Told, value: Any, name: str) -> None:
        is_text = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20
        told.tell(role, int(value) if is_text else value, name)

    return row


def modalities(form: str) -> Callable[[Told, Any, str], None]:
    """Give the row of a list of ``{modality, token_count}``, Google's; ``{}_out`` makes the role ``audio_out``.

    Raises:
        InvalidAmountError: A modality that nobody knows, with tokens.
    """

    def row(told: Told, value: Any, name: str) -> None:
        for item in items_of(value, name):
            fields = fields_of(item)
            modality = word(fields.get("modality"), name).rpartition("modality_")[2] or "text"
            tokens = next((fields[key] for key in _TOKENS if not is_absent(fields.get(key))), 0)
            role = _MODALITIES.get(modality)
            if role is None:
                refuse_counts(name, {modality: tokens})
            else:
                told.add(form.format(role), tokens, name)

    return row


_TOKENS = ("token_count", "tokenCount", "tokens")
_MODALITIES = {
    "text": "text",
    "audio": "audio",
    "image": "image",
    "video": "image",
    "document": "image",
    "unspecified": "text",
}


def length(role: str) -> Callable[[Told, Any, str], None]:
    """Give the row of a list of which each item is one use."""

    def row(told: Told, value: Any, name: str) -> None:
        told.tell(role, sum(1 for _ in items_of(value, name)), name)

    return row


def adds(role: str) -> Callable[[Told, Any, str], None]:
    """Give the row of one of several counts that make up a role."""

    def row(told: Told, value: Any, name: str) -> None:
        told.add(role, value, name)

    return row
