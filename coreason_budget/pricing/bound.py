"""Upper bounds: the most tokens a request can use, and the most they can cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing import tokens
from coreason_budget.pricing.buckets import check_count
from coreason_budget.pricing.price import ModelPrice, Period


def prompt_bound(
    entry: ModelPrice, input_tokens: int | None, text: str | None, messages: Sequence[Mapping[str, Any]] | None
) -> int:
    """Bound the prompt tokens of a request, given in one of three ways.

    Raises:
        InvalidAmountError: Not exactly one, or it has no bound; names the argument.
    """
    if sum(given is not None for given in (input_tokens, text, messages)) != 1:
        raise InvalidAmountError("input_tokens: pass one of input_tokens, text or messages", field="input_tokens")
    if input_tokens is not None:
        return check_count(input_tokens, "input_tokens")
    if text is not None:
        return tokens.prompt_tokens(text, entry.encoding)
    return tokens.message_tokens(messages or (), entry.encoding)


def output_limit(entry: ModelPrice, max_output_tokens: int | None) -> int:
    """Give the most tokens that one answer can have.

    Raises:
        InvalidAmountError: Neither given nor known.
    """
    if max_output_tokens is not None:
        return check_count(max_output_tokens, "max_output_tokens")
    if entry.mode != "chat":
        return 0
    if entry.max_output is None:
        raise InvalidAmountError(
            f"max_output_tokens: pass it; the output limit of {entry.canonical} is not known", field="max_output_tokens"
        )
    return entry.max_output


def cost_bound(periods: Iterable[Period], input_tokens: int, output_tokens: int, *, text_only: bool) -> int:
    """Give the most that a call can cost in nanos, over every row that it can reach."""
    return max(
        rates.bound(input_tokens, output_tokens, text_only=text_only)
        for period in periods
        for rates in period.rows
        if rates.above < input_tokens
    )
