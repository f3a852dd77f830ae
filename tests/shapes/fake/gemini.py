"""Gemini's answers, of its own interface and of Vertex AI, their streams, and interactions."""

from __future__ import annotations

from typing import Any, TypeAlias

from tests.shapes.fake.server import Answer, as_events, as_json

JSON: TypeAlias = dict[str, Any]

GEMINI_USAGE: JSON = {
    "promptTokenCount": 1000,
    "cachedContentTokenCount": 600,
    "candidatesTokenCount": 100,
    "thoughtsTokenCount": 200,
    "toolUsePromptTokenCount": 50,
    "totalTokenCount": 1350,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 900}, {"modality": "AUDIO", "tokenCount": 100}],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 560}, {"modality": "AUDIO", "tokenCount": 40}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
    "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 50}],
}
"""390 of text fresh (50 of them of tools), 560 of it cached, 60 of sound and 40 cached, 100 written, 200 thought."""


def answer(model: str, usage: JSON, **candidate: Any) -> JSON:
    """An answer of generate_content; ``candidate`` stands beside what was said, as ``groundingMetadata`` does."""
    said = {"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP", "index": 0}
    return {"candidates": [{**said, **candidate}], "usageMetadata": usage, "modelVersion": model, "responseId": "r"}


def pieces(model: str, usage: JSON, **candidate: Any) -> list[JSON]:
    """The same streamed: every piece has a usage, only that of the last is whole."""
    part = {"promptTokenCount": usage["promptTokenCount"], "totalTokenCount": usage["promptTokenCount"]}
    begun = answer(model, part)
    begun["candidates"][0].pop("finishReason")
    return [begun, answer(model, usage, **candidate)]


def contents(model: str, usage: JSON, **candidate: Any) -> dict[str, Answer]:
    """Answers of generate_content, plain and streamed."""
    return {
        ":generateContent": as_json(answer(model, usage, **candidate)),
        ":streamGenerateContent": as_events(pieces(model, usage, **candidate), done=False),
    }


INTERACTION_USAGE: JSON = {
    "total_input_tokens": 1000,
    "total_cached_tokens": 600,
    "total_output_tokens": 100,
    "total_thought_tokens": 200,
    "total_tool_use_tokens": 50,
    "total_tokens": 1350,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 900}, {"modality": "audio", "tokens": 100}],
    "cached_tokens_by_modality": [{"modality": "text", "tokens": 560}, {"modality": "audio", "tokens": 40}],
    "output_tokens_by_modality": [{"modality": "text", "tokens": 100}],
    "tool_use_tokens_by_modality": [{"modality": "text", "tokens": 50}],
}
"""The same amounts under an interaction's names."""


def interaction(model: str, usage: JSON) -> JSON:
    """An interaction that has ended."""
    head = {"id": "int_1", "object": "interaction", "status": "completed", "model": model, "role": "model"}
    times = {"created": "2026-11-01T00:00:00Z", "updated": "2026-11-01T00:00:01Z"}
    return {
        **head,
        **times,
        "steps": [{"type": "model_output", "content": [{"type": "text", "text": "hello"}]}],
        "usage": usage,
    }


def interaction_events(document: JSON) -> list[JSON]:
    """The same streamed: the last event has the usage."""
    begun = {**document, "status": "in_progress", "steps": None}
    begun.pop("usage")
    return [
        {"event_type": "interaction.created", "event_id": "1", "interaction": begun},
        {"event_type": "interaction.completed", "event_id": "2", "interaction": document},
    ]
