"""What a run of a framework or an agent left: many answers, of which each counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent, items_of
from coreason_budget.pricing.usage.told import refuse_counts

# What tells an item of a list as an answer of its own, not as an event of one stream.
_ANSWERS: tuple[tuple[str, ...], ...] = (
    ("response_metadata", "additional_kwargs"),  # LangChain's messages
    ("invocation_id", "author"),  # the events of Google's agent kit
    ("parts", "kind"),  # pydantic-ai's messages
    ("output", "usage", "response_id"),  # the OpenAI Agents SDK's responses
    ("finishReason", "usage"),  # the Vercel AI SDK's steps
)


def answers_of(source: object, is_usage: Callable[[Fields], bool]) -> list[Any] | None:
    """Give the answers of a run, each with a usage of its own; None if the source is no run.

    Raises:
        InvalidAmountError: An answer among them tells no usage, or they tell two sums that differ.
    """
    if isinstance(source, Sequence) and not isinstance(source, str | bytes):
        return _of_list(source, is_usage)
    fields = fields_of(source)
    if "steps" in fields and _is_answers(fields["steps"]):
        return list(fields["steps"])
    if "agent_invocations" in fields or "agent_invocations" in fields_of(fields.get("metrics")):
        return _of_strands(fields if "agent_invocations" in fields else fields_of(fields["metrics"]))
    return _of_codex([fields]) if _codex_info(fields) else None


def _is_answers(items: object) -> bool:
    return isinstance(items, Sequence) and any(
        all(mark in fields for mark in marks) for item in items for fields in (fields_of(item),) for marks in _ANSWERS
    )


def _of_list(items: Sequence[Any], is_usage: Callable[[Fields], bool]) -> list[Any] | None:
    levels = [fields_of(item) for item in items]
    if any(_codex_info(level) for level in levels):
        return _of_codex(levels)
    if any(_claude_code_id(level) for level in levels):
        return _of_claude_code(levels)
    if _is_answers(items):
        return [item for item, level in zip(items, levels, strict=True) if _tells(level)]
    return _several(items, levels, is_usage)


def _several(items: Sequence[Any], levels: Sequence[Fields], is_usage: Callable[[Fields], bool]) -> list[Any] | None:
    """Give the usages of a list of them, and the answers of several ids: of each its last, as a stream grows."""
    if sum(map(is_usage, levels)) > 1:
        return [item for item, level in zip(items, levels, strict=True) if level]
    told = [(identity(level), item) for item, level in zip(items, levels, strict=True) if _has_usage(level)]
    by_id = dict(told)
    return list(by_id.values()) if len(by_id) > 1 and None not in by_id else None


def identity(level: Fields) -> Any:
    """Give the id of an answer, None if it has none."""
    return next((level[name] for name in _IDS if not is_absent(level.get(name))), None)


def _has_usage(level: Fields) -> bool:
    return any(not is_absent(level.get(name)) for name in ("usage", "usage_metadata", "usageMetadata"))


_IDS = ("id", "response_id", "responseId", "uuid")


def _tells(level: Fields) -> bool:
    """Tell whether an item has a usage.

    Raises:
        InvalidAmountError: It is an answer of a model without one.
    """
    if _has_usage(level):
        return True
    if level.get("type") == "ai" or level.get("kind") == "response":
        raise InvalidAmountError("usage: an answer among the messages tells none", field="usage")
    return False


def _of_strands(metrics: Fields) -> list[Any]:
    """Give the model calls of an agent's last invocation: what it has accumulated is of all of its life."""
    *_, last = items_of(metrics.get("agent_invocations"), "agent_invocations") or ({},)
    return list(items_of(fields_of(last).get("cycles"), "cycles"))


_CODEX_INFO = ("total_token_usage", "last_token_usage", "model_context_window")


def _codex_info(level: Fields) -> Fields:
    payload = fields_of(level.get("payload")) or level
    info = fields_of(payload.get("info")) or payload
    return info if "total_token_usage" in info and "last_token_usage" in info else {}


def _of_codex(levels: Iterable[Fields]) -> list[Any]:
    """Give the turns of a log; an event that comes again with the same total is no new turn.

    Raises:
        InvalidAmountError: The turns are not what the session's total grew by, so that one is missing.
    """
    turns: list[Fields] = []
    before: Fields = {}
    for info in filter(None, map(_codex_info, levels)):
        for name, value in info.items():
            if name not in _CODEX_INFO:
                refuse_counts(name, value)
        total, turn = fields_of(info["total_token_usage"]), fields_of(info["last_token_usage"])
        if total == before:
            continue
        if any(_count(total, name) - _count(before, name) != _count(turn, name) for name in {*total, *turn}):
            name = "total_token_usage"
            raise InvalidAmountError(
                f"{name}: not the sum of the turns; pass it, or the last_token_usage of each turn", field=name
            )
        turns.append(turn)
        before = total
    return turns


def _count(fields: Fields, name: str) -> int:
    value = fields.get(name)
    return value if type(value) is int else 0


def _claude_code_id(level: Fields) -> str | None:
    message = fields_of(level.get("message"))
    is_line = "sessionId" in level or "requestId" in level
    return message.get("id") if is_line and not is_absent(message.get("usage")) else None


def _of_claude_code(levels: Iterable[Fields]) -> list[Any]:
    """Give the messages of a log: each is logged while it grows, and its last line has all of it."""
    messages = {key: fields_of(level["message"]) for level in levels if (key := _claude_code_id(level)) is not None}
    return list(messages.values())


_BY_MODEL = ("modelUsage", "model_usage")
_AGAIN = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_input_tokens": "cacheReadInputTokens",
    "cache_creation_input_tokens": "cacheCreationInputTokens",
}


def refuse_other_models(result: Fields, usage: Fields) -> None:
    """Refuse Claude Code's result whose usage is not all: of its main loop, where other models worked beside.

    Raises:
        InvalidAmountError: What it tells by model adds up to something else; names the field.
    """
    name = next((name for name in _BY_MODEL if not is_absent(result.get(name))), None)
    if name is None:
        return
    models = [fields_of(one) for one in fields_of(result[name]).values()]
    for count, again in _AGAIN.items():
        listed = sum(_count(model, again) for model in models)
        if listed != _count(usage, count):
            problem = (
                f"{name}: its {again} are {listed}, where usage has {_count(usage, count)}; pass its cost as cost="
            )
            raise InvalidAmountError(problem, field=name)
