# /// script
# dependencies = ["openai"]
# ///
"""OpenAI's own package: chat, responses, embeddings, images, audio, realtime and batches."""

import asyncio
import json
from io import BytesIO

from openai import AsyncOpenAI, AzureOpenAI, OpenAI
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.openai import (
    CHAT_USAGE,
    CODE,
    FILE_SEARCH,
    RESPONSE_USAGE,
    WEB_SEARCH,
    chat,
    completion,
    response,
    responses,
    tool_usage,
)
from tests.shapes.fake.server import Answer, Reply, as_events, as_json, either, provider

HELLO = [{"role": "user", "content": "hello"}]
BILL = bill("gpt-4o", input=400, cache_read=600, output=100, reasoning=200)


def chat_completions(scenario: str, answer: Answer, right: Bill, *, alone: Bill | None = None) -> None:
    """Book a chat in all its forms: plain, streamed, by the stream helper, and awaited."""
    asked = {"model": right.model, "messages": HELLO}
    streamed = {**asked, "stream_options": {"include_usage": True}}
    with provider({"/chat/completions": answer}) as url, OpenAI(base_url=url, api_key="none") as client:
        forms(f"{scenario}", client.chat.completions.create(**asked), right, alone=alone)
        *_, last = client.chat.completions.create(**streamed, stream=True)
        forms(f"{scenario}, last chunk", last, right, alone=alone)
        with client.chat.completions.stream(**streamed) as stream:
            case(f"{scenario}, final completion", stream.get_final_completion(), right)
        raw = client.chat.completions.with_raw_response.create(**asked)
        case(f"{scenario}, raw response parsed", raw.parse(), right)
        case(f"{scenario}, JSON of the raw response", json.loads(raw.http_response.text), right)
        asyncio.run(_awaited(scenario, url, streamed, right))


async def _awaited(scenario: str, url: str, asked: dict[str, object], right: Bill) -> None:
    async with AsyncOpenAI(base_url=url, api_key="none") as client:
        async for chunk in await client.chat.completions.create(**asked, stream=True):
            last = chunk
        case(f"{scenario}, last chunk awaited", last, right)


def responses_of(scenario: str, document: dict[str, object], right: Bill, *, alone: Bill | None = None) -> None:
    """Book a Response in all its forms: plain, its last event, and by the stream helper."""
    asked = {"model": right.model, "input": "hello"}
    with provider({"/responses": responses(document)}) as url, OpenAI(base_url=url, api_key="none") as client:
        forms(scenario, client.responses.create(**asked), right, alone=alone)
        *_, last = client.responses.create(**asked, stream=True)
        forms(f"{scenario}, last event", last, right)
        with client.responses.stream(**asked) as stream:
            case(f"{scenario}, final response", stream.get_final_response(), right)


