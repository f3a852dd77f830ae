# /// script
# dependencies = ["smolagents[openai,litellm]"]
# ///
"""smolagents: a model's messages keep the provider's answer; its token usages have the wholes alone."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"

from smolagents import LiteLLMModel, OpenAIServerModel, ToolCallingAgent

from tests.shapes.book import case
from tests.shapes.fake.world import BILLS, CLAUDE, GPT, world

HELLO = [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
WHOLES = "a TokenUsage has no cached tokens, so all are booked at the price of fresh ones; pass the message"

with world() as url:
    openai = OpenAIServerModel(model_id=GPT, api_base=f"{url}/v1", api_key="none")
    answer = openai.generate(HELLO)
    case("openai, message", answer, BILLS["gpt"])
    case("openai, its raw", answer.raw, BILLS["gpt"])
    case("openai, its token_usage", answer.token_usage, BILLS["gpt"], "dearer", WHOLES)
    claude = LiteLLMModel(model_id=f"anthropic/{CLAUDE}", api_base=url, api_key="none").generate(HELLO)
    case("claude, message", claude, BILLS["claude"])
    agent = ToolCallingAgent(tools=[], model=openai, max_steps=1, verbosity_level=0)
    result = agent.run("hello", return_full_result=True)
    case("openai, run of two requests", result, BILLS["gpt"] + BILLS["gpt"], "dearer", WHOLES)
