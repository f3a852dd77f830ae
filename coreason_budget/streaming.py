"""Streams of no SDK: passed on chunk by chunk, and booked once, however they end.

A stream that comes to its end is settled by the last usage that a chunk told. One that is cut (by a break, an
exception, a close, or because nobody has it any more) is settled at once with what was produced: by the usage told
so far, else by the bound of its input and the output counted, which is marked as estimated.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from attrs import evolve

from coreason_budget import background
from coreason_budget.errors import InvalidAmountError, ReservationNotSettledError, UnknownModelError
from coreason_budget.pricing.usage import read_report
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent
from coreason_budget.standing import Receipt

T = TypeVar("T")
# A program that stops, or a destructor, must not wait for a ledger.
_STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit)
_log = logging.getLogger("coreason_budget")
_USAGES = ("usage", "usage_metadata", "usageMetadata")
_AROUND = ("response", "message", "x_groq", "metadata")
_TEXTS = frozenset(("text", "content", "delta", "arguments", "partial_json", "thinking", "refusal"))
_TEXTS |= {"reasoning", "reasoning_content"}
_INSIDE = ("choices", "candidates", "message", "delta", "content", "content_block", "parts", "tool_calls", "function")


class Held(Protocol):
    """What a stream needs of its reservation."""

    @property
    def id(self) -> str:
        """See `Reservation.id`."""

    def settle(self, *, usage: object = None, input_tokens: Any = None, output_tokens: Any = None) -> Receipt:
        """See `Reservation.settle`."""

    def attempt(self) -> bool:
        """See `Reservation.attempt`."""

    def verb_after(self, error: BaseException) -> str:
        """See `Reservation.verb_after`."""

    def end_quietly(self, verb: str) -> None:
        """See `Reservation.end_quietly`."""

    def produced(self, text: str) -> tuple[int, int] | None:
        """See `Reservation.produced`."""


class Meter:
    """What a stream has told until now, and its one ending."""

    def __init__(
        self,
        held: Held,
        usage_of: Callable[[Any], object] | None = None,
        text_of: Callable[[Any], str] | None = None,
    ) -> None:
        self.held = held
        self.receipt: Receipt | None = None
        self._usage_of = usage_of
        self._text_of = text_of or text_of_chunk
        self._start: object = None
        self._last: object = None
        self._texts: list[str] = []
        self._has_begun = False

    def look(self, chunk: object) -> None:
        """Look at one chunk."""
        self._has_begun = True
        if self._usage_of is not None:
            self._last = self._last if (told := self._usage_of(chunk)) is None else told
        elif tells_usage(fields := fields_of(chunk)):
            if fields.get("type") == "message_start":
                self._start = chunk
            else:
                self._last = chunk
        if text := self._text_of(chunk):
            self._texts.append(text)

    def whole(self) -> None:
        """Settle a stream that came to its end.

        Raises:
            ReservationNotSettledError: It told no usage, or one that cannot be booked; the hold stays.
        """
        try:
            self.receipt = self.held.settle(usage=self._usage())
        except (InvalidAmountError, UnknownModelError) as error:
            raise ReservationNotSettledError(
                f"the stream of reservation {self.held.id!r} ended and cannot be booked: {error}; "
                "settle it with counts or a cost, or it lapses",
                reservation_id=self.held.id,
                reason="not settled",
            ) from error

    def cut(self) -> None:
        """Settle a stream that was cut, by what it told or produced until then; else end it as its lapse would."""
        try:
            self.receipt = self._settle_cut()
        except (InvalidAmountError, UnknownModelError):
            self.held.end_quietly("lapse")
        except Exception as failure:
            # Whatever a ledger raises: who left the stream has an exception of their own, or none.
            _log.warning("reservation %s could not be settled and will lapse: %s", self.held.id, failure)

    def failed(self, error: BaseException) -> None:
        """End a stream that raised: as a call that did where nothing came, else as one that was cut."""
        if self._has_begun:
            self.cut()
        else:
            self.held.end_quietly(self.held.verb_after(error))

    def _settle_cut(self) -> Receipt | None:
        if self._last is not None:
            try:
                read_report(usage := self._usage())
            except InvalidAmountError:
                pass
            else:
                return self.held.settle(usage=usage)
        counts = self.held.produced("".join(self._texts)) if self._texts else None
        if counts is None:
            self.held.end_quietly("lapse")
            return None
        receipt = self.held.settle(input_tokens=counts[0], output_tokens=counts[1])
        _log.info("reservation %s: its stream was cut; settled by an estimate of what was produced", self.held.id)
        return evolve(receipt, estimated=True)

    def _usage(self) -> object:
        if self._start is None or self._usage_of is not None:
            return () if self._last is None else self._last
        return [self._start] if self._last is None else [self._start, self._last]


def tells_usage(fields: Fields) -> bool:
    """Tell whether a chunk carries a usage, of itself or in what it is around."""
    if any(not is_absent(fields.get(name)) for name in _USAGES):
        return True
    inner = (fields_of(fields[name]) for name in _AROUND if name in fields)
    return any(not is_absent(level.get(name)) for level in inner for name in _USAGES)


def text_of_chunk(chunk: object) -> str:
    """Give what of the answer a chunk brings: text itself, or what stands in the fields of the usual providers."""
    return chunk if isinstance(chunk, str) else "".join(_texts(chunk))


def _texts(value: object) -> Iterator[str]:
    for name, inner in fields_of(value).items():
        if isinstance(inner, str):
            if name in _TEXTS:
                yield inner
        elif name in _INSIDE:
            for item in inner if isinstance(inner, list | tuple) else (inner,):
                yield from _texts(item)


class _Metered(Generic[T]):
    """What both kinds of streams share."""

    def __init__(self, source: Any, meter: Meter) -> None:
        self._source = source
        self._meter = meter
        self._pid = os.getpid()
        background.drop_at_exit(self)

    @property
    def receipt(self) -> Receipt | None:
        """What was booked, once it has ended; None where its hold was ended as a lapse would."""
        return self._meter.receipt

    def drop(self) -> None:
        """End it as one that is cut, without waiting: nobody has it any more."""
        # In a process that was forked from it, the stream is another's.
        if self._pid == os.getpid() and self._meter.held.attempt():
            background.later(self._meter.cut)

    def __del__(self) -> None:
        if hasattr(self, "_pid"):  # It was made.
            self.drop()


class Stream(_Metered[T]):
    """An iterator over chunks; also a context manager, and to be closed."""

    def __init__(self, chunks: Iterable[T], meter: Meter) -> None:
        super().__init__(iter(chunks), meter)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            chunk: T = next(self._source)
        except StopIteration:
            self._end(self._meter.whole)
            raise
        except BaseException as error:
            self._end(partial(self._meter.failed, error))
            raise
        self._meter.look(chunk)
        return chunk

    def close(self) -> None:
        """Stop the source, then book what was produced."""
        try:
            getattr(self._source, "close", _nothing)()
        finally:
            self._end(self._meter.cut)

    def left(self, error: BaseException | None) -> None:
        """End it as its block is left, not hiding the exception that leaves it."""
        if isinstance(error, _STOPS):
            self.drop()
        elif error is not None:
            self._end(self._meter.cut)
        else:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left(error)

    def _end(self, end: Callable[[], None]) -> None:
        if self._meter.held.attempt():
            end()


class AsyncStream(_Metered[T]):
    """An asynchronous iterator over chunks; also entered with ``async with``, and to be closed with `aclose`."""

    def __init__(self, chunks: AsyncIterable[T], meter: Meter, wait: Callable[[Callable[[], None]], Any]) -> None:
        super().__init__(aiter(chunks), meter)
        self._wait = wait

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        try:
            chunk: T = await anext(self._source)
        except StopAsyncIteration:
            await self._end(self._meter.whole)
            raise
        except GeneratorExit:
            raise  # Nobody may be there to wait; it ends when it is dropped.
        except BaseException as error:
            await self._end(partial(self._meter.failed, error))
            raise
        self._meter.look(chunk)
        return chunk

    async def aclose(self) -> None:
        """Stop the source, then book what was produced."""
        try:
            if (close := getattr(self._source, "aclose", None)) is not None:
                await close()
        finally:
            await self._end(self._meter.cut)

    async def left(self, error: BaseException | None) -> None:
        """End it as its block is left, not hiding the exception that leaves it."""
        if isinstance(error, _STOPS):
            self.drop()
        elif error is not None:
            await self._end(self._meter.cut)
        else:
            await self.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.left(error)

    async def _end(self, end: Callable[[], None]) -> None:
        if self._meter.held.attempt():
            await self._wait(end)


def _nothing() -> None:
    pass
