"""Amazon Bedrock's Converse: the input count excludes cache reads and writes."""

from __future__ import annotations

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage
from coreason_budget.pricing.usage.node import Node


def converse(node: Node) -> Usage:
    """Read the usage of Converse, or of the last event of its stream.

    Latency-optimised calls are a service of their own, ``optimized``.
    """
    fresh = node.count("inputTokens", required=True)
    output = node.count("outputTokens", required=True)
    read = node.count("cacheReadInputTokens", "cacheReadInputTokenCount")
    written = node.count("cacheWriteInputTokens", "cacheWriteInputTokenCount")
    hour = _hour_long(node, written)
    # Whether the total contains the cached tokens is not documented.
    total = node.count("totalTokens") or fresh + output
    if not fresh + output <= total <= fresh + output + read + written:
        raise InvalidAmountError(f"totalTokens: {total} is not the sum of its parts", field="totalTokens")
    return Usage(
        input=fresh,
        cache_read=read,
        cache_write=written - hour,
        cache_write_1h=hour,
        output=output,
        service=_service(node),
    )


def _hour_long(node: Node, written: int) -> int:
    """Give what of the writes is kept for an hour."""
    parts = {"5m": 0, "1h": 0}
    for part in node.items("cacheDetails"):
        ttl = part.word("ttl")
        if ttl not in parts:
            raise InvalidAmountError(f"cacheDetails: ttl {ttl!r} is not 5m or 1h", field="cacheDetails")
        parts[ttl] += part.count("inputTokens", required=True)
    if any(parts.values()) and sum(parts.values()) != written:
        field = "cacheWriteInputTokens"
        raise InvalidAmountError(f"{field}: {written} is not 5m + 1h, {parts['5m']} + {parts['1h']}", field=field)
    return parts["1h"]


def _service(node: Node) -> str:
    outer = node.outer or node
    latency = outer.child("performanceConfig").word("latency")
    return latency if latency not in ("", "standard") else node.service()
