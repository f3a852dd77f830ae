"""LangChain's ``usage_metadata``: the input contains the cache and the output reasoning, for every provider.

Of OpenAI's flex and priority tiers the details have names of their own, ``flex_cache_read``, and the rest under the
tier's bare name; a sum of messages may hold several tiers.
"""

from __future__ import annotations

from attrs import evolve

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of
from coreason_budget.pricing.usage.habits import BESIDE, INSIDE, LEFT_OUT, Habits
from coreason_budget.pricing.usage.report import Part
from coreason_budget.pricing.usage.told import Table, Told

_TIERS = ("flex", "priority")
_IN: Table = {
    "cache_read": "cached",
    "cache_creation": "written",
    "ephemeral_5m_input_tokens": "written_5m",
    "ephemeral_1h_input_tokens": "written_1h",
    "audio": "audio",
    "image": "image",
    "video": "video",
    "text": "text",
}
_OUT: Table = {"reasoning": "reasoning", "audio": "audio_out", "image": "image_out", "text": "text_out"}
_TIER_IN = {"": "fresh", "_cache_read": "cached", "_cache_creation": "written"}
_TIER_OUT = {"": "visible", "_reasoning": "reasoning"}


def _by_tier(table: Table, roles: dict[str, str]) -> Table:
    return {**table, **{f"{tier}{end}": f"{tier}_{role}" for tier in _TIERS for end, role in roles.items()}}


_TABLE: Table = {
    "input_tokens": "prompt",
    "output_tokens": "output",
    "total_tokens": "total",
    "input_token_details": _by_tier(_IN, _TIER_IN),
    "output_token_details": _by_tier(_OUT, _TIER_OUT),
}
_OWN = ({*_TABLE["input_token_details"]} - {"text"}, {*_TABLE["output_token_details"]} - {"text"})


def _is_metadata(fields: Fields) -> bool:
    """Tell it from a realtime answer of OpenAI, which calls its details the same, by what stands in them."""
    inside, out = fields_of(fields.get("input_token_details")), fields_of(fields.get("output_token_details"))
    return any(name in inside for name in _OWN[0]) or any(name in out for name in _OWN[1])


def _parts(family: Family, fields: Fields, told: Told, service: str) -> tuple[Part, ...] | None:
    """Give a part for each tier. The bare name of a tier is the input less what was read from a cache."""
    _take_apart(told)
    tiers = {tier: _tier(told, tier) for tier in _TIERS}
    found = {tier: counts for tier, counts in tiers.items() if any(counts.values())}
    if not found:
        return None
    rest = dict(told.counts)
    if (total := rest.pop("total", None)) not in (None, rest["prompt"] + rest["output"]):
        raise InvalidAmountError(f"total_tokens: {total} is not the sum of its parts", field="total_tokens")
    for role in ("prompt", "output"):
        rest[role] -= sum(counts[role] for counts in found.values())
    if rest["prompt"] < 0 or rest["output"] < 0:
        raise InvalidAmountError("input_token_details: a tier has more than the whole", field="input_token_details")
    is_sum = any(rest.values()) or len(found) > 1
    requests = None if is_sum else 1
    whole = family.part(told, service)
    return tuple(
        evolve(whole, counts={**counts, "total": counts["prompt"] + counts["output"]}, service=tier, requests=requests)
        for tier, counts in ((service, rest), *found.items())
        if any(counts.values())
    )


def _take_apart(told: Told) -> None:
    """Add the writes whose time nobody told to those whose time is told, which a sum of messages has beside them."""
    timed = told.counts.get("written_5m", 0) + told.counts.get("written_1h", 0)
    if timed and told.counts.get("written") and told.counts["written"] != timed:
        told.counts["written_5m"] = told.counts.get("written_5m", 0) + told.counts["written"]
        del told.counts["written"]


def _tier(told: Told, tier: str) -> dict[str, int]:
    roles = (*_TIER_IN.values(), *_TIER_OUT.values())
    count = {role: told.counts.pop(f"{tier}_{role}", 0) for role in roles}
    return {
        "prompt": count["fresh"] + count["cached"],
        "cached": count["cached"],
        "written": count["written"],
        "output": count["visible"] + count["reasoning"],
        "reasoning": count["reasoning"],
    }


USAGE = Family(
    "langchain.usage",
    ("input_token_details", "output_token_details"),
    _TABLE,
    # The total of Claude by Bedrock's InvokeModel leaves the cache out.
    Habits(cache=(INSIDE, LEFT_OUT), reasoning=(INSIDE, BESIDE), needs_total=True),
    needs=(("input_tokens",), ("output_tokens",)),
    is_it=_is_metadata,
    parts=_parts,
)
