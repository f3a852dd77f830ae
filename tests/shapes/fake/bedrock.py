"""Bedrock's answers: Converse, and the event streams that AWS frames in binary."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from collections.abc import Iterable
from typing import Any, TypeAlias
from zlib import crc32

from tests.shapes.fake.server import Reply

JSON: TypeAlias = dict[str, Any]

CONVERSE_USAGE: JSON = {
    "inputTokens": 50,
    "outputTokens": 300,
    "totalTokens": 3050,
    "cacheReadInputTokens": 2000,
    "cacheWriteInputTokens": 700,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 200}, {"ttl": "5m", "inputTokens": 500}],
}
"""50 fresh, 2000 read, 500 written for 5 minutes and 200 for an hour, 300 written."""


def converse(usage: JSON, **beside: Any) -> JSON:
    """An answer of Converse; ``beside`` stands at the top level."""
    message = {"role": "assistant", "content": [{"text": "hello"}]}
    return {
        "output": {"message": message},
        "stopReason": "end_turn",
        "usage": usage,
        "metrics": {"latencyMs": 9},
        **beside,
    }


def converse_events(usage: JSON, **beside: Any) -> Reply:
    """The same streamed: the metadata at the end has the usage."""
    return frames(
        [
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"delta": {"text": "hello"}, "contentBlockIndex": 0}),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": "end_turn"}),
            ("metadata", {"usage": usage, "metrics": {"latencyMs": 9}, **beside}),
        ]
    )


def invoke_events(pieces: Iterable[JSON]) -> Reply:
    """What InvokeModel streams: the model's own events, each in base64."""
    return frames([("chunk", {"bytes": b64encode(json.dumps(piece).encode()).decode()}) for piece in pieces])


def frames(events: Iterable[tuple[str, JSON]]) -> Reply:
    """Events in AWS's frames."""
    return Reply(b"".join(_frame(name, event) for name, event in events), "application/vnd.amazon.eventstream")


def _frame(name: str, event: JSON) -> bytes:
    """Lengths and their checksum, headers, the event, and the checksum of it all."""
    headers = b"".join(
        struct.pack("!B", len(key)) + key.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for key, value in ((":message-type", "event"), (":event-type", name), (":content-type", "application/json"))
    )
    payload = json.dumps(event).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack("!I", crc32(prelude)) + headers + payload
    return whole + struct.pack("!I", crc32(whole))
