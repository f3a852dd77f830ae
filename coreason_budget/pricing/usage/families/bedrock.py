"""Amazon Bedrock: the input count excludes cache reads and writes.

Others write its names and count as their provider does (strands, the Vercel AI SDK): the total tells, else
the model's maker.
"""

from __future__ import annotations

from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent, items_of, word
from coreason_budget.pricing.usage.habits import APART, BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.told import NOTHING, Table, Told, digits, refuse_counts

_TTLS = {"5m": "written_5m", "1h": "written_1h"}


def _by_time(told: Told, value: Any, name: str) -> None:
    """Read how long what of the writes is kept."""
    for item in items_of(value, name):
        fields = fields_of(item)
        ttl = word(fields.get("ttl"), name)
        if ttl not in _TTLS:
            raise InvalidAmountError(f"{name}: ttl {ttl!r} is not 5m or 1h", field=name)
        told.add(_TTLS[ttl], fields.get("inputTokens"), name)


_TABLE: Table = {
    "inputTokens": "prompt",
    "outputTokens": "output",
    "totalTokens": "total",
    "cacheReadInputTokens": "cached",
    "cacheReadInputTokenCount": "cached",
    "cacheWriteInputTokens": "written",
    "cacheWriteInputTokenCount": "written",
    "cacheDetails": _by_time,
}
# Whether the total contains the cached tokens is not documented, so both are taken.
CONVERSE = Family(
    "bedrock.converse",
    ("inputTokens",),
    _TABLE,
    Habits(cache=(BESIDE, APART, INSIDE), by_maker=True, doubts=True, rest_is_reasoning=True),
    needs=(("inputTokens",), ("outputTokens",)),
)

_INVOKED = {
    "input-token-count": "prompt",
    "output-token-count": "output",
    "cache-read-input-token-count": "cached",
    "cache-write-input-token-count": "written",
}
HEADERS = Family(
    "bedrock.headers",
    ("x-amzn-bedrock-input-token-count",),
    {f"x-amzn-bedrock-{name}": digits(role) for name, role in _INVOKED.items()}
    | {"x-amzn-bedrock-invocation-latency": NOTHING},
    Habits(cache=(APART,)),
    needs=(("x-amzn-bedrock-input-token-count",), ("x-amzn-bedrock-output-token-count",)),
    prefix="x-amzn-bedrock-",
)
METRICS = Family(
    "bedrock.metrics",
    ("inputTokenCount",),
    {
        "inputTokenCount": "prompt",
        "outputTokenCount": "output",
        "cacheReadInputTokenCount": "cached",
        "cacheWriteInputTokenCount": "written",
        "invocationLatency": NOTHING,
        "firstByteLatency": NOTHING,
    },
    Habits(cache=(APART,)),
    needs=(("inputTokenCount",), ("outputTokenCount",)),
)


def _is_whole(fields: Fields) -> bool:
    # The end of its stream has the prompt among the metrics alone.
    return not is_absent(fields.get("prompt_token_count"))


# The bodies of models that have no usage of their own. What they said may be a number.
_METRICS_BESIDE = {"amazon-bedrock-invocationMetrics": NOTHING}
LLAMA = Family(
    "bedrock.llama",
    ("generation_token_count",),
    {"prompt_token_count": "prompt", "generation_token_count": "output", "generation": NOTHING, **_METRICS_BESIDE},
    is_it=_is_whole,
)


def _results(told: Told, value: Any, name: str) -> None:
    for item in items_of(value, name):
        fields = fields_of(item)
        refuse_counts(name, {key: said for key, said in fields.items() if key not in ("tokenCount", "outputText")})
        told.add("output", fields.get("tokenCount"), name)


TITAN = Family(
    "bedrock.titan",
    ("inputTextTokenCount",),
    {
        "inputTextTokenCount": "prompt",
        "totalOutputTextTokenCount": "output",
        "results": _results,
        "outputText": NOTHING,
        "index": NOTHING,
        "embedding": NOTHING,
        "embeddingsByType": NOTHING,
        **_METRICS_BESIDE,
    },
    needs=(("inputTextTokenCount",), ("results", "totalOutputTextTokenCount", "embedding", "embeddingsByType")),
)
