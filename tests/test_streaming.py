"""Streams of no SDK: booked exactly once, by what was told or produced, however they end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from coreason_budget import BudgetConfig, BudgetManager, Reservation, ReservationNotSettledError, aio
from coreason_budget.ledger.memory import MemoryLedger
from tests.aio.kit import stands, until_background_is_done
from tests.manager.kit import PRICES

TEXTS = ["Bud", "gets ", "hold"]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
TOLD = 7 * Decimal("0.01") + 3 * Decimal("0.02")
HELD = 100 * Decimal("0.01") + 50 * Decimal("0.02")
ONE = {"model": "my-model", "input_tokens": 100, "max_output_tokens": 50}


class ProviderError(Exception):
    """The connection broke."""


def counted(texts: list[str]) -> Decimal:
    """The input's bound and the bytes of the answer, at their prices."""
    return 100 * Decimal("0.01") + len("".join(texts)) * Decimal("0.02")


def openai(usage: bool = True) -> list[Any]:
    """Chunks as OpenAI's chat sends them; the last tells the usage, if it was asked for."""
    chunks: list[Any] = [{"choices": [{"delta": {"content": text}}], "usage": None} for text in TEXTS]
    return [*chunks, {"choices": [], "usage": USAGE}] if usage else chunks


ANTHROPIC: list[Any] = [
    {"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}},
    *[{"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}} for text in TEXTS],
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 7, "output_tokens": 3}},
]
GEMINI: list[Any] = [
    {
        "candidates": [{"content": {"parts": [{"text": text}]}}],
        "usage_metadata": {"prompt_token_count": 7, "candidates_token_count": 1 + i, "total_token_count": 8 + i},
    }
    for i, text in enumerate(TEXTS)
]


class Counting(MemoryLedger):
    """Counts what ends a reservation."""

    ends = 0

    def end(self, request: Any) -> Any:
        self.ends += 1
        return super().end(request)


@pytest.fixture(params=["charge", "release"])
def budget(request: pytest.FixtureRequest) -> BudgetManager:
    config = BudgetConfig(model_price_overrides=PRICES, on_lapse=request.param)
    return BudgetManager(config, ledger=Counting())


def lapsed(budget: BudgetManager) -> Decimal | int:
    return HELD if budget.config.on_lapse == "charge" else 0


def reserve(budget: BudgetManager, **more: Any) -> Reservation:
    return budget.reserve("alice", **ONE, **more)


@pytest.mark.parametrize("chunks", [openai(), ANTHROPIC, GEMINI], ids=["openai", "anthropic", "gemini"])
def test_a_stream_is_passed_on_and_settled_by_its_usage(budget: BudgetManager, chunks: list[Any]) -> None:
    """At its end, by the last usage; it is not an estimate."""
    stream = reserve(budget).stream(chunks)
    assert list(stream) == chunks
    assert stands(budget) == (TOLD, 0)
    assert stream.receipt is not None
    assert (stream.receipt.status, stream.receipt.estimated) == ("settled", False)


def test_the_caller_may_say_what_the_usage_is(budget: BudgetManager) -> None:
    """For chunks of a shape of their own."""
    chunks = [("text", "hi"), ("stats", 7, 3)]

    def usage_of(chunk: Any) -> object:
        return {"prompt_tokens": chunk[1], "completion_tokens": chunk[2]} if chunk[0] == "stats" else None

    assert list(reserve(budget).stream(chunks, usage_of=usage_of)) == chunks
    assert stands(budget) == (TOLD, 0)


def _break(stream: Any) -> None:
    for _ in stream:
        break


def _close(stream: Any) -> None:
    next(stream)
    stream.close()
    stream.close()


def _raise_inside(stream: Any) -> None:
    with pytest.raises(ProviderError), stream:  # noqa: PT012
        next(stream)
        raise ProviderError


def _leave(stream: Any) -> None:
    with stream:
        next(stream)


def _circle(stream: Any) -> None:
    next(stream)
    circle: list[Any] = [stream]
    circle.append(circle)


@pytest.mark.parametrize("cut", [_break, _close, _raise_inside, _leave, _circle], ids=lambda cut: cut.__name__[1:])
def test_a_stream_that_is_cut_is_settled_at_once_with_what_was_produced(
    budget: BudgetManager, cut: Callable[[Any], None]
) -> None:
    """The input's bound and the output counted so far, once, whoever cuts it."""
    cut(reserve(budget).stream(openai()))
    gc.collect()
    until_background_is_done()
    assert stands(budget) == (counted(TEXTS[:1]), 0)
    assert budget.ledger.ends == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("at", range(len(TEXTS) + 1))
def test_a_cut_at_every_chunk_books_what_had_come(budget: BudgetManager, at: int) -> None:
    """Nothing of what came is left out; where nothing came, it ends as a lapse would; the receipt says estimated."""
    stream = reserve(budget).stream(openai(usage=False))
    for _ in range(at):
        next(stream)
    stream.close()
    assert stands(budget) == (counted(TEXTS[:at]) if at else lapsed(budget), 0)
    assert (stream.receipt is not None and stream.receipt.estimated) == bool(at)


def test_a_cut_stream_that_counts_as_it_goes_is_settled_by_that(budget: BudgetManager) -> None:
    """Gemini tells the usage so far with every chunk: no estimate is needed."""
    stream = reserve(budget).stream(GEMINI)
    next(stream)
    next(stream)
    stream.close()
    assert stands(budget) == (7 * Decimal("0.01") + 2 * Decimal("0.02"), 0)
    assert stream.receipt is not None
    assert not stream.receipt.estimated


def test_an_estimate_is_never_above_what_the_call_was_limited_to(budget: BudgetManager) -> None:
    """Bytes are more than tokens."""
    stream = reserve(budget).stream(iter(["x" * 500, "y"]))
    next(stream)
    stream.close()
    assert stands(budget) == (HELD, 0)


def _failing(texts: list[str]) -> Iterator[str]:
    yield from texts
    raise ProviderError


@pytest.mark.parametrize("release_on", [(), ProviderError])
@pytest.mark.parametrize("texts", [[], TEXTS])
def test_an_exception_of_the_source_goes_on_and_ends_it(
    budget: BudgetManager, texts: list[str], release_on: Any
) -> None:
    """Before the first chunk as any call that raised; after it, what came was surely billed."""
    with pytest.raises(ProviderError):
        list(reserve(budget, release_on=release_on).stream(_failing(texts)))
    before = 0 if release_on else lapsed(budget)
    assert stands(budget) == (counted(texts) if texts else before, 0)


def test_a_whole_stream_without_usage_is_an_error_and_the_hold_stays(budget: BudgetManager) -> None:
    """Every chunk was passed on; it can be settled still."""
    reservation, seen = reserve(budget), []
    with pytest.raises(ReservationNotSettledError, match="settle it with counts or a cost"):
        seen.extend(chunk for chunk in reservation.stream(openai(usage=False)))
    assert stands(budget) == (0, HELD)
    reservation.settle(1)
    assert stands(budget) == (1, 0)


def test_in_the_block_of_its_reservation_it_is_its_end(budget: BudgetManager) -> None:
    """Left at its end, at a break, with the stream kept or not: nothing more is sent, nothing is missing."""
    with reserve(budget) as reservation:
        assert list(reservation.stream(openai())) == openai()
    with reserve(budget) as reservation:
        stream = reservation.stream(openai())
        for _ in stream:
            break
    assert stands(budget) == (TOLD + counted(TEXTS[:1]), 0)
    assert budget.ledger.ends == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_reader_that_goes_away_locks_nobody_out(budget: BudgetManager, keeps: bool) -> None:
    """Forty closed tabs: each books what it got, and the next call is admitted. The control holds for ten minutes."""

    def answer() -> Iterator[Any]:
        with reserve(budget) as reservation:
            if keeps:
                stream = reservation.stream(openai())
                yield from stream
            else:
                yield from reservation.stream(openai())

    def naive() -> Iterator[Any]:
        with reserve(budget):
            yield from openai()

    for _ in range(3):
        reading = answer()
        next(reading)
        reading.close()
        until_background_is_done()
    assert stands(budget) == (3 * counted(TEXTS[:1]), 0)
    control = naive()
    next(control)
    control.close()
    assert stands(budget)[1] == HELD


def test_a_call_that_names_no_tokens_ends_as_a_lapse_when_it_is_cut(budget: BudgetManager) -> None:
    """Nobody can tell what was produced of a bare cost."""
    stream = budget.reserve("alice", 3).stream(iter(TEXTS))
    next(stream)
    stream.close()
    assert stands(budget) == (3 if budget.config.on_lapse == "charge" else 0, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_does_not_end_its_parents_stream(budget: BudgetManager) -> None:
    """It drops its copy, and the parent goes on."""
    stream = reserve(budget).stream(openai())
    next(stream)
    child = os.fork()
    if child == 0:
        stream.drop()
        os._exit(stream._meter.held.attempt())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1, "the child took it upon itself"
    list(stream)
    assert stands(budget) == (TOLD, 0)


_EXIT = """
from coreason_budget import BudgetConfig, BudgetManager
budget = BudgetManager(BudgetConfig(ledger_url="sqlite:///b.db"))
stream = budget.reserve("alice", model="gpt-4o", input_tokens=1000, max_output_tokens=100).stream(iter("ab"))
next(stream)
"""


def test_a_stream_that_is_open_when_the_interpreter_ends_is_booked() -> None:
    """A script that reads half of an answer leaves nothing reserved."""
    subprocess.run([sys.executable, "-c", _EXIT], check=True, timeout=60)
    assert stands(BudgetManager(BudgetConfig(ledger_url="sqlite:///b.db"))) == (Decimal("0.00251"), 0)


async def _each(chunks: list[Any], error: Exception | None = None) -> AsyncIterator[Any]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk
    if error is not None:
        raise error


@pytest.mark.parametrize(
    ("how", "booked"),
    [
        ("end", TOLD),
        ("break", counted(TEXTS[:1])),
        ("aclose", counted(TEXTS[:1])),
        ("block", counted(TEXTS[:1])),
        ("cancel", counted(TEXTS[:1])),
        ("error", counted(TEXTS)),
        ("generator", counted(TEXTS[:1])),
    ],
)
@pytest.mark.parametrize("in_block", [True, False])
def test_an_asynchronous_stream_ends_once_too(budget: BudgetManager, how: str, booked: Decimal, in_block: bool) -> None:
    """At its end, by break, close, exception, cancellation, and by a reader that closes the generator around it."""

    async def read(stream: Any) -> None:
        if how == "end":
            assert [chunk async for chunk in stream] == openai()
        elif how == "error":
            with pytest.raises(ProviderError):
                [chunk async for chunk in stream]
        elif how == "aclose":
            await anext(stream)
            await stream.aclose()
        elif how == "block":
            async with stream:
                await anext(stream)
        elif how == "generator":
            passing = _pass(stream)
            await anext(passing)
            await passing.aclose()  # type: ignore[attr-defined]
        else:
            async for _ in stream:
                if how == "cancel":
                    asyncio.current_task().cancel()  # type: ignore[union-attr]
                    await asyncio.sleep(0)
                break

    async def _pass(stream: Any) -> AsyncIterator[Any]:
        async with stream:
            async for chunk in stream:
                yield chunk

    async def main() -> None:
        over = aio.BudgetManager.over(budget)
        source = _each(openai()[:3], ProviderError()) if how == "error" else _each(openai())
        if in_block:
            async with over.reserve("alice", **ONE) as reservation:
                await read(reservation.stream(source))
        else:
            await read((await over.reserve("alice", **ONE)).stream(source))

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(main())
    gc.collect()
    until_background_is_done()
    assert stands(budget) == (booked, 0)
    assert budget.ledger.ends == 1  # type: ignore[attr-defined]
