"""An error on the wire comes out as it went in: its class, its sentence and its data."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget import errors
from coreason_budget.errors import BudgetError, BudgetExceededError, LedgerUnavailableError
from coreason_budget.model import UNITS, WINDOWS
from coreason_budget.money import MAX_ACCOUNT, to_usd
from coreason_budget.wire.outcomes import KINDS, Kind
from coreason_budget.wire.problems import Problem, error_of, problem_of

_text = st.text()
_flag = st.booleans()
_nanos = st.integers(0, MAX_ACCOUNT)
_FIGURES = ("limit", "spent", "reserved", "requested")


@st.composite
def _refusals(draw: st.DrawFn) -> BudgetExceededError:
    unit = draw(st.sampled_from(UNITS))
    amount = _nanos.map(to_usd) if unit == "usd" else _nanos
    figures: dict[str, Any] = {name: draw(amount) for name in _FIGURES}
    return BudgetExceededError(
        draw(_text),
        scope=draw(_text),
        window=draw(st.sampled_from(WINDOWS)),
        unit=unit,
        resets_at=draw(st.none() | st.datetimes(timezones=st.just(UTC))),
        reason=draw(st.sampled_from(["spent", "busy"])),
        retry_after_s=draw(st.none() | st.integers(1)),
        **figures,
    )


_FIELD = {"field": st.none() | _text}
_RESERVATION = {"reservation_id": _text, "reason": st.sampled_from(["unknown", "settled", "released", "lapsed"])}
_KEYWORDS: dict[type[BudgetError], dict[str, st.SearchStrategy[Any]]] = {
    errors.BudgetError: {},
    errors.InvalidAmountError: _FIELD,
    errors.InvalidIdError: _FIELD,
    errors.ConfigError: _FIELD,
    errors.UnknownModelError: {"model": _text},
    errors.IdempotencyConflictError: {"idempotency_key": _text},
    errors.ReservationError: _RESERVATION,
    errors.ReservationNotSettledError: {"reservation_id": _text, "reason": st.just("not settled")},
    errors.LedgerUnavailableError: {"queued": _flag, "op_id": st.none() | _text},
    errors.OutcomeUnknownError: {"queued": _flag, "op_id": _text},
    errors.LedgerCorruptError: {},
}
_ERRORS = st.one_of(_refusals(), *[st.builds(kind, _text, **data) for kind, data in _KEYWORDS.items()])


def test_every_error_is_tried() -> None:
    """None of the tree is left out below."""
    public = {kind for name, kind in vars(errors).items() if isinstance(kind, type) and not name.startswith("_")}
    assert {kind for kind in public if issubclass(kind, BudgetError)} == {BudgetExceededError, *_KEYWORDS}


@given(_ERRORS)
def test_an_error_comes_back_from_the_wire(error: BudgetError) -> None:
    """The same class, sentence and attributes, and so the same problem again."""
    problem = problem_of(error)
    back = error_of(json.loads(json.dumps(problem.body)))
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))
    assert problem_of(back) == problem


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_problem_has_its_error(kind: Kind) -> None:
    """Also those that the service makes without the library, and whatever figures are missing."""
    refusal = dict.fromkeys(("scope", "window", "unit", "reason", "resets_at", "retry_after_s", *_FIGURES))
    error = error_of(Problem(kind, "what is wrong", refusal if kind.error is BudgetExceededError else {}).body)
    assert (type(error), str(error)) == (kind.error, "what is wrong")


class _OwnError(errors.InvalidIdError):
    """A user's own kind."""


def test_an_error_of_ones_own_travels_as_what_it_is_a_kind_of() -> None:
    """The nearest class that has a row of its own."""
    assert type(error_of(problem_of(_OwnError("text", field="user_id")).body)) is errors.InvalidIdError


_REFUSAL = problem_of(
    BudgetExceededError(
        "Budget exceeded",
        scope="user/alice",
        window="day",
        unit="usd",
        limit=Decimal(1),
        spent=Decimal(1),
        reserved=Decimal(0),
        requested=Decimal(1),
        resets_at=datetime(2026, 11, 25, tzinfo=UTC),
        reason="spent",
        retry_after_s=1,
    )
).body


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "<html>502 Bad Gateway</html>",
        {},
        {"type": "about:blank", "detail": "Not Found"},
        {"type": "urn:coreason-budget:invalid-id"},
        {"type": ["urn:coreason-budget:invalid-id"], "detail": "x"},
        {"type": "urn:coreason-budget:of-tomorrow", "detail": "x"},
        _REFUSAL | {"limit_usd": "much"},
        _REFUSAL | {"limit_usd": None},
        _REFUSAL | {"resets_at": "soon"},
        {name: value for name, value in _REFUSAL.items() if name != "unit"},
    ],
)
def test_what_is_no_problem_of_ours_never_admits(answer: object) -> None:
    """A proxy's page or a torn answer is an unavailable budget, whatever it says."""
    error = error_of(answer)
    assert type(error) is LedgerUnavailableError
    assert (error.queued, error.op_id) == (False, None)


def test_a_member_more_changes_nothing() -> None:
    """A service of tomorrow may say more than this library knows."""
    more = _REFUSAL | {"message": "new", "limits": [1]}
    assert vars(error_of(more)) == vars(error_of(_REFUSAL))
