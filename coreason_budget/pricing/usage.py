"""Reads the usage that providers report into disjoint buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage, check_count
from coreason_budget.pricing.price import STANDARD

__all__ = ["Usage", "read_usage"]

# Names under which providers report that a call ran at the standard price.
_SERVICES = {
    "default": STANDARD,
    "on_demand": STANDARD,
    "on_demand_priority": "priority",
    "on_demand_flex": "flex",
}
_PLAIN = ("", STANDARD, "global", "not_available")


def read_usage(source: object) -> Usage:
    """Read the usage that a provider reported.

    Takes a `Usage`, the usage of an OpenAI chat completion, response or embedding, of an
    Anthropic message or of a Gemini answer (``usage_metadata``), as an object or a mapping,
    or the whole answer that carries one. The service tier that the answer reports counts.

    Raises:
        InvalidAmountError: There is none (streams often carry none), its shape is not known,
            or it does not add up; names the field.
    """
    if isinstance(source, Usage):
        return source
    node = _Node(source)
    for name in ("usage", "usage_metadata", "usageMetadata"):
        if (inner := node.get(name)) is not None:
            node = _Node(inner, node)
            break
    for name, reader in _SHAPES:
        if node.get(name) is not None:
            usage = reader(node)
            if not any(usage.counts):
                raise InvalidAmountError("usage: no tokens at all; the stream ended without its usage", field="usage")
            return usage
    raise InvalidAmountError(
        f"usage: {type(source).__name__} has none of {', '.join(name for name, _ in _SHAPES)}", field="usage"
    )


class _Node:
    """One level of a usage, by key or by attribute."""

    def __init__(self, value: object, outer: _Node | None = None) -> None:
        self.value = value
        self.outer = outer

    def get(self, name: str) -> Any:
        if isinstance(self.value, Mapping):
            return self.value.get(name)
        return getattr(self.value, name, None)

    def count(self, *names: str, required: bool = False) -> int:
        """Give the first of the names that is there; 0 if none is and none must be."""
        for name in names:
            if (value := self.get(name)) is not None:
                return check_count(value, name)
        if required:
            raise InvalidAmountError(f"{names[0]}: missing", field=names[0])
        return 0

    def child(self, *names: str) -> _Node:
        for name in names:
            if (value := self.get(name)) is not None:
                return _Node(value)
        return _Node(None)

    def service(self) -> str:
        """Give the granted service. Fast mode and a region are prices of their own: ``fast``, ``batch_us``."""
        parts = [self._tier(), _word(self.get("speed")), _word(self.get("inference_geo"))]
        return "_".join(part for part in parts if part not in _PLAIN) or STANDARD

    def _tier(self) -> str:
        # Of the usage, else of the answer around it.
        for node in (self, self.outer):
            for name in ("service_tier", "serviceTier", "traffic_type", "trafficType"):
                if node is not None and (tier := _word(node.get(name))):
                    return _SERVICES.get(tier, tier)
        return STANDARD

    def modalities(self, *names: str) -> tuple[int, int]:
        """Give the audio tokens, and the image, video and document tokens, of a Gemini list."""
        audio = image = 0
        for name in names:
            details = self.get(name) or ()
            if not isinstance(details, Sequence):
                raise InvalidAmountError(f"{name}: not a list", field=name)
            for item in details:
                part = _Node(item)
                modality = _word(part.get("modality"))
                tokens = part.count("token_count", "tokenCount")
                audio += tokens if modality == "audio" else 0
                image += tokens if modality in ("image", "video", "document") else 0
        return audio, image


def _word(value: object) -> str:
    """Give a name in lower case, of text or an enumeration; empty for None."""
    value = value.value if isinstance(value, Enum) else value
    if value is not None and not isinstance(value, str):
        raise InvalidAmountError(f"usage: {type(value).__name__} where a name should be", field="usage")
    return (value or "").lower()


def _minus(total: int, part: int, field: str, whole: str) -> int:
    if part > total:
        raise InvalidAmountError(f"{field}: {part} is more than {whole}, {total}", field=field)
    return total - part


def _openai(node: _Node, prompt_name: str, output_name: str, details: tuple[str, str]) -> Usage:
    """Prompt contains cached, completion contains reasoning."""
    prompt = node.count(prompt_name, required=True)
    # Embeddings have a total only.
    completion = node.count(output_name, required=node.get("total_tokens") is None)
    inputs, outputs = node.child(details[0]), node.child(details[1])
    cached = inputs.count("cached_tokens") or node.count("cached_tokens", "prompt_cache_hit_tokens")
    written = inputs.count("cache_write_tokens", "cache_creation_tokens") or node.count("cache_creation_input_tokens")
    audio_in, audio_out = inputs.count("audio_tokens"), outputs.count("audio_tokens")
    reasoning = outputs.count("reasoning_tokens")
    beside = _unlisted(node, prompt + completion, reasoning)
    completion, reasoning = completion + beside, max(reasoning, beside)
    _minus(prompt, cached, "cached_tokens", prompt_name)
    rest = _minus(prompt, written, "cache_write_tokens", prompt_name)
    rest = _minus(rest, audio_in, "audio_tokens", f"the rest of {prompt_name}")
    # Cached audio is not told apart from cached text; then it counts as audio read afresh.
    cached = min(cached, rest) if audio_in else cached
    visible = _minus(completion, reasoning, "reasoning_tokens", output_name)
    return Usage(
        input=_minus(rest, cached, "cached_tokens", f"the rest of {prompt_name}"),
        cache_read=cached,
        cache_write=written,
        output=_minus(visible, audio_out, "audio_tokens", f"the rest of {output_name}"),
        reasoning=reasoning,
        input_audio=audio_in,
        output_audio=audio_out,
        service=node.service(),
    )


def _unlisted(node: _Node, listed: int, reasoning: int) -> int:
    """Give the tokens of the total that prompt and completion lack: reasoning counted beside them."""
    if node.get("total_tokens") is None:
        return 0
    total = node.count("total_tokens")
    rest = total - listed
    if rest < 0 or (rest and reasoning not in (0, rest)):
        raise InvalidAmountError(f"total_tokens: {total} is not the sum of its parts, {listed}", field="total_tokens")
    return rest


def _chat(node: _Node) -> Usage:
    return _openai(node, "prompt_tokens", "completion_tokens", ("prompt_tokens_details", "completion_tokens_details"))


def _messages_or_response(node: _Node) -> Usage:
    """Anthropic and OpenAI's responses share names; their details tell them apart."""
    anthropic = any(
        node.get(name) is not None
        for name in ("cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use")
    )
    if not anthropic:
        names = ("input_tokens_details", "output_tokens_details")
        return _openai(node, "input_tokens", "output_tokens", names)
    if node.child("input_tokens_details").get("cached_tokens") is not None:
        raise InvalidAmountError("input_tokens_details: beside Anthropic's fields", field="input_tokens_details")
    return _anthropic(node)


