# /// script
# dependencies = ["openrouter"]
# ///
"""OpenRouter's package: chat, its stream, and the cost that it reports."""

from openrouter import OpenRouter

from tests.shapes.book import forms
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.openai import chat
from tests.shapes.fake.server import provider

GPT, CLAUDE = "openrouter/openai/gpt-4o", "openrouter/anthropic/claude-sonnet-4.5"
USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "cost": 0.00475,
    "is_byok": False,
    "cost_details": {"upstream_inference_cost": None, "upstream_inference_prompt_cost": 0.00175},
    "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 0},
}


def chat_of(scenario: str, usage: dict[str, object], right: Bill) -> None:
    """Book a chat in all its forms: plain, and its last chunk."""
    model = right.model.removeprefix("openrouter/")
    asked = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    with provider({"/chat/completions": chat(model, usage, system_fingerprint=None)}) as url:
        client = OpenRouter(api_key="none", server_url=url)
        forms(scenario, client.chat.send(**asked, stream=False), right)
        *_, last = client.chat.send(**asked, stream=True)
        forms(f"{scenario}, last chunk", last, right)


chat_of("chat", USAGE, bill(GPT, input=400, cache_read=600, output=300))
written = {"cached_tokens": 600, "cache_write_tokens": 100}
right = bill(CLAUDE, input=300, cache_read=600, cache_write=100, output=300)
chat_of("chat with a cache write", {**USAGE, "prompt_tokens_details": written}, right)
