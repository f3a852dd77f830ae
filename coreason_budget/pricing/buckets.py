"""What a call used, as disjoint buckets."""

from __future__ import annotations

from typing import Any

import attrs

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.price import STANDARD

MAX_TOKENS = 10**12


def check_count(value: object, field: str) -> int:
    """Give a count back: a whole number from 0 to 10**12.

    Raises:
        InvalidAmountError: Anything else, booleans too; names ``field``.
    """
    if type(value) is not int or not 0 <= value <= MAX_TOKENS:
        shown = repr(value) if isinstance(value, (int, float, str)) and len(str(value)[:61]) < 61 else type(value)
        raise InvalidAmountError(f"{field}: {shown} is not a whole number from 0 to 10**12", field=field)
    return value


def _check(_: Any, attribute: attrs.Attribute[int], value: int) -> None:
    check_count(value, attribute.name)


def _count() -> int:
    return attrs.field(default=0, validator=_check)


@attrs.frozen
class Usage:
    """What one call used. The buckets are disjoint: no token is counted in two of them.

    ``input`` is the text read afresh, ``cache_write`` what was written to a cache for the
    provider's shorter time (5 minutes), ``output`` the visible answer without ``reasoning``.
    ``web_search`` counts searches, ``per_image`` pictures, ``per_second`` seconds. ``service`` is
    the tier that was granted, not the one asked for.

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
    per_second: int = _count()
    service: str = attrs.field(default=STANDARD, validator=attrs.validators.instance_of(str))

    @property
    def counts(self) -> tuple[int, ...]:
        """All counts, in the order of ``price.BUCKETS``."""
        return attrs.astuple(self)[:-1]

    @property
    def input_tokens(self) -> int:
        """All prompt tokens."""
        cached = self.cache_read + self.cache_write + self.cache_write_1h + self.cache_read_audio
        return self.input + cached + self.input_audio + self.input_image

    @property
    def output_tokens(self) -> int:
        """All completion tokens."""
        return self.output + self.reasoning + self.output_audio + self.output_image
