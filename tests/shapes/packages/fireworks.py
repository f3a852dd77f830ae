# /// script
# dependencies = ["fireworks-ai"]
# ///
"""Fireworks' package: chat and its stream."""

from fireworks import Fireworks

from tests.shapes.book import forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import chat
from tests.shapes.fake.server import provider

MODEL = "accounts/fireworks/models/kimi-k2p5"
ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}
USAGE["prompt_tokens_details"] = {"cached_tokens": 600}
RIGHT = bill(f"fireworks_ai/{MODEL}", input=400, cache_read=600, output=300)

with provider({"/chat/completions": chat(MODEL, USAGE)}) as url:
    client = Fireworks(base_url=url, api_key="none", account_id="none")
    forms("chat", client.chat.completions.create(**ASKED), RIGHT)
    *_, last = client.chat.completions.create(**ASKED, stream=True)
    forms("last chunk", last, RIGHT)