def _anthropic(node: _Node) -> Usage:
    """Input excludes cache reads and writes."""
    split = node.child("cache_creation")
    short, hour = split.count("ephemeral_5m_input_tokens"), split.count("ephemeral_1h_input_tokens")
    written = node.count("cache_creation_input_tokens")
    if split.value is None:
        short = written
    elif short + hour != written and node.get("cache_creation_input_tokens") is not None:
        field = "cache_creation_input_tokens"
        raise InvalidAmountError(f"{field}: {written} is not 5m + 1h, {short} + {hour}", field=field)
    output = node.count("output_tokens", required=True)
    thinking = node.child("output_tokens_details").count("thinking_tokens")
    return Usage(
        input=node.count("input_tokens", required=True),
        cache_read=node.count("cache_read_input_tokens"),
        cache_write=short,
        cache_write_1h=hour,
        output=_minus(output, thinking, "thinking_tokens", "output_tokens"),
        reasoning=thinking,
        web_search=node.child("server_tool_use").count("web_search_requests"),
        service=node.service(),
    )


def _gemini(node: _Node) -> Usage:
    """Prompt contains cached; candidates exclude thoughts; a tool's results come on top."""
    prompt_name = "prompt_token_count"
    prompt = node.count(prompt_name, "promptTokenCount", required=True)
    tools = node.count("tool_use_prompt_token_count", "toolUsePromptTokenCount")
    cached = node.count("cached_content_token_count", "cachedContentTokenCount")
    output = node.count("candidates_token_count", "candidatesTokenCount")
    thoughts = node.count("thoughts_token_count", "thoughtsTokenCount")
    total = node.count("total_token_count", "totalTokenCount")
    if total > prompt + tools + output + thoughts:
        raise InvalidAmountError(f"total_token_count: {total} is more than its parts", field="total_token_count")
    audio, image = node.modalities("prompt_tokens_details", "promptTokensDetails")
    tool_audio, tool_image = node.modalities("tool_use_prompt_tokens_details", "toolUsePromptTokensDetails")
    cached_audio, cached_image = node.modalities("cache_tokens_details", "cacheTokensDetails")
    audio_out, image_out = node.modalities("candidates_tokens_details", "candidatesTokensDetails")
    audio = _minus(audio, cached_audio, "cache_tokens_details", "the audio of the prompt") + tool_audio
    image = _minus(image, cached_image, "cache_tokens_details", "the images of the prompt") + tool_image
    fresh = _minus(prompt, cached, "cached_content_token_count", prompt_name) + tools
    return Usage(
        input=_minus(fresh, audio + image, "prompt_tokens_details", prompt_name),
        cache_read=_minus(cached, cached_audio, "cache_tokens_details", "cached_content_token_count"),
        output=_minus(output, audio_out + image_out, "candidates_tokens_details", "candidates_token_count"),
        reasoning=thoughts,
        input_audio=audio,
        input_image=image,
        cache_read_audio=cached_audio,
        output_audio=audio_out,
        output_image=image_out,
        service=node.service(),
    )


_SHAPES = (
    ("prompt_tokens", _chat),
    ("input_tokens", _messages_or_response),
    ("prompt_token_count", _gemini),
    ("promptTokenCount", _gemini),
)
