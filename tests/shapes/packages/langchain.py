# /// script
# dependencies = [
#     "langchain-core", "langchain-openai", "langchain-anthropic", "langchain-google-genai", "langchain-aws",
#     "langchain-xai", "langchain-mistralai", "langchain-groq",
# ]
# ///
"""LangChain: messages and their metadata by eight packages of providers, streams, the usage callback."""

from collections.abc import Callable
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrockConverse
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_groq import ChatGroq
from langchain_mistralai import ChatMistralAI
from langchain_openai import ChatOpenAI
from langchain_xai import ChatXAI

from tests.shapes.book import case
from tests.shapes.fake.bill import Bill
from tests.shapes.fake.world import BEDROCK, BILLS, CLAUDE, GEMINI, GPT, GROK, SOL, world

SEARCHES = "usage_metadata has no searches; pass the message"
TIMES = "the stream's usage has no times of the cache, and an hour's writes are dearer"
DETAILS = "the package drops the details; pass the message"


def models(url: str) -> dict[str, tuple[Callable[[], Any], Bill]]:
    """One of each provider, with what an answer of it costs."""
    openai = {"base_url": f"{url}/v1", "api_key": "none"}
    aws = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "us-east-1"}
    return {
        "openai": (lambda: ChatOpenAI(model=GPT, stream_usage=True, **openai), BILLS["gpt"]),
        "openai responses": (lambda: ChatOpenAI(model=SOL, use_responses_api=True, **openai), BILLS["sol"]),
        "anthropic": (lambda: ChatAnthropic(model=CLAUDE, base_url=url, api_key="none"), BILLS["claude"]),
        "google": (lambda: ChatGoogleGenerativeAI(model=GEMINI, base_url=url, api_key="none"), BILLS["gemini"]),
        "xai": (lambda: ChatXAI(model=GROK, xai_api_base=f"{url}/v1", api_key="none"), BILLS["grok"]),
        "mistral": (lambda: ChatMistralAI(model=GPT, base_url=f"{url}/v1", api_key="none"), BILLS["gpt"]),
        "groq": (lambda: ChatGroq(model=GPT, base_url=f"{url}/v1", api_key="none"), BILLS["gpt"]),
        "bedrock": (lambda: ChatBedrockConverse(model=BEDROCK, endpoint_url=url, **aws), BILLS["bedrock"]),
    }


def message_of(name: str, message: AIMessage, right: Bill) -> None:
    """Book a message, its dump, and its metadata alone."""
    case(f"{name}, message", message, right)
    case(f"{name}, message's dump", message.model_dump(), right)
    case(f"{name}, a list of messages", [message, message], right + right)
    if name == "anthropic":
        case(f"{name}, usage_metadata", message.usage_metadata, right, "blind", SEARCHES)
    elif name == "mistral":
        case(f"{name}, usage_metadata", message.usage_metadata, right, "dearer", DETAILS)
    else:
        case(f"{name}, usage_metadata", message.usage_metadata, right)


def streamed(name: str, model: Any, right: Bill) -> None:
    """Book the sum of a stream's pieces, where the package tells a usage of streams."""
    whole = None
    for piece in model.stream("hello"):
        whole = piece if whole is None else whole + piece
    if whole is None or whole.usage_metadata is None:
        return
    if name in ("anthropic", "bedrock"):
        timed = "ephemeral_1h_input_tokens" in whole.usage_metadata.get("input_token_details", {})
        case(f"{name}, stream", whole, right, *(() if timed and name == "bedrock" else ("blind", TIMES)))
    else:
        case(f"{name}, stream", whole, right)


with world() as url:
    for name, (make, right) in models(url).items():
        with get_usage_metadata_callback() as callback:
            answer = make().invoke("hello")
        message_of(name, answer, right)
        if name not in ("anthropic", "mistral", "bedrock"):
            case(f"{name}, callback", callback.usage_metadata, right)
        if name != "mistral":
            streamed(name, make(), right)
