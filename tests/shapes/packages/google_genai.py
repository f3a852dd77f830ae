# /// script
# dependencies = ["google-genai"]
# ///
"""Google's package: generate_content of Gemini and of Vertex AI, streams, Live, grounding and interactions."""

import asyncio
from collections.abc import Iterator

from google.genai import Client, types

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.gemini import (
    GEMINI_USAGE,
    INTERACTION_USAGE,
    answer,
    contents,
    interaction,
    interaction_events,
)
from tests.shapes.fake.server import Reply, as_events, as_json, either, provider

FLASH = "gemini-2.5-flash"
AMOUNTS = {"input": 390, "cache_read": 560, "input_audio": 60, "cache_read_audio": 40, "output": 100, "reasoning": 200}
BILL = bill(FLASH, **AMOUNTS)
PLAIN = {"promptTokenCount": 1000, "candidatesTokenCount": 300, "totalTokenCount": 1300}


def clients(url: str) -> Iterator[tuple[str, Client]]:
    """Gemini's own interface, and Vertex AI's."""
    options = types.HttpOptions(base_url=url)
    yield "Gemini", Client(api_key="none", http_options=options)
    yield "Vertex", Client(vertexai=True, api_key="none", http_options=options)


def contents_of(
    scenario: str, usage: dict[str, object], right: Bill, alone: Bill | None = None, **candidate: object
) -> None:
    """Book generate_content in all its forms: plain, its last piece, awaited."""
    asked = {"model": right.model, "contents": "hello"}
    with provider(contents(right.model, usage, **candidate)) as url:
        for name, client in clients(url):
            forms(f"{scenario}, {name}", client.models.generate_content(**asked), right, alone=alone)
            *_, last = client.models.generate_content_stream(**asked)
            forms(f"{scenario}, {name}, last piece", last, right, alone=alone)
            asyncio.run(_awaited(f"{scenario}, {name}, awaited", client, asked, right))
    case(f"{scenario}, as JSON", answer(right.model, usage, **candidate), right)


async def _awaited(scenario: str, client: Client, asked: dict[str, str], right: Bill) -> None:
    case(scenario, await client.aio.models.generate_content(**asked), right)


contents_of("everything", GEMINI_USAGE, BILL)
contents_of("plain", PLAIN, bill(FLASH, input=1000, output=300))
for tier, service in (("ON_DEMAND", "standard"), ("TRAFFIC_TYPE_UNSPECIFIED", "standard")):
    contents_of(tier, {**GEMINI_USAGE, "trafficType": tier}, bill(FLASH, service=service, **AMOUNTS))
right = bill(FLASH, service="flex", input=1000, output=300)
contents_of("ON_DEMAND_FLEX", {**PLAIN, "trafficType": "ON_DEMAND_FLEX"}, right)
right = bill(FLASH, service="priority", input=1000, output=300)
contents_of("ON_DEMAND_PRIORITY", {**PLAIN, "trafficType": "ON_DEMAND_PRIORITY"}, right)
seen = [
    {"modality": "TEXT", "tokenCount": 226},
    {"modality": "VIDEO", "tokenCount": 516},
    {"modality": "IMAGE", "tokenCount": 258},
]
contents_of("pictures and video", {**PLAIN, "promptTokensDetails": seen}, bill(FLASH, input=1000, output=300))

grounding = {"webSearchQueries": ["weather", "weather today"], "searchEntryPoint": {"renderedContent": "<p>"}}
once = bill(FLASH, input=1000, output=300, web_search=1)
contents_of(
    "grounded, billed by the prompt", PLAIN, once, bill(FLASH, input=1000, output=300), groundingMetadata=grounding
)
NEXT = "gemini-3-flash-preview"
twice = bill(NEXT, input=1000, output=300, web_search=2)
contents_of(
    "grounded, billed by the query", PLAIN, twice, bill(NEXT, input=1000, output=300), groundingMetadata=grounding
)

with provider(contents(FLASH, {**PLAIN, "trafficType": "ON_DEMAND_OFFPEAK"})) as url:
    _, (_, client) = clients(url)
    made = client.models.generate_content(model=FLASH, contents="hello")
    case(
        "ON_DEMAND_OFFPEAK", made, bill(FLASH, input=1000, output=300), "refused", "no price of off-peak hours is known"
    )
with provider(contents(FLASH, {**PLAIN, "serviceTier": "priority"})) as url:
    (_, client), _ = clients(url)
    made = client.models.generate_content(model=FLASH, contents="hello")
    why = "the package drops the usage's serviceTier; pass service="
    case("serviceTier priority", made, bill(FLASH, service="priority", input=1000, output=300), "blind", why)

calls = [
    answer(FLASH, PLAIN, content={"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]}),
    answer(FLASH, {"promptTokenCount": 1500, "candidatesTokenCount": 100, "totalTokenCount": 1600}),
]


def next_answer(_: dict[str, object]) -> Reply:
    return as_json(calls.pop(0))


def weather() -> str:
    """The weather."""
    return "sunny"


with provider({":generateContent": next_answer}) as url:
    (_, client), _ = clients(url)
    config = types.GenerateContentConfig(tools=[weather])
    made = client.models.generate_content(model=FLASH, contents="hello", config=config)
    right = bill(FLASH, input=2500, output=400)
    why = "the package answered a tool call by itself, and hands out the usage of its last request alone"
    case("automatic function calling", made, right, "refused", why)
    case("automatic function calling, its usage", made.usage_metadata, right, "blind", why)

live = {
    "promptTokenCount": 1000,
    "responseTokenCount": 250,
    "totalTokenCount": 1250,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 200}, {"modality": "AUDIO", "tokenCount": 800}],
    "responseTokensDetails": [{"modality": "TEXT", "tokenCount": 50}, {"modality": "AUDIO", "tokenCount": 200}],
}
event = types.LiveServerMessage.model_validate({"usageMetadata": live})
LIVE = "gemini-2.5-flash-native-audio-latest"
right = bill(LIVE, input=200, input_audio=800, output=50, output_audio=200)
forms("live message", event, right)

flat = {**INTERACTION_USAGE, "total_cached_tokens": 0, "cached_tokens_by_modality": []}
flat |= {"input_tokens_by_modality": [{"modality": "text", "tokens": 1000}]}
scenarios = [
    ("interaction", FLASH, INTERACTION_USAGE, BILL),
    ("interaction of text", FLASH, flat, bill(FLASH, input=1050, output=100, reasoning=200)),
    (
        "interaction that searched",
        NEXT,
        {**flat, "grounding_tool_count": [{"type": "google_search", "count": 2}]},
        bill(NEXT, input=1050, output=100, reasoning=200, web_search=2),
    ),
]
for scenario, model, usage, right in scenarios:
    document = interaction(model, usage)
    with provider({"/interactions": either(as_json(document), as_events(interaction_events(document)))}) as url:
        (_, client), _ = clients(url)
        forms(scenario, client.interactions.create(model=model, input="hello"), right)
        *_, last = client.interactions.create(model=model, input="hello", stream=True)
        case(f"{scenario}, last event", last, right)
        case(f"{scenario}, last event's interaction", last.interaction, right)
