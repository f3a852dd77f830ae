# /// script
# dependencies = ["cerebras-cloud-sdk"]
# ///
"""Cerebras' package: chat and its stream."""

from cerebras.cloud.sdk import Cerebras

from tests.shapes.book import forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import chat
from tests.shapes.fake.server import provider

ASKED = {"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hello"}]}
USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "image_tokens": 0,
    "prompt_tokens_details": {"cached_tokens": 600},
    "completion_tokens_details": {
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
        "reasoning_tokens": 200,
    },
}
RIGHT = bill("cerebras/gpt-oss-120b", input=400, cache_read=600, output=300)
TIMES = {
    "time_info": {"queue_time": 0.01, "prompt_time": 0.02, "completion_time": 0.1, "total_time": 0.13, "created": 1.5}
}

with provider({"/chat/completions": chat("gpt-oss-120b", USAGE, system_fingerprint="fp_1", **TIMES)}) as url:
    client = Cerebras(base_url=url, api_key="none", warm_tcp_connection=False)
    forms("chat", client.chat.completions.create(**ASKED), RIGHT)
    *_, last = client.chat.completions.create(**ASKED, stream=True)
    forms("last chunk", last, RIGHT)
