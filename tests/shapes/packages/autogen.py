# /// script
# dependencies = ["autogen-core", "autogen-ext[openai]"]
# ///
"""AutoGen: an answer's usage has the wholes alone."""

import asyncio

from autogen_core.models import CreateResult, ModelFamily, UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient

from tests.shapes.book import case
from tests.shapes.fake.world import BILLS, GPT, world

WHOLES = "its RequestUsage has no cached tokens, so all are booked at the price of fresh ones"
INFO = {"vision": False, "function_calling": False, "json_output": False, "structured_output": False}


async def made(url: str) -> CreateResult:
    """An answer."""
    info = {**INFO, "family": ModelFamily.UNKNOWN}
    client = OpenAIChatCompletionClient(model=GPT, base_url=f"{url}/v1", api_key="none", model_info=info)
    return await client.create([UserMessage(content="hello", source="user")])


with world() as url:
    answer = asyncio.run(made(url))
    case("openai, answer", answer, BILLS["gpt"], "dearer", WHOLES)
    case("openai, its usage", answer.usage, BILLS["gpt"], "dearer", WHOLES)
