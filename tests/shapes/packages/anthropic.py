# /// script
# dependencies = ["anthropic"]
# ///
"""Anthropic's own package: messages, their streams, the beta passes and batches."""

import asyncio
import json

from anthropic import Anthropic, AsyncAnthropic

from tests.shapes.book import case, forms
from tests.shapes.fake.anthropic import MESSAGE_USAGE, iteration, message, messages
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.server import Answer, Reply, as_json, provider

ASKED = {"max_tokens": 1000, "messages": [{"role": "user", "content": "hello"}]}
SONNET = "claude-sonnet-4-5"
BILL = bill(SONNET, input=50, cache_read=2000, cache_write=500, cache_write_1h=200, output=300, web_search=2)


def messages_of(scenario: str, answer: Answer, right: Bill, *, beta: bool = False) -> None:
    """Book a message in all its forms: plain, by the stream helper, sync and awaited."""
    asked = {**ASKED, "model": right.model}
    with provider({"/v1/messages": answer}) as url:
        client = Anthropic(base_url=url, api_key="none")
        api = client.beta.messages if beta else client.messages
        forms(scenario, api.create(**asked), right)
        with api.stream(**asked) as stream:
            forms(f"{scenario}, final message", stream.get_final_message(), right)
        asyncio.run(_awaited(scenario, url, asked, right, beta))


async def _awaited(scenario: str, url: str, asked: dict[str, object], right: Bill, beta: bool) -> None:
    async with AsyncAnthropic(base_url=url, api_key="none") as client:
        api = client.beta.messages if beta else client.messages
        async with api.stream(**asked) as stream:
            case(f"{scenario}, final message awaited", await stream.get_final_message(), right)


def usage(**changed: object) -> dict[str, object]:
    return {**MESSAGE_USAGE, **changed}


