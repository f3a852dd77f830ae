# /// script
# dependencies = ["groq"]
# ///
"""Groq's package: chat, and its stream that tells the usage in a place of its own."""

from groq import Groq

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import chunks, completion
from tests.shapes.fake.server import as_events, as_json, either, provider

MODEL = "groq/openai/gpt-oss-120b"
ASKED = {"model": "openai/gpt-oss-120b", "messages": [{"role": "user", "content": "hello"}]}
USAGE = {
    "queue_time": 0.05,
    "prompt_tokens": 1000,
    "prompt_time": 0.01,
    "completion_tokens": 300,
    "completion_time": 0.6,
    "total_tokens": 1300,
    "total_time": 0.61,
    "prompt_tokens_details": {"cached_tokens": 600},
    "completion_tokens_details": {"reasoning_tokens": 200},
}
RIGHT = bill(MODEL, input=400, cache_read=600, output=300)

own = {"x_groq": {"id": "req_1", "usage": {"dram_cached_tokens": 256, "sram_cached_tokens": 344}}}
own |= {"service_tier": "on_demand", "usage_breakdown": None}
whole = completion(ASKED["model"], USAGE, **own)
*begun, last = chunks(ASKED["model"], USAGE, service_tier="on_demand")
last = {**begun[-1], "x_groq": {"id": "req_1", "usage": USAGE}}
with provider({"/chat/completions": either(as_json(whole), as_events([begun[0], last]))}) as url:
    client = Groq(base_url=url, api_key="none")
    forms("chat", client.chat.completions.create(**ASKED), RIGHT)
    *_, chunk = client.chat.completions.create(**ASKED, stream=True)
    forms("last chunk", chunk, RIGHT)
    case("last chunk, its x_groq", chunk.x_groq, RIGHT)
    case("last chunk, the usage in its x_groq", chunk.x_groq.usage, RIGHT)
    case("last chunk, the usage in its x_groq's dump", chunk.x_groq.usage.model_dump(), RIGHT)
*begun, last = chunks(ASKED["model"], USAGE, service_tier="on_demand")
with provider({"/chat/completions": as_events([*begun, {**last, "x_groq": {"id": "req_1", "usage": USAGE}}])}) as url:
    client = Groq(base_url=url, api_key="none")
    *_, chunk = client.chat.completions.create(**ASKED, stream=True)
    forms("last chunk with the usage in both places", chunk, RIGHT)

several = [{"model": "openai/gpt-oss-120b", "usage": USAGE}, {"model": "llama-3.3-70b-versatile", "usage": USAGE}]
sums = {"prompt_tokens": 2000, "completion_tokens": 600, "total_tokens": 2600}
whole = completion("groq/compound", sums, usage_breakdown={"models": several})
with provider({"/chat/completions": as_json(whole)}) as url:
    made = Groq(base_url=url, api_key="none").chat.completions.create(model="groq/compound", messages=ASKED["messages"])
    right = RIGHT + bill("groq/llama-3.3-70b-versatile", input=1000, output=300)
    why = "the models of a compound system are named without their host, and its tools' fees are not told"
    case("compound system", made, right.under("groq/compound"), "refused", why)
