# /// script
# dependencies = [
#     "llama-index-core", "llama-index-llms-openai", "llama-index-llms-google-genai",
# ]
# ///
"""LlamaIndex: answers, which keep the provider's own as ``raw``; its own counts are estimates."""

from google.genai.types import HttpOptions
from llama_index.core.llms import ChatMessage
from llama_index.llms.google_genai import GoogleGenAI
from llama_index.llms.openai import OpenAI, OpenAIResponses

from tests.shapes.book import case
from tests.shapes.fake.world import BILLS, GEMINI, GPT, SOL, world

HELLO = [ChatMessage(role="user", content="hello")]

with world() as url:
    openai = {"api_base": f"{url}/v1", "api_key": "none", "max_retries": 0}
    gemini = GoogleGenAI(model=GEMINI, api_key="none", http_options=HttpOptions(base_url=url), max_tokens=1000)
    models = {
        "openai": (OpenAI(model=GPT, additional_kwargs={"stream_options": {"include_usage": True}}, **openai), "gpt"),
        "openai responses": (OpenAIResponses(model=SOL, context_window=400_000, **openai), "sol"),
        "google": (gemini, "gemini"),
    }
    for name, (model, bill) in models.items():
        right = BILLS[bill]
        answer = model.chat(HELLO)
        case(f"{name}, answer", answer, right)
        case(f"{name}, its raw", answer.raw, right)
        case(f"{name}, completion", model.complete("hello"), right)
        *_, last = model.stream_chat(HELLO)
        case(f"{name}, last of a stream", last, right)
