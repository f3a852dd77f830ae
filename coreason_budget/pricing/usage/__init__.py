"""Reads the usage that providers report into disjoint buckets: one module for each family of shapes."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage
from coreason_budget.pricing.price import STANDARD
from coreason_budget.pricing.usage import anthropic, bedrock, cohere, gemini, openai
from coreason_budget.pricing.usage.node import Node
from coreason_budget.pricing.usage.reported import reported_nanos

__all__ = ["Usage", "read_usage"]

# Where an answer carries its usage.
_INSIDE = ("usage", "usage_metadata", "usageMetadata", "meta")


def read_usage(source: object, service: str = STANDARD) -> Usage:
    """Read the usage that a provider reported.

    Takes a `Usage`; the usage of OpenAI (chat completions, responses, embeddings, transcriptions)
    and of all who speak its language (Mistral, xAI, DeepSeek, Perplexity, OpenRouter, LiteLLM, ...),
    of Anthropic's messages, Gemini (``usage_metadata``), Cohere (v1 and v2) or Bedrock's Converse;
    as an object or a mapping; or the whole answer that carries one. Of a whole answer the service
    tier counts, and the searches that an OpenAI response lists.

    Args:
        source: The usage or the answer.
        service: What was billed where the answer does not say, as in OpenAI's batches.

    Raises:
        InvalidAmountError: There is none (streams often carry none), its shape is not known,
            or it does not add up; names the field.
    """
    if isinstance(source, Usage):
        return source
    node = Node(source, service=service)
    for name in _INSIDE:
        if (inner := node.get(name)) is not None:
            node = Node(inner, node)
            break
    for name, reader in _SHAPES:
        if node.get(name) is not None:
            usage = reader(node)
            if not any(usage.counts):
                raise InvalidAmountError("usage: nothing at all; the stream ended without its usage", field="usage")
            reported = reported_nanos(node)
            return usage if reported is None else attrs.evolve(usage, reported_nanos=reported)
    known = ", ".join(name for name, _ in _SHAPES)
    raise InvalidAmountError(f"usage: {type(source).__name__} has none of {known}", field="usage")


def _messages_or_response(node: Node) -> Usage:
    """Anthropic and OpenAI's responses share names; their details tell them apart."""
    return anthropic.message(node) if anthropic.is_message(node) else openai.response(node)


_SHAPES: tuple[tuple[str, Callable[[Node], Usage]], ...] = (
    ("prompt_tokens", openai.chat),
    ("input_tokens", _messages_or_response),
    ("prompt_token_count", gemini.answer),
    ("promptTokenCount", gemini.answer),
    ("inputTokens", bedrock.converse),
    ("billed_units", cohere.answer),
    ("tokens", cohere.answer),
    ("seconds", openai.duration),
)
