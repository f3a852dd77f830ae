"""Usages as providers' own packages hand them out, each with what the call cost: name, usage, model, USD."""

from __future__ import annotations

from typing import Any

ROWS: list[tuple[str, Any, str, str]] = [
    # 400 x 3 + 600 x 0.75 + 300 x 15, two searches and one of X at 5 a thousand
    (
        "xai-sdk, its message as JSON",
        {
            "completionTokens": 100,
            "reasoningTokens": 200,
            "promptTokens": 1000,
            "totalTokens": 1300,
            "promptTextTokens": 1000,
            "cachedPromptTextTokens": 600,
            "serverSideToolsUsed": [
                "SERVER_SIDE_TOOL_WEB_SEARCH",
                "SERVER_SIDE_TOOL_WEB_SEARCH",
                "SERVER_SIDE_TOOL_X_SEARCH",
            ],
            "costInUsdTicks": "211500000",
        },
        "grok-4",
        "0.02115",
    ),
    # 10,952 x 1.25 + 9,920 x 0.20 + 4,872 x 2.50, and seven searches of X at 5 a thousand: what it reports, too
    (
        "xai, a response that searched X",
        {
            "input_tokens": 20872,
            "input_tokens_details": {"cached_tokens": 9920},
            "output_tokens": 4872,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 25744,
            "num_sources_used": 0,
            "num_server_side_tools_used": 7,
            "cost_in_usd_ticks": 628_540_000,
            "server_side_tool_usage_details": {"web_search_calls": 0, "x_search_calls": 7, "image_generation_calls": 0},
            "context_details": {"input_tokens": 12372, "output_tokens": 4448},
        },
        "grok-4.3",
        "0.062854",
    ),
    # 34,597 x 1.25 + 896 x 0.20 + 1,135 x 2.50: reasoning stands inside the output here
    (
        "xai, a response that thought",
        {
            "input_tokens": 35493,
            "input_tokens_details": {"cached_tokens": 896},
            "output_tokens": 1135,
            "output_tokens_details": {"reasoning_tokens": 708},
            "total_tokens": 36628,
            "num_sources_used": 0,
            "num_server_side_tools_used": 0,
            "cost_in_usd_ticks": 462_629_500,
            "context_details": {"input_tokens": 35493, "output_tokens": 1135},
        },
        "grok-4.3",
        "0.04626295",
    ),
    # 3,681 x 1.25 + 780 x 10, and a search of 5 a thousand: its own cost is 0.0174
    (
        "perplexity, a response that searched",
        {
            "input_tokens": 3681,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 780,
            "output_tokens_details": {"reasoning_tokens": 0},
            "tool_calls_details": {"search_web": {"invocation": 1}},
            "total_tokens": 4461,
            "cost": {"currency": "USD", "input_cost": 0.0046, "output_cost": 0.0078, "total_cost": 0.0174},
        },
        "perplexity/openai/gpt-5",
        "0.01740125",
    ),
    # 390 x 0.30 + 560 x 0.03 + 60 x 1 + 40 x 0.10 + 300 x 2.50
    (
        "google-genai, an interaction",
        {
            "id": "int_1",
            "model": "gemini-2.5-flash",
            "usage": {
                "total_input_tokens": 1000,
                "initial_input_tokens": 1000,
                "total_cached_tokens": 600,
                "total_output_tokens": 100,
                "total_thought_tokens": 200,
                "total_tool_use_tokens": 50,
                "total_tokens": 1350,
                "input_tokens_by_modality": [
                    {"modality": "text", "tokens": 900},
                    {"modality": "audio", "tokens": 100},
                ],
                "cached_tokens_by_modality": [{"modality": "text", "tokens": 560}, {"modality": "audio", "tokens": 40}],
                "output_tokens_by_modality": [{"modality": "text", "tokens": 100}],
                "tool_use_tokens_by_modality": [{"modality": "text", "tokens": 50}],
            },
        },
        "gemini-2.5-flash",
        "0.0009478",
    ),
    # 1000 x 0.50 + 100 x 3, and two searches of 14 a thousand
    (
        "google-genai, an interaction that searched",
        {
            "total_input_tokens": 1000,
            "total_output_tokens": 100,
            "total_tokens": 1100,
            "grounding_tool_count": [{"type": "google_search", "count": 2}],
        },
        "gemini-3-flash-preview",
        "0.0288",
    ),
    # 200 x 0.50 + 800 x 3 + 50 x 2 + 200 x 12
    (
        "google-genai, a Live message",
        {
            "usage_metadata": {
                "prompt_token_count": 1000,
                "response_token_count": 250,
                "total_token_count": 1250,
                "prompt_tokens_details": [
                    {"modality": "TEXT", "token_count": 200},
                    {"modality": "AUDIO", "token_count": 800},
                ],
                "response_tokens_details": [
                    {"modality": "TEXT", "token_count": 50},
                    {"modality": "AUDIO", "token_count": 200},
                ],
            },
        },
        "gemini-2.5-flash-native-audio-latest",
        "0.005",
    ),
    # a region: 50 x 3.30 + 2000 x 0.33 + 300 x 16.50
    (
        "boto3, InvokeModel's headers",
        {
            "ResponseMetadata": {
                "HTTPStatusCode": 200,
                "HTTPHeaders": {
                    "content-length": "294",
                    "x-amzn-bedrock-input-token-count": "50",
                    "x-amzn-bedrock-output-token-count": "300",
                    "x-amzn-bedrock-cache-read-input-token-count": "2000",
                    "x-amzn-bedrock-cache-write-input-token-count": "0",
                    "x-amzn-bedrock-invocation-latency": "900",
                },
            },
            "contentType": "application/json",
        },
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "0.005775",
    ),
    (
        "boto3, the end of InvokeModel's stream",
        {
            "type": "message_stop",
            "amazon-bedrock-invocationMetrics": {
                "inputTokenCount": 50,
                "outputTokenCount": 300,
                "cacheReadInputTokenCount": 2000,
                "cacheWriteInputTokenCount": 0,
                "invocationLatency": 900,
                "firstByteLatency": 100,
            },
        },
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "0.005775",
    ),
    # 1000 x 0.72 + 300 x 0.72
    (
        "boto3, Llama's body",
        {"generation": "42", "prompt_token_count": 1000, "generation_token_count": 300, "stop_reason": "stop"},
        "bedrock/us.meta.llama3-3-70b-instruct-v1:0",
        "0.000936",
    ),
    # 1000 x 0.20 + 300 x 0.60
    (
        "boto3, Titan's body",
        {
            "inputTextTokenCount": 1000,
            "results": [{"tokenCount": 300, "outputText": "42", "completionReason": "FINISH"}],
        },
        "bedrock/amazon.titan-text-express-v1",
        "0.00038",
    ),
    # 1000 x 0.02
    (
        "boto3, the body of Titan's embedding",
        {"embedding": [0.1], "inputTextTokenCount": 1000},
        "bedrock/amazon.titan-embed-text-v2:0",
        "0.00002",
    ),
    # an embedding has no output: 8 x 0.06
    ("voyageai, a total alone", {"total_tokens": 8}, "voyage-3.5", "0.00000048"),
    (
        "voyageai, its answer",
        {"data": [{"embedding": [0.1]}], "usage": {"total_tokens": 8}},
        "voyage-3.5",
        "0.00000048",
    ),
    # 1000 x 0.20 + 300 x 1.60: pictures are a share of the input
    (
        "dashscope, a multimodal generation",
        {
            "input_tokens": 1000,
            "output_tokens": 300,
            "total_tokens": 1300,
            "image_tokens": 800,
            "input_tokens_details": {"image_tokens": 800, "text_tokens": 200},
            "output_tokens_details": {"text_tokens": 300},
        },
        "qwen3-vl-plus",
        "0.00068",
    ),
    # 1000 x 1.25 + 300 x 5: half the price, whatever tier the answer names
    (
        "openai, a line of a batch's file",
        {
            "custom_id": "a",
            "response": {
                "status_code": 200,
                "body": {
                    "model": "gpt-4o",
                    "service_tier": "default",
                    "usage": {
                        "prompt_tokens": 1000,
                        "completion_tokens": 300,
                        "total_tokens": 1300,
                    },
                },
            },
        },
        "gpt-4o",
        "0.00275",
    ),
    # three requests of 100,000 read and 1,000 written, at half the price: none of them was long
    (
        "openai, a batch as a whole",
        {
            "object": "batch",
            "model": "gpt-5.5",
            "request_counts": {"total": 3, "completed": 3, "failed": 0},
            "usage": {
                "input_tokens": 300_000,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 3000,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 303_000,
            },
        },
        "gpt-5.5",
        "0.795",
    ),
    # 400 x 2.50 + 600 x 1.25 + 300 x 10, as writer-sdk spells the details
    (
        "writer-sdk, its details",
        {
            "prompt_tokens": 1000,
            "completion_tokens": 300,
            "total_tokens": 1300,
            "prompt_token_details": {"cached_tokens": 600},
        },
        "gpt-4o",
        "0.00475",
    ),
    # 1000 x 3 + 300 x 15, of which 200 thought
    (
        "anthropic, a message that thought",
        {"input_tokens": 1000, "output_tokens": 300, "output_tokens_details": {"thinking_tokens": 200}},
        "claude-sonnet-4-5",
        "0.0075",
    ),
]
