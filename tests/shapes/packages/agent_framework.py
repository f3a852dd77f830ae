# /// script
# dependencies = ["agent-framework-core", "agent-framework-openai", "agent-framework-anthropic"]
# ///
"""The Microsoft Agent Framework: usage details of agents and clients, over OpenAI and Anthropic."""

import asyncio
from typing import Any

from agent_framework import Agent
from agent_framework.anthropic import AnthropicClient
from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient
from anthropic import AsyncAnthropic

from tests.shapes.book import case
from tests.shapes.fake.bill import Bill
from tests.shapes.fake.world import ASK, BILLS, CLAUDE, GPT, SAID, SOL, world

LOST = "the details have no searches and no times of the cache"


def weather(city: str) -> str:
    """The weather."""
    return SAID


async def run(name: str, client: Any, right: Bill, lost: tuple[Any, ...]) -> None:
    """Book an agent's answers and a client's."""
    agent = Agent(client=client, instructions="answer", tools=[weather])
    for text, cost in (("hello", right), (ASK, right + right)):
        made = await agent.run(text)
        case(f"{name}, {text}, answer", made, cost, *lost)
        case(f"{name}, {text}, usage_details", made.usage_details, cost, *lost)
    made = await client.get_response("hello")
    case(f"{name}, client's answer", made, right, *lost)
    case(f"{name}, client's usage_details", made.usage_details, right, *lost)


with world() as url:
    openai = {"base_url": f"{url}/v1", "api_key": "none"}
    claude = AnthropicClient(model=CLAUDE, anthropic_client=AsyncAnthropic(base_url=url, api_key="none"))
    clients: dict[str, Any] = {
        "openai responses": (OpenAIChatClient(model=SOL, **openai), "sol", ()),
        "openai": (OpenAIChatCompletionClient(model=GPT, **openai), "gpt", ()),
        "anthropic": (claude, "claude", ("blind", LOST)),
    }
    for name, (client, bill, lost) in clients.items():
        asyncio.run(run(name, client, BILLS[bill], lost))