messages_of("message", messages(message("claude-sonnet-4-5-20250929", MESSAGE_USAGE)), BILL)
messages_of("message by the beta", messages(message(SONNET, MESSAGE_USAGE)), BILL, beta=True)
plain = {"input_tokens": 1000, "output_tokens": 300}
messages_of("message without a cache", messages(message(SONNET, plain)), bill(SONNET, input=1000, output=300))
thought = {**plain, "output_tokens_details": {"thinking_tokens": 200}}
messages_of("message that thought", messages(message(SONNET, thought)), bill(SONNET, input=1000, output=300))
short = usage(cache_creation={"ephemeral_5m_input_tokens": 700, "ephemeral_1h_input_tokens": 0})
right = bill(SONNET, input=50, cache_read=2000, cache_write=700, output=300, web_search=2)
messages_of("message kept for 5 minutes", messages(message(SONNET, short)), right)
long = usage(cache_creation={"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 700})
right = bill(SONNET, input=50, cache_read=2000, cache_write_1h=700, output=300, web_search=2)
messages_of("message kept for an hour", messages(message(SONNET, long)), right)
here = {**plain, "inference_geo": "us", "service_tier": "standard"}
right = bill("claude-opus-4-6", service="us", input=1000, output=300)
messages_of("message of a region", messages(message("claude-opus-4-6", here)), right)

with provider({"/v1/messages": messages(message(SONNET, MESSAGE_USAGE))}) as url:
    events = list(Anthropic(base_url=url, api_key="none").messages.create(**ASKED, model=SONNET, stream=True))
    case("all events of a stream", events, BILL)
    case("all events of a stream, as JSON", [event.model_dump(mode="json") for event in events], BILL)
    delta = next(event for event in events if event.type == "message_delta")
    why = "the split of 5 minutes and an hour stands in message_start alone; pass all events, or the final message"
    case("last message_delta", delta, BILL, "refused", why)
    case("last message_delta's dump", delta.model_dump(), BILL, "refused", why)
    case("last message_delta's usage", delta.usage, BILL, "blind", why)
with provider({"/v1/messages": messages(message(SONNET, plain))}) as url:
    events = list(Anthropic(base_url=url, api_key="none").messages.create(**ASKED, model=SONNET, stream=True))
    delta = next(event for event in events if event.type == "message_delta")
    case("last message_delta without a cache", delta, bill(SONNET, input=1000, output=300))
grown = {"cache_creation_input_tokens": 1400}
with provider({"/v1/messages": messages(message(SONNET, MESSAGE_USAGE), grown=grown)}) as url:
    with Anthropic(base_url=url, api_key="none").messages.stream(**ASKED, model=SONNET) as stream:
        final = stream.get_final_message()
    right = bill(SONNET, input=50, cache_read=2000, cache_write=500, cache_write_1h=900, output=300, web_search=2)
    case("final message whose cache outgrew its split, written for an hour", final, right)
    right = bill(SONNET, input=50, cache_read=2000, cache_write=1200, cache_write_1h=200, output=300, web_search=2)
    why = "the split of the first 700 is left as it was, so that the others' time is not known"
    case("final message whose cache outgrew its split, written for 5 minutes", final, right, "dearer", why)

with provider({"/count_tokens": as_json({"input_tokens": 1000})}) as url:
    counted = Anthropic(base_url=url, api_key="none").messages.count_tokens(model=SONNET, messages=ASKED["messages"])
    case("count of tokens", counted, bill(SONNET, input=0), "refused", "it is no usage: nothing was made")

OPUS = "claude-opus-4-6"
top = {"input_tokens": 23000, "output_tokens": 1000, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
passes = [
    iteration("compaction", input_tokens=180000, output_tokens=3500),
    iteration("message", input_tokens=23000, output_tokens=1000),
]
right = bill(OPUS, input=203000, output=4500)
messages_of("compaction", messages(message(OPUS, {**top, "iterations": passes})), right, beta=True)
passes = [
    iteration("message", input_tokens=400, output_tokens=90),
    iteration("advisor_message", "claude-opus-4-6", input_tokens=823, output_tokens=1612),
    iteration("message", input_tokens=1348, output_tokens=442, cache_read_input_tokens=412),
]
top = {"input_tokens": 1748, "output_tokens": 532, "cache_read_input_tokens": 412, "cache_creation_input_tokens": 0}
right = bill(SONNET, input=1748, cache_read=412, output=532) + bill(OPUS, input=823, output=1612)
messages_of("advisor", messages(message(SONNET, {**top, "iterations": passes})), right, beta=True)
passes = [
    iteration("message", OPUS, input_tokens=412, output_tokens=3),
    iteration("fallback_message", SONNET, input_tokens=412, output_tokens=300),
]
top = {"input_tokens": 824, "output_tokens": 303, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
right = bill(OPUS, input=412, output=3) + bill(SONNET, input=412, output=300)
messages_of("fallback to another model", messages(message(SONNET, {**top, "iterations": passes})), right, beta=True)
passes = [
    iteration("message", input_tokens=600, output_tokens=100),
    iteration("message", input_tokens=400, output_tokens=200),
]
top = {"input_tokens": 1000, "output_tokens": 300, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
right = bill(SONNET, input=1000, output=300)
messages_of("two passes of a server tool", messages(message(SONNET, {**top, "iterations": passes})), right, beta=True)

succeeded = {"type": "succeeded", "message": message(SONNET, {**MESSAGE_USAGE, "service_tier": "batch"})}
line = {"custom_id": "a", "result": succeeded}
ended = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended", "archived_at": None}
ended |= {"created_at": "2026-11-01T00:00:00Z", "expires_at": "2026-11-02T00:00:00Z", "cancel_initiated_at": None}
ended |= {"request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0}}
answers = {"/messages/batches/msgbatch_1/results": Reply(json.dumps(line).encode(), "application/x-jsonl")}
right = bill(SONNET, service="batch", input=50, cache_read=2000, cache_write=500, cache_write_1h=200, output=300)
right += bill(SONNET, web_search=2)
with provider(answers) as url:
    ended["results_url"] = f"{url}/v1/messages/batches/msgbatch_1/results"
    with provider({**answers, "/messages/batches/msgbatch_1": as_json(ended)}) as other:
        for result in Anthropic(base_url=other, api_key="none").messages.batches.results("msgbatch_1"):
            forms("batch, a message of its results", result.result.message, right)
            case("batch, a line of its results", result, right)
            case("batch, its result", result.result, right)
