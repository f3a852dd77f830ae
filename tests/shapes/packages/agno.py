# /// script
# dependencies = ["agno", "openai", "anthropic", "google-genai", "litellm"]
# ///
"""Agno: the metrics of messages and of runs, over five models."""

import os

os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="true", AGNO_TELEMETRY="false")

from typing import Any

from agno.agent import Agent
from agno.models.anthropic import Claude
from agno.models.google import Gemini
from agno.models.litellm import LiteLLM
from agno.models.openai import OpenAIChat, OpenAIResponses
from agno.models.xai import xAI

from tests.shapes.book import case
from tests.shapes.fake.world import ASK, BILLS, CLAUDE, GEMINI, GPT, GROK, SAID, SOL, world

TIMES = "the metrics have no times of the cache"
SEARCHES = "a run's metrics have the searches of its last request alone"
TOOLS = "the metrics lack what Gemini's tools read"
LOST = "the metrics have no searches and no times of the cache"


def weather(city: str) -> str:
    """The weather."""
    return SAID


with world() as url:
    openai = {"base_url": f"{url}/v1", "api_key": "none"}
    gemini = Gemini(id=GEMINI, api_key="none", client_params={"http_options": {"base_url": url}})
    claude = Claude(id=CLAUDE, api_key="none", client_params={"base_url": url})
    models: dict[str, Any] = {
        "openai": (OpenAIChat(id=GPT, **openai), "gpt", (), ()),
        "openai responses": (OpenAIResponses(id=SOL, **openai), "sol", (), ()),
        "xai": (xAI(id=GROK, **openai), "grok", (), ()),
        "anthropic": (claude, "claude", ("blind", TIMES), ("refused", SEARCHES)),
        "gemini": (gemini, "gemini", ("blind", TOOLS), ("blind", TOOLS)),
        "litellm, openai": (LiteLLM(id=f"openai/{GPT}", api_base=f"{url}/v1", api_key="none"), "gpt", (), ()),
        "litellm, claude": (
            LiteLLM(id=f"anthropic/{CLAUDE}", api_base=url, api_key="none"),
            "claude",
            ("dearer", "a message's metrics do not say that they came over a gateway, whose input contains the cache"),
            ("blind", LOST),
        ),
    }
    for name, (model, bill, lost, run_lost) in models.items():
        right = BILLS[bill]
        made = Agent(model=model, tools=[weather], telemetry=False).run(ASK)
        case(f"{name}, run", made, right + right, *run_lost)
        case(f"{name}, run's metrics", made.metrics, right + right, *run_lost)
        case(f"{name}, run's metrics as JSON", made.metrics.to_dict(), right + right, *run_lost)
        answer = next(message for message in made.messages if message.role == "assistant")
        if name != "litellm, claude":
            case(f"{name}, message's metrics", answer.metrics, right, *lost)
            case(f"{name}, message's metrics as JSON", answer.metrics.to_dict(), right, *lost)
