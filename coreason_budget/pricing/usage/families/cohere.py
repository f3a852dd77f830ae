"""Cohere's answers, v1 (in ``meta``) and v2: what is billed, not what was read."""

from __future__ import annotations

from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent
from coreason_budget.pricing.usage.habits import Habits
from coreason_budget.pricing.usage.told import NOTHING, Table, Told, walk, whole

_BILLED: Table = {
    "input_tokens": whole("prompt"),
    "output_tokens": whole("output"),
    "search_units": whole("per_request"),
    "image_tokens": whole("image"),
    "images": whole("per_image"),
    "classifications": whole("classifications"),
}
_READ: Table = {"input_tokens": whole("prompt"), "output_tokens": whole("output")}


def _billed(told: Told, value: Any, name: str) -> None:
    """Read billed units; where there are none, the tokens. A search unit of a rerank is one request."""
    fields = fields_of(value)
    walk(told, fields, _BILLED, f"{name}.")
    if told.counts.get("image"):
        # Pictures are billed by their tokens then, which the input does not count.
        told.counts["prompt"] = told.counts.get("prompt", 0) + told.counts["image"]
        told.counts.pop("per_image", None)
    if told.counts.get("classifications"):
        raise InvalidAmountError("classifications: have no price here; pass cost=", field="classifications")


def _is_billed(fields: Fields) -> bool:
    billed = fields_of(fields.get("billed_units"))
    return any(not is_absent(billed.get(name)) for name in _BILLED)


def _read(told: Told, value: Any, name: str) -> None:
    fields = fields_of(value)
    if is_absent(fields.get("input_tokens")):
        raise InvalidAmountError("input_tokens: missing", field="input_tokens")
    walk(told, fields, _READ, f"{name}.")


_AROUND: Table = {"cached_tokens": NOTHING, "api_version": NOTHING}
BILLED = Family(
    "cohere.billed",
    ("billed_units",),
    {"billed_units": _billed, "tokens": NOTHING, **_AROUND},
    Habits(),
    (),
    _is_billed,
)
TOKENS = Family("cohere.tokens", ("billed_units", "tokens"), {"billed_units": NOTHING, "tokens": _read, **_AROUND})
