# /// script
# dependencies = ["writer-sdk"]
# ///
"""Writer's package: chat and its stream, whose detail of the prompt is spelled in the singular."""

from writerai import Writer

from tests.shapes.book import forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import chat
from tests.shapes.fake.server import provider

ASKED = {"model": "palmyra-x5", "messages": [{"role": "user", "content": "hello"}]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}
USAGE |= {"prompt_token_details": {"cached_tokens": 600}, "completion_tokens_details": {"reasoning_tokens": 200}}
# It has one price for all of a prompt.
RIGHT = bill("palmyra-x5", rates={"input": "0.6", "output": "6"}, input=1000, output=300)

with provider({"/v1/chat": chat("palmyra-x5", USAGE, service_tier=None, system_fingerprint="fp_1")}) as url:
    client = Writer(base_url=url, api_key="none")
    forms("chat", client.chat.chat(**ASKED), RIGHT)
    *_, last = client.chat.chat(**ASKED, stream=True, stream_options={"include_usage": True})
    forms("last chunk", last, RIGHT)
