"""What a call used, as disjoint buckets."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter, itemgetter

from attrs import frozen

from coreason_budget.errors import InvalidAmountError
from coreason_budget.ids import MAX_TOKENS, check_count, shown
from coreason_budget.pricing.price import BUCKETS, PROMPT, STANDARD, Count

_FINEST_EXPONENT = -40


def check_seconds(value: object, field: str = "seconds") -> int | Decimal:
    """Give a length of time back, as exact as it was given: whole seconds as int, else Decimal.

    A float counts as its 15 significant digits.

    Raises:
        InvalidAmountError: Not a number from 0 to 10**12 with at most 40 decimals; names ``field``.
    """
    exact = Decimal(format(value, ".15g")) if type(value) is float else value
    if isinstance(exact, Decimal) and exact.is_finite() and not exact.is_signed() and exact <= MAX_TOKENS:
        if int(exact.as_tuple().exponent) >= _FINEST_EXPONENT:
            return int(exact) if exact == exact.to_integral_value() else exact
    elif type(exact) is int and 0 <= exact <= MAX_TOKENS:
        return exact
    raise InvalidAmountError(f"{field}: {shown(value)} is not a number of seconds from 0 to 10**12", field=field)


@frozen
class Usage:
    """What one call used. The buckets are disjoint: no token is counted in two of them.

    ``input`` is the text read afresh, ``cache_write`` what was written to a cache for the
    provider's shorter time (5 minutes), ``output`` the visible answer without ``reasoning``.
    ``web_search``, ``x_search``, ``file_search``, ``maps_grounding`` and ``code_execution`` count
    calls of a tool that are billed, ``code_interpreter`` its sessions, ``per_image`` pictures,
    ``per_second`` seconds (fractions too) and ``per_request`` requests or search units; None of
    the last two is not told, and then it is one request. ``search_context`` is the size that some
    fees go by, ``service`` the tier that was granted, not the one asked for, and
    ``reported_nanos`` what the provider itself says that the call cost.

    Raises:
        InvalidAmountError: A count is not a whole number from 0 to 10**12; names the bucket.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    input_audio: int = 0
    input_image: int = 0
    cache_read_audio: int = 0
    cache_read_image: int = 0
    output_audio: int = 0
    output_image: int = 0
    web_search: int = 0
    x_search: int = 0
    file_search: int = 0
    maps_grounding: int = 0
    code_execution: int = 0
    code_interpreter: int = 0
    per_image: int = 0
    per_second: int | Decimal | None = None
    per_request: int | None = None
    search_context: str | None = None
    service: str = STANDARD
    reported_nanos: int | None = None

    def __attrs_post_init__(self) -> None:
        # One look at all: converters and validators of the fields would cost more than the price of the call.
        for name, value in zip(_WHOLE, _WHOLE_COUNTS(self), strict=True):
            if type(value) is not int or not 0 <= value <= MAX_TOKENS:
                check_count(value, name)
        if self.per_second is not None:
            object.__setattr__(self, "per_second", check_seconds(self.per_second, "per_second"))
        if self.per_request is not None:
            check_count(self.per_request, "per_request")
        if not isinstance(self.service, str) or not (
            self.search_context is None or isinstance(self.search_context, str)
        ):
            raise TypeError("service, search_context: must be text")
        told = self.reported_nanos
        if told is not None and (type(told) is not int or told < 0):
            raise InvalidAmountError("reported_nanos: must be a whole number of nano-USD", field="reported_nanos")

    @property
    def counts(self) -> tuple[Count, ...]:
        """All counts, in the order of ``price.BUCKETS``."""
        return _COUNTS(self)

    @property
    def input_tokens(self) -> int:
        """All prompt tokens."""
        return prompt_tokens(self.counts)

    @property
    def output_tokens(self) -> int:
        """All completion tokens."""
        return self.output + self.reasoning + self.output_audio + self.output_image


_COUNTS: Callable[[Usage], tuple[Count, ...]] = attrgetter(*BUCKETS)
_WHOLE = tuple(bucket for bucket in BUCKETS if bucket not in ("per_second", "per_request"))
_WHOLE_COUNTS: Callable[[Usage], tuple[object, ...]] = attrgetter(*_WHOLE)


_PROMPT: Callable[[tuple[Count, ...]], tuple[int, ...]] = itemgetter(*PROMPT)


def prompt_tokens(counts: tuple[Count, ...]) -> int:
    """Give all prompt tokens of disjoint counts: what chooses the tier."""
    return sum(_PROMPT(counts))


def minus(total: int, part: int, field: str, whole: str) -> int:
    """Give the rest of a whole without one of its parts.

    Raises:
        InvalidAmountError: The part is more; names ``field``.
    """
    if part > total:
        raise InvalidAmountError(f"{field}: {part} is more than {whole}, {total}", field=field)
    return total - part
