"""A usage's roles become disjoint buckets: its total, its maker and its parts tell which count contains which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage, minus
from coreason_budget.pricing.price import FEES
from coreason_budget.pricing.usage.habits import APART, BESIDE, LEFT_OUT, Habit, Habits, Maker

Option: TypeAlias = tuple[Habit, Habit]
"""Where cache and reasoning stand."""


class _Counts(dict[str, int]):
    """The counts of one part by role, 0 where none was told, with the names that told them."""

    def __init__(self, counts: Mapping[str, Any], names: Mapping[str, str]) -> None:
        super().__init__(_NONE_TOLD)
        self.update(counts)
        self.was_told = counts
        self._names = names

    def name(self, role: str) -> str:
        return self._names.get(role, role)

    def minus(self, total: int, part: int, role: str, whole: str) -> int:
        """Give the rest of a whole, named by the role that is said of it, without one of its parts."""
        if part > total:
            # The names are looked up for the error alone: most calls add up.
            name, _, of = whole.rpartition(" ")
            minus(total, part, self.name(role), f"{name} {self.name(of)}".strip())
        return total - part


ROLES = (
    "prompt", "fresh", "cached", "written", "written_5m", "written_30m", "written_1h", "written_12h", "text", "audio",
    "image", "video", "cached_text", "cached_audio", "cached_image", "tools", "tool_text", "tool_audio", "tool_image",
    "connectors", "citations", "output", "reasoning", "text_out", "audio_out", "image_out", "total",
)  # fmt: skip
_NONE_TOLD = dict.fromkeys(ROLES, 0)


def disjoint(
    counts: Mapping[str, Any], names: Mapping[str, str], habits: Habits, maker: Maker | None, service: str
) -> Usage:
    """Turn the counts of a usage by role into buckets that share no token.

    Raises:
        InvalidAmountError: A part is more than its whole, the total is none of the sums that the family
            allows, or shares do not add up; names the field.
    """
    told = _Counts(counts, names)
    habits = habits if maker is None else habits.of.get(maker.provider, habits)
    _refuse_lost_writes(told, habits, maker)
    if habits.reads_only and (maker is None or maker.mode == "chat"):
        name = told.name("prompt")
        raise InvalidAmountError(f"{name}: alone it does not tell what was read from what was written", field=name)
    short, hour = _written(told, habits)
    written = short + hour
    cache, reasoning_at, rest = _choose(told, habits, maker, written)
    reasoning = told["reasoning"] + rest
    prompt = _whole_prompt(told, written, cache)
    output = told["output"]
    if reasoning_at.in_whole:
        output = told.minus(output, told["reasoning"], "reasoning", "output")
    text = told.minus(prompt, written, "written", "prompt")
    cached, beside = told["cached"], told["tools"] + told["connectors"] + told["citations"]
    kinds: dict[str, Any] = {}
    if any(map(told.__getitem__, _KINDS)):
        output, beside = _without_kinds(told, output, beside)
        text, cached, kinds = _by_kind(told, text, written, prompt, reasoning)
    return Usage(
        input=told.minus(text, cached, "cached", "the rest of prompt") + beside,
        cache_read=cached,
        cache_write=short,
        cache_write_1h=hour,
        output=output,
        reasoning=reasoning,
        service=service,
        **kinds,
        **{role: count for role, count in counts.items() if role in AS_TOLD},
    )


_KINDS = tuple(role for role in ROLES if {*role.split("_")} & {"text", "audio", "image", "video"})


def _without_kinds(told: _Counts, output: int, beside: int) -> tuple[int, int]:
    """Give the text of an answer, and of what was read beside the prompt: tools' results, connectors, citations."""
    tool_kinds = told["tool_audio"] + told["tool_image"]
    told.minus(told["tools"], tool_kinds, "tool_audio", "tools")
    output = told.minus(output, told["audio_out"], "audio_out", "the rest of output")
    return told.minus(output, told["image_out"], "image_out", "the rest of output"), beside - tool_kinds


