"""The OpenAI Agents SDK's usage of a run: OpenAI's names, a count of requests, and an entry for each of them."""

from __future__ import annotations

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.families.openai import RESPONSES
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of, items_of
from coreason_budget.pricing.usage.report import Part
from coreason_budget.pricing.usage.told import NOTHING, Told

_SUMMED = ("prompt", "output", "cached", "written", "reasoning")


def _entries(family: Family, fields: Fields, told: Told, service: str) -> tuple[Part, ...] | None:
    """Give a part for each request, where they are listed: each has a price of its own.

    Raises:
        InvalidAmountError: They are not all that the run used.
    """
    name = "request_usage_entries"
    listed = [fields_of(item) for item in items_of(fields.get(name), name)]
    if not listed:
        return None
    parts = tuple(part for level in listed for part in RESPONSES.read(level, service))
    for role in _SUMMED:
        whole, listed_sum = told.counts.get(role) or 0, sum(part.counts.get(role) or 0 for part in parts)
        if whole != listed_sum:
            raise InvalidAmountError(f"{name}: their {role} is {listed_sum}, the run's is {whole}", field=name)
    if told.counts.get("requests", len(parts)) != len(parts):
        raise InvalidAmountError(f"{name}: {len(parts)}, of {told.counts['requests']} requests", field=name)
    return parts


RUN = Family(
    "openai.agents",
    ("request_usage_entries",),
    {**RESPONSES.table, "requests": "requests", "request_usage_entries": NOTHING},
    RESPONSES.habits,
    RESPONSES.needs,
    parts=_entries,
)
