"""Gemini's language: what a call asks, what its answer and its pieces tell, and where its output limit stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from coreason_budget.integrations.attempt import Event, EventRead, Progress
from coreason_budget.integrations.bounds import bytes_of
from coreason_budget.integrations.guarding import STANDARD, Ask

JSON: TypeAlias = dict[str, Any]

_CALL = re.compile(r"(?P<before>/(?:models|tunedModels|endpoints)/)(?P<model>[^/:?]+):(?P<verb>\w+)")
_BILLED = ("generateContent", "streamGenerateContent", "batchGenerateContent")
_FREE = re.compile(r":(countTokens|computeTokens|cancel)(\?.*)?$|/files(:register)?(\?.*)?$")
_FUNCTIONS = frozenset({"functionDeclarations", "function_declarations"})


def verb_of(method: str, url: str) -> str | None:
    """Give what a call that is metered does, None for one that is not."""
    found = _CALL.search(url) if method.lower() == "post" else None
    return found["verb"] if found is not None and found["verb"] in _BILLED else None


def is_free(method: str, url: str) -> bool:
    """Say whether a call costs nothing: reading, and what is known to."""
    return method.lower() != "post" or _FREE.search(url) is not None


def with_model(url: str, model: str) -> str:
    """Give the URL of the same call to another model."""
    return _CALL.sub(lambda found: f"{found['before']}{model}:{found['verb']}", url)


def ask_of(url: str, body: JSON) -> Ask:
    """Tell what a call asks."""
    found = _CALL.search(url)
    assert found is not None
    if found["verb"] == "batchGenerateContent":
        return Ask(found["model"], lambda _: None, why_hidden="it is a batch", is_late=True)
    config = _mapping(_either(body, "generationConfig"))
    said = [_either(body, "systemInstruction"), body.get("contents")]
    bound = bytes_of(said, body.get("tools"), _either(config, "responseSchema"), _either(config, "responseJsonSchema"))
    return Ask(
        found["model"],
        lambda _: bound,
        _either(config, "maxOutputTokens"),
        _either(config, "candidateCount") or 1,
        _service(body),
        _why_hidden(body, bound),
    )


def progress_of() -> Progress:
    """What its stream has told before it begins: what was thought stands in its usages alone."""
    return Progress(_read, _merge, needs_usage=True)


def write_limit(body: JSON, limit: int) -> None:
    """Write the output limit, which what is thought falls under as well."""
    body["generationConfig"] = {**_mapping(_either(body, "generationConfig")), "maxOutputTokens": limit}


def _why_hidden(body: JSON, bound: int | None) -> str:
    if _either(body, "cachedContent"):
        return "it goes on from a cached content"
    tools = body.get("tools") or ()
    if not isinstance(tools, Sequence) or not all(_FUNCTIONS.issuperset(tool) for tool in tools):
        return "it has tools that run at the provider"
    return "its input has a part that is not text" if bound is None else ""


def _service(body: JSON) -> str:
    tier = str(_either(body, "serviceTier") or STANDARD).lower().removeprefix("service_tier_")
    return STANDARD if tier in (STANDARD, "unspecified", "default") else tier


def _read(event: Event) -> EventRead:
    candidates = event.get("candidates") or ()
    parts = [part for candidate in candidates for part in _mapping(candidate.get("content")).get("parts") or ()]
    text = "".join(part.get("text") or "" for part in parts if not part.get("thought"))
    ended = bool(candidates) and all(candidate.get("finishReason") for candidate in candidates)
    usage = event.get("usageMetadata") is not None
    return EventRead(text, usage, usage and (ended or "promptFeedback" in event))


def _merge(usages: list[Event], counted: int) -> object | None:
    """Give the last piece with the larger of what it told and what was counted as what was written."""
    if not usages:
        return None
    last = usages[-1]
    usage = {name: count for name, count in last["usageMetadata"].items() if name != "candidatesTokensDetails"}
    usage["candidatesTokenCount"] = max(usage.get("candidatesTokenCount") or 0, counted)
    summed = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")
    usage["totalTokenCount"] = sum(usage.get(name) or 0 for name in summed)
    return {**last, "usageMetadata": usage}


def _either(body: Mapping[str, Any], name: str) -> Any:
    """The interface takes both ways to write a name."""
    return body.get(name, body.get(re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)))


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
