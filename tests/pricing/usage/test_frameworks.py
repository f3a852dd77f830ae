"""What frameworks lose is refused where it shows, whole runs are summed, and errors name what to pass."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing import PricingEngine
from tests.pricing.usage.framework_cases import (
    ANTHROPIC,
    CLAUDE,
    GEMINI,
    GEMINI_JSON,
    GPT,
    OPENAI_CHAT,
    OPENAI_RESPONSE,
    SOL,
)

ENGINE = PricingEngine()
_FIVE = {"inputTokens": 50, "outputTokens": 300, "totalTokens": 350}
_CREW = {"prompt_tokens": 50, "completion_tokens": 300, "cache_creation_tokens": 0, "successful_requests": 1}
_OPEN = {"inputTokens": 2750, "outputTokens": 300, "totalTokens": 3050}
_TURN = {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 10, "total_tokens": 110}
_ADK = {"prompt_token_count": 2750, "candidates_token_count": 300, "total_token_count": 3050}


@pytest.mark.parametrize(
    ("usage", "model", "named"),
    [
        # AI SDK 5 has no place for what Claude wrote to a cache.
        ({**_FIVE, "cachedInputTokens": 2000}, CLAUDE, "cachedInputTokens.*pass the provider's own answer"),
        ({**_FIVE, "cachedInputTokens": 0}, CLAUDE, "cachedInputTokens"),
        # CrewAI of Bedrock: 700 written stand in the total alone.
        ({**_CREW, "cached_prompt_tokens": 2000, "total_tokens": 3050}, CLAUDE, "total_tokens"),
        # Google's agent kit of Claude: what was written is part of the prompt, and not told.
        ({**_ADK, "cached_content_token_count": 2000}, CLAUDE, "cached_content_token_count"),
        # Bedrock's names over a gateway to Claude: inside or beside.
        ({**_OPEN, "cacheReadInputTokens": 2000, "cacheWriteInputTokens": 700}, CLAUDE, "does not tell whether"),
        # pydantic-ai: a request told nothing.
        ({"input_tokens": 9, "output_tokens": 1, "details": {}, "unmeasured_requests": 1}, GPT, "unmeasured_requests"),
        # OpenAI Agents: entries that are not all.
        (
            {
                **OPENAI_RESPONSE,
                "requests": 2,
                "request_usage_entries": [{**OPENAI_RESPONSE, "input_tokens": 900, "total_tokens": 1200}],
            },
            SOL,
            "request_usage_entries",
        ),
        # Agno: searches of a run's last request alone.
        (
            {
                "input_tokens": 100,
                "output_tokens": 600,
                "total_tokens": 700,
                "duration": 0.1,
                "details": {
                    "model": [
                        {
                            "id": CLAUDE,
                            "provider": "Anthropic",
                            "input_tokens": 100,
                            "output_tokens": 600,
                            "total_tokens": 700,
                            "provider_metrics": {"server_tool_use": {"web_search_requests": 2}},
                        }
                    ]
                },
            },
            CLAUDE,
            "web_search_requests",
        ),
        # Codex in the middle of a session: its total is more than this turn.
        (
            {"total_token_usage": {**_TURN, "input_tokens": 900, "total_tokens": 910}, "last_token_usage": _TURN},
            "gpt-5.1-codex",
            "total_token_usage",
        ),
        # LangChain: an answer among others without its usage.
        (
            [{"type": "ai", "response_metadata": {}, "additional_kwargs": {}, "usage_metadata": None}],
            GPT,
            "an answer among the messages tells none",
        ),
        # An original that nobody understands, beside counts that say less.
        ({"input_tokens": 9, "output_tokens": 1, "raw": {"novel_tokens": 5}, "provider_tool_usage": None}, GPT, "raw"),
    ],
)
def test_what_shows_that_counts_are_lost_is_refused(usage: Any, model: str, named: str) -> None:
    """Never booked as if all were told."""
    with pytest.raises(InvalidAmountError, match=named):
        ENGINE.cost_of(usage, model)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (SimpleNamespace(replies=[SimpleNamespace(meta={"usage": OPENAI_CHAT})]), "replies"),
        ({"messages": [{"type": "ai", "usage_metadata": OPENAI_RESPONSE}]}, "messages"),
        (SimpleNamespace(budget=OPENAI_CHAT, text="hello"), "budget"),
    ],
)
def test_the_error_names_what_to_pass(source: object, named: str) -> None:
    """Of a whole that carries its usage where nobody looks."""
    with pytest.raises(InvalidAmountError, match=f"pass .*{named}"):
        ENGINE.cost_of(source, GPT)


def test_the_error_names_the_method_that_gives_a_usage() -> None:
    """DSPy's predictions compute it."""

    class Prediction:
        def get_lm_usage(self) -> dict[str, Any]:
            return {GPT: OPENAI_CHAT}

    with pytest.raises(InvalidAmountError, match=r"get_lm_usage\(\)"):
        ENGINE.cost_of(Prediction(), GPT)
    assert ENGINE.cost_of(Prediction().get_lm_usage(), GPT).cost_usd == Decimal("0.00475")


def test_a_usage_that_is_computed_is_read() -> None:
    """A property of pydantic-ai's results, and of Haystack's messages."""

    class Result:
        @property
        def usage(self) -> dict[str, Any]:
            return OPENAI_CHAT

    assert ENGINE.cost_of(Result(), GPT).cost_usd == Decimal("0.00475")


@pytest.mark.parametrize(
    ("answers", "model", "usd"),
    [
        ([OPENAI_CHAT, OPENAI_CHAT], GPT, "0.0095"),
        ([{"id": "a", "usage": OPENAI_CHAT}, {"id": "b", "usage": OPENAI_CHAT}], GPT, "0.0095"),
        ([{"id": "a", "usage": ANTHROPIC}, {"id": "b", "usage": ANTHROPIC}], CLAUDE, "0.05665"),
        # One stream tells its usage with every piece; the last is whole.
        ([{"id": "a", "usage": {**OPENAI_CHAT, "novel": 1}}, {"id": "a", "usage": OPENAI_CHAT}], GPT, "0.00475"),
        ([{"responseId": "a", "usageMetadata": GEMINI_JSON}] * 3, GEMINI, "0.002325"),
    ],
)
def test_a_list_of_answers_is_no_stream(answers: list[Any], model: str, usd: str) -> None:
    """Each counts, once."""
    assert ENGINE.cost_of(answers, model).cost_usd == Decimal(usd)


def test_a_framework_s_own_estimate_is_not_the_provider_s_word() -> None:
    """pydantic-ai and Agno put a cost by another price table where OpenRouter puts its own."""
    usage = {"input_tokens": 1000, "output_tokens": 300, "details": {}, "cost": "99"}
    assert ENGINE.cost_of(usage, GPT, prefer_reported=True).cost_usd == Decimal("0.0055")
    told = {**OPENAI_CHAT, "cost": "0.99"}
    assert ENGINE.cost_of(told, GPT, prefer_reported=True).cost_usd == Decimal("0.99"), "the control: OpenRouter's"
