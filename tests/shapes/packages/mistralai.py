# /// script
# dependencies = ["mistralai"]
# ///
"""Mistral's package: chat, its events, conversations with connectors, embeddings, sound and pages."""

import asyncio

from mistralai.client import Mistral

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.openai import chat, response
from tests.shapes.fake.server import Answer, as_json, provider

MODEL = "mistral-medium-latest"
ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
PLAIN = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}


def chat_of(scenario: str, answer: Answer, right: Bill) -> None:
    """Book a chat in all its forms: plain, its last event, awaited."""
    with provider({"/chat/completions": answer}) as url:
        client = Mistral(api_key="none", server_url=url)
        forms(scenario, client.chat.complete(**ASKED), right)
        *_, last = client.chat.stream(**ASKED)
        forms(f"{scenario}, last event", last, right)
        forms(f"{scenario}, last event's data", last.data, right)
        case(f"{scenario}, awaited", asyncio.run(client.chat.complete_async(**ASKED)), right)


chat_of("chat", chat(MODEL, PLAIN), bill(MODEL, input=1000, output=300))
cached = {**PLAIN, "prompt_tokens_details": {"cached_tokens": 600}}
chat_of("chat from a cache", chat(MODEL, cached), bill(MODEL, input=400, cache_read=600, output=300))
timed = {**PLAIN, "service_tier": "standard", "prompt_audio_seconds": None}
chat_of("chat at the standard tier", chat(MODEL, timed), bill(MODEL, input=1000, output=300))

with provider({"/chat/completions": chat(MODEL, {**PLAIN, "prompt_audio_seconds": 7})}) as url:
    made = Mistral(api_key="none", server_url=url).chat.complete(**ASKED)
    why = "the table has no price for a second of sound"
    case("chat that listened", made, bill(MODEL, input=1000, output=300), "refused", why)

said = {"object": "entry", "type": "message.output", "role": "assistant", "content": "hello"}
talk = {"object": "conversation.response", "conversation_id": "conv_1", "outputs": [said], "usage": PLAIN}
with provider({"/conversations": as_json(talk)}) as url:
    made = Mistral(api_key="none", server_url=url).beta.conversations.start(model=MODEL, inputs="hello")
    forms("conversation", made, bill(MODEL, input=1000, output=300))
searched = {**PLAIN, "total_tokens": 8412, "connector_tokens": 7112, "connectors": {"web_search": 1}}
with provider({"/conversations": as_json({**talk, "usage": searched})}) as url:
    made = Mistral(api_key="none", server_url=url).beta.conversations.start(model=MODEL, inputs="hello")
    why = "the table has no price for a call of a connector"
    case("conversation that searched", made, bill(MODEL, input=8112, output=300), "refused", why)

told = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 0},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 1300,
}
with provider({"/responses": as_json(response(MODEL, told))}) as url:
    made = Mistral(api_key="none", server_url=url).responses.create(model=MODEL, input="hello")
    right = bill(MODEL, input=400, cache_read=600, output=300)
    case("response", made, right)
    forms("response's usage", made.usage, right)
    case("response, model_dump", made.model_dump(), right, "refused", "the package's dump drops the usage")

embedded = {"object": "list", "id": "emb_1", "model": "mistral-embed", "usage": {**PLAIN, "completion_tokens": 0}}
embedded |= {"data": [{"object": "embedding", "index": 0, "embedding": [0.1]}]}
embedded["usage"]["total_tokens"] = 1000
with provider({"/embeddings": as_json(embedded)}) as url:
    made = Mistral(api_key="none", server_url=url).embeddings.create(model="mistral-embed", inputs=["hello"])
    forms("embedding", made, bill("mistral-embed", input=1000))

page = {"index": 0, "markdown": "hello", "images": [], "dimensions": None}
read = {"pages": [page], "model": MODEL, "usage_info": {"pages_processed": 1, "doc_size_bytes": 900}}
with provider({"/ocr": as_json(read)}) as url:
    made = Mistral(api_key="none", server_url=url).ocr.process(
        model=MODEL, document={"type": "document_url", "document_url": f"{url}/a.pdf"}
    )
    case("page that was read", made, bill(MODEL, input=0), "refused", "the table has no price for a page")
