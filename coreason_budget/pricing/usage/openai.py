"""OpenAI's shapes, and those of everybody who speaks its language: prompt contains cached tokens.

Completion contains reasoning, except where the total says otherwise (xAI, Gemini's own endpoint).
"""

from __future__ import annotations

import attrs

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage, check_seconds, minus
from coreason_budget.pricing.usage.node import Node


@attrs.frozen
class _Names:
    """How a shape calls its counts."""

    prompt: str
    output: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


_CHAT = _Names("prompt_tokens", "completion_tokens", ("prompt_tokens_details",), ("completion_tokens_details",))
_RESPONSE = _Names(
    "input_tokens",
    "output_tokens",
    ("input_tokens_details", "input_token_details"),
    ("output_tokens_details", "output_token_details"),
)


def chat(node: Node) -> Usage:
    """Read a chat completion or an embedding, LiteLLM's and Perplexity's too."""
    perplexity = any(node.get(name) is not None for name in ("citation_tokens", "num_search_queries"))
    usage = _read(node, _CHAT)
    if not perplexity:
        return usage
    # sonar-deep-research reads citations and reasons beside what its total counts.
    return attrs.evolve(
        usage,
        input=usage.input + node.count("citation_tokens"),
        reasoning=usage.reasoning + node.count("reasoning_tokens"),
        web_search=node.count("num_search_queries"),
    )


def response(node: Node) -> Usage:
    """Read a response, a transcription billed by the token, or a realtime answer."""
    return _read(node, _RESPONSE)


def duration(node: Node) -> Usage:
    """Read a transcription that is billed by its length."""
    return Usage(per_second=check_seconds(node.get("seconds")), service=node.service())


def _read(node: Node, names: _Names) -> Usage:
    connectors = node.count("connector_tokens")
    prompt = node.count(names.prompt, required=True) + connectors
    # Embeddings have a total only.
    completion = node.count(names.output, required=node.get("total_tokens") is None)
    outputs = node.child(*names.outputs)
    reasoning = outputs.count("reasoning_tokens")
    beside = _unlisted(node, prompt + completion, reasoning)
    completion, reasoning = completion + beside, max(reasoning, beside)
    audio, image = outputs.count("audio_tokens"), outputs.count("image_tokens")
    visible = minus(completion, reasoning, "reasoning_tokens", names.output)
    visible = minus(visible, audio, "audio_tokens", f"the rest of {names.output}")
    return attrs.evolve(
        _prompt(node, names, prompt),
        output=minus(visible, image, "image_tokens", f"the rest of {names.output}"),
        reasoning=reasoning,
        output_audio=audio,
        output_image=image,
        web_search=_searches(node, names),
        per_second=_audio_seconds(node),
        service=node.service(),
    )


def _prompt(node: Node, names: _Names, prompt: int) -> Usage:
    """Take the prompt apart: text, audio and images, afresh, from a cache and into one."""
    inputs = node.child(*names.inputs)
    cached = inputs.count("cached_tokens") or node.count(
        "cache_read_input_tokens", "cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens"
    )
    written = inputs.count("cache_write_tokens", "cache_creation_tokens") or node.count("cache_creation_input_tokens")
    hour = inputs.child("cache_creation_token_details").count("ephemeral_1h_input_tokens")
    short = minus(written, hour, "ephemeral_1h_input_tokens", "the tokens written")
    minus(prompt, cached, "cached_tokens", names.prompt)
    cached_audio = inputs.child("cached_tokens_details").count("audio_tokens")
    audio = minus(inputs.count("audio_tokens"), cached_audio, "cached_tokens_details", "audio_tokens")
    image = inputs.count("image_tokens") + inputs.count("video_tokens")
    cached_text = minus(cached, cached_audio, "cached_tokens_details", "cached_tokens")
    rest = minus(prompt, written, "cache_write_tokens", names.prompt)
    rest = minus(rest, audio + cached_audio, "audio_tokens", f"the rest of {names.prompt}")
    rest = minus(rest, image, "image_tokens", f"the rest of {names.prompt}")
    if audio or image:
        # Where cached audio or images are not told apart, they count as read afresh.
        cached_text = min(cached_text, rest)
    return Usage(
        input=minus(rest, cached_text, "cached_tokens", f"the rest of {names.prompt}"),
        cache_read=cached_text,
        cache_write=short,
        cache_write_1h=hour,
        input_audio=audio,
        input_image=image,
        cache_read_audio=cached_audio,
    )


def _unlisted(node: Node, listed: int, reasoning: int) -> int:
    """Give the tokens of the total that prompt and completion lack: reasoning counted beside them."""
    if node.get("total_tokens") is None:
        return 0
    total = node.count("total_tokens")
    rest = total - listed
    if rest < 0 or (rest and reasoning not in (0, rest)):
        raise InvalidAmountError(f"total_tokens: {total} is not the sum of its parts, {listed}", field="total_tokens")
    return rest


def _searches(node: Node, names: _Names) -> int:
    """Count the searches: as the usage tells them, else as the answer lists them."""
    tools = node.child("server_side_tool_usage_details")
    told = (
        node.child("server_tool_use").count("web_search_requests")
        or node.child(*names.inputs).count("web_search_requests")
        or tools.count("web_search_calls") + tools.count("x_search_calls")
        or node.child("connectors").count("web_search")
    )
    if told or tools.value is not None or node.outer is None or not isinstance(node.outer.get("output"), list):
        return told
    calls = [item for item in node.outer.items("output") if item.word("type") == "web_search_call"]
    # Opening a page that was found, or searching in it, is not billed.
    return sum(call.child("action").word("type") in ("", "search") for call in calls)


def _audio_seconds(node: Node) -> int | None:
    """Give what Mistral bills by the second beside the tokens; none told is none heard."""
    if not node.has("prompt_audio_seconds"):
        return None
    return node.count("prompt_audio_seconds") if node.get("prompt_audio_seconds") else 0
