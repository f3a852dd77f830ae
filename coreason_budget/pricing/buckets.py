"""What a call used, as disjoint buckets."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import Any, TypedDict

import attrs

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.price import BUCKETS, PROMPT, STANDARD, Count, ModelPrice

MAX_TOKENS = 10**12
_FINEST_EXPONENT = -40


def check_count(value: object, field: str) -> int:
    """Give a count back: a whole number from 0 to 10**12.

    Raises:
        InvalidAmountError: Anything else, booleans too; names ``field``.
    """
    if type(value) is not int or not 0 <= value <= MAX_TOKENS:
        raise InvalidAmountError(f"{field}: {_shown(value)} is not a whole number from 0 to 10**12", field=field)
    return value


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
    raise InvalidAmountError(f"{field}: {_shown(value)} is not a number of seconds from 0 to 10**12", field=field)


def _shown(value: object) -> str:
    # Python refuses to write out integers of thousands of digits.
    plain = isinstance(value, float | str) or (isinstance(value, int) and value.bit_length() < 200)
    text = repr(value) if plain else ""
    return text if 0 < len(text) <= 63 else f"a {type(value).__name__}"


def _check(_: Any, attribute: attrs.Attribute[Any], value: int | None) -> None:
    check_count(value, attribute.name)


def _count() -> int:
    return attrs.field(default=0, validator=_check)


def _told() -> int | None:
    return attrs.field(default=None, validator=attrs.validators.optional(_check))


def _seconds(value: Any) -> int | Decimal | None:
    return None if value is None else check_seconds(value, "per_second")


@attrs.frozen
class Usage:
    """What one call used. The buckets are disjoint: no token is counted in two of them.

    ``input`` is the text read afresh, ``cache_write`` what was written to a cache for the
    provider's shorter time (5 minutes), ``output`` the visible answer without ``reasoning``.
    ``web_search`` counts searches, ``per_image`` pictures, ``per_second`` seconds (fractions too)
    and ``per_request`` requests or search units; None of the last two is not told, and then it
    is one request. ``service`` is the tier that was granted, not the one asked for, and
    ``reported_nanos`` what the provider itself says that the call cost.

    Raises:
        InvalidAmountError: A count is not a whole number from 0 to 10**12; names the bucket.
    """

    input: int = _count()
    cache_read: int = _count()
    cache_write: int = _count()
    cache_write_1h: int = _count()
    output: int = _count()
    reasoning: int = _count()
    input_audio: int = _count()
    input_image: int = _count()
    cache_read_audio: int = _count()
    output_audio: int = _count()
    output_image: int = _count()
    web_search: int = _count()
    per_image: int = _count()
    per_second: int | Decimal | None = attrs.field(default=None, converter=_seconds)
    per_request: int | None = _told()
    service: str = attrs.field(default=STANDARD, validator=attrs.validators.instance_of(str))
    reported_nanos: int | None = attrs.field(default=None)

    @reported_nanos.validator
    def _check_reported(self, _: Any, value: int | None) -> None:
        if value is not None and (type(value) is not int or value < 0):
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


class Counts(TypedDict, total=False):
    """The counts that `PricingEngine.calculate` takes beside input and output, as providers name them."""

    cached_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    input_audio_tokens: int
    input_image_tokens: int
    cached_audio_tokens: int
    output_audio_tokens: int
    output_image_tokens: int
    web_searches: int
    images: int
    seconds: int | float | Decimal | None
    requests: int | None


def split(
    entry: ModelPrice,
    input_tokens: int,
    output_tokens: int,
    *,
    cached_tokens: int = 0,
    cache_write_tokens: int = 0,
    cache_write_1h_tokens: int = 0,
    reasoning_tokens: int = 0,
    input_audio_tokens: int = 0,
    input_image_tokens: int = 0,
    cached_audio_tokens: int = 0,
    output_audio_tokens: int = 0,
    output_image_tokens: int = 0,
    web_searches: int = 0,
    images: int = 0,
    seconds: int | float | Decimal | None = None,
    requests: int | None = None,
) -> tuple[Count, ...]:
    """Turn a provider's own counts into disjoint ones, in the order of ``price.BUCKETS``.

    Audio and images are part of the input or output, cached audio is part of the cached tokens;
    cached tokens and reasoning are part of the whole where the price file says so.

    Raises:
        InvalidAmountError: A nonsense count, or a part above its whole; names the argument.
    """
    given = locals()
    for field in _WHOLE:
        value = given[field]
        if value != 0 or type(value) is not int:  # Most are left out, and a call is priced in microseconds.
            check_count(value, field)
    cached = cached_tokens + cache_write_tokens + cache_write_1h_tokens
    fresh, visible = input_tokens, output_tokens
    if entry.cached_in_input:
        name = "cached_tokens" if cached_tokens else "cache_write_tokens"
        fresh = minus(fresh, cached, name, "input_tokens")
    if entry.reasoning_in_output:
        visible = minus(visible, reasoning_tokens, "reasoning_tokens", "output_tokens")
    fresh = minus(fresh, input_audio_tokens, "input_audio_tokens", "the rest of input_tokens")
    fresh = minus(fresh, input_image_tokens, "input_image_tokens", "the rest of input_tokens")
    visible = minus(visible, output_audio_tokens, "output_audio_tokens", "the rest of output_tokens")
    visible = minus(visible, output_image_tokens, "output_image_tokens", "the rest of output_tokens")
    return (
        fresh,
        minus(cached_tokens, cached_audio_tokens, "cached_audio_tokens", "cached_tokens"),
        cache_write_tokens,
        cache_write_1h_tokens,
        visible,
        reasoning_tokens,
        input_audio_tokens,
        input_image_tokens,
        cached_audio_tokens,
        output_audio_tokens,
        output_image_tokens,
        web_searches,
        images,
        None if seconds is None else check_seconds(seconds),
        None if requests is None else check_count(requests, "requests"),
    )


_WHOLE = (
    "input_tokens",
    "output_tokens",
    *(name for name in Counts.__annotations__ if name not in ("seconds", "requests")),
)


def plain(input_tokens: int, output_tokens: int) -> tuple[Count, ...]:
    """Give the disjoint counts of a call of nothing but text. As `split`, and quicker."""
    return (check_count(input_tokens, "input_tokens"), 0, 0, 0, check_count(output_tokens, "output_tokens"), *_REST)


_PROMPT: Callable[[tuple[Count, ...]], tuple[int, ...]] = itemgetter(*PROMPT)
_REST: tuple[Count, ...] = (*[0] * (len(BUCKETS) - 7), None, None)


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
