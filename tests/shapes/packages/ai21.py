# /// script
# dependencies = ["ai21"]
# ///
"""AI21's package: chat and its stream."""

from ai21 import AI21Client
from ai21.models.chat import ChatMessage

from tests.shapes.book import forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import chat
from tests.shapes.fake.server import provider

ASKED = {"model": "jamba-large-1.7", "messages": [ChatMessage(role="user", content="hello")]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}
RIGHT = bill("ai21/jamba-large-1.7", input=1000, output=300)

with provider({"/chat/completions": chat("jamba-large-1.7", USAGE)}) as url:
    client = AI21Client(api_host=url, api_key="none")
    forms("chat", client.chat.completions.create(**ASKED), RIGHT)
    *_, last = client.chat.completions.create(**ASKED, stream=True)
    forms("last chunk", last, RIGHT)
