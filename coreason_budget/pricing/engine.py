"""The price engine: usage to exact cost, and a request to an upper bound of its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Unpack

from attrs import evolve

from coreason_budget.errors import UnknownModelError
from coreason_budget.ids import MAX_ID_BYTES
from coreason_budget.money import Usd, ceil_div, to_nanos, to_usd
from coreason_budget.pricing.bill import Item, bill, billed_searches, item_of, name_of, period_of, rates_of, total_of
from coreason_budget.pricing.bound import Quote, Request, affordable, prompt_bound, quote
from coreason_budget.pricing.buckets import Usage
from coreason_budget.pricing.cards import Cards
from coreason_budget.pricing.cost import Cost
from coreason_budget.pricing.counts import Counts, plain, split
from coreason_budget.pricing.price import BUCKETS, MILLION, STANDARD
from coreason_budget.pricing.tokens import text_tokens
from coreason_budget.pricing.usage import Part, Report, buckets_of, read_report


class PricingEngine(Cards):
    """Prices calls by the bundled table, the user's prices file and the user's overrides.

    An override wins over the file, the file over the table, for every name of the model: its
    snapshots and ``provider/`` forms too. Thread safe; nothing is read until the first use,
    except the user's own prices, which are checked at once.

    Args:
        overrides: For each model the price of one token or unit in USD, exact to 1e-15:
            ``{"my-model": {"input_cost_per_token": "0.000001", "output_cost_per_token": ...}}``,
            and litellm's other keys: ``cache_read_input_token_cost``, ..., each also with
            ``_above_200k_tokens`` for a tier and ``_batches``, ``_flex`` or ``_priority`` for a service;
            those of tools; ``max_output_tokens``, ``mode``. ``free`` allows zeros, ``outrageous`` prices
            that look like those of a million tokens; ``cached_in_input`` and ``reasoning_in_output`` say
            how the provider counts. What litellm says beside prices is passed over.
        prices_file: A file in the table's own format.
        aliases: Names of your own for models that have a price: ``{"azure/my-prod": "azure/gpt-4o"}``. Prices,
            budgets and limits take them for the model. They beat those of the file.

    Raises:
        ConfigError: One of them cannot be used; names model and key, or file and line.
    """

    def price_name(self, model: str, service: str = STANDARD) -> str:
        """Name the price that holds today for a model: ``openai/gpt-4o standard 2026-11-12``.

        The date is the day from which it holds, else the day it was last checked; a price without
        either is named by its source, as in ``my-model standard model_price_overrides``.

        Raises:
            UnknownModelError, InvalidIdError: As `card`; or the model has no such service.
        """
        entry = self.card(model)
        return name_of(entry, service, period_of(entry, service, None))

    def calculate(
        self,
        model: str,
        input_tokens: int = 0,
        output_tokens: int = 0,
        *,
        service: str = STANDARD,
        search_context: str | None = None,
        at: date | None = None,
        **counts: Unpack[Counts],
    ) -> Decimal:
        """Give what a call cost in USD: exact, rounded up once to a nano.

        Counts are the provider's own. OpenAI and Gemini count cached tokens in the input,
        Anthropic does not; OpenAI and Anthropic count reasoning in the output, Gemini does not.

        Args:
            model: An id, with or without ``provider/``.
            input_tokens: Prompt tokens.
            output_tokens: Completion tokens.
            service: ``standard``, ``batch``, ``flex``, ``priority``, ...: as granted.
            search_context: ``low``, ``medium`` or ``high`` where a fee goes by it; else the dearest.
            at: The day of the call (UTC); today if left out.
            **counts: ``cached_tokens``, ``cache_write_tokens`` (Anthropic: for 5 minutes),
                ``cache_write_1h_tokens``, ``reasoning_tokens``; of the input ``input_audio_tokens``
                and ``input_image_tokens``, read afresh; of the cached ``cached_audio_tokens`` and
                ``cached_image_tokens``; of the output ``output_audio_tokens`` and
                ``output_image_tokens``; ``web_searches``, ``x_searches``, ``file_searches``,
                ``maps_groundings``, ``code_executions``, and ``code_sessions`` of an interpreter;
                ``images``, ``requests`` (one, unless told), and ``seconds``, in fractions too.

        Raises:
            InvalidAmountError: A count is not a whole number from 0 to 10**12, a part is more
                than its whole, or the model is billed by the second and nobody told them; names
                the argument.
            UnknownModelError: No price for the model, the service, the day or a count.
            InvalidIdError: The model is not a text of 1 to 256 bytes.
        """
        call: Any = {"service": service, "search_context": search_context, "at": at, **counts}
        return to_usd(self.calculate_nanos(model, input_tokens, output_tokens, **call))

    def calculate_nanos(
        self,
        model: str,
        input_tokens: int = 0,
        output_tokens: int = 0,
        *,
        service: str = STANDARD,
        search_context: str | None = None,
        at: date | None = None,
        **counts: Unpack[Counts],
    ) -> int:
        """Give what a call cost in nano-USD. As `calculate`."""
        entry = self._find(model) if type(model) is str and len(model) <= MAX_ID_BYTES else None
        if entry is None:
            entry = self.card(model)
        used = split(entry, input_tokens, output_tokens, **counts) if counts else plain(input_tokens, output_tokens)
        rates = rates_of(entry, period_of(entry, service, at), used, search_context)
        return ceil_div(total_of(entry, rates, used), MILLION)

    def explain(
        self,
        model: str,
        input_tokens: int = 0,
        output_tokens: int = 0,
        *,
        service: str = STANDARD,
        search_context: str | None = None,
        at: date | None = None,
        **counts: Unpack[Counts],
    ) -> Cost:
        """Give what a call cost with its breakdown and the price it used. As `calculate`."""
        entry = self.card(model)
        used = split(entry, input_tokens, output_tokens, **counts)
        told: Any = dict(zip(BUCKETS, used, strict=True)) | {"search_context": search_context, "service": service}
        return bill([item_of(entry, Usage(**told), at)])

    def cost_of(
        self,
        usage: object,
        model: str,
        *,
        service: str = STANDARD,
        at: date | None = None,
        prefer_reported: bool = False,
    ) -> Cost:
        """Price what a provider reported, at the service tier it reported.

        Args:
            usage: A `Usage` or `Report`; the whole answer, or its usage alone, as `usage.read_report` takes
                them. Only the whole answer tells the model that answered, its service tier and its tools' fees.
            model: The model that was called. The one that the answer names prices it, where that is another.
            service: What was billed where the answer does not say, as in OpenAI's batches.
            at: The day of the call (UTC); today if left out.
            prefer_reported: Take the cost that the provider itself reports, if it reports one,
                also for a model without a price. A reported 0 never makes a priced call free.

        Raises:
            InvalidAmountError: The usage is missing, has a count that is not understood, or does not add up;
                names the field.
            UnknownModelError: No price for the model, its service or a count; or the answer is another
                model's that has no price.
        """
        report = read_report(usage, service)
        try:
            cost = bill([self._item(part, report, model, at) for part in report.parts])
        except UnknownModelError:
            if not (prefer_reported and report.reported_nanos):
                raise
            return _reported(report, model)
        if prefer_reported and cost.reported_nanos:
            return evolve(cost, cost_nanos=cost.reported_nanos, is_reported=True)
        return cost

    def _item(self, part: Part, report: Report, model: str, at: date | None) -> Item:
        """Price a part by its own model, else by the one that the answer names, else by the one that was called."""
        answered = part.model or report.model
        entry = self.card(model if answered is None else self.priced_model(answered, model))
        used = billed_searches(entry, buckets_of(part, entry), part.requests)
        return item_of(entry, used, at, part.requests)

    def estimate(self, model: str, **request: Unpack[Request]) -> Decimal:
        """Give an upper bound of a call's cost in USD, never below the real cost.

        The input is one of ``input_tokens``, ``text`` or ``messages``, and on top of the latter two
        ``tools``. Its bound is priced at the dearest input price it can reach (a long-context
        tier, a cache write, and for bare ``input_tokens`` audio too), and ``n`` answers of full
        length at the dearest output price, today or tomorrow. Tools and images are outside of the
        bound unless they are named.

        Args:
            model: An id, with or without ``provider/``.
            **request: ``input_tokens``; ``text``; ``messages``; ``tools``, and whatever else of the
                request is JSON; ``max_output_tokens``, for each of ``n`` answers, by default the
                model's own limit; ``service``; and the most ``web_searches`` and calls of other tools
                (as `calculate`), ``images``, ``requests`` and ``seconds``.

        Raises:
            InvalidAmountError: Not one input, a part that is not text, a bad count, or no output
                limit given or known; names the argument to pass.
            UnknownModelError: No price for the model or the service.
            InvalidIdError: The model is not a text of 1 to 256 bytes.
        """
        return to_usd(self.estimate_nanos(model, **request))

    def estimate_nanos(self, model: str, **request: Unpack[Request]) -> int:
        """Give an upper bound of a call's cost in nano-USD. As `estimate`."""
        return self.quote(model, **request).nanos

    def quote(self, model: str, **request: Unpack[Request]) -> Quote:
        """Give an upper bound of a call's cost, the price it goes by, and the model's canonical id. As `estimate`."""
        return quote(self.card(model), request)

    def prompt_tokens(
        self,
        model: str,
        *,
        text: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        tools: object = None,
    ) -> int:
        """Give an upper bound of a prompt's tokens, as `estimate` counts ``text`` or ``messages``, and ``tools``.

        Raises:
            InvalidAmountError, UnknownModelError, InvalidIdError: As `estimate`.
        """
        return prompt_bound(self.card(model), None, text, messages, tools)

    def text_tokens(self, model: str, text: str) -> int:
        """Give an upper bound of the tokens of a text alone: counted where the model's ranks are on disk.

        Raises:
            UnknownModelError, InvalidIdError: As `card`.
        """
        return text_tokens(text, self.card(model).encoding)

    def affordable_output_tokens(self, model: str, remaining: Usd, **request: Unpack[Request]) -> int:
        """Give the largest ``max_output_tokens`` whose `estimate` is within what remains.

        It is at most the ``max_output_tokens`` of the request or the model's own limit, and 0 where
        not even one token fits.

        Args:
            model: An id, with or without ``provider/``.
            remaining: USD.
            **request: As for `estimate`.

        Raises:
            InvalidAmountError, UnknownModelError, InvalidIdError: As `estimate`; but where no
                output limit is known, what remains is the limit.
        """
        return self.affordable_output_tokens_for(model, to_nanos(remaining, "remaining"), **request)

    def affordable_output_tokens_for(self, model: str, remaining_nanos: int, **request: Unpack[Request]) -> int:
        """Give the same for a remainder in nano-USD. As `affordable_output_tokens`."""
        return affordable(self.card(model), remaining_nanos, request)


def _reported(report: Report, model: str) -> Cost:
    """Give the cost that a provider reports for a model without a price."""
    used = [buckets_of(part, None) for part in report.parts]
    nanos = report.reported_nanos or 0
    read, written = sum(one.input_tokens for one in used), sum(one.output_tokens for one in used)
    name = report.model or model
    return Cost(nanos, read, written, None, name, used[0].service, None, reported_nanos=nanos, is_reported=True)