chat_completions("chat", chat("gpt-4o-2024-08-06", CHAT_USAGE), BILL)
predicted = {"accepted_prediction_tokens": 50, "rejected_prediction_tokens": 30, "reasoning_tokens": 0}
chat_completions(
    "chat with a prediction",
    chat("gpt-4o", {**CHAT_USAGE, "completion_tokens_details": predicted}),
    bill("gpt-4o", input=400, cache_read=600, output=300),
)
heard = {
    "prompt_tokens": 150,
    "completion_tokens": 90,
    "total_tokens": 240,
    "prompt_tokens_details": {"audio_tokens": 100, "text_tokens": 50, "cached_tokens": 0},
    "completion_tokens_details": {"audio_tokens": 70, "text_tokens": 20, "reasoning_tokens": 0},
}
chat_completions(
    "chat with sound",
    chat("gpt-audio", heard),
    bill("gpt-audio", input=50, input_audio=100, output=20, output_audio=70),
)
written = {**CHAT_USAGE, "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100}}
chat_completions(
    "chat with a cache write",
    chat("gpt-5.6-sol", written),
    bill("gpt-5.6-sol", input=300, cache_read=600, cache_write=100, output=300),
)
chat_completions(
    "chat at a tier",
    chat("gpt-5", CHAT_USAGE, service_tier="flex"),
    bill("gpt-5", service="flex", input=400, cache_read=600, output=300),
    alone=bill("gpt-5", input=400, cache_read=600, output=300),
)
chat_completions(
    "chat that searched",
    chat("gpt-4o-search-preview", {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}),
    bill("gpt-4o-search-preview", input=1000, output=300, per_request=1),
)

responses_of("response", response("gpt-4o-2024-08-06", RESPONSE_USAGE), BILL)
responses_of(
    "response, three searches listed and one of them billed",
    response("gpt-5", RESPONSE_USAGE, output=[WEB_SEARCH] * 3, tool_usage=tool_usage(searches=1)),
    bill("gpt-5", input=400, cache_read=600, output=300, web_search=1),
    alone=bill("gpt-5", input=400, cache_read=600, output=300),
)
responses_of(
    "response that searched",
    response("gpt-5", RESPONSE_USAGE, output=[WEB_SEARCH] * 2),
    bill("gpt-5", input=400, cache_read=600, output=300, web_search=2),
    alone=bill("gpt-5", input=400, cache_read=600, output=300),
)
responses_of(
    "response that searched files",
    response("gpt-5", RESPONSE_USAGE, output=[FILE_SEARCH]),
    bill("gpt-5", input=400, cache_read=600, output=300, file_search=1),
    alone=bill("gpt-5", input=400, cache_read=600, output=300),
)
responses_of(
    "response that ran code twice in a container",
    response("gpt-5", RESPONSE_USAGE, output=[CODE, CODE]),
    bill("gpt-5", input=400, cache_read=600, output=300, code_interpreter=1),
    alone=bill("gpt-5", input=400, cache_read=600, output=300),
)
responses_of(
    "response at a tier",
    response("gpt-5", RESPONSE_USAGE, service_tier="priority"),
    bill("gpt-5", service="priority", input=400, cache_read=600, output=300),
    alone=bill("gpt-5", input=400, cache_read=600, output=300),
)
written = {**RESPONSE_USAGE, "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100}}
short = {"ttl_12h_tokens": 0, "ttl_30m_tokens": 100}
written["input_tokens_details"]["cache_write_tokens_details"] = short
responses_of(
    "response with a cache write",
    response("gpt-5.6-sol", written),
    bill("gpt-5.6-sol", input=300, cache_read=600, cache_write=100, output=300),
)

with provider(
    {"/responses": responses(response("gpt-5", RESPONSE_USAGE, tool_usage=tool_usage(image_output=4160)))}
) as url:
    made = OpenAI(base_url=url, api_key="none").responses.create(model="gpt-5", input="draw")
    why = "the tokens of its picture are another model's, and it does not say which"
    case("response that drew", made, BILL.under("gpt-5"), "refused", why)
long = {**written, "input_tokens_details": {**written["input_tokens_details"]}}
long["input_tokens_details"]["cache_write_tokens_details"] = {"ttl_12h_tokens": 100, "ttl_30m_tokens": 0}
with provider({"/responses": responses(response("gpt-5.6-sol", long))}) as url:
    made = OpenAI(base_url=url, api_key="none").responses.create(model="gpt-5.6-sol", input="hello")
    why = "no price is known of what is kept for 12 hours"
    case("response with a cache write of 12 hours", made, BILL.under("gpt-5.6-sol"), "refused", why)

stopped = {**response("gpt-4o", RESPONSE_USAGE), "status": "incomplete"}
stopped["incomplete_details"] = {"reason": "max_output_tokens"}
ended = [{"type": "response.incomplete", "sequence_number": 0, "response": stopped}]
with provider({"/responses": as_events(ended, named=True, done=False)}) as url:
    *_, last = OpenAI(base_url=url, api_key="none").responses.create(model="gpt-4o", input="hello", stream=True)
    forms("response cut at its limit, last event", last, BILL)

with provider({"/chat/completions": chat("gpt-4o-2024-08-06", CHAT_USAGE)}) as url:
    client = AzureOpenAI(azure_endpoint=url, api_key="none", api_version="2024-10-21")
    right = bill("azure/gpt-4o", input=400, cache_read=600, output=300)
    forms("Azure's chat", client.chat.completions.create(model="gpt-4o", messages=HELLO), right)

decided = {"answers": [{"type": "predicate", "name": "a", "answer": True}], "model": "gpt-5", "usage": RESPONSE_USAGE}
with provider({"/decisions": as_json(decided)}) as url:
    asked = [{"type": "predicate", "name": "a", "question": "is it?"}]
    made = OpenAI(base_url=url, api_key="none").decisions.create(model="gpt-5", input="hello", questions=asked)
    forms("decision", made, bill("gpt-5", input=400, cache_read=600, output=300))

embedded = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]}
embedded |= {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
with provider({"/embeddings": as_json(embedded)}) as url:
    client = OpenAI(base_url=url, api_key="none")
    made = client.embeddings.create(model="text-embedding-3-small", input="hello", encoding_format="float")
    forms("embedding", made, bill("text-embedding-3-small", input=8))

DRAWN = {
    "input_tokens": 250,
    "input_tokens_details": {"image_tokens": 200, "text_tokens": 50},
    "output_tokens": 4160,
    "output_tokens_details": {"image_tokens": 4100, "text_tokens": 60},
    "total_tokens": 4410,
}
picture = {"created": 1, "data": [{"b64_json": "aGk="}], "size": "1024x1024", "quality": "high", "usage": DRAWN}
shown = {"type": "image_generation.completed", "b64_json": "aGk=", "created_at": 1, "size": "1024x1024"}
shown |= {"quality": "high", "background": "opaque", "output_format": "png", "usage": DRAWN}
svg = {"model": "gpt-5", "input_tokens": 100, "output_tokens": 500, "reasoning_tokens": 100, "total_tokens": 600}
with provider({"/images/generations": as_json({**picture, "svg_usage": svg})}) as url:
    made = OpenAI(base_url=url, api_key="none").images.generate(model="gpt-image-1", prompt="a cat")
    why = "another model wrote its SVG, which the usage leaves out; book both"
    case("picture as SVG", made, bill("gpt-image-1", input=50), "refused", why)
right = bill("gpt-image-1", input=50, input_image=200, output=60, output_image=4100)
with provider({"/images/generations": either(as_json(picture), as_events([shown], named=True, done=False))}) as url:
    client = OpenAI(base_url=url, api_key="none")
    forms("picture", client.images.generate(model="gpt-image-1", prompt="a cat"), right)
    *_, last = client.images.generate(model="gpt-image-1", prompt="a cat", stream=True)
    forms("picture, last event", last, right)

spoken = {"type": "tokens", "input_tokens": 114, "output_tokens": 31, "total_tokens": 145}
spoken["input_token_details"] = {"text_tokens": 14, "audio_tokens": 100}
done = {"type": "transcript.text.done", "text": "hello", "usage": spoken}
timed = {"task": "transcribe", "language": "en", "duration": 8.47, "text": "hello"}
timed["usage"] = {"type": "duration", "seconds": 9}

with provider({"/audio/transcriptions": as_json({"text": "hello", "usage": spoken})}) as url:
    client = OpenAI(base_url=url, api_key="none")
    made = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", BytesIO(b"RIFF")))
    forms("transcription", made, bill("gpt-4o-transcribe", input=14, input_audio=100, output=31))
with provider({"/audio/transcriptions": as_events([done], named=True, done=False)}) as url:
    client = OpenAI(base_url=url, api_key="none")
    *_, last = client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=("a.wav", BytesIO(b"RIFF")), stream=True
    )
    forms("transcription, last event", last, bill("gpt-4o-transcribe", input=14, input_audio=100, output=31))
