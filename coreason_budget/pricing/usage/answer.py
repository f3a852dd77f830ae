"""Where an answer, or an event of a stream, carries its usage, and what else of it tells a price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from attrs import field, frozen

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.price import BATCH, STANDARD
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent, word
from coreason_budget.pricing.usage.runs import identity

_INSIDE = ("usage", "usage_metadata", "usageMetadata", "meta", "usage_details", "token_usage", "metrics")
# Where frameworks keep the provider's own answer or usage, which tells more than what they make of it.
_ORIGINALS = ("raw", "inner_content", "completion", "provider_data", "response_metadata", "providerMetadata")
_PLACES = (*_ORIGINALS, *_INSIDE)
# What an event or a wrapper has around the answer.
_ENVELOPES: tuple[str, ...] = (
    "response",
    "data",
    "delta",
    "metadata",
    "message",
    "x_groq",
    "result",
    "context_wrapper",
    "llm_output",
)
_METRICS = "amazon-bedrock-invocationMetrics"
# An interaction's event, a line of a batch's file, a protobuf message, what AWS puts around.
_ENVELOPES += ("interaction", "body", "proto", "ResponseMetadata", "HTTPHeaders", _METRICS)
_MAX_DEPTH = 4

# Names under which providers report that a call ran at the standard price.
_SERVICES = {
    "default": STANDARD,
    "auto": STANDARD,
    "on_demand": STANDARD,
    "unspecified": STANDARD,
    "service_tier_unspecified": STANDARD,
    "service_tier_default": STANDARD,
    "service_tier_priority": "priority",
    "traffic_type_unspecified": STANDARD,
    "on_demand_priority": "priority",
    "on_demand_flex": "flex",
}
_PLAIN = ("", STANDARD, "global", "not_available")
_METADATA = ("response_metadata", "provider_details", "response")
_TIERS = ("service_tier", "serviceTier", "traffic_type", "trafficType")
_MODELS = ("model", "model_name", "modelVersion", "model_version", "modelId", "model_id", "response_model")


@frozen
class Found:
    """A usage, whose it is, and the levels around it, the nearest first."""

    family: Family
    usage: Fields
    around: tuple[Fields, ...] = ()
    levels: tuple[Fields, ...] = field(init=False)
    """The usage, then what is around it, each with the level where frameworks put tiers and model."""

    @levels.default
    def _levels(self) -> tuple[Fields, ...]:
        found = []
        for level in (self.usage, *self.around):
            found.append(level)
            for name in _METADATA:
                if name in level and not is_absent(inner := level[name]):
                    found.append(fields_of(inner))
        return tuple(found)

    def service(self, asked: str) -> str:
        """Give the granted service: fast mode and a region are prices of their own, ``fast``, ``batch_us``.

        A batch is one whatever tier its answers name: OpenAI's name the default one.
        """
        tier = speed = region = ""
        for level in self.levels:
            if "performanceConfig" in level and (latency := _latency(level)) not in _PLAIN:
                return latency
            for name in _TIERS:
                if not tier and name in level:
                    tier = _tier(level[name])
            if _is_of_batch(level):
                asked = BATCH
            if not speed and "speed" in level:
                speed = word(level["speed"])
            if not region and "inference_geo" in level:
                region = word(level["inference_geo"])
        tier = _SERVICES.get(tier, tier)
        if not tier or (asked == BATCH and tier == STANDARD):
            tier = _SERVICES.get(asked, asked)
        parts = [tier, speed, region]
        return "_".join([part for part in parts if part not in _PLAIN]) or STANDARD

    def requests(self) -> int | None:
        """Give over how many requests a batch's or an agent's usage is a sum; 0 is not told, None is no sum."""
        if self.around and "num_turns" in self.around[0]:
            return 0
        if not self.around or self.around[0].get("object") != "batch":
            return None
        return fields_of(self.around[0].get("request_counts")).get("completed") or 0

    def model(self) -> str | None:
        """Give the model that the answer names, None if it names none."""
        for level in self.levels[1:]:
            for name in _MODELS:
                if isinstance(named := level.get(name), str) and named:
                    return named
        return None


Find: TypeAlias = Callable[[Fields], Family | None]


def _is_of_batch(level: Fields) -> bool:
    """Tell a batch, and a line of the file of its answers: OpenAI's and Mistral's."""
    return ("custom_id" in level and "response" in level) or ("object" in level and level["object"] == "batch")


def _latency(level: Fields) -> str:
    return word(fields_of(level["performanceConfig"]).get("latency"))


def _tier(value: Any) -> str:
    # Bedrock writes {"type": "flex"}.
    inner = fields_of(value).get("type")
    return word(value) if is_absent(inner) else word(inner)


def locate(source: object, find: Find) -> Found | None:
    """Find the usage of a usage, an answer, an event or the events of a stream; None where there is none.

    Raises:
        InvalidAmountError: An event that starts a stream, whose counts are not the final ones; or one that ends
            it, without what only the start tells.
    """
    if isinstance(source, Sequence) and not isinstance(source, str | bytes):
        return _of_events(source, find)
    fields = fields_of(source)
    if fields.get("type") == "message_delta":
        _refuse_untold_times(fields_of(fields.get("usage")))
    return _locate(fields, find, (), 0)


def _refuse_untold_times(usage: Fields) -> None:
    if not is_absent(usage.get("output_tokens")) and is_absent(usage.get("input_tokens")):
        problem = "usage: a message_delta tells the output alone; pass the final message, or all events of its stream"
        raise InvalidAmountError(problem, field="usage")
    name = "cache_creation_input_tokens"
    if usage.get(name) and is_absent(usage.get("cache_creation")):
        problem = f"{name}: how long it is kept stands in message_start; pass the final message, or all events"
        raise InvalidAmountError(problem, field=name)


def _locate(fields: Fields, find: Find, around: tuple[Fields, ...], depth: int) -> Found | None:
    if fields.get("type") == "message_start":
        raise InvalidAmountError(
            "usage: a message_start has the counts of a stream's start; pass the final message, or all its events",
            field="usage",
        )
    for name in _PLACES if depth < _MAX_DEPTH else ():
        if name in fields and (inner := _inner(name, fields_of(fields[name]), fields)):
            found = _locate(inner, find, (fields, *around), depth + 1)
            if found is not None or name == "usage":
                return found
            if name in _ORIGINALS and _has_counts(inner):
                raise InvalidAmountError(f"{name}: what it tells of its usage is not understood", field=name)
    if (family := find(fields)) is not None:
        return Found(family, fields, around)
    for name in _ENVELOPES if depth < _MAX_DEPTH else ():
        found = _locate(fields_of(fields.get(name)), find, (fields, *around), depth + 1)
        if found is not None:
            return found
    return None


_WRITES = ("cacheWriteTokens",)


def _inner(name: str, inner: Fields, level: Fields) -> Fields:
    """Give where to look under a name: of what the Vercel AI SDK keeps, Anthropic's own usage.

    Of OpenAI its version 5 keeps what was written to a cache there, which belongs to the usage.

    LangChain keeps the counts of Bedrock's InvokeModel under OpenAI's names, with another meaning: not there.
    """
    if name == "providerMetadata":
        return fields_of(inner.get("anthropic"))
    if name == "usage" and "providerMetadata" in level:
        kept = fields_of(fields_of(level["providerMetadata"]).get("openai"))
        return {**inner, **{name: kept[name] for name in kept if name in _WRITES}, **fields_of(kept.get("usage"))}
    if name == "response_metadata" and "prompt_tokens" in fields_of(inner.get("usage")):
        return {}
    return inner


def _has_counts(inner: Fields) -> bool:
    levels = (inner, *(fields_of(inner.get(name)) for name in _INSIDE))
    return any("token" in str(name).lower() and type(value) is int for level in levels for name, value in level.items())


def _of_events(events: Sequence[Any], find: Find) -> Found | None:
    """Find the last usage of a stream's events; what only Anthropic's first event tells is put with it.

    Raises:
        InvalidAmountError: They are of several streams, or of one that ended before its output was told.
    """
    start: Fields = {}
    last = None
    for event in events:
        fields = fields_of(event)
        if fields.get("type") == "message_start":
            _refuse_several(bool(start))
            start = fields_of(fields.get("message"))
            continue
        found = _locate(_grown(fields, start), find, (start,) if start else (), 0)
        if found is None:
            _refuse_unread(fields)
            continue
        if start and _METRICS in fields:
            continue  # Bedrock tells the same again, without how long what was written is kept.
        _refuse_several(last is not None and not start and not _goes_on(last, found))
        last = found
    if start and last is None:
        problem = "usage: the stream ended before its message_delta, which alone tells the output; pass cost="
        raise InvalidAmountError(problem, field="usage")
    return last


def _refuse_unread(event: Fields) -> None:
    """Refuse an event that tells a usage which no family claims."""
    for level in (event, *(fields_of(event.get(name)) for name in _ENVELOPES)):
        for name in _INSIDE:
            if name in level and _has_counts(fields_of(level[name])):
                raise InvalidAmountError(f"{name}: of an event, what it tells is not understood", field=name)


def _grown(event: Fields, start: Fields) -> Fields:
    """Give a message_delta with what only the start tells: it need not tell more than the output."""
    usage = fields_of(event.get("usage")) if start and event.get("type") == "message_delta" else {}
    if is_absent(usage.get("output_tokens")):
        return event
    told = {name: value for name, value in usage.items() if not is_absent(value)}
    return {**event, "usage": {**fields_of(start.get("usage")), **told}}


def _goes_on(before: Found, found: Found) -> bool:
    """Tell whether a usage is that of one stream a while later: of the same answer, or grown where none is named."""
    ids = {next(filter(None, map(identity, one.around)), None) for one in (before, found)}
    if ids != {None}:
        return len(ids) == 1
    if found.family.name == "google.answer":
        return True  # Its chunks each tell all there was, also where nothing came on top.
    names = {*before.usage, *found.usage}
    grown = {name: _number(found.usage, name) - _number(before.usage, name) for name in names}
    prompts = [name for name in names if found.family.table.get(name) == "prompt" and before.usage.get(name)]
    return min(grown.values()) >= 0 and any(grown.values()) and not any(map(grown.__getitem__, prompts))


def _number(fields: Fields, name: str) -> int:
    value = fields.get(name)
    return value if type(value) is int else 0


def _refuse_several(are_several: bool) -> None:
    if are_several:
        raise InvalidAmountError(
            "usage: of several answers, or the events of several streams; settle each by its own", field="usage"
        )


def told_by_property(source: object) -> object | None:
    """Give the usage of an object that computes it (pydantic-ai's results, Haystack's messages), None if none does."""
    names = (name for name in ("usage", "meta") if isinstance(getattr(type(source), name, None), property))
    return next((getattr(source, name) for name in names), None)


def hint(source: object, find: Find) -> str:
    """Name what carries a usage where the whole does not say so: a field, the items of one, or a method; else empty."""
    for name, value in fields_of(source).items():
        if not isinstance(value, str) and find(fields_of(value)) is not None:
            return f"; pass its {name!r}"
        if isinstance(value, list | tuple) and any(_carries(item) for item in value):
            return f"; pass what its {name!r} has of this call"
    methods = (name for name in ("get_lm_usage", "usage") if callable(getattr(type(source), name, None)))
    return next((f"; pass what its {name}() gives" for name in methods), "")


def _carries(item: object) -> bool:
    return any(not is_absent(fields_of(item).get(name)) for name in (*_PLACES, "_meta", "models_usage"))
