# /// script
# dependencies = ["voyageai"]
# ///
"""Voyage's package: embeddings, also of pictures, and reranks; their objects have the total alone."""

from voyageai import Client

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.server import as_json, provider

EMBEDDED = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}], "model": "voyage-3.5"}
EMBEDDED["usage"] = {"total_tokens": 8}
RANKED = {"object": "list", "data": [{"index": 0, "relevance_score": 0.9}], "model": "rerank-2.5"}
RANKED["usage"] = {"total_tokens": 26}
SEEN = {
    **EMBEDDED,
    "model": "voyage-multimodal-3",
    "usage": {"text_tokens": 8, "image_pixels": 0, "video_pixels": 0, "total_tokens": 8},
}

with provider({"/embeddings": as_json(EMBEDDED)}) as url:
    made = Client(api_key="none", base_url=url).embed(["hello"], model="voyage-3.5")
    forms("embedding", made, bill("voyage-3.5", input=8))
    case("embedding, as JSON", EMBEDDED, bill("voyage-3.5", input=8))
    case("embedding, its total", {"total_tokens": made.total_tokens}, bill("voyage-3.5", input=8))
with provider({"/rerank": as_json(RANKED)}) as url:
    made = Client(api_key="none", base_url=url).rerank("a", ["b"], model="rerank-2.5")
    forms("rerank", made, bill("rerank-2.5", input=26))
    case("rerank, as JSON", RANKED, bill("rerank-2.5", input=26))
with provider({"/multimodalembeddings": as_json(SEEN)}) as url:
    made = Client(api_key="none", base_url=url).multimodal_embed([["hello"]], model="voyage-multimodal-3")
    forms("multimodal embedding of text", made, bill("voyage-multimodal-3", input=8))
SEEN["usage"] = {"text_tokens": 8, "image_pixels": 2_000_000, "video_pixels": 0, "total_tokens": 3579}
with provider({"/multimodalembeddings": as_json(SEEN)}) as url:
    made = Client(api_key="none", base_url=url).multimodal_embed([["hello"]], model="voyage-multimodal-3")
    why = "its pixels have a price of their own, which the table does not have"
    case("multimodal embedding of a picture", made, bill("voyage-multimodal-3", input=8), "refused", why)
