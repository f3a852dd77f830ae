# /// script
# dependencies = ["strands-agents[openai,anthropic,gemini,litellm]"]
# ///
"""Strands: a message's usage and an agent's result of several requests, over six models."""

import os

os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="true", AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")

from typing import Any

from strands import Agent, tool
from strands.models import BedrockModel
from strands.models.anthropic import AnthropicModel
from strands.models.gemini import GeminiModel
from strands.models.litellm import LiteLLMModel
from strands.models.openai import OpenAIModel

from tests.shapes.book import case
from tests.shapes.fake.world import ASK, BEDROCK, BILLS, CLAUDE, GEMINI, GPT, GROK, SAID, world

LOST = "the usage has no searches and no times of the cache"
OPEN = "whether the input contains the cache cannot be told"


@tool
def weather(city: str) -> str:
    """The weather.

    Args:
        city: Where.
    """
    return SAID


with world() as url:
    openai = {"base_url": f"{url}/v1", "api_key": "none"}
    models: dict[str, Any] = {
        "openai": (OpenAIModel(client_args=openai, model_id=GPT), "gpt", ()),
        "xai": (OpenAIModel(client_args=openai, model_id=GROK), "grok", ()),
        "gemini": (
            GeminiModel(client_args={"api_key": "none", "http_options": {"base_url": url}}, model_id=GEMINI),
            "gemini",
            (),
        ),
        "anthropic": (
            AnthropicModel(client_args={"api_key": "none", "base_url": url}, model_id=CLAUDE, max_tokens=100),
            "claude",
            ("blind", LOST),
        ),
        "bedrock": (
            BedrockModel(model_id=BEDROCK, endpoint_url=url, region_name="us-east-1"),
            "bedrock",
            ("blind", LOST),
        ),
        "litellm, claude": (
            LiteLLMModel(client_args={"api_key": "none", "api_base": url}, model_id=f"anthropic/{CLAUDE}"),
            "claude",
            ("refused", OPEN),
        ),
    }
    for name, (model, bill, lost) in models.items():
        right = BILLS[bill]
        agent = Agent(model=model, tools=[weather], callback_handler=None)
        agent("hello")
        result = agent(ASK)
        case(f"{name}, result after another", result, right + right, *lost)
        case(f"{name}, its last invocation", result.metrics.latest_agent_invocation.usage, right + right, *lost)
        usage = result.message["metadata"]["usage"]
        case(f"{name}, message's usage", usage, right, *(() if "cacheDetails" in usage else lost))
