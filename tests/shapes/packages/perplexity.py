# /// script
# dependencies = ["perplexityai"]
# ///
"""Perplexity's package: chat with a fee by the size of its search, deep research, responses and embeddings."""

from perplexity import Perplexity

from tests.shapes.book import forms
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.openai import chat, response, responses
from tests.shapes.fake.server import as_json, provider

ASKED = {"messages": [{"role": "user", "content": "hello"}]}


def usage(size: str, fee: float) -> dict[str, object]:
    cost = {"input_tokens_cost": 0.001, "output_tokens_cost": 0.0003, "request_cost": fee, "total_cost": 0.0013 + fee}
    counts = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}
    return {**counts, "search_context_size": size, "cost": cost}


def chat_of(scenario: str, told: dict[str, object], right: Bill) -> None:
    """Book a chat in all its forms: plain, and its last chunk."""
    with provider({"/chat/completions": chat(right.model, told)}) as url:
        client = Perplexity(base_url=url, api_key="none")
        forms(scenario, client.chat.completions.create(**ASKED, model=right.model), right)
        *_, last = client.chat.completions.create(**ASKED, model=right.model, stream=True)
        forms(f"{scenario}, last chunk", last, right)


for size, meter in (("low", "per_request_low"), ("medium", "per_request_medium"), ("high", "per_request")):
    fee = bill("sonar", **{meter: 1})
    right = bill("sonar", input=1000, output=300) + fee
    chat_of(f"sonar, a search of size {size}", usage(size, float(fee.usd)), right)

research = {
    "prompt_tokens": 33,
    "completion_tokens": 7163,
    "total_tokens": 7196,
    "citation_tokens": 20016,
    "num_search_queries": 18,
    "reasoning_tokens": 73997,
}
cost = {"input_tokens_cost": 0.0, "output_tokens_cost": 0.057, "citation_tokens_cost": 0.04, "total_cost": 0.409}
right = bill("sonar-deep-research", input=33 + 20016, output=7163, reasoning=73997, web_search=18)
chat_of("deep research", {**research, "cost": cost}, right)

GPT = "perplexity/openai/gpt-5"
told = {
    "input_tokens": 1000,
    "input_tokens_details": {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 600},
    "output_tokens": 300,
    "total_tokens": 1300,
    "tool_calls_details": None,
    "cost": {"currency": "USD", "input_cost": 0.0006, "output_cost": 0.003, "total_cost": 0.0036},
}
with provider({"/responses": responses(response("openai/gpt-5", told))}) as url:
    client = Perplexity(base_url=url, api_key="none")
    right = bill(GPT, input=400, cache_read=600, output=300)
    forms("response", client.responses.create(model="openai/gpt-5", input="hello"), right)
    *_, last = client.responses.create(model="openai/gpt-5", input="hello", stream=True)
    forms("response, last event", last, right)
told = {**told, "tool_calls_details": {"search_web": {"invocation": 1, "cost_usd": 0.005}}}
with provider({"/responses": responses(response("openai/gpt-5", told))}) as url:
    made = Perplexity(base_url=url, api_key="none").responses.create(model="openai/gpt-5", input="hello")
    forms("response that searched", made, bill(GPT, input=400, cache_read=600, output=300, web_search=1))

EMBED = "perplexity/pplx-embed-v1-4b"
embedded = {
    "object": "list",
    "model": "pplx-embed-v1-4b",
    "data": [{"object": "embedding", "index": 0, "embedding": "AA=="}],
}
embedded["usage"] = {"prompt_tokens": 8, "total_tokens": 8, "cost": {"currency": "USD", "total_cost": 0.00000024}}
with provider({"/embeddings": as_json(embedded)}) as url:
    made = Perplexity(base_url=url, api_key="none").embeddings.create(model="pplx-embed-v1-4b", input=["hello"])
    forms("embedding", made, bill(EMBED, input=8))
