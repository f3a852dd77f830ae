# /// script
# dependencies = ["openai-agents[litellm]"]
# ///
"""The OpenAI Agents SDK: a run's usage with its entries, over OpenAI's two interfaces and LiteLLM."""

import os
from collections.abc import Callable
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from agents.extensions.models.litellm_model import LitellmModel
from openai import AsyncOpenAI

from tests.shapes.book import case
from tests.shapes.fake.bill import Bill
from tests.shapes.fake.world import ASK, BILLS, CLAUDE, GEMINI, GPT, GROK, SAID, SOL, world

set_tracing_disabled(disabled=True)
LOST = "LiteLLM's model drops the searches and the times of the cache"


@function_tool
def weather(city: str) -> str:
    """The weather."""
    return SAID


def models(url: str) -> dict[str, tuple[Callable[[], Any], Bill]]:
    """One of each provider, with what an answer of it costs."""
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none")
    gemini = f"{url}/v1beta/models/{GEMINI}"
    return {
        "responses": (lambda: OpenAIResponsesModel(SOL, client), BILLS["sol"]),
        "chat": (lambda: OpenAIChatCompletionsModel(GPT, client), BILLS["gpt"]),
        "xai": (lambda: OpenAIChatCompletionsModel(GROK, client), BILLS["grok"]),
        "litellm, gemini": (lambda: LitellmModel(f"gemini/{GEMINI}", gemini, "none"), BILLS["gemini"]),
        "litellm, xai": (lambda: LitellmModel(f"xai/{GROK}", f"{url}/v1", "none"), BILLS["grok"]),
        "litellm, anthropic": (lambda: LitellmModel(f"anthropic/{CLAUDE}", url, "none"), BILLS["claude"]),
    }


with world() as url:
    for name, (make, right) in models(url).items():
        lost: Any = ("blind", LOST) if name == "litellm, anthropic" else ()
        result = Runner.run_sync(Agent(name="agent", model=make(), tools=[weather]), ASK)
        case(f"{name}, run's usage", result.context_wrapper.usage, right + right, *lost)
        case(f"{name}, result", result, right + right, *lost)
        case(f"{name}, responses", result.raw_responses, right + right, *lost)
        case(f"{name}, a response", result.raw_responses[0], right, *lost)
        case(f"{name}, a response's usage", result.raw_responses[0].usage, right, *lost)
