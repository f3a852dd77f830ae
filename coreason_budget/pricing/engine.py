"""The price engine: usage to exact cost, and a request to an upper bound of its cost."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from coreason_budget.errors import InvalidAmountError, InvalidIdError, UnknownModelError
from coreason_budget.money import Usd, to_usd
from coreason_budget.pricing.bound import cost_bound, output_limit, prompt_bound
from coreason_budget.pricing.buckets import check_count
from coreason_budget.pricing.catalog import Catalog
from coreason_budget.pricing.overrides import read_overrides
from coreason_budget.pricing.price import STANDARD, Cost, ModelPrice, Period
from coreason_budget.pricing.usage import read_usage


class PricingEngine:
    """Prices calls by the bundled table, the user's prices file and the user's overrides.

    An override wins over the file, the file over the table, for every name of the model: its
    snapshots and ``provider/`` forms too. Thread safe; nothing is read until the first use,
    except the user's own prices, which are checked at once.

    Args:
        overrides: For each model the price of one token in USD, exact to 1e-15:
            ``{"my-model": {"input_cost_per_token": "0.000001", "output_cost_per_token": ...}}``,
            further ``cache_read_input_token_cost``, ``cache_creation_input_token_cost`` (and
            ``_above_1hr``), ``output_cost_per_reasoning_token``, each also with ``_batches``,
            ``_flex`` or ``_priority``; ``max_output_tokens``, ``mode``, and ``free`` for zeros.
        prices_file: A file in the table's own format.

    Raises:
        ConfigError: One of them cannot be used; names model and key, or file and line.
    """

    def __init__(
        self,
        overrides: Mapping[str, Mapping[str, Usd]] | None = None,
        prices_file: str | os.PathLike[str] | None = None,
    ) -> None:
        self._catalog = Catalog(read_overrides(overrides or {}), prices_file)
        self._find = lru_cache(maxsize=4096)(self._catalog.find)

    def canonical(self, model: str) -> str:
        """Give the id that budgets and books use: ``openai/gpt-4o`` for ``gpt-4o-2024-08-06``.

        The id as given where the table has none, or where two providers share it.

        Raises:
            InvalidIdError: Not a text of 1 to 256 bytes.
        """
        try:
            entry = self._find(_checked(model))
        except UnknownModelError:
            return model
        return model if entry is None else entry.canonical

    def card(self, model: str) -> ModelPrice:
        """Give the entry of a model.

        Raises:
            UnknownModelError: There is none, or two providers price the bare id differently.
            InvalidIdError: Not a text of 1 to 256 bytes.
        """
        entry = self._find(_checked(model))
        if entry is None:
            close = self._catalog.close_to(model)
            hint = f" Close: {', '.join(close)}." if close else ""
            raise UnknownModelError(
                f"No price for model {model!r}.{hint} Give it one with MODEL_PRICE_OVERRIDES or PRICES_FILE.",
                model=model,
            )
        return entry

    def price_name(self, model: str, service: str = STANDARD) -> str:
        """Name the price that holds today for a model: ``openai/gpt-4o standard 2026-11-12``.

        The date is the day from which it holds, else the day it was last checked; a price without
        either is named by its source, as in ``my-model standard model_price_overrides``.

        Raises:
            UnknownModelError, InvalidIdError: As `card`; or the model has no such service.
        """
        entry = self.card(model)
        period = _period(entry, service, None)
        return f"{entry.canonical} {service} {period.since or entry.checked or entry.source or ''}".rstrip()

    def calculate(
        self,
        model: str,
        input_tokens: int = 0,
        output_tokens: int = 0,
        *,
        cached_tokens: int = 0,
        cache_write_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
        reasoning_tokens: int = 0,
        service: str = STANDARD,
        at: date | None = None,
    ) -> Decimal:
        """Give what a call cost in USD: exact, rounded up once to a nano.

        Counts are the provider's own. OpenAI and Gemini count cached tokens in the input,
        Anthropic does not; OpenAI and Anthropic count reasoning in the output, Gemini does not.

        Args:
            model: An id, with or without ``provider/``.
            input_tokens: Prompt tokens.
            output_tokens: Completion tokens.
            cached_tokens: Prompt tokens read from a cache.
            cache_write_tokens: Prompt tokens written to a cache (Anthropic: for 5 minutes).
            cache_write_1h_tokens: Prompt tokens written to a cache for an hour.
            reasoning_tokens: Thinking.
            service: ``standard``, ``batch``, ``flex``, ``priority``, ...: as granted.
            at: The day of the call (UTC); today if left out.

        Raises:
            InvalidAmountError: A count is not a whole number from 0 to 10**12, or a part is more
                than its whole; names the argument.
            UnknownModelError: No price for the model, the service, the day or a count.
            InvalidIdError: The model is not a text of 1 to 256 bytes.
        """
        return to_usd(
            self.calculate_nanos(
                model,
                input_tokens,
                output_tokens,
                cached_tokens=cached_tokens,
                cache_write_tokens=cache_write_tokens,
                cache_write_1h_tokens=cache_write_1h_tokens,
                reasoning_tokens=reasoning_tokens,
                service=service,
                at=at,
            )
        )

    def calculate_nanos(
        self,
        model: str,
        input_tokens: int = 0,
        output_tokens: int = 0,
        *,
        cached_tokens: int = 0,
        cache_write_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
        reasoning_tokens: int = 0,
        service: str = STANDARD,
        at: date | None = None,
    ) -> int:
        """Give what a call cost in nano-USD. As `calculate`."""
        entry = self._find(model) if type(model) is str and len(model) <= 256 else None
        if entry is None:
            entry = self.card(model)
        check_count(input_tokens, "input_tokens")
        check_count(output_tokens, "output_tokens")
        check_count(cached_tokens, "cached_tokens")
        check_count(cache_write_tokens, "cache_write_tokens")
        check_count(cache_write_1h_tokens, "cache_write_1h_tokens")
        check_count(reasoning_tokens, "reasoning_tokens")
        cached = cached_tokens + cache_write_tokens + cache_write_1h_tokens
        fresh = input_tokens - cached if entry.cached_in_input else input_tokens
        visible = output_tokens - reasoning_tokens if entry.reasoning_in_output else output_tokens
        if fresh < 0:
            name = "cached_tokens" if cached_tokens else "cache_write_tokens"
            raise InvalidAmountError(
                f"{name}: {cached} cached tokens are more than input_tokens, {input_tokens}", field=name
            )
        if visible < 0:
            raise InvalidAmountError(
                f"reasoning_tokens: {reasoning_tokens} is more than output_tokens, {output_tokens}",
                field="reasoning_tokens",
            )
        counts = (fresh, cached_tokens, cache_write_tokens, cache_write_1h_tokens, visible, reasoning_tokens)
        return _cost(entry, _period(entry, service, at), counts, fresh + cached)

    def cost_of(self, usage: object, model: str) -> Cost:
        """Price what a provider reported, at the service tier it reported.

        Args:
            usage: A `Usage`; a usage object or mapping of OpenAI (chat, responses, embeddings),
                Anthropic or Gemini; or the whole answer that carries one.
            model: The model that was called.

        Raises:
            InvalidAmountError: The usage is missing, unknown, or does not add up; names the field.
            UnknownModelError: No price for the model, its service or a count.
        """
        entry = self.card(model)
        used = read_usage(usage)
        period = _period(entry, used.service, None)
        return Cost(
            cost_nanos=_cost(entry, period, used.counts, used.input_tokens),
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            provider=entry.provider,
            model=entry.canonical,
            service=used.service,
            price_date=period.since or entry.checked,
        )

    def estimate(
        self,
        model: str,
        *,
        input_tokens: int | None = None,
        text: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        max_output_tokens: int | None = None,
        n: int = 1,
        service: str = STANDARD,
    ) -> Decimal:
        """Give an upper bound of a call's cost in USD, never below the real cost.

        The input is one of ``input_tokens``, ``text`` or ``messages``; its bound is priced at the
        dearest input price it can reach (a long-context tier, a cache write, and for bare
        ``input_tokens`` audio too), and ``n`` answers of full length at the dearest output price,
        today or tomorrow. Tools that the provider runs itself are outside of the bound.

        Raises:
            InvalidAmountError: Not one input, a part that is not text, a bad count, or no output
                limit given or known; names the argument to pass.
            UnknownModelError: No price for the model or the service.
            InvalidIdError: The model is not a text of 1 to 256 bytes.
        """
        return to_usd(
            self.estimate_nanos(
                model,
                input_tokens=input_tokens,
                text=text,
                messages=messages,
                max_output_tokens=max_output_tokens,
                n=n,
                service=service,
            )
        )

    def estimate_nanos(
        self,
        model: str,
        *,
        input_tokens: int | None = None,
        text: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        max_output_tokens: int | None = None,
        n: int = 1,
        service: str = STANDARD,
    ) -> int:
        """Give an upper bound of a call's cost in nano-USD. As `estimate`."""
        entry = self.card(model)
        prompt = prompt_bound(entry, input_tokens, text, messages)
        if check_count(n, "n") == 0:
            raise InvalidAmountError("n: at least 1 answer", field="n")
        output = n * output_limit(entry, max_output_tokens)
        # The call may end tomorrow, at tomorrow's price.
        today = _today()
        periods = entry.periods_between(service, today, today + timedelta(days=1))
        return cost_bound(periods, prompt, output, text_only=input_tokens is None)


def _checked(model: str) -> str:
    if not isinstance(model, str) or not 1 <= len(model.encode("utf-8", "surrogatepass")) <= 256:
        raise InvalidIdError("model: must be text of 1 to 256 bytes", field="model")
    return model


def _today() -> date:
    return datetime.now(UTC).date()


def _period(entry: ModelPrice, service: str, at: date | None) -> Period:
    if at is None:
        at = _today()
    elif isinstance(at, datetime):
        at = at.astimezone(UTC).date()
    elif not isinstance(at, date):
        raise InvalidAmountError("at: must be a date", field="at")
    return entry.period(service, at)


def _cost(entry: ModelPrice, period: Period, counts: Sequence[int], prompt_tokens: int) -> int:
    try:
        return period.rates(prompt_tokens).cost(counts)
    except KeyError as error:
        raise UnknownModelError(f"{entry.canonical} has no price for {error.args[0]}", model=entry.canonical) from None
