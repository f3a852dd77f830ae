"""The mark of a call that is held: seen inside, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from coreason_budget.holding import aheld_each, held, held_each, is_held


def test_it_holds_inside_alone() -> None:
    """Also within another, and after an exception."""
    assert not is_held()
    with held(), held():
        assert is_held()
    with pytest.raises(ZeroDivisionError), held():
        raise ZeroDivisionError
    assert not is_held()


def test_an_iterator_is_held_while_it_makes_its_chunks() -> None:
    """Who takes them is not; one that is left is closed."""
    ended = []

    def chunks() -> Iterator[bool]:
        try:
            while True:
                yield is_held()
        finally:
            ended.append(True)

    marked = held_each(chunks())
    assert [next(marked), is_held(), next(marked)] == [True, False, True]
    marked.close()  # type: ignore[attr-defined]
    assert ended == [True]
    assert list(held_each(iter([1, 2]))) == [1, 2]


def test_an_asynchronous_iterator_too() -> None:
    """In a task of its own as well."""
    ended = []

    async def chunks() -> AsyncIterator[bool]:
        try:
            while True:
                yield is_held()
        finally:
            ended.append(True)

    async def run() -> list[bool]:
        marked = aheld_each(chunks())
        seen = [await anext(marked), is_held(), await anext(marked)]
        await marked.aclose()  # type: ignore[attr-defined]
        return seen

    assert asyncio.run(run()) == [True, False, True]
    assert ended == [True]
