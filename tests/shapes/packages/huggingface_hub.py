# /// script
# dependencies = ["huggingface_hub"]
# ///
"""Hugging Face's package: chat and its stream, whose answers are both mappings and objects."""

from dataclasses import asdict

from huggingface_hub import InferenceClient

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import CHAT_USAGE, chat
from tests.shapes.fake.server import provider

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
RIGHT = bill("gpt-4o", input=400, cache_read=600, output=300)

with provider({"/chat/completions": chat("gpt-4o", CHAT_USAGE)}) as url:
    client = InferenceClient(base_url=url, api_key="none")
    made = client.chat.completions.create(**ASKED)
    forms("chat", made, RIGHT)
    *_, last = client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True})
    forms("last chunk", last, RIGHT)
    why = "as a mapping the answer lacks the details that its attributes have"
    case("chat, its usage by key", made["usage"], RIGHT, "dearer", why)
    case("chat, as a plain mapping", asdict(made), RIGHT, "dearer", why)
