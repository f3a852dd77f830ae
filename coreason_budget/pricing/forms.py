"""How consoles, answers, SDKs and routers write the ids of models: a table of exact forms.

A form says what an id means, never what it resembles: the ids it gives are looked up as they are,
and where the table has none of them the id stays unknown. A form without ids hides the model.
"""

from __future__ import annotations

import re

from attrs import frozen

from coreason_budget.pricing.patterns import match_all
from coreason_budget.pricing.prefixes import SDKS, SLASHED

_GEO = r"(?:us|eu|apac|jp|au|ca|in|sa|global|us-gov)"
_MAKER = (
    r"(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai"
    r"|nvidia|openai|qwen|twelvelabs|writer|xai|zai)"
)
_REGION = r"[a-z]{2}(?:-gov)?-[a-z]+-[0-9]"
_BEDROCK = rf"(?P<id>{_MAKER}\.[a-z0-9][a-zA-Z0-9.:-]*)"
_PROFILE = rf"(?P<id>{_GEO}\.{_MAKER}\.[a-z0-9][a-zA-Z0-9.:-]*)"
_ARN = rf"(?:bedrock/)?arn:aws(?:-us-gov)?:bedrock:(?P<region>{_REGION})"
_VERTEX = r"(?:vertex_ai/)?(?:projects/[^/]+/locations/[^/]+/)?publishers"
_HUGGING = "cerebras|fireworks-ai|groq|hyperbolic|nebius|novita|nscale|ovhcloud|publicai|sambanova|scaleway|together"


@frozen
class Form:
    """One way to write the id of a model.

    Attributes:
        pattern: What the whole id must match.
        ids: What it means, most specific first, as templates of the match.
        example: An id in this form.
        means: The canonical id of the example.
        unknown: An id in this form whose model nobody knows.
        first: What it means goes before an entry of the table under the id as written.
    """

    pattern: str
    ids: tuple[str, ...]
    example: str
    means: str
    unknown: str
    first: bool = False

    def match(self, model: str) -> re.Match[str] | None:
        """Match an id that is written in this form."""
        return match_all(self.pattern, model)


_SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"

