# /// script
# dependencies = ["boto3"]
# ///
"""Amazon's package: Bedrock's Converse and InvokeModel, plain and streamed."""

import json

import boto3

from tests.shapes.book import case
from tests.shapes.fake.anthropic import MESSAGE_USAGE, message, message_events
from tests.shapes.fake.bedrock import CONVERSE_USAGE, converse, converse_events, invoke_events
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.server import as_json, provider

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-pro-v1:0"
RIGHT = bill(f"bedrock/{CLAUDE}", input=50, cache_read=2000, cache_write=500, cache_write_1h=200, output=300)
ASKED = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}


def client(url: str) -> object:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )


def converse_of(
    scenario: str, usage: dict[str, object], right: Bill, alone: Bill | None = None, **beside: object
) -> None:
    """Book a conversation in all its forms: plain, the stream's last event, and what is in it."""
    asked = {**ASKED, "modelId": right.model.removeprefix("bedrock/")}
    answers = {"/converse": as_json(converse(usage, **beside)), "/converse-stream": converse_events(usage, **beside)}
    with provider(answers) as url:
        made = client(url).converse(**asked)
        case(scenario, made, right)
        case(f"{scenario}, its usage", made["usage"], alone or right)
        *_, last = client(url).converse_stream(**asked)["stream"]
        case(f"{scenario}, last event", last, right)
        case(f"{scenario}, last event's metadata", last["metadata"], right)
        case(f"{scenario}, last event's usage", last["metadata"]["usage"], alone or right)


converse_of("Converse, everything", CONVERSE_USAGE, RIGHT)
plain = {"inputTokens": 1000, "outputTokens": 300, "totalTokens": 1300}
converse_of("Converse, plain", plain, bill(f"bedrock/{NOVA}", input=1000, output=300))
read = {"inputTokens": 400, "outputTokens": 300, "totalTokens": 1300, "cacheReadInputTokens": 600}
read["cacheWriteInputTokens"] = 0
converse_of("Converse, Nova from a cache", read, bill(f"bedrock/{NOVA}", input=400, cache_read=600, output=300))
flex = bill(f"bedrock/{NOVA}", service="flex", input=1000, output=300)
alone = bill(f"bedrock/{NOVA}", input=1000, output=300)
converse_of("Converse, at a tier", plain, flex, alone, serviceTier={"type": "flex"})
standard = {"serviceTier": {"type": "default"}, "performanceConfig": {"latency": "standard"}}
converse_of("Converse, at the standard tier", plain, alone, **standard)
written = {name: count for name, count in CONVERSE_USAGE.items() if name != "cacheDetails"}
with provider({"/converse": as_json(converse(written))}) as url:
    made = client(url).converse(**ASKED, modelId=CLAUDE)
    why = "without cacheDetails it is not told that some is kept for an hour"
    case("Converse, a cache of times untold", made, RIGHT, "blind", why)

headers = {"x_amzn_bedrock_input_token_count": "50", "x_amzn_bedrock_output_token_count": "300"}
headers |= {"x_amzn_bedrock_invocation_latency": "900"}
fresh = bill(f"bedrock/{CLAUDE}", input=50, output=300)
text = message("claude-sonnet-4-5-20250929", {"input_tokens": 50, "output_tokens": 300})
with provider({"/invoke": as_json(text, **headers)}) as url:
    made = client(url).invoke_model(modelId=CLAUDE, body=b"{}")
    case("InvokeModel", made, fresh)
    case("InvokeModel, its headers", made["ResponseMetadata"]["HTTPHeaders"], fresh)
    case("InvokeModel, its body", json.loads(made["body"].read()), fresh)
headers |= {"x_amzn_bedrock_cache_read_input_token_count": "2000", "x_amzn_bedrock_cache_write_input_token_count": "0"}
cached = bill(f"bedrock/{CLAUDE}", input=50, cache_read=2000, output=300)
with provider({"/invoke": as_json(text, **headers)}) as url:
    made = client(url).invoke_model(modelId=CLAUDE, body=b"{}")
    case("InvokeModel from a cache", made, cached)
    case("InvokeModel from a cache, its headers", made["ResponseMetadata"]["HTTPHeaders"], cached)

no_search = {name: value for name, value in MESSAGE_USAGE.items() if name != "server_tool_use"}
document = message("claude-sonnet-4-5-20250929", no_search)
with provider({"/invoke": as_json(document)}) as url:
    made = json.loads(client(url).invoke_model(modelId=CLAUDE, body=b"{}")["body"].read())
    case("InvokeModel, a message in its body", made, RIGHT)
    case("InvokeModel, the usage in its body", made["usage"], RIGHT)
events = message_events(document)
metrics = {"inputTokenCount": 50, "outputTokenCount": 300, "invocationLatency": 900, "firstByteLatency": 100}
metrics |= {"cacheReadInputTokenCount": 2000, "cacheWriteInputTokenCount": 0}
events[-1]["amazon-bedrock-invocationMetrics"] = metrics
with provider({"/invoke-with-response-stream": invoke_events(events)}) as url:
    *_, last = client(url).invoke_model_with_response_stream(modelId=CLAUDE, body=b"{}")["body"]
    last = json.loads(last["chunk"]["bytes"])
    case("InvokeModel streamed, its last event", last, cached)
    case("InvokeModel streamed, its metrics", last["amazon-bedrock-invocationMetrics"], cached)

metrics = {"amazon-bedrock-invocationMetrics": {**metrics, "inputTokenCount": 1000}}
metrics["amazon-bedrock-invocationMetrics"] |= {"cacheReadInputTokenCount": 0}
LLAMA, TITAN = "us.meta.llama3-3-70b-instruct-v1:0", "amazon.titan-text-express-v1"
bodies = [
    (
        LLAMA,
        {"generation": "hello", "prompt_token_count": 1000, "generation_token_count": 300, "stop_reason": "stop"},
        {"generation": "", "prompt_token_count": None, "generation_token_count": 300, "stop_reason": "stop", **metrics},
    ),
    (
        TITAN,
        {
            "inputTextTokenCount": 1000,
            "results": [{"tokenCount": 300, "outputText": "hello", "completionReason": "FINISH"}],
        },
        {"outputText": "", "index": 0, "totalOutputTextTokenCount": 300, "inputTextTokenCount": 1000, **metrics},
    ),
]
for model, body, end in bodies:
    right = bill(f"bedrock/{model}", input=1000, output=300)
    with provider({"/invoke": as_json(body), "/invoke-with-response-stream": invoke_events([end])}) as url:
        made = json.loads(client(url).invoke_model(modelId=model, body=b"{}")["body"].read())
        case(f"InvokeModel, the body of {model}", made, right)
        *_, last = client(url).invoke_model_with_response_stream(modelId=model, body=b"{}")["body"]
        case(f"InvokeModel streamed, the last of {model}", json.loads(last["chunk"]["bytes"]), right)

nova = {"output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}}, "stopReason": "end_turn"}
nova["usage"] = {"inputTokens": 400, "outputTokens": 300, "totalTokens": 1300}
nova["usage"] |= {"cacheReadInputTokenCount": 600, "cacheWriteInputTokenCount": 0}
with provider({"/invoke": as_json(nova)}) as url:
    made = json.loads(client(url).invoke_model(modelId=NOVA, body=b"{}")["body"].read())
    case("InvokeModel, Nova's body", made, bill(f"bedrock/{NOVA}", input=400, cache_read=600, output=300))
