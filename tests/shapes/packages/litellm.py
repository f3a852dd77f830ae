# /// script
# dependencies = ["litellm", "boto3"]
# ///
"""LiteLLM: completions, streams, responses, embeddings and a router's answers, over five providers."""

import os

os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="true", AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")
os.environ.update(AWS_REGION_NAME="us-east-1")

import litellm
from litellm import Router

from tests.shapes.book import case, forms
from tests.shapes.fake.bill import Bill
from tests.shapes.fake.world import BEDROCK, BILLS, CLAUDE, GEMINI, GPT, GROK, world

HELLO = [{"role": "user", "content": "hello"}]
LOST = "responses drop the searches and the times of the cache; settle cost=_hidden_params['response_cost']"


def models(url: str) -> dict[str, tuple[dict[str, str], Bill]]:
    """One of each provider, with what an answer of it costs."""
    return {
        f"openai/{GPT}": ({"api_base": f"{url}/v1"}, BILLS["gpt"]),
        f"anthropic/{CLAUDE}": ({"api_base": url}, BILLS["claude"]),
        f"gemini/{GEMINI}": ({"api_base": f"{url}/v1beta/models/{GEMINI}"}, BILLS["gemini"]),
        f"xai/{GROK}": ({"api_base": f"{url}/v1"}, BILLS["grok"]),
        f"bedrock/{BEDROCK}": ({"aws_bedrock_runtime_endpoint": url}, BILLS["bedrock"]),
    }


with world() as url:
    for model, (options, right) in models(url).items():
        asked = {"model": model, "api_key": "none", **options}
        if model.startswith("bedrock"):
            del asked["api_key"]
        forms(model, litellm.completion(messages=HELLO, **asked), right)
        pieces = list(litellm.completion(messages=HELLO, stream=True, stream_options={"include_usage": True}, **asked))
        told = [piece for piece in pieces if getattr(piece, "usage", None)]
        forms(f"{model}, last chunk", told[-1], right)
        case(f"{model}, stream put together", litellm.stream_chunk_builder(pieces), right)
        made = litellm.responses(input="hello", **asked)
        lost = ("blind", LOST) if "claude" in model else ()
        case(f"{model}, response", made, right, *lost)
        case(f"{model}, response's usage", made.usage, right, *lost)
    options = {"model": f"openai/{GPT}", "api_base": f"{url}/v1", "api_key": "none"}
    router = Router(model_list=[{"model_name": "mine", "litellm_params": options}])
    forms("router", router.completion("mine", messages=HELLO), BILLS["gpt"])