FORMS: tuple[Form, ...] = (
    # OpenAI: a fine-tune or its checkpoint costs what fine-tunes of its base do.
    Form(
        r"(?:openai/)?(?P<base>ft:[a-z0-9.-]+):[\w.-]+:[\w.-]*:[\w-]+(?::ckpt-step-[0-9]+)?",
        (r"openai/\g<base>",),
        "ft:gpt-4o-mini-2024-07-18:acme::BZx1AbCd",
        "openai/ft:gpt-4o-mini-2024-07-18",
        "ft:gpt-4o-nano-2024-07-18:acme::BZx1AbCd",
    ),
    Form(
        r"(?P<host>openai|azure)/responses/(?P<id>.+)",
        (r"\g<host>/\g<id>",),
        "openai/responses/o3-pro",
        "openai/o3-pro",
        "openai/responses/o3-prow",
    ),
    Form(
        r"azure/(?:o_series|gpt5_series)/(?P<id>.+)",
        (r"azure/\g<id>",),
        "azure/o_series/o3-mini",
        "azure/o3-mini",
        "azure/o_series/my-o3",
    ),
    # Bedrock: routes, profiles, regions, ARNs. A region's own price, where there is one, is an exact id.
    Form(
        r"bedrock(?:_converse)?/(?:converse|converse_like|invoke|chat_completions)/(?P<id>.+)",
        (r"bedrock/\g<id>",),
        f"bedrock/converse/us.{_SONNET}",
        f"bedrock/us.{_SONNET}",
        "bedrock/converse/us.anthropic.claude-sonnet-4-5-20250930-v1:0",
        first=True,
    ),
    Form(
        _PROFILE, (r"bedrock/\g<id>",), f"eu.{_SONNET}", f"bedrock/eu.{_SONNET}", "eu.anthropic.claude-sonnet-4-5-v1:0"
    ),
    Form(
        _BEDROCK,
        (r"bedrock/\g<id>",),
        "amazon.nova-pro-v1:0",
        "bedrock/amazon.nova-pro-v1:0",
        "amazon.nova-pro-v9:0",
    ),
    Form(
        rf"bedrock/{_REGION}/{_PROFILE}",
        (r"bedrock/\g<id>",),
        f"bedrock/eu-west-3/eu.{_SONNET}",
        f"bedrock/eu.{_SONNET}",
        "bedrock/eu-west-3/eu.anthropic.claude-sonnet-9",
    ),
    # Commercial regions of the US share one list; elsewhere only Claude costs the same in all regions.
    Form(
        rf"bedrock/us-(?:east|west)-[12]/{_BEDROCK}",
        (r"bedrock/us.\g<id>", r"bedrock/\g<id>"),
        f"bedrock/us-east-1/{_SONNET}",
        f"bedrock/us.{_SONNET}",
        "bedrock/us-east-1/anthropic.claude-sonnet-9",
    ),
    Form(
        rf"bedrock/us-gov-(?:east|west)-1/{_BEDROCK}",
        (r"bedrock/us-gov.\g<id>",),
        "bedrock/us-gov-west-1/xai.grok-4.6",
        "bedrock/us-gov.xai.grok-4.6",
        "bedrock/us-gov-west-1/zai.glm-5.3",
    ),
    Form(
        r"bedrock/eu-[a-z]+-[0-9]/(?P<id>anthropic\..+)",
        (r"bedrock/eu.\g<id>",),
        f"bedrock/eu-central-1/{_SONNET}",
        f"bedrock/eu.{_SONNET}",
        "bedrock/eu-central-1/anthropic.claude-sonnet-9",
    ),
    Form(
        r"bedrock/ap-northeast-[13]/(?P<id>anthropic\..+)",
        (r"bedrock/jp.\g<id>", r"bedrock/apac.\g<id>"),
        f"bedrock/ap-northeast-1/{_SONNET}",
        f"bedrock/jp.{_SONNET}",
        "bedrock/ap-northeast-1/anthropic.claude-sonnet-9",
    ),
    Form(
        r"bedrock/ap-southeast-[24]/(?P<id>anthropic\..+)",
        (r"bedrock/au.\g<id>", r"bedrock/apac.\g<id>"),
        f"bedrock/ap-southeast-2/{_SONNET}",
        f"bedrock/au.{_SONNET}",
        "bedrock/ap-southeast-2/anthropic.claude-sonnet-9",
    ),
    Form(
        r"bedrock/ap-[a-z]+-[0-9]/(?P<id>anthropic\..+)",
        (r"bedrock/apac.\g<id>",),
        "bedrock/ap-south-1/anthropic.claude-opus-4-7",
        "bedrock/apac.anthropic.claude-opus-4-7",
        "bedrock/ap-south-1/anthropic.claude-sonnet-9",
    ),
    Form(
        rf"{_ARN}:[0-9]*:inference-profile/{_PROFILE}",
        (r"bedrock/\g<id>",),
        f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{_SONNET}",
        f"bedrock/us.{_SONNET}",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-9",
    ),
    Form(
        rf"{_ARN}::foundation-model/{_BEDROCK}",
        (r"bedrock/\g<region>/\g<id>",),
        "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0",
        "bedrock/us.amazon.nova-pro-v1:0",
        "arn:aws:bedrock:sa-east-1::foundation-model/amazon.nova-pro-v1:0",
    ),
    # Google: resource names. Vertex also takes the publisher before the id, and `@default`.
    Form(
        r"(?:gemini/)?models/(?P<id>[^/]+)",
        (r"gemini/\g<id>",),
        "models/gemini-2.5-pro",
        "gemini/gemini-2.5-pro",
        "models/gemini-2.5-prow",
    ),
    Form(
        rf"{_VERTEX}/(?P<by>google|anthropic|mistralai|ai21)/models/(?P<id>[^/]+)",
        (r"vertex_ai/\g<by>/\g<id>", r"vertex_ai/\g<id>"),
        "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro",
        "vertex_ai/gemini-2.5-pro",
        "publishers/google/models/gemini-2.5-prow",
    ),
    Form(
        rf"{_VERTEX}/(?P<by>[a-z0-9-]+)/models/(?P<id>[^/]+)",
        (r"vertex_ai/\g<by>/\g<id>",),
        "publishers/openai/models/gpt-oss-120b-maas",
        "vertex_ai/openai/gpt-oss-120b-maas",
        "publishers/openai/models/gemini-2.5-pro",
    ),
    Form(
        r"vertex_ai/google/(?P<id>gemini-[^/]+)",
        (r"vertex_ai/\g<id>",),
        "vertex_ai/google/gemini-2.5-flash",
        "vertex_ai/gemini-2.5-flash",
        "vertex_ai/google/gemini-2.5-flush",
    ),
    Form(
        r"vertex_ai/(?P<id>claude-[^/@]+)@default",
        (r"vertex_ai/\g<id>",),
        "vertex_ai/claude-sonnet-4-5@default",
        "vertex_ai/claude-sonnet-4-5",
        "vertex_ai/claude-sonnet-9@default",
    ),
    Form(
        r"(?P<id>(?:(?:gemini|vertex_ai)/)?gemini-(?:[2-9]|[1-9][0-9])[a-z0-9.-]*)-001",
        (r"\g<id>",),
        "gemini-2.0-flash-001",
        "gemini/gemini-2.0-flash",
        "gemini-2.0-flush-001",
    ),
    # Hosts and routers. The table has some models of Fireworks under the short id, too, at no higher price.
    Form(
        r"(?P<id>accounts/fireworks/(?:models|routers)/[^/#]+)",
        (r"fireworks_ai/\g<id>",),
        "accounts/fireworks/models/gpt-oss-120b",
        "fireworks_ai/accounts/fireworks/models/gpt-oss-120b",
        "accounts/fireworks/models/gpt-oss-121b",
    ),
    Form(
        r"fireworks(?:_ai)?/(?P<id>[^/#]+)",
        (r"fireworks_ai/accounts/fireworks/models/\g<id>",),
        "fireworks_ai/gpt-oss-120b",
        "fireworks_ai/accounts/fireworks/models/gpt-oss-120b",
        "fireworks_ai/gpt-oss-121b",
        first=True,
    ),
    Form(
        r"(?P<id>openrouter/.+):(?:nitro|floor)",
        (r"\g<id>",),
        "openrouter/anthropic/claude-sonnet-4.5:nitro",
        "openrouter/anthropic/claude-sonnet-4.5",
        "openrouter/anthropic/claude-sonnet-4.5:exacto",
    ),
    Form(
        rf"(?:huggingface/)?(?P<id>[^/:]+/[^/:]+):(?P<host>{_HUGGING})",
        (r"huggingface/\g<host>/\g<id>",),
        "openai/gpt-oss-120b:groq",
        "huggingface/groq/openai/gpt-oss-120b",
        "openai/gpt-oss-120b:fastest",
    ),
    Form(
        r"(?P<id>@(?:cf|hf)/.+)",
        (r"cloudflare/\g<id>",),
        "@cf/meta/llama-3.2-1b-instruct",
        "cloudflare/@cf/meta/llama-3.2-1b-instruct",
        "@cf/meta/llama-3.2-1b-instructed",
    ),
    Form(
        r"(?P<id>databricks-[^/]+)",
        (r"databricks/\g<id>",),
        "databricks-claude-sonnet-4-5",
        "databricks/databricks-claude-sonnet-4-5",
        "databricks-claude-sonnet-9",
    ),
    # Frameworks and tools.
    Form(
        r"(?P<id>(?:[a-z_]+/)*(?:[a-z-]+\.)*claude-[^/\[]+)\[1m\]",
        (r"\g<id>",),
        "claude-opus-4-6[1m]",
        "anthropic/claude-opus-4-6",
        "claude-opus-4-6[2m]",
    ),
    Form(
        r"(?:litellm|any-llm)/(?P<id>.+)",
        (r"\g<id>",),
        "litellm/anthropic/claude-sonnet-4-5",
        "anthropic/claude-sonnet-4-5",
        "litellm/anthropic/claude-sonnet-9",
    ),
    *(
        Form(
            rf"(?:{'|'.join(names.split())}):(?P<id>.+)",
            (rf"{provider}/\g<id>",),
            f"{names.split()[-1]}:{model}",
            f"{provider}/{model}",
            f"{names.split()[-1]}:{model}-x",
        )
        for provider, names, model in SDKS
    ),
    *(
        Form(rf"{name}/(?P<id>.+)", (rf"{host}/\g<id>",), f"{name}/{model}", f"{host}/{model}", f"{name}/{model}-x")
        for name, host, model in SLASHED
    ),
)
