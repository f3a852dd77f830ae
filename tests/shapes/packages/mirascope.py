# /// script
# dependencies = ["mirascope[openai,anthropic,google]"]
# ///
"""Mirascope: usages with the provider's own as ``raw``, answers, streams."""

import os

os.environ.update(OPENAI_API_KEY="none", ANTHROPIC_API_KEY="none", GOOGLE_API_KEY="none")

from typing import Any

from mirascope import llm

from tests.shapes.book import case
from tests.shapes.fake.world import BILLS, CLAUDE, GPT, SOL, world

TIMES = "a stream's usage has no times of the cache"
WRITES = "a stream's usage has none of OpenAI's cache writes"

with world() as url:
    os.environ.update(OPENAI_BASE_URL=f"{url}/v1", ANTHROPIC_BASE_URL=url)
    models: dict[str, Any] = {
        f"openai/{SOL}:responses": ("sol", ("blind", WRITES)),
        f"openai/{GPT}:completions": ("gpt", ()),
        f"anthropic/{CLAUDE}": ("claude", ("blind", TIMES)),
    }
    for name, (bill, lost) in models.items():
        made = llm.Model(name).call("hello")
        case(f"{name}, answer", made, BILLS[bill])
        case(f"{name}, usage", made.usage, BILLS[bill])
        stream = llm.Model(name).stream("hello")
        for _ in stream.chunk_stream():
            pass
        case(f"{name}, stream's usage", stream.usage, BILLS[bill], *lost)
