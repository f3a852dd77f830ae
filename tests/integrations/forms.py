"""One test for both kinds of client: what a call gives is awaited where it must be; and the ways to leave a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from inspect import isawaitable
from typing import Any

import pytest

kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


async def got(value: Any) -> Any:
    """What a call gives, awaited or not."""
    return await value if isawaitable(value) else value


async def each(stream: Any) -> AsyncIterator[Any]:
    """The events of a stream, of either kind."""
    if hasattr(stream, "__aiter__"):
        async for event in stream:
            yield event
    else:
        for event in stream:
            yield event


@asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    """A block, of either kind."""
    if hasattr(manager, "__aenter__"):
        async with manager as inner:
            yield inner
    else:
        with manager as inner:
            yield inner


async def by_break(stream: Any, count: int) -> None:
    async for _ in each_until(stream, count):
        pass


async def each_until(stream: Any, count: int) -> AsyncIterator[Any]:
    """Left by a break, while the stream itself is kept."""
    seen = 0
    if hasattr(stream, "__aiter__"):
        async for event in stream:
            if seen == count:
                break
            seen += 1
            yield event
    else:
        for event in stream:
            if seen == count:
                break
            seen += 1
            yield event


async def take(stream: Any, count: int) -> None:
    for _ in range(count):
        await got(stream.__anext__()) if hasattr(stream, "__anext__") else next(stream)


async def by_close(stream: Any, count: int) -> None:
    await take(stream, count)
    await got(stream.close())


async def by_aclose(stream: Any, count: int) -> None:
    await take(stream, count)
    await got(getattr(stream, "aclose", stream.close)())


async def by_block(stream: Any, count: int) -> None:
    async with entered(stream):
        await take(stream, count)


async def by_garbage(stream: Any, count: int) -> None:
    await take(stream, count)


async def by_error_in_block(stream: Any, count: int) -> None:
    with suppress(ZeroDivisionError):
        async with entered(stream):
            await take(stream, count)
            raise ZeroDivisionError


LEAVING = [by_break, by_close, by_aclose, by_block, by_error_in_block, by_garbage]
