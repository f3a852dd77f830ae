# /// script
# dependencies = ["google-adk", "litellm", "anthropic"]
# ///
"""Google's agent kit: the usage of events, of Gemini and of others over LiteLLM."""

import asyncio
import os

os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="true", GOOGLE_API_KEY="none")

from collections.abc import AsyncIterator
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.events.event import Event
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.genai import types

from tests.shapes.book import case
from tests.shapes.fake.bill import Bill
from tests.shapes.fake.world import ASK, BILLS, CLAUDE, GEMINI, GPT, GROK, SAID, world

LOST = "the usage has no searches and no times of the cache"
WRITES = "a dump lacks what was written to a cache, an attribute that is no field"


def weather(city: str) -> str:
    """The weather."""
    return SAID


async def events(model: Any, text: str) -> AsyncIterator[Event]:
    """The events of a run."""
    runner = InMemoryRunner(agent=LlmAgent(name="agent", model=model, tools=[weather]), app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="user")
    message = types.Content(role="user", parts=[types.Part(text=text)])
    async for event in runner.run_async(user_id="user", session_id=session.id, new_message=message):
        yield event


async def run(name: str, model: Any, right: Bill, lost: tuple[Any, ...]) -> None:
    """Book the events of a run, each alone and all of them."""
    told = [event async for event in events(model, ASK)]
    case(f"{name}, all events", told, right + right, *lost)
    for event in filter(lambda event: event.usage_metadata, told):
        case(f"{name}, event", event, right, *lost)
        dumped = ("refused", WRITES) if lost else ()
        case(f"{name}, event's dump", event.model_dump(), right, *dumped)
        case(f"{name}, event's usage_metadata", event.usage_metadata, right, *lost)


with world() as url:
    os.environ["GOOGLE_GEMINI_BASE_URL"] = url
    openai = {"api_base": f"{url}/v1", "api_key": "none"}
    models: dict[str, Any] = {
        "gemini": (GEMINI, "gemini", ()),
        "openai": (LiteLlm(f"openai/{GPT}", **openai), "gpt", ()),
        "xai": (LiteLlm(f"xai/{GROK}", **openai), "grok", ()),
        "claude": (LiteLlm(f"anthropic/{CLAUDE}", api_base=url, api_key="none"), "claude", ("blind", LOST)),
    }
    for name, (model, bill, lost) in models.items():
        asyncio.run(run(name, model, BILLS[bill], lost))
