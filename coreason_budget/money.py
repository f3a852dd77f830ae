"""USD to nanos and back. Money is an integer count of nano-USD inside; only this module rounds."""

from __future__ import annotations

import re
from decimal import ROUND_UP, Context, Decimal
from fractions import Fraction
from typing import TypeAlias

from coreason_budget.errors import InvalidAmountError

Usd: TypeAlias = Decimal | int | float | str

NANOS_PER_USD = 10**9
MAX_OPERATION_NANOS = 10**7 * NANOS_PER_USD
MAX_ACCOUNT = 4 * 10**18
AMOUNT_PATTERN = r"(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?"

_TEXT = re.compile(AMOUNT_PATTERN, re.ASCII)
# Ample for any value that passes the checks: rounding here could only be upwards anyway.
_CONTEXT = Context(prec=400, rounding=ROUND_UP, Emin=-999999, Emax=999999, traps=[])
_LIMIT_ALLOWED = "allowed is a number of USD from 0 to 4000000000 with at most 9 decimals, or `unlimited`"
_ALLOWED = "allowed is a number of USD from 0 to 10000000, for example 0.25 or '0.25'"


def to_nanos(amount: Usd, field: str = "amount") -> int:
    """Turn an amount of USD into nanos, rounded up to the next whole nano.

    A float counts as its 15 significant digits, so ``0.1 + 0.2`` is 0.3. Text is ASCII
    digits, a point and a short exponent.

    Raises:
        InvalidAmountError: Not a number, a boolean, NaN, infinite, negative, or more than
            10**7 USD. Names ``field``.
    """
    nanos = _scaled(amount, field, _ALLOWED)
    if nanos > MAX_OPERATION_NANOS:
        raise InvalidAmountError(f"{field}: {_show(amount)} is too large; {_ALLOWED}", field=field)
    return _ceil(nanos)


def to_limit_nanos(amount: Usd, field: str = "limit") -> int:
    """Turn a limit in USD into nanos. It must be exact in nanos: a limit is never rounded.

    Raises:
        InvalidAmountError: As for `to_nanos`, finer than a nano, or over 4*10**9 USD.
    """
    nanos = _scaled(amount, field, _LIMIT_ALLOWED)
    if nanos > MAX_ACCOUNT:
        raise InvalidAmountError(f"{field}: {_show(amount)} is too large; {_LIMIT_ALLOWED}", field=field)
    whole = _ceil(nanos)
    if whole != nanos:
        raise InvalidAmountError(f"{field}: {_show(amount)} has more than 9 decimals; {_LIMIT_ALLOWED}", field=field)
    return whole


def to_usd(nanos: int) -> Decimal:
    """Give nanos as exact USD.

    >>> to_usd(1_500_000_000)
    Decimal('1.50')
    """
    return Decimal(usd_text(nanos))


def usd_text(nanos: int) -> str:
    """Give nanos as plain USD text: two decimals at least, no exponent, no further trailing zeros.

    >>> usd_text(1_500_000_000), usd_text(-1)
    ('1.50', '-0.000000001')
    """
    sign = "-" if nanos < 0 else ""
    whole, rest = divmod(abs(nanos), NANOS_PER_USD)
    return f"{sign}{whole}.{f'{rest:09d}'.rstrip('0').ljust(2, '0')}"


def ceil_div(dividend: int | Fraction, divisor: int) -> int:
    """Divide exact numbers and round up: the one rounding of a price calculation."""
    return -(-dividend // divisor)


def _scaled(amount: Usd, field: str, allowed: str) -> Decimal:
    value = _decimal(amount)
    if value is None or not value.is_finite() or value < 0:
        raise InvalidAmountError(f"{field}: {_show(amount)} is not an amount; {allowed}", field=field)
    return _CONTEXT.scaleb(value, 9)


def _decimal(amount: Usd) -> Decimal | None:
    if isinstance(amount, Decimal):
        return amount
    if isinstance(amount, float):
        return Decimal(format(amount, ".15g"))
    if isinstance(amount, int) and not isinstance(amount, bool):
        # Longer integers are refused anyway, and their text may be too long for Python to make.
        return Decimal(amount) if amount.bit_length() < 200 else Decimal("Infinity")
    if isinstance(amount, str) and _TEXT.fullmatch(amount):
        return Decimal(amount)
    return None


def _ceil(value: Decimal) -> int:
    return int(value.to_integral_value(rounding="ROUND_CEILING"))


def _show(amount: object) -> str:
    if isinstance(amount, int) and amount.bit_length() >= 200:
        return "a number of more than 60 digits"
    try:
        text = str(amount) if isinstance(amount, Decimal) else repr(amount)
    except Exception:  # A value of any kind may stand here; what its repr raises is not our caller's matter.
        return f"a {type(amount).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
