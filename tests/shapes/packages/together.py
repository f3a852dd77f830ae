# /// script
# dependencies = ["together"]
# ///
"""Together's package: chat and its stream."""

from together import Together

from tests.shapes.book import forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import chat
from tests.shapes.fake.server import provider

MODEL = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300, "cached_tokens": 0}
RIGHT = bill(f"together_ai/{MODEL}", input=1000, output=300)

with provider({"/chat/completions": chat(MODEL, USAGE)}) as url:
    client = Together(base_url=url, api_key="none")
    forms("chat", client.chat.completions.create(**ASKED), RIGHT)
    *_, last = client.chat.completions.create(**ASKED, stream=True)
    forms("last chunk", last, RIGHT)
