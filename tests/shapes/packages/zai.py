# /// script
# dependencies = ["zai-sdk"]
# ///
"""Z.ai's package: chat and its stream."""

from zai import ZaiClient

from tests.shapes.book import forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import chat
from tests.shapes.fake.server import provider

ASKED = {"model": "glm-4.6", "messages": [{"role": "user", "content": "hello"}]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}
USAGE |= {"prompt_tokens_details": {"cached_tokens": 600}, "completion_tokens_details": {"reasoning_tokens": 200}}
RIGHT = bill("glm-4.6", input=400, cache_read=600, output=300)

with provider({"/chat/completions": chat("glm-4.6", USAGE, request_id="r_1")}) as url:
    client = ZaiClient(base_url=url, api_key="none.none")
    forms("chat", client.chat.completions.create(**ASKED), RIGHT)
    *_, last = client.chat.completions.create(**ASKED, stream=True)
    forms("last chunk", last, RIGHT)
