# /// script
# dependencies = ["cohere"]
# ///
"""Cohere's package: chat of both versions, its events, embeddings and reranks."""

import asyncio

from cohere import AsyncClientV2, Client, ClientV2

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.server import as_events, as_json, as_lines, either, provider

MODEL = "command-a-03-2025"
BILLED = {"billed_units": {"input_tokens": 100.0, "output_tokens": 20.0}}
READ = {**BILLED, "tokens": {"input_tokens": 170.0, "output_tokens": 22.0}, "cached_tokens": 40.0}
RIGHT = bill(MODEL, input=100, output=20)

said = {"role": "assistant", "content": [{"type": "text", "text": "hello"}]}
second = {"id": "c_1", "finish_reason": "COMPLETE", "message": said, "usage": READ}
begun = {"type": "message-start", "id": "c_1", "delta": {"message": {"role": "assistant", "content": []}}}
ended = {"type": "message-end", "id": "c_1", "delta": {"finish_reason": "COMPLETE", "usage": READ}}
with provider({"/v2/chat": either(as_json(second), as_events([begun, ended], done=False))}) as url:
    client = ClientV2(api_key="none", base_url=url)
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    forms("chat, version 2", client.chat(**asked), RIGHT)
    made = asyncio.run(AsyncClientV2(api_key="none", base_url=url).chat(**asked))
    case("chat, version 2, awaited", made, RIGHT)
    *_, last = client.chat_stream(**asked)
    forms("chat, version 2, last event", last, RIGHT)
    forms("chat, version 2, last event's delta", last.delta, RIGHT)

meta = {"api_version": {"version": "1"}, **READ}
first = {"text": "hello", "generation_id": "g_1", "finish_reason": "COMPLETE", "meta": meta}
ended = {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": first}
with provider({"/v1/chat": either(as_json(first), as_lines([ended]))}) as url:
    client = Client(api_key="none", base_url=url)
    made = client.chat(model=MODEL, message="hello")
    forms("chat, version 1", made, RIGHT)
    forms("chat, version 1, its meta", made.meta, RIGHT)
    *_, last = client.chat_stream(model=MODEL, message="hello")
    forms("chat, version 1, last event", last, RIGHT)

EMBED = "embed-v4.0"
embedded = {"id": "e_1", "embeddings": {"float": [[0.1]]}, "texts": ["hello"], "response_type": "embeddings_by_type"}
embedded["meta"] = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 8.0}}
with provider({"/v2/embed": as_json(embedded)}) as url:
    made = ClientV2(api_key="none", base_url=url).embed(
        model=EMBED, input_type="search_query", embedding_types=["float"], texts=["hello"]
    )
    forms("embedding", made, bill(EMBED, input=8))
seen = {"input_tokens": 8.0, "image_tokens": 2000.0, "images": 1.0}
embedded["meta"] = {"api_version": {"version": "2"}, "billed_units": seen}
with provider({"/v2/embed": as_json(embedded)}) as url:
    made = ClientV2(api_key="none", base_url=url).embed(
        model=EMBED, input_type="search_query", embedding_types=["float"], texts=["hello"]
    )
    forms("embedding of a picture", made, bill(EMBED, input=8, input_image=2000))

RERANK = "rerank-v3.5"
ranked = {"id": "r_1", "results": [{"index": 0, "relevance_score": 0.9}]}
ranked["meta"] = {"api_version": {"version": "2"}, "billed_units": {"search_units": 2.0}}
with provider({"/v2/rerank": as_json(ranked)}) as url:
    made = ClientV2(api_key="none", base_url=url).rerank(model=RERANK, query="a", documents=["b"])
    forms("rerank", made, bill(RERANK, per_request=2))
    case("rerank, as JSON", ranked, bill(RERANK, per_request=2))
