"""A ledger before a ledger says itself what each verb means: nothing is answered past it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Protocol

import pytest

import coreason_budget
from coreason_budget.ledger.base import Books, Ledger
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.ledger.wrapped import WrappedBooks
from coreason_budget.outbox import OutboxLedger

PACKAGE = Path(coreason_budget.__file__).parent
WRAPPERS = (OutboxLedger,)


def members(protocol: type) -> set[str]:
    """What a protocol asks for."""
    return {name for name in vars(protocol) if not name.startswith("_")}


def left_out(wrapper: type, verbs: type = Ledger) -> set[str]:
    """What a wrapper does not say itself."""
    return members(verbs) - set(vars(wrapper))


def passed_on(source: str) -> list[str]:
    """Classes of a source that answer to any name."""
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    names = ("__getattr__", "__getattribute__")
    return [c.name for c in classes if any(isinstance(f, ast.FunctionDef) and f.name in names for f in c.body)]


def test_every_wrapper_is_on_the_list() -> None:
    """A new one is held to these laws, too."""
    assert set(WrappedBooks.__subclasses__()) == set(WRAPPERS)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapper_defines_every_verb_itself(wrapper: type) -> None:
    """One that a base class or the ledger behind answers could admit too much."""
    assert left_out(wrapper) == set()


def test_the_books_are_forwarded_by_name_each_to_its_own() -> None:
    """All of them, and nothing else."""
    assert {name for name in vars(WrappedBooks) if not name.startswith("_")} == members(Books)
    behind = MemoryLedger()
    wrapped = WrappedBooks(behind)
    assert [entry.kind for entry in wrapped.journal()] == ["begin"]
    assert (wrapped.page("", ["k"]).standings, list(wrapped.accounts()), list(wrapped.reservations())) == (
        {"k": (0, 0)},
        [],
        [],
    )
    assert (wrapped.status(), wrapped.accept()) == (behind.status(), False)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_class_answers_to_any_name(path: Path) -> None:
    """What is passed on unseen, no type checker and no reader sees."""
    assert passed_on(path.read_text(encoding="utf-8")) == []


def test_the_checks_find_what_they_look_for() -> None:
    """The naive control: a wrapper that passes on what it does not know, and one that a new verb passes by."""

    class Verbs(Ledger, Protocol):
        def extend(self) -> None: ...

    class Passing(WrappedBooks):
        def __getattr__(self, name: str) -> Any: ...

    assert left_out(OutboxLedger, Verbs) == {"extend"}
    assert left_out(Passing) == members(Ledger)
    assert passed_on("class A:\n    def __getattr__(self, name): ...\nclass B:\n    pass") == ["A"]
