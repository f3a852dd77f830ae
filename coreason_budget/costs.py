"""What a call costs a budget: the amounts to hold, to book, and the answer that still fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from coreason_budget.calls import Reserve
from coreason_budget.errors import InvalidAmountError, LedgerCorruptError
from coreason_budget.ids import check_count, count_tokens
from coreason_budget.ledger.base import GIVEN, Priced
from coreason_budget.model import Amounts
from coreason_budget.money import MAX_OPERATION_NANOS
from coreason_budget.pricing import PricingEngine
from coreason_budget.pricing.price import STANDARD
from coreason_budget.pricing.tokens import text_tokens
from coreason_budget.pricing.usage import Report
from coreason_budget.standing import Balance


def bound(
    pricing: PricingEngine, call: Reserve, needs_output: Callable[[], bool] = lambda: True
) -> tuple[Amounts, str]:
    """Give the most that a call can use, and what priced it: the cost given, else that of a model and its token bounds.

    Where no output limit is given or known, and none ``needs_output``, it is that of the input alone.
    """
    tokens = count_tokens(call.input_tokens, call.max_output_tokens, "max_output_tokens")
    if call.cost_nanos is not None:
        return Amounts(call.cost_nanos, tokens or 0), GIVEN
    if call.model is None or call.input_tokens is None:
        raise InvalidAmountError("cost: give a cost, or a model with input_tokens and max_output_tokens", field="cost")
    longest = call.max_output_tokens
    if longest is None and pricing.card(call.model).max_output is None and not needs_output():
        longest = 0
    quote = pricing.quote(call.model, input_tokens=call.input_tokens, max_output_tokens=longest)
    return Amounts(quote.nanos, call.input_tokens + quote.output_tokens), quote.price_name


def asked(
    pricing: PricingEngine, cost_nanos: int | None, model: str | None, input_tokens: int | None
) -> Amounts | None:
    """Give what a check asks for: its estimate, and where it names its input, that at least; None for neither."""
    if input_tokens is None:
        return None if cost_nanos is None else Amounts(cost_nanos)
    least = pricing.quote(known(model), input_tokens=check_count(input_tokens, "input_tokens"), max_output_tokens=0)
    return Amounts(max(cost_nanos or 0, least.nanos), input_tokens)


def affordable(
    pricing: PricingEngine,
    balances: Iterable[Balance],
    model: str,
    input_tokens: int,
    max_output_tokens: int | None,
) -> int:
    """Give the largest output limit whose `bound` fits every balance; 0 where none does."""
    left = {"usd": MAX_OPERATION_NANOS}
    for balance in balances:
        if balance.remaining_units is not None:
            left[balance.unit] = min(balance.remaining_units, left.get(balance.unit, balance.remaining_units))
    most = pricing.affordable_output_tokens_for(
        model, left["usd"], input_tokens=input_tokens, max_output_tokens=max_output_tokens
    )
    return max(0, min(most, left.get("tokens", input_tokens + most) - input_tokens))


def fitting(
    pricing: PricingEngine, model: str, input_tokens: int, max_output_tokens: int | None, balance: Balance
) -> int:
    """Give the largest output limit whose `bound` fits one balance."""
    return affordable(pricing, (balance,), model, input_tokens, max_output_tokens)


def produced(pricing: PricingEngine, call: Reserve, text: str) -> tuple[int, int] | None:
    """Give the input's bound of a call and the tokens of what it has produced; None where it is not by tokens."""
    if call.model is None or call.input_tokens is None:
        return None
    counted = text_tokens(text, pricing.card(call.model).encoding)
    return call.input_tokens, counted if call.max_output_tokens is None else min(counted, call.max_output_tokens)


def pricer(
    pricing: PricingEngine, content: Mapping[str, Any], report: Report | None = None, *, prefer_reported: bool
) -> Callable[[str | None], Priced]:
    """Give what tells a call's cost from the model that was reserved for.

    ``content`` is what its caller said, as `calls` give it. Kept as JSON it says the same.
    """
    if report is None and "usage" in content:
        report = _kept(content["usage"])
    given, model = content.get("cost_nanos"), content.get("model")
    read, written = content.get("input_tokens"), content.get("output_tokens")
    tokens = count_tokens(read, written)

    def priced(reserved_model: str | None) -> Priced:
        if given is not None:
            return Priced(given, tokens=tokens)
        called = known(model or reserved_model, report)
        if report is not None:
            cost = pricing.cost_of(report, called, prefer_reported=prefer_reported)
        else:
            cost = pricing.explain(called, read or 0, written or 0, service=content.get("service", STANDARD))
        return Priced(cost.cost_nanos, cost.price_name, cost.input_tokens + cost.output_tokens)

    return priced


def known(model: str | None, report: Report | None = None) -> str:
    """Give the model back that must be named for tokens to have a price: by the caller, else by the answer."""
    if model is None and report is not None:
        model = report.model or report.parts[0].model
    if model is None:
        raise InvalidAmountError(
            "cost: token counts need a model to be priced by; name one, or give a cost", field="cost"
        )
    return model


def _kept(usage: Mapping[str, Any]) -> Report:
    """Give the report that was kept as JSON.

    Raises:
        LedgerCorruptError: It is none, or one that only a later version can price: it waits for that.
    """
    try:
        return Report.from_content(usage)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise LedgerCorruptError(f"a usage that was kept cannot be read by this version: {error}") from error
