"""How many tokens a text can be, at most: counted where the ranks are on disk, else bounded.

The only importer of tiktoken, which is optional and never gets to download anything here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing import ranks

MESSAGE_OVERHEAD = 8
REQUEST_OVERHEAD = 16
# Claude gets up to 530 tokens of instructions with its tools (docs.anthropic.com, tool use pricing).
TOOLS_OVERHEAD = 600
# Beyond it the bound is cheap and good enough, and counting would hold up the caller.
MAX_COUNTED_CHARS = 1_000_000

_TEXT_PARTS = ("text", "input_text", "output_text")
# Fields whose tokens their own bytes bound. Others may point to images or stored conversations.
_PLAIN_KEYS = {"role", "name", "type", "id", "status", "content", "refusal"}
_PLAIN_KEYS |= {"tool_calls", "tool_call_id", "function_call", "arguments", "call_id", "output"}
_PLAIN_TYPES = ("message", "function_call", "function_call_output")


def byte_bound(text: str) -> int:
    """Give a number of tokens that no byte-level tokenizer exceeds, normalising or not."""
    if text.isascii():
        return len(text)
    return max(_bytes(text), _bytes(normalize("NFKC", text)))


def text_tokens(text: str, encoding: str | None) -> int:
    """Count the tokens of a text where its encoding is on disk, else bound them."""
    bound = byte_bound(text)
    encode = None if encoding is None or len(text) > MAX_COUNTED_CHARS else _encoder(encoding, ranks.cache_dir())
    if encode is None:
        return bound
    try:
        return min(bound, encode(text))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # tiktoken panics on some long runs, past Exception.
        return bound


def message_tokens(messages: Sequence[Mapping[str, Any]], encoding: str | None) -> int:
    """Bound the prompt tokens of chat messages, overhead included.

    Raises:
        InvalidAmountError: Not a list of messages, or a part that is not text (an image's
            tokens cannot be told from the request: pass input_tokens).
    """
    if isinstance(messages, str | bytes) or not isinstance(messages, Sequence):
        raise InvalidAmountError("messages: must be a list of messages", field="messages")
    return REQUEST_OVERHEAD + sum(_message(message, encoding) for message in messages)


def prompt_tokens(text: str, encoding: str | None) -> int:
    """Bound the prompt tokens of a request that carries one text, overhead included."""
    if not isinstance(text, str):
        raise InvalidAmountError("text: must be text", field="text")
    return REQUEST_OVERHEAD + MESSAGE_OVERHEAD + text_tokens(text, encoding)


def tool_tokens(tools: object) -> int:
    """Bound the prompt tokens of tools, or of other JSON that goes with a request, as schemas of answers.

    Providers write it in a form of their own: in bytes it is no longer than the JSON, with
    characters escaped or not.

    Raises:
        InvalidAmountError: Not JSON.
    """
    return TOOLS_OVERHEAD + _json_bound(tools, "tools")


def _message(message: Mapping[str, Any], encoding: str | None) -> int:
    if not isinstance(message, Mapping):
        raise InvalidAmountError(f"messages: {type(message).__name__} is not a message", field="messages")
    rest = {key: value for key, value in message.items() if key != "content"}
    odd = [key for key in rest if key not in _PLAIN_KEYS]
    if odd or rest.get("type", "message") not in _PLAIN_TYPES or not isinstance(rest.get("output", ""), str):
        raise InvalidAmountError(f"messages: {odd or 'an item'} has no bound; pass input_tokens", field="messages")
    return MESSAGE_OVERHEAD + _json_bound(rest) + _content(message.get("content"), encoding)


def _content(content: Any, encoding: str | None) -> int:
    if content is None:
        return 0
    if isinstance(content, str):
        return text_tokens(content, encoding)
    if not isinstance(content, Sequence):
        raise InvalidAmountError("messages: content must be text or a list of parts", field="messages")
    return sum(_part(part, encoding) for part in content)


def _part(part: Any, encoding: str | None) -> int:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in ("tool_use", "tool_result"):
        rest = {key: value for key, value in part.items() if key != "content"}
        return MESSAGE_OVERHEAD + _json_bound(rest) + _content(part.get("content"), encoding)
    if kind not in _TEXT_PARTS or not isinstance(part.get("text"), str):
        raise InvalidAmountError(f"messages: a part of type {kind!r} has no bound; pass input_tokens", field="messages")
    return MESSAGE_OVERHEAD + text_tokens(part["text"], encoding)


def _json_bound(value: Any, field: str = "messages") -> int:
    try:
        return max(byte_bound(json.dumps(value, ensure_ascii=False)), len(json.dumps(value)))
    except (TypeError, ValueError, RecursionError):
        raise InvalidAmountError(f"{field}: a field is not JSON", field=field) from None


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=16)
def _encoder(encoding: str, cache_dir: str) -> Callable[[str], int] | None:
    """Give the counter of an encoding, None unless tiktoken and the official ranks are there."""
    if ranks.on_disk(encoding, cache_dir) is None:
        return None
    try:
        import tiktoken

        encoder = tiktoken.get_encoding(encoding)
    except (OSError, ValueError, ImportError):
        return None
    return lambda text: len(encoder.encode(text, disallowed_special=()))