def _by_kind(told: _Counts, text: int, written: int, prompt: int, reasoning: int) -> tuple[int, int, dict[str, int]]:
    """Take sounds and pictures out of the text of a prompt, and out of what was read from a cache."""
    audio, image = told["audio"], told["image"] + told["video"]
    cached_audio, cached_image = told["cached_audio"], told["cached_image"]
    cached = told.minus(told["cached"], cached_audio, "cached_audio", "cached")
    cached = told.minus(cached, cached_image, "cached_image", "cached")
    text = told.minus(text, max(audio, cached_audio), "audio", "the rest of prompt")
    text = told.minus(text, max(image, cached_image), "image", "the rest of prompt")
    if audio or image:
        # Where cached audio or images are not told apart, they count as read afresh.
        cached = min(cached, text)
    _check_shares(told, "text", prompt, (told["cached"], written), audio + image, told["prompt"])
    _check_shares(told, "cached_text", told["cached"], (), cached_audio + cached_image)
    _check_shares(told, "text_out", told["output"], (reasoning,), told["audio_out"] + told["image_out"])
    kinds = {
        "input_audio": told.minus(audio, cached_audio, "cached_audio", "audio") + told["tool_audio"],
        "input_image": told.minus(image, cached_image, "cached_image", "image") + told["tool_image"],
        "cache_read_audio": cached_audio,
        "cache_read_image": cached_image,
        "output_audio": told["audio_out"],
        "output_image": told["image_out"],
    }
    return text, cached, kinds


# Roles that are fields of a usage as they stand.
AS_TOLD = frozenset({*FEES, "per_image", "per_second", "per_request", "search_context"})


def _refuse_lost_writes(told: _Counts, habits: Habits, maker: Maker | None) -> None:
    if not habits.loses_writes or maker is None or maker.cached_in_input or "written" in told.was_told:
        return
    if told["cached"] or (habits.loses_writes == "beside" and "cached" in told.was_told):
        raise InvalidAmountError(
            f"{told.name('cached')}: beside it this shape has no place for what was written to a cache, which this "
            "model's provider bills; pass the provider's own answer or usage",
            field=told.name("cached"),
        )


def _written(told: _Counts, habits: Habits) -> tuple[int, int]:
    """Give what was written to a cache for the shorter time, and for an hour."""
    if told["written_12h"]:
        name = told.name("written_12h")
        raise InvalidAmountError(f"{name}: writes of 12 hours have no known price; pass cost=", field=name)
    short, hour, written = told["written_5m"] + told["written_30m"], told["written_1h"], told["written"]
    if not written:
        return short, hour
    rest = written - short - hour
    if rest < 0 and not short and hour:
        told.minus(written, hour, "written_1h", "the tokens written")
    if rest < 0:
        name = told.name("written")
        raise InvalidAmountError(f"{name}: {written} is not 5m + 1h, {short} + {hour}", field=name)
    if habits.outgrows_split and "written_5m" in told.was_told and "written_1h" in told.was_told and (short or hour):
        return short, hour + rest
    if short and rest:
        name = told.name("written")
        raise InvalidAmountError(f"{name}: {written} is not 5m + 1h, {short} + {hour}", field=name)
    return (short + rest, hour) if short or hour or habits.untold_ttl == "written_5m" else (0, rest)


def _choose(told: _Counts, habits: Habits, maker: Maker | None, written: int) -> tuple[Habit, Habit, int]:
    """Find where cache and reasoning stand, and what of the total is reasoning that nothing else tells.

    Parts that are more than their whole stand beside it; then the total decides, then maker or family.
    """
    cached, has_total = told["cached"] + written, "total" in told.was_told
    fits_prompt, fits_output = cached <= told["prompt"], told["reasoning"] <= told["output"]
    cached_inside = None if maker is None else maker.cached_in_input
    reasoning_inside = None if maker is None else maker.reasoning_in_output
    options = [
        (cache, reasoning)
        for cache, reasoning in _options(habits, cached_inside, reasoning_inside, habits.by_maker or not has_total)
        if (fits_prompt or not cache.in_whole) and (fits_output or not reasoning.in_whole)
    ]
    if "fresh" in told.was_told and "prompt" in told.was_told:
        options = [option for option in options if _fits_fresh(told, cached, option[0])]
    if not options:
        _refuse_parts(told, cached if all(cache.in_whole for cache in habits.cache) else 0)
    if not has_total:
        if habits.needs_total:
            _refuse_open(told, cached, options)
        return (*options[0], 0)
    unshared = told["total"] - _sum(told)
    fitting = [
        (cache, reasoning)
        for cache, reasoning in options
        if unshared == cache.share * cached + reasoning.share * told["reasoning"]
    ]
    if habits.doubts and cached and maker is not None and not cached_inside:
        _refuse_doubt(told, {cache.in_whole for cache, _ in fitting})
    if fitting:
        return (*fitting[0], 0)
    return _unlisted(told, habits, maker, cached, options)


