# /// script
# dependencies = ["any-llm-sdk[openai,anthropic,gemini]"]
# ///
"""any-llm: completions in OpenAI's shape, over three providers, streamed too."""

from typing import Any

from any_llm import completion

from tests.shapes.book import case, forms
from tests.shapes.fake.world import BILLS, CLAUDE, GEMINI, GPT, world

HELLO = [{"role": "user", "content": "hello"}]
LOST = "the package drops the searches"

with world() as url:
    providers: dict[str, Any] = {
        "openai": (GPT, f"{url}/v1", {"stream_options": {"include_usage": True}}, "gpt"),
        "anthropic": (CLAUDE, url, {}, "claude without searches"),
        "gemini": (GEMINI, url, {}, "gemini"),
    }
    for name, (model, base, streamed, bill) in providers.items():
        asked = {"provider": name, "model": model, "messages": HELLO, "api_base": base, "api_key": "none"}
        forms(name, completion(**asked), BILLS[bill])
        told = [piece for piece in completion(stream=True, **streamed, **asked) if getattr(piece, "usage", None)]
        forms(f"{name}, last chunk", told[-1], BILLS[bill])
        if name == "anthropic":
            case(f"{name}, with its searches", completion(**asked), BILLS["claude"], "blind", LOST)