with provider({"/audio/transcriptions": as_json(timed)}) as url:
    client = OpenAI(base_url=url, api_key="none")
    made = client.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", BytesIO(b"RIFF")), response_format="verbose_json"
    )
    forms("transcription by the second", made, bill("whisper-1", per_second=9))

spoken = {
    "total_tokens": 2350,
    "input_tokens": 2000,
    "output_tokens": 350,
    "input_token_details": {
        "text_tokens": 500,
        "audio_tokens": 300,
        "image_tokens": 1200,
        "cached_tokens": 1000,
        "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 100, "image_tokens": 800},
    },
    "output_token_details": {"text_tokens": 50, "audio_tokens": 300},
}
done = {"type": "response.done", "event_id": "event_1", "response": {"id": "resp_1", "object": "realtime.response"}}
done["response"] |= {"status": "completed", "output": [], "usage": spoken}
event = TypeAdapter(RealtimeServerEvent).validate_python(done)
heard = {"input": 400, "input_audio": 200, "input_image": 400, "cache_read": 100, "cache_read_audio": 100}
right = bill("gpt-realtime", **heard, cache_read_image=800, output=50, output_audio=300)
forms("realtime", event.response, right)
case("realtime, its event", event, right)
case("realtime, its event as JSON", done, right)

body = completion("gpt-4o", CHAT_USAGE, service_tier="default")
line = {"id": "batch_req_1", "custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None}
tally = {"object": "batch", "id": "batch_1", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
tally |= {"status": "completed", "created_at": 1, "input_file_id": "file_1", "output_file_id": "file_2"}
tally |= {"model": "gpt-5.5", "request_counts": {"total": 3, "completed": 3, "failed": 0}}
tally["usage"] = {"input_tokens": 300_000, "output_tokens": 3000, "total_tokens": 303_000}
tally["usage"] |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
right = bill("gpt-4o", service="batch", input=400, cache_read=600, output=300)
answers = {"/batches/batch_1": as_json(tally), "/files/file_2/content": Reply(json.dumps(line).encode(), "text/plain")}
with provider(answers) as url:
    client = OpenAI(base_url=url, api_key="none")
    made = client.batches.retrieve("batch_1")
    whole = bill("gpt-5.5", service="batch", input=300_000, output=3000)
    case("batch as a whole, of three requests that were not long", made, whole)
    case("batch as a whole, its dump", made.model_dump(), whole)
    line = json.loads(client.files.content("file_2").text)
    case("batch, a line of its file", line, right)
    case("batch, an answer of its file", line["response"]["body"], right.at("batch"))
