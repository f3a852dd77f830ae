"""Google's provider in the process, and clients of it."""

from __future__ import annotations

from typing import Any

from google import genai
from google.genai import types

from coreason_budget import BudgetManager
from coreason_budget.integrations.gemini import guard
from tests.integrations.books import USER
from tests.integrations.provider import JSON, TEXT, Events, Fate, Provider, async_http, http, sse
from tests.shapes.fake.bill import bill

FLASH = "gemini-2.5-flash"
READ = 88
"""What the provider counts of the prompt: all that there can be, as bytes bound it."""
LIMIT = 8
CONFIG: JSON = {"max_output_tokens": LIMIT}
ASKED: JSON = {"model": FLASH, "contents": "hello", "config": CONFIG}
_RETRIES = types.HttpRetryOptions(attempts=3, initial_delay=0.001, max_delay=0.001, jitter=0.0)


def piece(text: str, written: int, **more: Any) -> JSON:
    """A piece of an answer, with the usage until then."""
    usage = {"promptTokenCount": READ, "candidatesTokenCount": written, "totalTokenCount": READ + written}
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": FLASH, "responseId": "r"}


def answer(asked: JSON, path: str) -> JSON | Events:
    """The provider's part: an answer, plain or streamed as its path asks."""
    if "stream" not in path:
        return piece(TEXT, len(TEXT), finishReason="STOP")
    begun = [(1, piece(letter, count)) for count, letter in enumerate(TEXT[:-1], 1)]
    return sse(*begun, (1, piece(TEXT[-1], len(TEXT), finishReason="STOP")))


def provider_of(*fates: Fate, **more: Any) -> Provider:
    """A provider with a bill of its own. A try that nobody hears of may have been heard, at the price of sound."""
    return Provider(
        answer,
        lambda read, written: bill(FLASH, input=read, output=written),
        READ,
        lambda asked: asked["generationConfig"]["maxOutputTokens"],
        list(fates) or ["answer"],
        worst=lambda read, written: bill(FLASH, input_audio=read, output=written),
        **more,
    )


def bare(provider: Provider, **how: Any) -> genai.Client:
    """The client that a user has."""
    clients = {"httpx_client": http(provider), "httpx_async_client": async_http(provider)}
    options = types.HttpOptions(base_url="http://provider", retry_options=_RETRIES, **clients)
    return genai.Client(api_key="none", http_options=options, **how)


def client_of(provider: Provider, budget: BudgetManager, is_async: bool, **how: Any) -> Any:
    """And the same, guarded; its ``aio`` where it is to be awaited."""
    client = guard(bare(provider), budget, user_id=USER, **how)
    return client.aio if is_async else client
