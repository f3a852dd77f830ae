"""Upper bounds: the most tokens a request can use, the most they can cost, and what still fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypedDict

from attrs import frozen

from coreason_budget.errors import InvalidAmountError, UnknownModelError
from coreason_budget.ids import MAX_TOKENS, check_count
from coreason_budget.money import ceil_div
from coreason_budget.pricing import tokens
from coreason_budget.pricing.bill import name_of
from coreason_budget.pricing.buckets import check_seconds
from coreason_budget.pricing.price import MILLION, STANDARD, ModelPrice, Period, Rates


class Request(TypedDict, total=False):
    """What `PricingEngine.estimate` takes beside the model."""

    input_tokens: int | None
    text: str | None
    messages: Sequence[Mapping[str, Any]] | None
    tools: object
    max_output_tokens: int | None
    n: int
    service: str
    web_searches: int
    x_searches: int
    file_searches: int
    maps_groundings: int
    code_executions: int
    code_sessions: int
    images: int
    seconds: int | float | Decimal | None
    requests: int | None


@frozen
class Bound:
    """What a request costs at most: a fixed part and the answer, over every row that it can reach.

    Attributes:
        rows: For each row the cost without an answer, and of one output token, in nanos per million.
        n: How many answers.
    """

    rows: tuple[tuple[int | Fraction, int], ...]
    n: int

    def cost(self, output_tokens: int) -> int:
        """Give the most that the call can cost with so many output tokens in all, in nanos."""
        return max(ceil_div(fixed + output_tokens * rate, MILLION) for fixed, rate in self.rows)

    def affordable(self, nanos: int) -> int:
        """Give the most output tokens in all whose `cost` is within ``nanos``; at most 10**12."""
        found = MAX_TOKENS * self.n
        for fixed, rate in self.rows:
            left = nanos * MILLION - fixed
            if left < 0:
                return 0
            found = min(found, int(left // rate)) if rate else found
        return found


def read_request(
    entry: ModelPrice,
    periods: Sequence[Period],
    *,
    input_tokens: int | None = None,
    text: str | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    tools: object = None,
    max_output_tokens: int | None = None,
    n: int = 1,
    service: str = STANDARD,
    web_searches: int = 0,
    x_searches: int = 0,
    file_searches: int = 0,
    maps_groundings: int = 0,
    code_executions: int = 0,
    code_sessions: int = 0,
    images: int = 0,
    seconds: int | float | Decimal | None = None,
    requests: int | None = None,
) -> Bound:
    """Bound a request at the prices of some periods. ``max_output_tokens`` is the caller's to add.

    Raises:
        InvalidAmountError: Not one input, an input without a bound, a bad count, or seconds that
            nobody told; names the argument.
        UnknownModelError: No price for a tool or images.
    """
    prompt = prompt_bound(entry, input_tokens, text, messages, tools)
    if check_count(n, "n") == 0:
        raise InvalidAmountError("n: at least 1 answer", field="n")
    extras = {
        "web_search": check_count(web_searches, "web_searches"),
        "x_search": check_count(x_searches, "x_searches"),
        "file_search": check_count(file_searches, "file_searches"),
        "maps_grounding": check_count(maps_groundings, "maps_groundings"),
        "code_execution": check_count(code_executions, "code_executions"),
        "code_interpreter": check_count(code_sessions, "code_sessions"),
        "per_image": check_count(images, "images"),
        "per_second": None if seconds is None else check_seconds(seconds),
        "per_request": 1 if requests is None else check_count(requests, "requests"),
    }
    rows = [rates for period in periods for rates in period.rows if rates.above < prompt]
    text_only = input_tokens is None
    return Bound(tuple((_fixed(entry, rates, prompt, extras, text_only), rates.dearest_output) for rates in rows), n)


def _fixed(
    entry: ModelPrice, rates: Rates, prompt: int, extras: Mapping[str, int | Decimal | None], text_only: bool
) -> int | Fraction:
    total: int | Fraction = prompt * (rates.dearest_text_input if text_only else rates.dearest_input)
    for meter, count in extras.items():
        rate = rates.meters.get(meter)
        if rate is None and count and meter != "per_request":
            raise UnknownModelError(f"{entry.canonical} has no price for {meter}", model=entry.canonical)
        if rate and count is None:
            raise InvalidAmountError(f"seconds: pass them; {entry.canonical} is billed by the second", field="seconds")
        total += Fraction(count or 0) * (rate or 0)
    return total


def prompt_bound(
    entry: ModelPrice,
    input_tokens: int | None,
    text: str | None,
    messages: Sequence[Mapping[str, Any]] | None,
    tools: object = None,
) -> int:
    """Bound the prompt tokens of a request, given in one of three ways, and of its tools.

    Raises:
        InvalidAmountError: Not exactly one, or it has no bound; names the argument.
    """
    if sum(given is not None for given in (input_tokens, text, messages)) != 1:
        raise InvalidAmountError("input_tokens: pass one of input_tokens, text or messages", field="input_tokens")
    if input_tokens is not None:
        if tools is not None:
            raise InvalidAmountError("tools: input_tokens must contain them already", field="tools")
        return check_count(input_tokens, "input_tokens")
    extra = 0 if tools is None else tokens.tool_tokens(tools)
    if text is not None:
        return extra + tokens.prompt_tokens(text, entry.encoding)
    return extra + tokens.message_tokens(messages or (), entry.encoding)


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


@frozen
class Quote:
    """What a call costs at most, and by which price: one look at the table, at one moment.

    Attributes:
        nanos: The bound, in nano-USD.
        price_name: As `Cost.price_name`: of the price that holds today.
        model: The canonical id.
        output_tokens: What the bound allows each answer.
    """

    nanos: int
    price_name: str
    model: str
    output_tokens: int


def quote(entry: ModelPrice, request: Request) -> Quote:
    """Give the bound of a request: its input and ``n`` answers of full length, at today's price or tomorrow's.

    Raises:
        InvalidAmountError, UnknownModelError: As `PricingEngine.estimate`.
    """
    service = request.get("service", STANDARD)
    periods = _tomorrow_too(entry, service)
    bound = read_request(entry, periods, **request)
    longest = output_limit(entry, request.get("max_output_tokens"))
    name = name_of(entry, service, periods[0])
    return Quote(bound.cost(bound.n * longest), name, entry.canonical, longest)


def affordable(entry: ModelPrice, remaining_nanos: int, request: Request) -> int:
    """Give the largest output limit whose `quote` is within a remainder; 0 where none is."""
    bound = read_request(entry, _tomorrow_too(entry, request.get("service", STANDARD)), **request)
    wanted = request.get("max_output_tokens")
    if wanted is None and entry.max_output is None and entry.mode == "chat":
        wanted = MAX_TOKENS
    return min(output_limit(entry, wanted), bound.affordable(remaining_nanos) // bound.n)


def _tomorrow_too(entry: ModelPrice, service: str) -> list[Period]:
    # The call may end tomorrow, at tomorrow's price.
    today = datetime.now(UTC).date()
    return entry.periods_between(service, today, today + timedelta(days=1))
