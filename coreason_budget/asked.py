"""What a guard is asked: amounts, times and keys, checked before any I/O, and the digest that stands for them."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from coreason_budget.errors import InvalidAmountError, InvalidIdError
from coreason_budget.ids import MAX_TTL_S, MIN_TTL_S, check_id
from coreason_budget.ledger.base import Priced
from coreason_budget.ledger.record import KEEP_CALLERS_US, KEEP_MADE_US
from coreason_budget.model import Amounts, Subject, named
from coreason_budget.money import MAX_ACCOUNT, MAX_OPERATION_NANOS
from coreason_budget.refusals import amount_text

_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode

Content: TypeAlias = Mapping[str, object]
"""What a caller gave, by name. A value that is None counts as left out."""


def _fixed(cost_nanos: int, model: str | None) -> int:
    return cost_nanos


FREE = partial(_fixed, 0)


def check_amounts(amounts: Amounts) -> None:
    """Refuse what is no whole number in its bounds, in any unit.

    Raises:
        InvalidAmountError: Names the field.
    """
    check_units(amounts.usd_nanos, MAX_OPERATION_NANOS, "cost")
    check_units(amounts.tokens, MAX_ACCOUNT, "tokens")
    check_units(amounts.requests, MAX_ACCOUNT, "requests")


def check_named(idempotency_key: str | None) -> None:
    """Refuse a report of a call that nobody could know again.

    Raises:
        InvalidIdError: There is no key.
    """
    if idempotency_key is None:
        raise InvalidIdError(
            "idempotency_key: missing; cumulative reports of one call are known by their key", field="idempotency_key"
        )


def costing(
    cost: int | Callable[[str | None], int | Priced], tokens: int | None
) -> Callable[[str | None], int | Priced]:
    """What tells the cost of a booking, and sees that it tells an amount."""
    if tokens is not None:
        check_units(tokens, MAX_ACCOUNT, "tokens")
    if not callable(cost):
        cost = partial(_fixed, check_units(cost, MAX_OPERATION_NANOS, "cost"))
    return partial(_checked_cost, cost)


def _checked_cost(cost: Callable[[str | None], int | Priced], model: str | None) -> int | Priced:
    told = cost(model)
    check_units(told.nanos if isinstance(told, Priced) else told, MAX_OPERATION_NANOS, "cost")
    if isinstance(told, Priced) and told.tokens is not None:
        check_units(told.tokens, MAX_ACCOUNT, "tokens")
    return told


def check_units(value: int, most: int, field: str) -> int:
    """Give ``value`` back if it is a whole number from 0 to ``most``.

    Raises:
        InvalidAmountError: It is not. Names ``field``.
    """
    if type(value) is int and value > most:
        show = partial(amount_text, "usd" if field == "cost" else field)
        raise InvalidAmountError(f"{field}: {show(value)} is too large; the most is {show(most)}", field=field)
    if type(value) is not int or value < 0:
        raise InvalidAmountError(f"{field}: must be a whole number from 0 to {most} (usd in nanos)", field=field)
    return value


def check_ttl(value: object, field: str = "ttl_s") -> float:
    """Give ``value`` back if it is a time to live: over 0 s and at most 24 h.

    Raises:
        InvalidAmountError: It is not. Names ``field``.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not MIN_TTL_S <= value <= MAX_TTL_S:
        raise InvalidAmountError(f"{field}: must be a number of seconds from {MIN_TTL_S} to {MAX_TTL_S}", field=field)
    return float(value)


def op_id_for(key: str | None) -> tuple[str, int]:
    """The op id of a mutation and how long it is remembered."""
    if key is None:
        return secrets.token_hex(16), KEEP_MADE_US
    return check_id(key, "idempotency_key"), KEEP_CALLERS_US


def content_of(subject: Subject, amounts: Amounts) -> Content:
    """What a caller gave who gave nothing but a subject and amounts."""
    return {**whose(subject), "cost_nanos": amounts.usd_nanos, "tokens": amounts.tokens or None}


def whose(subject: Subject) -> Content:
    """Whose call it is, as content."""
    return {name: told or None for name, told in named(subject.scopes).items()}


def digest_of(verb: str, content: Content) -> str:
    """What stands for a call and what its caller gave (law 4): its names and values in one order, without what is None.

    A field that is added later and left out keeps the digest of a call that never knew it.
    """
    told = {name: value for name, value in content.items() if value is not None}
    return hashlib.blake2b(f"{verb}{_encode(told)}".encode(), digest_size=16).hexdigest()
