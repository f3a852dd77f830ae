# /// script
# dependencies = ["semantic-kernel", "anthropic"]
# ///
"""Semantic Kernel: messages and their metadata, over OpenAI, xAI in its shape, and Anthropic; streamed too."""

import asyncio
from typing import Any

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from semantic_kernel.connectors.ai.anthropic import AnthropicChatCompletion, AnthropicChatPromptExecutionSettings
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings
from semantic_kernel.contents import ChatHistory

from tests.shapes.book import case
from tests.shapes.fake.bill import Bill
from tests.shapes.fake.world import BILLS, CLAUDE, GPT, GROK, world

HISTORY = ChatHistory()
HISTORY.add_user_message("hello")


async def run(name: str, service: Any, settings: Any, right: Bill) -> None:
    """Book a message, its metadata, and the usage in it."""
    made = await service.get_chat_message_content(HISTORY, settings)
    case(f"{name}, message", made, right)
    case(f"{name}, metadata", made.metadata, right)
    case(f"{name}, usage", made.metadata["usage"], right)
    if name != "anthropic":
        *_, last = [piece async for piece in service.get_streaming_chat_message_content(HISTORY, settings)]
        case(f"{name}, last of a stream", last, right)


async def all_of(url: str) -> None:
    """Book what each service hands out."""
    openai = AsyncOpenAI(base_url=f"{url}/v1", api_key="none")
    for name, model, bill in (("openai", GPT, "gpt"), ("xai", GROK, "grok")):
        service = OpenAIChatCompletion(ai_model_id=model, async_client=openai)
        await run(name, service, OpenAIChatPromptExecutionSettings(), BILLS[bill])
    anthropic = AsyncAnthropic(base_url=url, api_key="none")
    claude = AnthropicChatCompletion(ai_model_id=CLAUDE, api_key="none", async_client=anthropic)
    await run("anthropic", claude, AnthropicChatPromptExecutionSettings(), BILLS["claude"])


with world() as url:
    asyncio.run(all_of(url))
