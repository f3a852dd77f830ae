# /// script
# dependencies = ["xai-sdk"]
# ///
"""xAI's package, which speaks gRPC: chat, its stream, and the tools that it lists one by one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from google.protobuf.json_format import MessageToDict
from xai_sdk import Client
from xai_sdk.chat import user
from xai_sdk.proto import chat_pb2, chat_pb2_grpc, sample_pb2, usage_pb2

from tests.shapes.book import case
from tests.shapes.fake.bill import Bill, bill

Chunk = chat_pb2.GetChatCompletionChunk
MODEL = "grok-4"
SEARCHES = [usage_pb2.SERVER_SIDE_TOOL_WEB_SEARCH] * 2 + [usage_pb2.SERVER_SIDE_TOOL_X_SEARCH]


def usage(**more: object) -> usage_pb2.SamplingUsage:
    """400 fresh, 600 cached, 100 written and 200 thought beside them."""
    counts = {"prompt_tokens": 1000, "prompt_text_tokens": 1000, "cached_prompt_text_tokens": 600}
    counts |= {"completion_tokens": 100, "reasoning_tokens": 200, "total_tokens": 1300}
    return usage_pb2.SamplingUsage(**{**counts, **more})


class Chat(chat_pb2_grpc.ChatServicer):
    """The provider: one answer, whole or in two pieces, each with the usage so far."""

    def __init__(self, used: usage_pb2.SamplingUsage, tier: int) -> None:
        self.used = used
        self.tier = tier

    def GetCompletion(self, request: object, context: object) -> chat_pb2.GetChatCompletionResponse:  # noqa: N802
        message = chat_pb2.CompletionMessage(content="hello", role=chat_pb2.ROLE_ASSISTANT)
        output = chat_pb2.CompletionOutput(message=message, finish_reason=sample_pb2.REASON_STOP)
        return chat_pb2.GetChatCompletionResponse(
            id="r_1", model="grok-4-0709", outputs=[output], usage=self.used, service_tier=self.tier
        )

    def GetCompletionChunk(self, request: object, context: object) -> Iterator[Chunk]:  # noqa: N802
        first = usage_pb2.SamplingUsage(prompt_tokens=1000, completion_tokens=1, total_tokens=1001)
        for used, text in ((first, "hel"), (self.used, "lo")):
            output = chat_pb2.CompletionOutputChunk(delta=chat_pb2.Delta(content=text, role=chat_pb2.ROLE_ASSISTANT))
            yield Chunk(id="r_1", model="grok-4-0709", outputs=[output], usage=used, service_tier=self.tier)


@contextmanager
def client(used: usage_pb2.SamplingUsage, tier: int) -> Iterator[Client]:
    """The package's client of a provider on loopback."""
    server = grpc.server(ThreadPoolExecutor(2))
    chat_pb2_grpc.add_ChatServicer_to_server(Chat(used, tier), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Client(api_key="none", api_host=f"127.0.0.1:{port}", use_insecure_channel=True)
    server.stop(None).wait()


def chat_of(
    scenario: str, used: usage_pb2.SamplingUsage, right: Bill, tier: int = usage_pb2.SERVICE_TIER_DEFAULT
) -> None:
    """Book a chat in all its forms: plain and streamed, its usage, its message and that one's dumps."""
    with client(used, tier) as xai:
        made = xai.chat.create(model=MODEL, messages=[user("hello")]).sample()
        *_, (streamed, last) = xai.chat.create(model=MODEL, messages=[user("hello")]).stream()
    for form, value in ((scenario, made), (f"{scenario}, streamed", streamed)):
        case(form, value, right)
        case(f"{form}, its usage", value.usage, right)
        case(f"{form}, its message", value.proto, right)
        case(f"{form}, its usage as a dict", MessageToDict(value.usage, preserving_proto_field_name=True), right)
        case(f"{form}, its usage as JSON", MessageToDict(value.usage), right)
    case(f"{scenario}, last chunk", last, right)


RIGHT = bill(MODEL, input=400, cache_read=600, output=100, reasoning=200)
chat_of("chat", usage(), RIGHT)
searched = bill(MODEL, input=400, cache_read=600, output=100, reasoning=200, web_search=2, x_search=1)
chat_of("chat that searched", usage(server_side_tools_used=SEARCHES), searched)
chat_of("chat that reports its cost", usage(cost_in_usd_ticks=61_500_000), RIGHT)
seen = {"prompt_text_tokens": 900, "prompt_image_tokens": 100}
chat_of("chat with a picture", usage(**seen), RIGHT)
