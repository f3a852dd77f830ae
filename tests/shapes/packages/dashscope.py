# /// script
# dependencies = ["dashscope"]
# ///
"""Alibaba's package: text and multimodal generation, their streams, embeddings."""

import dashscope
from dashscope import Generation, MultiModalConversation

from tests.shapes.book import forms
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.server import Reply, as_events, as_json, provider

dashscope.api_key = "none"
CODER = "qwen3-coder-plus"
USAGE = {
    "input_tokens": 1000,
    "output_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {"cached_tokens": 600},
    "output_tokens_details": {"reasoning_tokens": 0, "text_tokens": 300},
}
SAID = {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}]}
ASKED = {"messages": [{"role": "user", "content": "hello"}], "result_format": "message"}


def answer(usage: dict[str, object]) -> dict[str, object]:
    return {"status_code": 200, "request_id": "r_1", "code": "", "message": "", "output": SAID, "usage": usage}


def streamed(usage: dict[str, object]) -> Reply:
    """Two events, each with the usage so far."""
    first = {**usage, "output_tokens": 1, "total_tokens": 1001}
    return as_events([answer(first), answer(usage)], done=False)


def generation_of(scenario: str, usage: dict[str, object], right: Bill) -> None:
    """Book a generation in all its forms: plain, and its last piece."""
    with provider({"/text-generation/generation": as_json(answer(usage))}) as url:
        dashscope.base_http_api_url = url
        forms(scenario, Generation.call(model=right.model, **ASKED), right)
    with provider({"/text-generation/generation": streamed(usage)}) as url:
        dashscope.base_http_api_url = url
        *_, last = Generation.call(model=right.model, stream=True, incremental_output=True, **ASKED)
        forms(f"{scenario}, last piece", last, right)


generation_of("generation from a cache", USAGE, bill(CODER, input=400, cache_read=600, output=300))
plain = {"input_tokens": 1000, "output_tokens": 300, "total_tokens": 1300}
generation_of("generation", plain, bill("qwen3-max", input=1000, output=300))
seen = {
    "input_tokens": 1000,
    "output_tokens": 300,
    "total_tokens": 1300,
    "image_tokens": 800,
    "input_tokens_details": {"image_tokens": 800, "text_tokens": 200},
    "output_tokens_details": {"text_tokens": 300},
}
with provider({"/multimodal-generation/generation": as_json(answer(seen))}) as url:
    dashscope.base_http_api_url = url
    made = MultiModalConversation.call(
        model="qwen3-vl-plus", messages=[{"role": "user", "content": [{"text": "hello"}]}]
    )
    forms("multimodal generation", made, bill("qwen3-vl-plus", input=1000, output=300))
