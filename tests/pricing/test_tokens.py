"""Token bounds: never too few, and never a download."""

import hashlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.pricing import ranks, tokens


@given(st.text())
def test_bound_is_the_bytes_of_the_text_or_of_its_normal_form(text: str) -> None:
    """A byte-level tokenizer has a token a byte at most; one that normalises, of NFKC's bytes."""
    assert tokens.byte_bound(text) == max(len(text.encode()), len(normalize("NFKC", text).encode()))


def test_normalising_can_make_a_text_longer() -> None:
    """One sign of 3 bytes becomes 33: the plain byte count would be too low."""
    assert len("\ufdfa".encode()) == 3
    assert tokens.byte_bound("\ufdfa") == 33


def test_half_a_surrogate_has_a_bound() -> None:
    """Text that cannot be sent is bounded and does not crash the check."""
    assert tokens.text_tokens("\ud800", None) == 3


def test_overheads_are_added() -> None:
    """16 a request, 8 a message, and the bytes of everything that is not content."""
    message = {"role": "user", "content": "hello"}
    assert tokens.message_tokens([message], None) == 16 + 8 + len(json.dumps({"role": "user"})) + 5
    parts = {"role": "user", "content": [{"type": "text", "text": "hello"}]}
    assert tokens.message_tokens([parts], None) >= tokens.message_tokens([message], None)
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}" * 50}}]}
    assert tokens.message_tokens([call], None) > 100
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x" * 100}]}
    assert tokens.message_tokens([result], None) > 100
    assert tokens.prompt_tokens("hello", None) == 16 + 8 + 5


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    file = ranks._File("o200k_base.tiktoken", hashlib.sha256(b"ranks").hexdigest(), len(b"ranks"))
    monkeypatch.setattr(ranks, "_FILES", {"o200k_base": file})
    return tmp_path / hashlib.sha1((ranks.URL + "o200k_base.tiktoken").encode()).hexdigest()


def use(monkeypatch: pytest.MonkeyPatch, encode: Any) -> list[str]:
    asked: list[str] = []

    def get_encoding(name: str) -> Any:
        asked.append(name)
        return SimpleNamespace(encode=lambda text, disallowed_special: encode(text))

    monkeypatch.setitem(sys.modules, "tiktoken", SimpleNamespace(get_encoding=get_encoding))
    return asked


def test_ranks_on_disk_are_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the official ranks there, the count is tiktoken's, once loaded for all calls."""
    cache.write_bytes(b"ranks")
    asked = use(monkeypatch, lambda text: text.split())
    assert tokens.text_tokens("one two three", "o200k_base") == 3
    assert tokens.text_tokens("one two", "o200k_base") == 2
    assert asked == ["o200k_base"]


@pytest.mark.parametrize("content", [None, b"other ranks"])
def test_ranks_that_are_missing_or_wrong_are_never_downloaded(
    cache: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """tiktoken would fetch them, without a time-out: it is not asked at all."""
    if content is not None:
        cache.write_bytes(content)
    asked = use(monkeypatch, lambda text: text.split())
    assert tokens.text_tokens("one two three", "o200k_base") == 13
    assert asked == []


def test_switched_off_cache_is_no_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an empty TIKTOKEN_CACHE_DIR tiktoken downloads each time."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    asked = use(monkeypatch, lambda text: text.split())
    assert tokens.text_tokens("one two", "o200k_base") == 7
    assert asked == []


def test_tokenizer_that_fails_leaves_the_bound(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A panic of tiktoken is not an Exception; the bound holds all the same."""

    class Panic(BaseException):
        pass

    def panic(text: str) -> Any:
        raise Panic

    cache.write_bytes(b"ranks")
    use(monkeypatch, panic)
    assert tokens.text_tokens("one two", "o200k_base") == 7


def test_without_tiktoken_the_bound_is_taken(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tiktoken is an extra."""
    cache.write_bytes(b"ranks")
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    assert tokens.text_tokens("one two", "o200k_base") == 7
