"""What a call costs a budget: the amounts to hold, to book, and the answer that still fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from coreason_budget.errors import InvalidAmountError, LedgerCorruptError
from coreason_budget.ids import check_count
from coreason_budget.ledger.base import GIVEN, Priced
from coreason_budget.model import Amounts, Balance
from coreason_budget.money import MAX_OPERATION_NANOS
from coreason_budget.pricing import PricingEngine
from coreason_budget.pricing.price import STANDARD
from coreason_budget.pricing.usage import Report

_NO_USAGE = 'an OpenAI stream tells its usage only with stream_options={"include_usage": True}'


def bound(
    pricing: PricingEngine,
    cost_nanos: int | None,
    model: str | None,
    input_tokens: int | None,
    max_output_tokens: int | None,
    needs_output: Callable[[], bool] = lambda: True,
) -> Amounts:
    """Give the most that a call can use: the cost given, else that of a model and its token bounds.

    Where no output limit is given or known, and none ``needs_output``, it is that of the input alone.
    """
    tokens = count_tokens(input_tokens, max_output_tokens, "max_output_tokens")
    if cost_nanos is not None:
        return Amounts(cost_nanos, tokens or 0)
    if model is None or input_tokens is None:
        raise InvalidAmountError("cost: give a cost, or a model with input_tokens and max_output_tokens", field="cost")
    if max_output_tokens is None and pricing.card(model).max_output is None and not needs_output():
        max_output_tokens = 0
    nanos = pricing.estimate_nanos(model, input_tokens=input_tokens, max_output_tokens=max_output_tokens)
    if max_output_tokens is None:
        max_output_tokens = pricing.card(model).max_output
    return Amounts(nanos, input_tokens + (max_output_tokens or 0))


def asked(
    pricing: PricingEngine, cost_nanos: int | None, model: str | None, input_tokens: int | None
) -> Amounts | None:
    """Give what a check asks for: its estimate, and where it names its input, that at least; None for neither."""
    if input_tokens is None:
        return None if cost_nanos is None else Amounts(cost_nanos)
    least = bound(pricing, None, known(model), input_tokens, 0)
    return Amounts(max(cost_nanos or 0, least.usd_nanos), least.tokens)


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


def price_name(pricing: PricingEngine, cost_nanos: int | None, model: str | None) -> str:
    """Name the price of a call whose cost was given, or is that of a model's tokens."""
    return GIVEN if cost_nanos is not None else pricing.price_name(known(model))


def spent(
    given_nanos: int | None,
    report: Report | None,
    input_tokens: int | None,
    output_tokens: int | None,
    model: str | None,
    service: str = STANDARD,
) -> dict[str, object]:
    """Give what a caller said that a call cost, as JSON values by name: what was left out is left out.

    Raises:
        InvalidAmountError: More than one of cost, usage and token counts, or none.
    """
    told = given_nanos is not None or input_tokens is not None or output_tokens is not None
    if told == (report is not None):
        hint = "" if told else f" ({_NO_USAGE})"
        raise InvalidAmountError(f"cost: give a cost, a usage, or token counts{hint}", field="cost")
    values = {
        "cost_nanos": given_nanos,
        "usage": None if report is None else report.content(),
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "model": model,
        "service": None if service == STANDARD else service,
    }
    return {name: value for name, value in values.items() if value is not None}


def pricer(
    pricing: PricingEngine, content: Mapping[str, Any], report: Report | None = None, *, prefer_reported: bool
) -> Callable[[str | None], Priced]:
    """Give what tells a call's cost from the model that was reserved for.

    ``content`` is what its caller said, as `spent` gives it. Kept as JSON it says the same.
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


def count_tokens(
    input_tokens: int | None, output_tokens: int | None, output_field: str = "output_tokens"
) -> int | None:
    """Add the tokens up that a call names, None if it names none."""
    if input_tokens is None and output_tokens is None:
        return None
    read = 0 if input_tokens is None else check_count(input_tokens, "input_tokens")
    return read + (0 if output_tokens is None else check_count(output_tokens, output_field))


def _kept(usage: Mapping[str, Any]) -> Report:
    """Give the report that was kept as JSON.

    Raises:
        LedgerCorruptError: It is none, or one that only a later version can price: it waits for that.
    """
    try:
        return Report.from_content(usage)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise LedgerCorruptError(f"a usage that was kept cannot be read by this version: {error}") from error
