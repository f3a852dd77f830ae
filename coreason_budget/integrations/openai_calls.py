"""OpenAI's language: what each call asks, what its answer and its events tell, and where its output limit stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

from coreason_budget.errors import InvalidAmountError
from coreason_budget.integrations.attempt import Event, EventRead, Progress
from coreason_budget.integrations.bounds import are_functions, bytes_of, strings
from coreason_budget.integrations.guarding import STANDARD, Ask
from coreason_budget.pricing import PricingEngine

JSON: TypeAlias = dict[str, Any]

# Models that think unseen: of a cut stream nobody can tell how much.
_THINKS = re.compile(r"(^|[/.])(o\d|gpt-[5-9]|gpt-oss|grok-(3-mini|4|code)|gemini-(2\.5|[3-9]|flash|pro)|codex)")
_THOUGHT = ("reasoning", "reasoning_effort", "thinking", "enable_thinking")
# What brings more into a call than its request shows, and why.
_HIDDEN = {
    "previous_response_id": "it goes on from a stored response",
    "conversation": "it goes on from a stored conversation",
    "web_search_options": "it searches",
    "plugins": "it uses plugins",
    "prediction": "it has a prediction",
    "models": "it may fall back to another model",
}
# What is billed is told in JSON alone.
_TEXT_FORMATS = ("text", "srt", "vtt")
_NO_TEXT = frozenset({"id", "type", "role", "index", "data", "object"})
_FREE = re.compile(
    r"/(files|moderations|uploads(/[^/]+/(parts|complete|cancel))?|conversations(/.*)?|responses/input_tokens|"
    r"(responses|batches)/[^/]+/cancel|chat/completions/[^/]+)$"
)


@frozen
class Endpoint:
    """A call that is billed.

    Attributes:
        ask: What it asks, by its body and the prices.
        read: What an event of its stream tells.
        limits: The names of its output limit, first the one that is written where there is none.
        is_counted: The text of a stream that was cut can be counted.
        asks_usage: Its stream tells its usage only if it is asked to.
    """

    ask: Callable[[JSON, PricingEngine], Ask]
    read: Callable[[Event], EventRead]
    limits: tuple[str, ...] = ()
    is_counted: bool = False
    asks_usage: bool = False

    def progress(self, body: JSON) -> Progress:
        """What its stream has told before it begins."""
        return Progress(self.read, _last, is_countable=self.is_counted and not _thinks(body))

    def write_limit(self, body: JSON, limit: int, is_openai: bool) -> None:
        """Write the output limit where the call has it, or where its provider looks for it."""
        given = [name for name in self.limits if body.get(name) is not None]
        for name in given or self.limits[:1] if is_openai else given or self.limits[-1:]:
            body[name] = limit


def find(path: str, body: JSON) -> Endpoint | None:
    """Find the billed call that a path is, None for one that is not known."""
    path = urlsplit(path).path
    if path.endswith(("/audio/transcriptions", "/audio/translations")) and body.get("response_format") in _TEXT_FORMATS:
        return None
    return next((endpoint for end, endpoint in ENDPOINTS.items() if path.endswith(end)), None)


def is_free(method: str, path: str) -> bool:
    """Say whether a call costs nothing: reading, and what is known to."""
    return method.lower() != "post" or _FREE.search(urlsplit(path).path) is not None


def _chat(body: JSON, pricing: PricingEngine) -> Ask:
    messages = body.get("messages")
    beside = [body.get("tools"), body.get("functions"), body.get("response_format")]
    bound = bytes_of(messages, *beside)

    def read(model: str) -> int | None:
        try:
            return pricing.prompt_tokens(model, messages=messages, tools=[part for part in beside if part] or None)
        except InvalidAmountError:
            return bound

    return _ask(body, read, bound, ("max_completion_tokens", "max_tokens"), body.get("n"))


def _responses(body: JSON, pricing: PricingEngine) -> Ask:
    said, told = body.get("input"), body.get("instructions")
    form = (body.get("text") or {}).get("format") if isinstance(body.get("text"), Mapping) else None
    bound = bytes_of([told, said], body.get("tools"), form)
    items = [{"role": "user", "content": said}] if isinstance(said, str) else said
    messages = [{"role": "system", "content": told}] * bool(told) + list(items or ())

    def read(model: str) -> int | None:
        try:
            beside = [part for part in (body.get("tools"), form) if part]
            return pricing.prompt_tokens(model, messages=messages, tools=beside or None)
        except InvalidAmountError:
            return bound

    hidden = "it uses a stored prompt" if body.get("prompt") else "it runs in the background" * bool(_later(body))
    return _ask(body, read, bound, ("max_output_tokens",), why=hidden, least=16, is_late=_later(body))


def _later(body: JSON) -> bool:
    return bool(body.get("background"))


def _completions(body: JSON, pricing: PricingEngine) -> Ask:
    prompt = body.get("prompt")
    bound = bytes_of(prompt)
    prompts = len(prompt) if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int) else 1
    answers = prompts * max(body.get("n") or 1, body.get("best_of") or 1)
    return _ask(body, lambda _: bound, bound, ("max_tokens",), answers)


def _embeddings(body: JSON, pricing: PricingEngine) -> Ask:
    bound = bytes_of(body.get("input"))
    return _ask(body, lambda _: bound, bound)


def _hidden(why: str, *, is_late: bool = False) -> Callable[[JSON, PricingEngine], Ask]:
    return lambda body, _: Ask(body.get("model"), lambda model: None, why_hidden=why, is_late=is_late)


def _ask(
    body: JSON,
    read: Callable[[str], int | None],
    bound: int | None,
    limits: tuple[str, ...] = (),
    answers: int | None = None,
    *,
    why: str = "",
    least: int = 1,
    is_late: bool = False,
) -> Ask:
    why = why or next((reason for name, reason in _HIDDEN.items() if body.get(name) is not None), "")
    if not why and not are_functions(body.get("tools")):
        why = "it has tools that run at the provider"
    if not why and bound is None:
        why = "its input has a part that is not text"
    tier = body.get("service_tier")
    return Ask(
        body.get("model"),
        read,
        next((body[name] for name in limits if body.get(name) is not None), None),
        answers or 1,
        STANDARD if tier in (None, "auto", "default", "standard_only") else tier,
        why,
        least,
        is_late,
    )


def _thinks(body: JSON) -> bool:
    if any(body.get(name) not in (None, "none") for name in _THOUGHT) or "audio" in (body.get("modalities") or ()):
        return True
    return _THINKS.search(str(body.get("model"))) is not None


def _read_chat(event: Event) -> EventRead:
    choices = event.get("choices") or ()
    text = "".join(strings([choice.get("delta") or choice.get("text") for choice in choices], _NO_TEXT))
    usage = event.get("usage") is not None
    return EventRead(text, usage, usage and all(choice.get("finish_reason") for choice in choices))


def _read_response(event: Event) -> EventRead:
    delta, response, kind = event.get("delta"), event.get("response") or {}, event.get("type", "")
    text = delta if isinstance(delta, str) and "audio.delta" not in kind else ""
    usage = response.get("usage") is not None
    hides = "reasoning" in kind or (event.get("item") or {}).get("type") == "reasoning"
    return EventRead(text, usage, usage and response.get("status") not in ("in_progress", "queued"), hides)


def _read_usage(event: Event) -> EventRead:
    usage = event.get("usage") is not None
    return EventRead("", usage, usage)


def _last(usages: list[Event], counted: int) -> object | None:
    return usages[-1:] or None


_PICTURE = Endpoint(_hidden("it makes pictures"), _read_usage)
_SOUND = Endpoint(_hidden("it reads sound"), _read_usage)
# The end of the path -> the call.
ENDPOINTS: dict[str, Endpoint] = {
    "/chat/completions": Endpoint(_chat, _read_chat, ("max_completion_tokens", "max_tokens"), True, True),
    "/responses": Endpoint(_responses, _read_response, ("max_output_tokens",), True),
    "/responses/compact": Endpoint(_hidden("it compacts a conversation"), _read_response),
    "/completions": Endpoint(_completions, _read_chat, ("max_tokens",), True, True),
    "/embeddings": Endpoint(_embeddings, _read_usage),
    "/images/generations": _PICTURE,
    "/images/edits": _PICTURE,
    "/audio/transcriptions": _SOUND,
    "/audio/translations": _SOUND,
    "/batches": Endpoint(_hidden("a batch is in a file", is_late=True), _read_usage),
}
