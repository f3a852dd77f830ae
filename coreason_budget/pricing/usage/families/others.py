"""Hosts that tell little: what was read, what was written, or the total alone."""

from __future__ import annotations

from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields
from coreason_budget.pricing.usage.habits import Habits
from coreason_budget.pricing.usage.told import NOTHING

# What stands beside the counts where an answer has them at its top: Ollama's, and Voyage's objects.
_NAMES = (
    "message",
    "response",
    "thinking",
    "context",
    "logprobs",
    "embeddings",
    "data",
    "results",
    "created_at",
    "model",
)
_CONTENT = dict.fromkeys(_NAMES, NOTHING)
OLLAMA = Family(
    "ollama.response",
    ("prompt_eval_count", "eval_count"),
    {
        **_CONTENT,
        "prompt_eval_count": "prompt",
        "eval_count": "output",
        "total_duration": NOTHING,
        "load_duration": NOTHING,
        "prompt_eval_duration": NOTHING,
        "eval_duration": NOTHING,
    },
)
_BY_KIND = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")


def _is_bare(fields: Fields) -> bool:
    return not any(name in fields for name in _BY_KIND)


# Embeddings and reranks, which write nothing: Voyage's, DashScope's.
EMBEDDING = Family(
    "embedding.total",
    ("total_tokens",),
    {**_CONTENT, "total_tokens": "prompt", "text_tokens": NOTHING},
    Habits(reads_only=True),
    is_it=_is_bare,
)
