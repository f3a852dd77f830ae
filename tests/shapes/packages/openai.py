# /// script
# dependencies = ["openai"]
# ///
"""OpenAI's own package: chat completions."""

from openai import OpenAI

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import CHAT_USAGE, chat
from tests.shapes.fake.server import provider

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
BILL = bill("gpt-4o", input=400, cache_read=600, output=100, reasoning=200)

with provider({"/chat/completions": chat("gpt-4o-2024-08-06", CHAT_USAGE)}) as url:
    client = OpenAI(base_url=url, api_key="none")
    forms("chat", client.chat.completions.create(**ASKED), BILL)
    *_, last = client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True})
    forms("chat, last chunk", last, BILL)
    with client.chat.completions.stream(**ASKED, stream_options={"include_usage": True}) as stream:
        case("chat, final completion", stream.get_final_completion(), BILL)
