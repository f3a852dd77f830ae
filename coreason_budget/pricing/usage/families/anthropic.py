"""Anthropic's messages: the input count excludes cache reads and writes; passes stand in ``iterations``."""

from __future__ import annotations

from attrs import evolve

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent, items_of, word
from coreason_budget.pricing.usage.habits import APART, INSIDE, Habits
from coreason_budget.pricing.usage.report import Part
from coreason_budget.pricing.usage.told import NOTHING, Table, Told, walk

_PASS: Table = {
    "type": NOTHING,
    "model": NOTHING,
    "input_tokens": "prompt",
    "output_tokens": "output",
    "cache_read_input_tokens": "cached",
    "cache_creation_input_tokens": "written",
    "cache_creation": {"ephemeral_5m_input_tokens": "written_5m", "ephemeral_1h_input_tokens": "written_1h"},
    "output_tokens_details": {"thinking_tokens": "reasoning"},
}
_TOP: Table = {
    **_PASS,
    "iterations": NOTHING,
    "server_tool_use": {
        "web_search_requests": "web_search",
        "code_execution_requests": "code_execution",
        # Their results are input tokens, and nothing else is billed.
        "web_fetch_requests": NOTHING,
        "tool_search_requests": NOTHING,
    },
}
_MESSAGES, _ADVICE, _COMPACTION = ("message", "fallback_message"), "advisor_message", "compaction"
_FEES = ("web_search", "code_execution")
_KEPT = ("written_5m", "written_1h")
_SUMMED = ("prompt", "output", "cached", "written")


def _passes(family: Family, fields: Fields, told: Told, service: str) -> tuple[Part, ...] | None:
    """Give a part for each pass, where ``iterations`` lists them: each is a request of its own price.

    The top level is the sum of the messages: compactions are never in it, an advisor's passes may be.
    """
    if "iterations" not in fields:
        return None
    listed = [fields_of(item) for item in items_of(fields.get("iterations"), "iterations")]
    if not listed:
        return None
    kinds = [word(level.get("type"), "iterations") for level in listed]
    if unknown := set(kinds) - {*_MESSAGES, _ADVICE, _COMPACTION}:
        raise InvalidAmountError(f"iterations: {unknown.pop()!r} is no kind of pass that is known", field="iterations")
    passes = [(kind, _pass(family, level, service)) for kind, level in zip(kinds, listed, strict=True)]
    advice, compactions = ([part for kind, part in passes if kind == other] for other in (_ADVICE, _COMPACTION))
    messages = [part for kind, part in passes if kind in _MESSAGES] or [family.part(told, service)]
    summed = messages if _adds_up(told, messages) else [*messages, *advice]
    if not _adds_up(told, summed):
        raise InvalidAmountError("iterations: the messages are not what the top level adds up to", field="iterations")
    fees = {role: told.counts[role] for role in _FEES if told.counts.get(role)}
    first = evolve(messages[0], counts={**messages[0].counts, **_times(told, summed), **fees})
    return (first, *messages[1:], *advice, *compactions)


def _times(told: Told, summed: list[Part]) -> dict[str, int]:
    """Give how long what was written is kept, where the top level alone tells that of its one pass.

    Raises:
        InvalidAmountError: It tells that of several passes, or more than they do.
    """
    listed = {role: sum(part.counts.get(role) or 0 for part in summed) for role in _KEPT}
    top = {role: told.counts.get(role) or 0 for role in _KEPT}
    if all(listed[role] >= top[role] for role in _KEPT):
        return {}
    if len(summed) > 1 or any(listed.values()):
        problem = "iterations: they do not tell how long all that was written is kept; pass cost="
        raise InvalidAmountError(problem, field="iterations")
    return top


def _pass(family: Family, level: Fields, service: str) -> Part:
    told = Told()
    needs = ("input_tokens", "output_tokens", *(("model",) if level.get("type") == _ADVICE else ()))
    for name in needs:
        if is_absent(level.get(name)):
            raise InvalidAmountError(f"iterations: {name} is missing", field="iterations")
    walk(told, level, _PASS, "iterations.")
    return family.part(told, service, model=level.get("model") or None)


def _adds_up(told: Told, parts: list[Part]) -> bool:
    return all((told.counts.get(role) or 0) == sum(part.counts.get(role) or 0 for part in parts) for role in _SUMMED)


_MARKS = ("cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use", "iterations")


def _is_message(fields: Fields) -> bool:
    return not is_absent(fields.get("input_tokens"))


# The SDK's final message has the totals of a stream's end beside the split of its start.
_HABITS = Habits(cache=(APART,), reasoning=(INSIDE,), outgrows_split=True)
MESSAGE = Family(
    "anthropic.message", _MARKS, _TOP, _HABITS, (("input_tokens",), ("output_tokens",)), _is_message, _passes
)
