# /// script
# dependencies = ["azure-ai-inference"]
# ///
"""Azure's package for models of many makers: chat, its stream, embeddings."""

from azure.ai.inference import ChatCompletionsClient, EmbeddingsClient
from azure.core.credentials import AzureKeyCredential

from tests.shapes.book import forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import CHAT_USAGE, chat
from tests.shapes.fake.server import as_json, provider

KEY = AzureKeyCredential("none")
ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
RIGHT = bill("azure/gpt-4o", input=400, cache_read=600, output=300)

with provider({"/chat/completions": chat("gpt-4o", CHAT_USAGE)}) as url:
    client = ChatCompletionsClient(endpoint=url, credential=KEY)
    forms("chat", client.complete(**ASKED), RIGHT)
    *_, last = client.complete(**ASKED, stream=True, model_extras={"stream_options": {"include_usage": True}})
    forms("last chunk", last, RIGHT)

EMBED = "azure/text-embedding-3-small"
embedded = {"object": "list", "id": "e_1", "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}]}
embedded |= {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
with provider({"/embeddings": as_json(embedded)}) as url:
    made = EmbeddingsClient(endpoint=url, credential=KEY).embed(model="text-embedding-3-small", input=["hello"])
    forms("embedding", made, bill(EMBED, input=8))
