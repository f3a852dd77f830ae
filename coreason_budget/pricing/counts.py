"""The counts of one call as a caller knows them: by the names and habits of its provider."""

from __future__ import annotations

from decimal import Decimal
from typing import TypedDict

from coreason_budget.ids import check_count
from coreason_budget.pricing.buckets import check_seconds, minus
from coreason_budget.pricing.price import BUCKETS, Count, ModelPrice


class Counts(TypedDict, total=False):
    """The counts that `PricingEngine.calculate` takes beside input and output, as providers name them."""

    cached_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    input_audio_tokens: int
    input_image_tokens: int
    cached_audio_tokens: int
    cached_image_tokens: int
    output_audio_tokens: int
    output_image_tokens: int
    web_searches: int
    x_searches: int
    file_searches: int
    maps_groundings: int
    code_executions: int
    code_sessions: int
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
    cached_image_tokens: int = 0,
    output_audio_tokens: int = 0,
    output_image_tokens: int = 0,
    web_searches: int = 0,
    x_searches: int = 0,
    file_searches: int = 0,
    maps_groundings: int = 0,
    code_executions: int = 0,
    code_sessions: int = 0,
    images: int = 0,
    seconds: int | float | Decimal | None = None,
    requests: int | None = None,
) -> tuple[Count, ...]:
    """Turn a provider's own counts into disjoint ones, in the order of ``price.BUCKETS``.

    Audio and images are part of the input or output, cached ones are part of the cached tokens;
    cached tokens and reasoning are part of the whole where the price file says so.

    Raises:
        InvalidAmountError: A nonsense count, or a part above its whole; names the argument.
    """
    given = locals()
    for field in _WHOLE:
        value = given[field]
        if value != 0 or type(value) is not int:  # Most are left out, and a call is priced in microseconds.
            check_count(value, field)
    written = cache_write_tokens + cache_write_1h_tokens
    return (
        _fresh(entry, input_tokens, cached_tokens, written, input_audio_tokens, input_image_tokens),
        _cached_text(cached_tokens, cached_audio_tokens, cached_image_tokens),
        cache_write_tokens,
        cache_write_1h_tokens,
        _visible(entry, output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens),
        reasoning_tokens,
        input_audio_tokens,
        input_image_tokens,
        cached_audio_tokens,
        cached_image_tokens,
        output_audio_tokens,
        output_image_tokens,
        web_searches,
        x_searches,
        file_searches,
        maps_groundings,
        code_executions,
        code_sessions,
        images,
        None if seconds is None else check_seconds(seconds),
        None if requests is None else check_count(requests, "requests"),
    )


def _fresh(entry: ModelPrice, total: int, cached: int, written: int, audio: int, image: int) -> int:
    """Give the text of a prompt that was neither read from a cache nor written to one."""
    if entry.cached_in_input is not False:
        total = minus(total, cached + written, "cached_tokens" if cached else "cache_write_tokens", "input_tokens")
    total = minus(total, audio, "input_audio_tokens", "the rest of input_tokens")
    return minus(total, image, "input_image_tokens", "the rest of input_tokens")


def _cached_text(total: int, audio: int, image: int) -> int:
    """Give the text that was read from a cache."""
    text = minus(total, audio, "cached_audio_tokens", "cached_tokens")
    return minus(text, image, "cached_image_tokens", "the rest of cached_tokens")


def _visible(entry: ModelPrice, total: int, reasoning: int, audio: int, image: int) -> int:
    """Give the text of an answer without its reasoning."""
    if entry.reasoning_in_output is not False:
        total = minus(total, reasoning, "reasoning_tokens", "output_tokens")
    total = minus(total, audio, "output_audio_tokens", "the rest of output_tokens")
    return minus(total, image, "output_image_tokens", "the rest of output_tokens")


_WHOLE = (
    "input_tokens",
    "output_tokens",
    *(name for name in Counts.__annotations__ if name not in ("seconds", "requests")),
)


def plain(input_tokens: int, output_tokens: int) -> tuple[Count, ...]:
    """Give the disjoint counts of a call of nothing but text. As `split`, and quicker."""
    return (check_count(input_tokens, "input_tokens"), 0, 0, 0, check_count(output_tokens, "output_tokens"), *_REST)


_REST: tuple[Count, ...] = (*[0] * (len(BUCKETS) - 7), None, None)
