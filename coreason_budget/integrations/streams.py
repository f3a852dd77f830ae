"""Bodies that are read while they come: each piece is passed on, and looked at."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from coreason_budget import background
from coreason_budget.integrations.attempt import Attempt, Event, at_once
from coreason_budget.threads import carry_through

if TYPE_CHECKING:
    from coreason_budget import aio

_BOUNDARY = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA = re.compile(rb"^data:\s?(.*)$", re.MULTILINE)
Hides = Callable[[Event], bool]


def meter(
    response: Any, attempt: Attempt, hides: Hides | None = None, awaiting: aio.BudgetManager | None = None
) -> None:
    """Have an httpx response tell an attempt what comes, and when it is over.

    Args:
        response: Of httpx or httpx2, not read yet.
        attempt: The try that it answers.
        hides: Which events are ours alone, and not passed on.
        awaiting: What books of an asynchronous client; None of a synchronous one.
    """
    background.prepare()
    events = "event-stream" in response.headers.get("content-type", "")
    body = _Events(attempt, hides) if events else _Document(attempt)
    if response.headers.get("content-encoding", "identity") != "identity":
        # It cannot be read on the way: what is not settled by a whole answer then keeps its hold.
        attempt.progress.is_countable = False
    library = sys.modules[type(response).__module__.partition(".")[0]]
    if awaiting is None:
        response.stream = _stream_type(_Sync, library.SyncByteStream)(response.stream, body, attempt)
    else:
        response.stream = _stream_type(_Async, library.AsyncByteStream)(response.stream, body, attempt, awaiting)


def iter_closing(kind: Any) -> Callable[[Any], Iterator[Any]]:
    """Give an ``__iter__`` for a kind of stream that closes it when the iteration is left."""

    def __iter__(stream: Any) -> Iterator[Any]:  # noqa: N807
        try:
            yield from kind.__iter__(stream)
        finally:
            stream.close()

    return __iter__


def aiter_closing(kind: Any) -> Callable[[Any], AsyncIterator[Any]]:
    """Give an ``__aiter__`` of the same."""

    async def __aiter__(stream: Any) -> AsyncIterator[Any]:  # noqa: N807
        try:
            async for event in kind.__aiter__(stream):
                yield event
        finally:
            await stream.close()

    return __aiter__


class _Events:
    """Server-sent events."""

    rest_is_billed = False

    def __init__(self, attempt: Attempt, hides: Hides | None) -> None:
        self._progress = attempt.progress
        self._hides = hides
        self._rest = b""

    def feed(self, piece: bytes) -> bytes:
        """Look at a piece, and give what of it to pass on."""
        shown = []
        self._rest += piece
        while (found := _BOUNDARY.search(self._rest)) is not None:
            block, self._rest = self._rest[: found.end()], self._rest[found.end() :]
            if not self._look(block):
                shown.append(block)
        return piece if self._hides is None else b"".join(shown)

    def end(self) -> bytes:
        """Give what was kept back."""
        self._look(self._rest)
        rest, self._rest = self._rest, b""
        return b"" if self._hides is None else rest

    def _look(self, block: bytes) -> bool:
        """Look at one event, and say whether it is to be hidden."""
        data = b"\n".join(_DATA.findall(block))
        if not data:
            return False
        try:
            event = json.loads(data)
        except ValueError:
            # [DONE], or half an event: its usage came before, or never.
            self._progress.is_whole = self._progress.is_whole or data.strip() == b"[DONE]"
            return False
        if not isinstance(event, dict):
            return False
        self._progress.take(event)
        return self._hides is not None and self._hides(event)


class _Document:
    """One JSON document. It is whole, and billed, before its first byte."""

    rest_is_billed = True

    def __init__(self, attempt: Attempt) -> None:
        self._progress = attempt.progress
        self._progress.is_countable = False
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> bytes:
        self._pieces.append(piece)
        return piece

    def end(self) -> bytes:
        try:
            answer = json.loads(b"".join(self._pieces))
        except ValueError:
            return b""
        self._progress.answer = answer if isinstance(answer, dict) else None
        return b""


class _Sync:
    def __init__(self, inner: Any, body: Any, attempt: Attempt) -> None:
        self._inner, self._body, self._attempt = inner, body, attempt
        self._pieces = iter(inner)
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            _check_open(self._is_closed)
            if shown := self._body.feed(piece):
                yield shown
        if rest := self._body.end():
            yield rest

    def close(self) -> None:
        """Stop the provider, then book."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._read_on()
        finally:
            self._inner.close()
            self._body.end()
            at_once(self._attempt.streamed)

    def _read_on(self) -> None:
        if not self._body.rest_is_billed:
            return
        try:
            for piece in self._pieces:
                self._body.feed(piece)
        except Exception:
            return  # What is missing of the document is not known then, and the hold is kept.

    def __del__(self) -> None:
        if not self._is_closed:
            background.later(self._inner.close)
            background.later(self._attempt.streamed)


class _Async:
    def __init__(self, inner: Any, body: Any, attempt: Attempt, awaiting: aio.BudgetManager) -> None:
        self._inner, self._body, self._attempt, self._awaiting = inner, body, attempt, awaiting
        self._pieces = aiter(inner)
        self._loop = asyncio.get_running_loop()
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            _check_open(self._is_closed)
            if shown := self._body.feed(piece):
                yield shown
        if rest := self._body.end():
            yield rest

    async def aclose(self) -> None:
        """Stop the provider, then book."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._read_on()
        finally:
            try:
                await self._inner.aclose()
            finally:
                self._body.end()
                await self._awaiting.wait(self._attempt.streamed, carry_through)

    async def _read_on(self) -> None:
        if not self._body.rest_is_billed:
            return
        try:
            async for piece in self._pieces:
                self._body.feed(piece)
        except Exception:
            return  # As above.

    def __del__(self) -> None:
        if not self._is_closed:
            background.later(self._attempt.streamed)
            with suppress(RuntimeError):  # The loop is closed, and its connections are gone.
                self._loop.call_soon_threadsafe(close_soon, self._loop, self._inner.aclose)


def close_soon(loop: asyncio.AbstractEventLoop, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have a loop close what was dropped."""
    task = loop.create_task(close())
    _CLOSING.add(task)
    task.add_done_callback(_CLOSING.discard)


_CLOSING: set[asyncio.Task[None]] = set()
"""A loop keeps no hold of its tasks."""


def _check_open(is_closed: bool) -> None:
    if is_closed:
        raise RuntimeError(
            "this stream was left, so it was closed and its call booked; to go on after a break, keep one iterator: "
            "events = iter(stream)"
        )


@lru_cache
def _stream_type(own: type, base: type) -> type:
    """A library reads only from its own kind of stream."""
    return type("MeteredStream", (own, base), {})
