"""Books what a package handed out, and prints it beside the provider's bill: one line of JSON a case."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any, Literal

from coreason_budget.errors import BudgetError
from tests.shapes.fake.bill import Bill
from tests.shapes.fake.prices import PRICES

Expected = Literal["equal", "refused", "dearer", "blind"]
"""What must come out of a case.

``equal``: the bill, to the nano. ``refused``: the package lost counts and it shows. ``dearer``: it lost what tells
two prices apart, and the dearer is booked. ``blind``: it lost counts and nothing shows it, less is booked.
"""
_DUMPS: dict[str, dict[str, Any]] = {
    "model_dump": {},
    "to_dict": {},
    "as_dict": {},
    "to_json_dict": {},
}
_USAGES = ("usage", "usage_metadata")


def case(name: str, usage: object, bill: Bill, expected: Expected = "equal", why: str = "") -> None:
    """Book one thing that a package handed out.

    Args:
        name: What it is: the scenario, and the form.
        usage: What the package handed out.
        bill: What the provider bills, and under which model the user asked.
        expected: What must come out; all but ``equal`` need a reason.
        why: The reason: what the package lost.
    """
    assert (expected == "equal") == (not why), "a case that is not booked as billed says why"
    line = {"case": name, "model": bill.model, **_booked(usage, bill), "billed_usd": f"{bill.usd:f}"}
    print(json.dumps(line | {"expected": expected, "why": why}), flush=True)


def forms(name: str, answer: object, bill: Bill, *, alone: Bill | None = None) -> None:
    """Book an answer in every form a user may hold: itself, its dumps, and its usage alone with its dumps.

    Args:
        name: The scenario.
        answer: What the call returned.
        bill: What the provider bills.
        alone: What is billed of it by the usage alone, where the answer tells more beside it.
    """
    for form, value in _forms(answer):
        case(f"{name}, {form}", value, bill)
    for field in _USAGES:
        if (usage := getattr(answer, field, None)) is not None:
            for form, value in _forms(usage):
                case(f"{name}, its {field} {form}".replace(" itself", ""), value, alone or bill)


def _forms(value: Any) -> Iterator[tuple[str, Any]]:
    yield "itself", value
    for method, arguments in _DUMPS.items():
        if callable(found := getattr(value, method, None)):
            with warnings.catch_warnings(action="ignore"):
                yield method, found(**arguments)
    if callable(getattr(value, "model_dump", None)):
        with warnings.catch_warnings(action="ignore"):
            yield "model_dump as JSON", value.model_dump(mode="json", by_alias=True, exclude_none=True)


def _booked(usage: object, bill: Bill) -> dict[str, str]:
    try:
        return {"booked_usd": f"{PRICES.cost_of(usage, bill.model, service=bill.service).cost_usd:f}"}
    except BudgetError as error:
        return {"refused": str(error)}
    except Exception as error:
        return {"crashed": repr(error)}
