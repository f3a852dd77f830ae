# /// script
# dependencies = ["crewai[anthropic,google-genai,bedrock]"]
# ///
"""CrewAI: an LLM's metrics and a crew's, over its own clients of four providers."""

import os

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", OTEL_SDK_DISABLED="true", CREWAI_TRACING_ENABLED="false")
os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="us-east-1")

from typing import Any

from crewai import LLM, Agent, Crew, Task

from tests.shapes.book import case
from tests.shapes.fake.bill import bill
from tests.shapes.fake.world import BEDROCK, BILLS, CLAUDE, GEMINI, GPT, GROK, world

TIMES = "the metrics have no searches and no times of the cache"
TOOLS = "the metrics lack what Gemini's tools read"

with world() as url:
    os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = url
    gemini = {"client_params": {"http_options": {"base_url": url}}}
    expected: dict[str, Any] = {
        "openai": (LLM(f"openai/{GPT}", base_url=f"{url}/v1", api_key="none"), BILLS["gpt"], ()),
        "xai in openai's shape": (LLM(f"openai/{GROK}", base_url=f"{url}/v1", api_key="none"), BILLS["grok"], ()),
        "anthropic": (LLM(f"anthropic/{CLAUDE}", base_url=url, api_key="none"), BILLS["claude"], ("blind", TIMES)),
        "gemini": (LLM(f"gemini/{GEMINI}", api_key="none", **gemini), BILLS["gemini"], ("blind", TOOLS)),
        "bedrock": (LLM(f"bedrock/{BEDROCK}"), BILLS["bedrock"], ("refused", "what was written is in its total alone")),
    }
    for name, (model, right, lost) in expected.items():
        model.call("hello")
        case(f"{name}, summary", model.get_token_usage_summary(), right, *lost)
        agent = Agent(role="r", goal="g", backstory="b", llm=model)
        task = Task(description="d", expected_output="e", agent=agent)
        made = Crew(agents=[agent], tasks=[task]).kickoff()
        both = bill(right.model, input=0) + right + right
        case(f"{name}, crew's usage, with the call before", made.token_usage, both, *lost)
        case(f"{name}, crew's output", made, both, *lost)
