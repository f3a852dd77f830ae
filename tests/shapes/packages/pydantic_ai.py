# /// script
# dependencies = ["pydantic-ai-slim[openai,anthropic,google,bedrock]"]
# ///
"""pydantic-ai: usages of requests and of runs, results, messages, over five providers."""

import os
from collections.abc import Callable
from typing import Any

from pydantic_ai import Agent, ModelMessagesTypeAdapter
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.bedrock import BedrockProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

from tests.shapes.book import case
from tests.shapes.fake.bill import Bill
from tests.shapes.fake.world import ASK, BEDROCK, BILLS, CLAUDE, GEMINI, GPT, GROK, SAID, SOL, world

os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")


def models(url: str) -> dict[str, tuple[Callable[[], Any], Bill]]:
    """One of each provider, with what an answer of it costs."""
    openai = OpenAIProvider(base_url=f"{url}/v1", api_key="none")
    anthropic = AnthropicProvider(base_url=url, api_key="none")
    google = GoogleProvider(base_url=url, api_key="none")
    bedrock = BedrockProvider(base_url=url, region_name="us-east-1")
    return {
        "openai": (lambda: OpenAIChatModel(GPT, provider=openai), BILLS["gpt"]),
        "openai responses": (lambda: OpenAIResponsesModel(SOL, provider=openai), BILLS["sol"]),
        "xai": (lambda: OpenAIChatModel(GROK, provider=openai), BILLS["grok"]),
        "anthropic": (lambda: AnthropicModel(CLAUDE, provider=anthropic), BILLS["claude"]),
        "google": (lambda: GoogleModel(GEMINI, provider=google), BILLS["gemini"]),
        "bedrock": (lambda: BedrockConverseModel(BEDROCK, provider=bedrock), BILLS["bedrock"]),
    }


def weather(city: str) -> str:
    """The weather."""
    return SAID


with world() as url:
    for name, (make, right) in models(url).items():
        agent = Agent(make(), tools=[weather])
        result = agent.run_sync("hello")
        case(f"{name}, result", result, right)
        case(f"{name}, run's usage", result.usage, right)
        answer = result.all_messages()[-1]
        case(f"{name}, response", answer, right)
        case(f"{name}, request's usage", answer.usage, right)
        case(f"{name}, messages", result.all_messages(), right)
        case(f"{name}, messages as JSON", ModelMessagesTypeAdapter.dump_python(result.all_messages()), right)
        result = agent.run_sync(ASK)
        case(f"{name}, run of two requests", result.usage, right + right)
        case(f"{name}, messages of two requests", result.all_messages(), right + right)