def _refuse_open(told: _Counts, cached: int, options: list[Option]) -> None:
    """Refuse a usage without the total that would tell which of its counts contain others."""
    if len({(cached and cache.in_whole, told["reasoning"] and at.in_whole) for cache, at in options}) > 1:
        problem = "total_tokens: missing; it tells whether cache and reasoning are part of the counts beside them"
        raise InvalidAmountError(problem, field="total_tokens")


def _refuse_doubt(told: _Counts, inside: set[bool]) -> None:
    if len(inside) == 2:
        name = told.name("prompt")
        raise InvalidAmountError(
            f"{name}: {told.name('total')} does not tell whether the cache is part of it; pass the provider's answer",
            field=name,
        )


@cache
def _options(
    habits: Habits, cached_inside: bool | None, reasoning_inside: bool | None, asks_maker: bool
) -> tuple[Option, ...]:
    """Give where cache and reasoning may stand, the likelier first."""
    reasonings = _ordered(habits.reasoning, reasoning_inside, asks_maker)
    caches = _ordered(habits.cache, cached_inside, asks_maker)
    return tuple((cache, reasoning) for cache in caches for reasoning in reasonings)


def _ordered(allowed: tuple[Habit, ...], in_whole: bool | None, asks_maker: bool) -> list[Habit]:
    """Put first what the maker does, where it is asked. A total without the cache is of makers that count beside."""
    found = [habit for habit in allowed if habit is not LEFT_OUT or in_whole is False]
    if in_whole and len(found) > 1:
        found = [habit for habit in found if habit is not APART]
    if asks_maker and in_whole is not None:
        found.sort(key=lambda habit: habit.in_whole != in_whole)
    return found


def _fits_fresh(told: _Counts, cached: int, cache: Habit) -> bool:
    return told["prompt"] == told["fresh"] + (cached if cache.in_whole else 0)


def _sum(told: _Counts) -> int:
    """Give the total as it is where every part is inside its whole."""
    return told["prompt"] + told["tools"] + told["connectors"] + told["output"]


def _unlisted(
    told: _Counts, habits: Habits, maker: Maker | None, cached: int, options: list[Option]
) -> tuple[Habit, Habit, int]:
    """Give the tokens of the total that nothing else tells: reasoning, where the maker counts it beside."""
    in_output = None if maker is None else maker.reasoning_in_output
    is_beside = not (habits.by_maker if in_output is None else in_output)
    if is_beside and habits.rest_is_reasoning and not told["reasoning"]:
        for cache, _ in options:
            rest = told["total"] - _sum(told) - cache.share * cached
            if rest > 0:
                return cache, BESIDE, rest
    listed = _sum(told) + options[0][0].share * cached
    if told["total"] == listed:
        told.minus(told["output"], told["reasoning"], "reasoning", "output")
    name = told.name("total")
    raise InvalidAmountError(f"{name}: {told['total']} is not the sum of its parts, {listed}", field=name)


def _refuse_parts(told: _Counts, cached: int) -> None:
    told.minus(told["prompt"], min(cached, told["cached"]), "cached", "prompt")
    told.minus(told["prompt"], cached, "cached" if told["cached"] else "written", "prompt")
    told.minus(told["output"], told["reasoning"], "reasoning", "output")
    name = told.name("fresh")
    raise InvalidAmountError(f"{name}: {told['fresh']} is not {told.name('prompt')} without its cache", field=name)


def _whole_prompt(told: _Counts, written: int, cache: Habit) -> int:
    """Give the prompt with all that was cached or written."""
    if "prompt" not in told.was_told and "fresh" in told.was_told:
        return told["fresh"] + told["cached"] + written
    return told["prompt"] + (0 if cache.in_whole else told["cached"] + written)


def _check_shares(told: _Counts, role: str, whole: int, without: tuple[int, ...], others: int, also: int = 0) -> None:
    """Hold the text of a whole that is told by kinds to the rest: with or without its other parts."""
    if not told[role]:
        return
    told_sum = told[role] + others
    if told_sum not in set(_sums(whole, without)) | {also}:
        name = told.name(role)
        raise InvalidAmountError(f"{name}: {told_sum} with its siblings, where the whole is {whole}", field=name)


def _sums(whole: int, without: tuple[int, ...]) -> Iterator[int]:
    """Give the whole less any of its parts."""
    if not without:
        yield whole
        return
    for rest in _sums(whole, without[1:]):
        yield rest
        yield rest - without[0]
