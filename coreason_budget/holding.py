"""The mark of a call that is held already: the outermost guard holds, and those inside let it pass uncounted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

_is_held: ContextVar[bool] = ContextVar("coreason_budget_is_held", default=False)


@contextmanager
def held() -> Iterator[None]:
    """Mark the calls within as held already."""
    token = _is_held.set(True)
    try:
        yield
    finally:
        _is_held.reset(token)


def is_held() -> bool:
    """Say whether a guard further out holds the call."""
    return _is_held.get()


def held_each(chunks: Iterator[T]) -> Iterator[T]:
    """Mark the calls that an iterator makes while it makes its chunks, and none of who takes them."""
    try:
        while True:
            with held():
                try:
                    chunk = next(chunks)
                except StopIteration:
                    return
            yield chunk
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


async def aheld_each(chunks: AsyncIterator[T]) -> AsyncIterator[T]:
    """Do the same for an asynchronous iterator."""
    try:
        while True:
            with held():
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
            yield chunk
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
