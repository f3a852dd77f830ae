"""Bounds against the official ranks, which the package llama-index-core carries byte for byte."""

import importlib.util
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coreason_budget.pricing import PricingEngine, ranks, tokens

CONVERSATIONS = 2000
ENCODINGS = ("o200k_base", "cl100k_base")
MODELS = {"o200k_base": "gpt-4o", "cl100k_base": "gpt-4-turbo"}


def _ranks() -> Path | None:
    spec = importlib.util.find_spec("llama_index")
    places = [] if spec is None else spec.submodule_search_locations or []
    found = [Path(place, "core", "_static", "tiktoken_cache") for place in places]
    return next((path for path in found if path.is_dir()), None)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_ranks() is None, reason="the official ranks come with llama-index-core"),
]


@pytest.fixture(scope="module", params=ENCODINGS)
def encoding(request: pytest.FixtureRequest) -> Iterator[str]:
    """An encoding whose ranks are on disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(_ranks()))
        yield request.param


@pytest.fixture(scope="module")
def count(encoding: str) -> Callable[[str], int]:
    """The official count."""
    encode = tokens._encoder(encoding, ranks.cache_dir())
    assert encode is not None
    return encode


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text())
def test_bytes_bound_the_tokens_of_any_text(count: Callable[[str], int], text: str) -> None:
    """A byte-level tokenizer has a token a byte at most."""
    assert count(text) <= tokens.byte_bound(text)


def test_ranks_on_disk_count_exactly(encoding: str, count: Callable[[str], int]) -> None:
    """Where tiktoken and its ranks are there, a text is counted and not bounded."""
    text = "The bound of a long sentence is far above its count. " * 20
    assert tokens.text_tokens(text, encoding) == count(text) < tokens.byte_bound(text) / 3


_CODE = ["def f(x):\n    return {k: v for k, v in x.items()}\n", "for (int i = 0; i < n; ++i) {\n\t*p++ = q[i];\n}\n"]
_PROSE = ["The quick brown fox jumps over the lazy dog. ", "Budgets gate admission, never accounting; "]
_CJK = ["预算控制每一次调用。", "見積もりは実際の費用を下回りません。", "예산은 호출마다 확인됩니다. "]
_EMOJI = ["🙂👩‍👩‍👧‍👦🏳️‍🌈", "🇩🇪🇯🇵🇧🇷", "✨🔥💥"]
_ODD = ["\ufdfa", "\u0000\u200b\u2028", "<|endoftext|>", "a" * 300, " " * 300, "\u0915\u094d\u0937", "Z̷̧̛̫ȁ̴l̶g̵o̶", "9" * 200]
_JSON = ['{"id": 17, "tags": ["a", "b"], "nested": {"x": null, "y": 1.5e-7}}', "[[1,2],[3,4]]\r\n"]
_KINDS = (_CODE, _PROSE, _CJK, _EMOJI, _ODD, _JSON)


def text_of(dice: random.Random) -> str:
    """A text of one or of several kinds."""
    kinds = dice.sample(_KINDS, dice.choice((1, 1, 2, 6)))
    return "".join(dice.choice(dice.choice(kinds)) for _ in range(dice.randint(1, 40)))


def tools_of(dice: random.Random) -> list[Any]:
    """Schemas of functions, described in any language."""
    names = ["query", "limit", "größe", "名前", "with space"]
    return [
        {
            "type": "function",
            "function": {
                "name": f"tool_{number}",
                "description": text_of(dice)[:400],
                "parameters": {
                    "type": "object",
                    "properties": {
                        name: {"type": dice.choice(["string", "integer"]), "description": text_of(dice)[:80]}
                        for name in dice.sample(names, dice.randint(1, 5))
                    },
                    "required": ["query"],
                },
            },
        }
        for number in range(dice.randint(1, 3))
    ]


def message_of(dice: random.Random) -> dict[str, Any]:
    """A message as text, as parts, or as a tool's call."""
    role = dice.choice(["system", "user", "assistant", "tool"])
    form = dice.randrange(4)
    if form == 0:
        return {"role": role, "name": "agent_7", "content": text_of(dice)}
    if form == 1:
        return {"role": role, "content": [{"type": "text", "text": text_of(dice)} for _ in range(dice.randint(1, 3))]}
    if form == 2:
        arguments = json.dumps({"query": text_of(dice)}, ensure_ascii=dice.random() < 0.5)
        function = {"name": "tool_0", "arguments": arguments}
        return {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "function": function}]}
    return {"role": role, "content": text_of(dice)}


def official(count: Callable[[str], int], messages: list[Any], tools: list[Any] | None) -> int:
    """The published recipe: 3 a message, 1 a name, 3 for the answer; every text and field of JSON counted."""
    total = 3
    for message in messages:
        content = message["content"] or ""
        parts = [content] if isinstance(content, str) else [part["text"] for part in content]
        total += 3 + count(message["role"]) + sum(count(part) for part in parts)
        total += 1 + count(message["name"]) if "name" in message else 0
        for call in message.get("tool_calls", ()):
            total += 3 + count(call["function"]["name"]) + count(call["function"]["arguments"])
    forms = (json.dumps(tools), json.dumps(tools, ensure_ascii=False)) if tools else ("",)
    return total + max(count(form) for form in forms)


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "bounded"])
def test_estimate_of_a_conversation_is_never_below_its_tokens(
    encoding: str, count: Callable[[str], int], counted: bool
) -> None:
    """Thousands of conversations in code, prose, CJK, emoji and JSON, with tools and without."""
    dice = random.Random(20261124)
    bounds = counts = 0
    for _ in range(CONVERSATIONS):
        messages = [message_of(dice) for _ in range(dice.randint(1, 6))]
        tools = tools_of(dice) if dice.random() < 0.4 else None
        bound = tokens.message_tokens(messages, encoding if counted else None)
        bound += tokens.tool_tokens(tools) if tools else 0
        real = official(count, messages, tools)
        assert bound >= real, messages
        bounds, counts = bounds + bound, counts + real
    print(f"{encoding}, {'counted' if counted else 'bounded'}: the bound is {bounds / counts:.2f} times the count")
    # A bound that is ten times too high would be safe, and useless.
    assert bounds < (4 if counted else 6) * counts


def test_estimate_prices_the_bound(encoding: str, count: Callable[[str], int]) -> None:
    """A whole estimate is never below the price of the official count."""
    engine, model = PricingEngine(), MODELS[encoding]
    dice = random.Random(7)
    for _ in range(200):
        messages = [message_of(dice) for _ in range(dice.randint(1, 4))]
        tools = tools_of(dice)
        estimate = engine.estimate(model, messages=messages, tools=tools, max_output_tokens=50)
        assert estimate >= engine.calculate(model, official(count, messages, tools), 50)
