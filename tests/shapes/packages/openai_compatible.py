# /// script
# dependencies = ["openai"]
# ///
"""Providers that are called by OpenAI's package, each with counts of its own in the usage."""

from decimal import Decimal

from openai import OpenAI

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.openai import chat, response, responses
from tests.shapes.fake.server import provider

PLAIN = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}


def chat_of(scenario: str, model: str, usage: dict[str, object], right: Bill, **beside: object) -> None:
    """Book a chat in all its forms: plain, and its last chunk."""
    asked = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    with provider({"/chat/completions": chat(model, usage, **beside)}) as url:
        client = OpenAI(base_url=url, api_key="none")
        forms(scenario, client.chat.completions.create(**asked), right)
        *_, last = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        forms(f"{scenario}, last chunk", last, right)


hits = {"prompt_cache_hit_tokens": 600, "prompt_cache_miss_tokens": 400}
told = {"prompt_tokens_details": {"cached_tokens": 600}, "completion_tokens_details": {"reasoning_tokens": 200}}
right = bill("deepseek-v4-flash", input=400, cache_read=600, output=300)
chat_of("DeepSeek", "deepseek-v4-flash", {**PLAIN, **told, **hits}, right)
chat_of("DeepSeek, hits alone", "deepseek-v4-flash", {**PLAIN, **hits}, right)

right = bill("kimi-k2.6", input=400, cache_read=600, output=300)
chat_of("Moonshot", "kimi-k2.6", {**PLAIN, "cached_tokens": 600}, right)
chat_of("Moonshot, told twice", "kimi-k2.6", {**PLAIN, "cached_tokens": 600, **told}, right)

# xAI's reasoning stands beside its completion, and the total shows it.
beside = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1300,
    "prompt_tokens_details": {"text_tokens": 1000, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 600},
    "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 0, "accepted_prediction_tokens": 0},
    "num_sources_used": 0,
}
right = bill("grok-4", input=400, cache_read=600, output=100, reasoning=200)
chat_of("xAI", "grok-4-0709", beside, right.under("grok-4"))
ticks = {
    "cost_in_usd_ticks": 61_500_000,
    "server_side_tool_usage_details": {"web_search_calls": 0, "x_search_calls": 0},
}
chat_of("xAI, with its cost", "grok-4-0709", {**beside, **ticks}, right)
tools = {"server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 1}}
right = bill("grok-4", input=400, cache_read=600, output=100, reasoning=200, web_search=2, x_search=1)
chat_of("xAI, with its tools", "grok-4-0709", {**beside, **tools}, right)

# In its responses it stands inside of the output, and the tools are counted twice, together and by kind.
told = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 600},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 200},
    "total_tokens": 1300,
    "num_sources_used": 0,
    "num_server_side_tools_used": 3,
    "server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 1, "image_generation_calls": 0},
    "cost_in_usd_ticks": 211_500_000,
    "context_details": {"input_tokens": 700, "output_tokens": 300},
}
with provider({"/responses": responses(response("grok-4-0709", told))}) as url:
    client = OpenAI(base_url=url, api_key="none")
    forms("xAI's response", client.responses.create(model="grok-4", input="hello"), right)
    *_, last = client.responses.create(model="grok-4", input="hello", stream=True)
    forms("xAI's response, last event", last, right)

# Gemini's stands beside its completion, and nothing but the total shows it.
flash = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1300}
right = bill("gemini-2.5-flash", input=1000, output=300)
chat_of("Gemini", "gemini-2.5-flash", flash, right)
within = {**flash, "completion_tokens": 300}
chat_of("Gemini that did not think", "gemini-2.5-flash", within, right)

right = bill("qwen3-coder-plus", input=400, cache_read=600, output=300)
chat_of("Alibaba", "qwen3-coder-plus", {**PLAIN, "prompt_tokens_details": {"cached_tokens": 600}}, right)

cost = {"input_tokens_cost": 0.001, "output_tokens_cost": 0.0003, "request_cost": 0.005, "total_cost": 0.0063}
right = bill("sonar", input=1000, output=300) + bill("sonar", per_request_low=1)
chat_of("Perplexity", "sonar", {**PLAIN, "search_context_size": "low", "cost": cost}, right)

sound = {
    **PLAIN,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "queue_time": 0.1,
    "total_time": 0.7,
}
right = bill("groq/llama-3.3-70b-versatile", input=1000, output=300)
chat_of("Groq", "llama-3.3-70b-versatile", sound, right, x_groq={"id": "req_1"})

gateway = {"prompt_tokens": 17111, "completion_tokens": 200, "total_tokens": 209}
gateway["prompt_tokens_details"] = {"cached_tokens": 17102}
right = bill("claude-haiku-4-5", input=9, cache_read=17102, output=200)
case("gateway whose total leaves the cache out", gateway, right)
assert right.usd == Decimal("0.0027192")

router = {**PLAIN, "cost": 0.00475, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}
router |= {
    "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 0}
}
right = bill("openrouter/openai/gpt-4o", input=400, cache_read=600, output=300)
chat_of("OpenRouter", "openai/gpt-4o", router, right, provider="OpenAI")
