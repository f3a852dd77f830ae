# /// script
# dependencies = ["haystack-ai", "anthropic-haystack", "google-genai-haystack"]
# ///
"""Haystack: messages' ``meta`` over four generators, streamed too."""

import os

os.environ.update(HAYSTACK_TELEMETRY_ENABLED="False", OPENAI_API_KEY="none", ANTHROPIC_API_KEY="none")
os.environ.update(GOOGLE_API_KEY="none")

from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack_integrations.components.generators.anthropic import AnthropicChatGenerator
from haystack_integrations.components.generators.google_genai import GoogleGenAIChatGenerator

from tests.shapes.book import case
from tests.shapes.fake.world import BILLS, CLAUDE, GEMINI, GPT, SOL, world

HELLO = [ChatMessage.from_user("hello")]


def ignored(_: StreamingChunk) -> None:
    """Streamed, and not looked at."""


with world() as url:
    os.environ.update(ANTHROPIC_BASE_URL=url, GOOGLE_GEMINI_BASE_URL=url)
    streamed = {"stream_options": {"include_usage": True}}
    openai = {"api_base_url": f"{url}/v1"}
    models = {
        "openai": (OpenAIChatGenerator(model=GPT, **openai), "gpt"),
        "openai, stream": (
            OpenAIChatGenerator(model=GPT, streaming_callback=ignored, generation_kwargs=streamed, **openai),
            "gpt",
        ),
        "openai responses": (OpenAIResponsesChatGenerator(model=SOL, **openai), "sol"),
        "anthropic": (AnthropicChatGenerator(model=CLAUDE), "claude"),
        "anthropic, stream": (AnthropicChatGenerator(model=CLAUDE, streaming_callback=ignored), "claude"),
        "google": (GoogleGenAIChatGenerator(model=GEMINI), "gemini"),
    }
    for name, (model, bill) in models.items():
        (answer,) = model.run(HELLO)["replies"]
        case(f"{name}, message", answer, BILLS[bill])
        case(f"{name}, message's dump", answer.to_dict(), BILLS[bill])
        case(f"{name}, meta", answer.meta, BILLS[bill])
        case(f"{name}, meta's usage", answer.meta["usage"], BILLS[bill])
