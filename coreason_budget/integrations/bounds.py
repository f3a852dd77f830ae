"""How large the input of a call can be, told from its request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN_TYPES = frozenset(
    {"text", "input_text", "output_text", "refusal", "thinking", "redacted_thinking", "tool_use", "tool_result",
     "message", "function", "function_call", "function_call_output", "custom", "custom_tool_call",
     "custom_tool_call_output", "ephemeral"}
)  # fmt: skip
# Where any JSON may stand, as text: what a model gave its tools.
_OPAQUE = frozenset({"input", "arguments", "args", "response"})
# What points at something that is kept elsewhere, or is a medium that is not billed by its bytes.
_POINTERS = ("image_url", "input_audio", "audio", "file", "file_id", "file_data", "file_url", "source", "image",
             "document", "inlineData", "inline_data", "fileData", "file_data", "container", "container_id")  # fmt: skip
# Of the request, and of each item of a list: what a provider puts around it.
_OVERHEAD = 16
# Claude gets up to 530 tokens of instructions with its tools.
_TOOLS_OVERHEAD = 600


def bytes_of(content: object, *beside: object) -> int | None:
    """Bound the tokens of a request by its bytes: no tokenizer makes more of them.

    Args:
        content: What is said: text, or messages of parts.
        *beside: Schemas of tools and answers, None for none.

    Returns:
        None where the content has a picture, a sound, a file, or a reference to what a provider keeps: their tokens
        cannot be told from the request.
    """
    if not is_text(content):
        return None
    more = [part for part in beside if part]
    try:
        return sum(_bytes(part) for part in (content, *more)) + _OVERHEAD + _TOOLS_OVERHEAD * bool(more)
    except (TypeError, ValueError, RecursionError):
        return None


def are_functions(tools: object) -> bool:
    """Say whether tools run at the caller's side: those of a provider bring in text, and fees, of their own."""
    if not isinstance(tools, Sequence) or isinstance(tools, str):
        return not tools
    return all(isinstance(tool, Mapping) and tool.get("type", "custom") in ("function", "custom") for tool in tools)


def is_text(value: Any) -> bool:
    """Say whether content is text alone, in whatever parts."""
    if isinstance(value, Mapping):
        return _is_text_part(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return all(map(is_text, value))
    return value is None or isinstance(value, str | int | float)


def strings(value: Any, without: frozenset[str]) -> Iterator[str]:
    """Give all text of a JSON value, but for what stands under some names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in without:
                yield from strings(inner, without)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from strings(inner, without)


def _is_text_part(part: Mapping[str, Any]) -> bool:
    if any(part.get(name) for name in _POINTERS):
        return False
    kind = part.get("type") or "text"
    if kind == "reasoning":
        # Without what was thought, it is a reference to it.
        return bool(part.get("encrypted_content"))
    return kind in _PLAIN_TYPES and all(name in _OPAQUE or is_text(inner) for name, inner in part.items())


def _bytes(part: object) -> int:
    items = len(part) if isinstance(part, Sequence) and not isinstance(part, str) else 1
    return len(json.dumps(part)) + 8 * items
