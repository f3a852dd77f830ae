"""Ids that do not say their price: tuned models and profiles under a number, regions that cost more."""

from __future__ import annotations

from attrs import frozen

from coreason_budget.pricing.patterns import match_all


@frozen
class Hidden:
    """A way to write an id that does not say its price: ``why``."""

    pattern: str
    why: str
    example: str


_NO_PRICE = "Its name does not say the model: name that with MODEL_ALIASES"

HIDDEN: tuple[Hidden, ...] = (
    Hidden(
        r"(?:bedrock/)?(?:[a-z_]+/)?arn:aws[a-z-]*:bedrock:[^:]*:[^:]*:(?:application-inference-profile|provisioned-model"
        r"|custom-model|custom-model-deployment|imported-model|prompt|prompt-router|default-prompt-router)/.+",
        _NO_PRICE,
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
    ),
    Hidden(
        r"(?:(?:gemini|vertex_ai)/)?tunedModels/.+",
        _NO_PRICE,
        "tunedModels/my-tuned-gemini-a1b2c3",
    ),
    Hidden(
        r"(?:vertex_ai/)?projects/[^/]+/locations/[^/]+/(?:endpoints|models)/.+",
        _NO_PRICE,
        "projects/p/locations/us-central1/endpoints/1234567890",
    ),
    Hidden(
        r"(?:vertex_ai/)?projects/[^/]+/locations/(?!global/)[^/]+/publishers/anthropic/.+",
        "Claude costs more in a region than the table's price, which is that of `locations/global`",
        "projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929",
    ),
    Hidden(
        r"(?:fireworks(?:_ai)?/)?accounts/(?!fireworks/)[^/]+/.+|.+#accounts/.+",
        _NO_PRICE,
        "accounts/acme/models/my-tuned-llama",
    ),
    Hidden(
        r"(?:azure/)?[a-z0-9.-]+\.ft-[0-9a-f]{8,}.*",
        "A fine-tune of Azure has a price of its own",
        "azure/gpt-4o-mini-2024-07-18.ft-0e208cf33a6a466994aff31a08aba678",
    ),
    Hidden(
        r"openrouter/.+:online",
        "`:online` adds a fee for searches",
        "openrouter/anthropic/claude-sonnet-4.5:online",
    ),
)


def why_hidden(model: str) -> str | None:
    """Say why an id does not tell its price, whatever form it has; None if it may."""
    return next((hidden.why for hidden in HIDDEN if match_all(hidden.pattern, model)), None)
