"""Agno's metrics: each provider's own counts under the same names, with a total that it often sums itself.

So the input contains the cache where the model's maker counts so, and Gemini's output lacks its reasoning. What came
in OpenAI's shape contains both, unless its total says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.answer import Found
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent, items_of
from coreason_budget.pricing.usage.habits import APART, BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.report import Part
from coreason_budget.pricing.usage.told import NOTHING, Table, Told

_NATIVE = ("Anthropic", "AwsBedrock", "AzureFoundry", "Google", "VertexAI")
"""Agno's providers whose counts it takes from their own interface; the others speak OpenAI's language."""
_COUNTS: Table = {
    "input_tokens": "prompt",
    "output_tokens": "output",
    "total_tokens": "total",
    "cache_read_tokens": "cached",
    "cache_write_tokens": "written",
    "reasoning_tokens": "reasoning",
    "audio_input_tokens": "audio",
    "audio_output_tokens": "audio_out",
    "audio_total_tokens": NOTHING,
    "cost": NOTHING,
    "provider_metrics": {
        "server_tool_use": {"web_search_requests": "web_search", "web_fetch_requests": NOTHING},
        "service_tier": NOTHING,
        "traffic_type": NOTHING,
    },
}
_TABLE: Table = {
    **_COUNTS,
    "details": NOTHING,
    "duration": NOTHING,
    "time_to_first_token": NOTHING,
    "timer": NOTHING,
    "additional_metrics": NOTHING,
}
_NEEDS = (("input_tokens", "output_tokens"),)
_OWN = ("audio_total_tokens", "provider_metrics", "time_to_first_token", "timer", "duration")


def _is_metrics(fields: Fields) -> bool:
    has_counts = not is_absent(fields.get("input_tokens")) or not is_absent(fields.get("output_tokens"))
    return has_counts and any(name in fields for name in _OWN)


def _by_model(family: Family, fields: Fields, told: Told, service: str) -> tuple[Part, ...] | None:
    """Give a part for each model of a run, of nobody knows how many requests; what a provider told is the last's.

    Raises:
        InvalidAmountError: A model searched: only the searches of its last request are told.
    """
    listed = list(_models(fields))
    if not listed:
        return (evolve(family.part(told, service), service=_tier(fields, service)),)
    parts = [_of_model(level, service) for level in listed]
    if any(part.counts.get("web_search") for part in parts):
        name = "web_search_requests"
        raise InvalidAmountError(f"{name}: of a run's last request alone; pass each message's metrics", field=name)
    for role in ("prompt", "output", "cached", "written"):
        whole, listed_sum = told.counts.get(role) or 0, sum(part.counts.get(role) or 0 for part in parts)
        if whole != listed_sum:
            raise InvalidAmountError(f"details: their {role} is {listed_sum}, the run's is {whole}", field="details")
    named = len({level.get("id") for level in listed}) > 1
    return tuple(
        evolve(part, model=level.get("id") if named else None) for part, level in zip(parts, listed, strict=True)
    )


def _models(fields: Fields) -> Iterator[Fields]:
    for models in fields_of(fields.get("details")).values():
        yield from map(fields_of, items_of(models, "details"))


def _of_model(level: Fields, service: str) -> Part:
    provider = level.get("provider") or ""
    family = METRICS if any(str(provider).startswith(name) for name in _NATIVE) else CHAT
    (part,) = evolve(family, table=_MODEL, parts=None).read(level, _tier(level, service))
    return evolve(part, requests=None)


def _tier(fields: Fields, service: str) -> str:
    return Found(METRICS, fields_of(fields.get("provider_metrics"))).service(service)


_MODEL: Table = {**_COUNTS, "id": NOTHING, "provider": NOTHING}
METRICS = Family(
    "agno.metrics",
    _OWN,
    _TABLE,
    Habits(cache=(INSIDE, APART), reasoning=(INSIDE, BESIDE, APART), by_maker=True),
    _NEEDS,
    _is_metrics,
    _by_model,
    tells_cost=False,
)


def _has_input(fields: Fields) -> bool:
    # Its times are other answers' too.
    return "input_tokens" in fields


CHAT = Family("agno.chat", _OWN, _TABLE, Habits(), _NEEDS, _has_input, tells_cost=False)
