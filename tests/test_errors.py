"""Every error is one tree, carries plain data, and survives a process boundary."""

import copy
import importlib
import json
import pickle
import pkgutil
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import coreason_budget
from coreason_budget import errors
from coreason_budget.errors import (
    BudgetError,
    BudgetExceededError,
    ConfigError,
    IdempotencyConflictError,
    InvalidAmountError,
    InvalidIdError,
    LedgerCorruptError,
    LedgerUnavailableError,
    OutcomeUnknownError,
    ReservationError,
    ReservationNotSettledError,
    UnknownModelError,
)
from coreason_budget.wire.problems import problem_of

EXCEEDED = {
    "scope": "user/alice",
    "window": "day",
    "unit": "usd",
    "limit": Decimal("10.00"),
    "spent": Decimal("9.50"),
    "reserved": Decimal("0.25"),
    "requested": Decimal("0.000000001"),
    "resets_at": datetime(2026, 11, 24, tzinfo=UTC),
    "reason": "busy",
    "retry_after_s": 1,
}
SAMPLES = (
    (BudgetError("text"), {}),
    (BudgetExceededError("text", **EXCEEDED), EXCEEDED),
    (InvalidAmountError("text", field="cost"), {"field": "cost"}),
    (InvalidAmountError("text"), {"field": None}),
    (InvalidIdError("text", field="user_id"), {"field": "user_id"}),
    (UnknownModelError("text", model="gpt-0"), {"model": "gpt-0"}),
    (IdempotencyConflictError("text", idempotency_key="k"), {"idempotency_key": "k"}),
    (ReservationError("text", reservation_id="r", reason="lapsed"), {"reservation_id": "r", "reason": "lapsed"}),
    (
        ReservationNotSettledError("text", reservation_id="r", reason="not settled"),
        {"reservation_id": "r", "reason": "not settled"},
    ),
    (ConfigError("text", field="port"), {"field": "port"}),
    (LedgerUnavailableError("text"), {"queued": False, "op_id": None}),
    (LedgerUnavailableError("text", queued=True, op_id="op"), {"queued": True, "op_id": "op"}),
    (OutcomeUnknownError("text", op_id="op"), {"op_id": "op", "queued": False}),
    (OutcomeUnknownError("text", op_id="op", queued=True), {"op_id": "op", "queued": True}),
    (LedgerCorruptError("text"), {}),
)
_each = pytest.mark.parametrize(("error", "data"), SAMPLES, ids=[type(e).__name__ for e, _ in SAMPLES])


def test_every_error_has_a_sample():
    """No error of the module is left out of the tables below."""
    defined = {v for n, v in vars(errors).items() if isinstance(v, type) and not n.startswith("_") and v.__module__}
    ours = {kind for kind in defined if kind.__module__ == errors.__name__}
    assert ours == {type(error) for error, _ in SAMPLES}


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (BudgetError, (Exception,)),
        (BudgetExceededError, (BudgetError,)),
        (InvalidAmountError, (BudgetError, ValueError)),
        (InvalidIdError, (BudgetError, ValueError)),
        (UnknownModelError, (BudgetError, LookupError)),
        (IdempotencyConflictError, (BudgetError,)),
        (ReservationError, (BudgetError,)),
        (ReservationNotSettledError, (ReservationError,)),
        (ConfigError, (BudgetError, ValueError)),
        (LedgerUnavailableError, (BudgetError,)),
        (OutcomeUnknownError, (LedgerUnavailableError,)),
        (LedgerCorruptError, (BudgetError,)),
    ],
)
def test_the_tree_is_that_of_the_design(kind, bases):
    """Each error is what the design says it is, and a refusal is neither unavailable nor a bad value."""
    assert all(issubclass(kind, base) for base in bases)
    for other in (ValueError, LookupError, LedgerUnavailableError, BudgetExceededError, ReservationError):
        expected = other is kind or any(issubclass(base, other) for base in bases)
        assert issubclass(kind, other) is expected, other


@_each
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_pickles_with_all_it_carries(error, data, protocol):
    """Class, text, arguments and attributes come back, in every protocol."""
    _check_same(pickle.loads(pickle.dumps(error, protocol)), error, data)


@_each
def test_an_error_copies(error, data):
    """`copy` and `deepcopy` give the same error."""
    _check_same(copy.copy(error), error, data)
    _check_same(copy.deepcopy(error), error, data)


@_each
def test_notes_travel_with_an_error(error, data):
    """What `add_note` added is not lost on the way."""
    noted = copy.copy(error)
    noted.add_note("seen by worker 7")
    assert pickle.loads(pickle.dumps(noted)).__notes__ == ["seen by worker 7"]
    assert not hasattr(error, "__notes__")


def test_errors_cross_processes():
    """Another interpreter raises the pickled errors and sends back what it caught: nothing is lost."""
    there = (
        "import pickle, sys\n"
        "caught = []\n"
        "for error in pickle.load(sys.stdin.buffer):\n"
        "    try:\n"
        "        raise error\n"
        "    except Exception as seen:\n"
        "        caught.append(seen)\n"
        "pickle.dump(caught, sys.stdout.buffer)\n"
    )
    sent = pickle.dumps([error for error, _ in SAMPLES])
    done = subprocess.run([sys.executable, "-c", there], input=sent, capture_output=True, check=True)
    for back, (error, data) in zip(pickle.loads(done.stdout), SAMPLES, strict=True):
        _check_same(back, error, data)


def _every_kind():
    """Every error of the package, whichever module defines it: the whole tree below the root."""
    for module in pkgutil.walk_packages(coreason_budget.__path__, "coreason_budget."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, below = [], [BudgetError]
    while below:
        kind = below.pop()
        below += kind.__subclasses__()
        found += [kind] if kind.__module__.startswith("coreason_budget") else []
    return found


def _celery_sends(error):
    """What Celery's JSON serializer keeps of an error: its class and its arguments."""
    return json.dumps({"type": type(error).__name__, "module": type(error).__module__, "message": error.args})


def _celery_rebuilds(sent):
    """And how it makes it anew; where that fails, a bare exception arrives instead."""
    kept = json.loads(sent)
    kind = getattr(importlib.import_module(kept["module"]), kept["type"])
    try:
        return kind(*kept["message"])
    except TypeError:
        return Exception(f"{kind}({kept['message']})")


@pytest.mark.parametrize("kind", _every_kind())
def test_an_error_is_made_anew_from_its_text(kind):
    """A task queue that sends JSON keeps class and text: whoever waits for the result can catch it by its name."""
    error = kind("Budget exceeded for User user_123")
    back = _celery_rebuilds(_celery_sends(error))
    assert type(back) is kind
    assert str(back) == str(error) == "Budget exceeded for User user_123"
    assert problem_of(back).detail == str(error), "and it can be answered"
    assert pickle.loads(pickle.dumps(back)).__dict__ == error.__dict__


class _NamedOnlyError(BudgetError):
    """The control: an argument that must be named."""

    def __init__(self, message, *, needed):
        super().__init__(message)


def test_the_control_does_not_come_back():
    """An error with a keyword that has no default arrives as something else."""
    assert type(_celery_rebuilds(_celery_sends(_NamedOnlyError("text", needed=1)))) is Exception


class _TeamError(BudgetExceededError):
    """A user's own kind, with another constructor."""

    def __init__(self, team: str) -> None:
        super().__init__(f"{team} is out of money", **EXCEEDED)
        self.team = team


def test_a_users_own_subclass_pickles():
    """A subclass whose constructor takes something else comes back too."""
    back = pickle.loads(pickle.dumps(_TeamError("search")))
    assert (type(back), str(back), back.team) == (_TeamError, "search is out of money", "search")
    assert back.scope == "user/alice"


def _check_same(found, error, data):
    assert type(found) is type(error)
    assert str(found) == "text"
    assert found.args == error.args
    assert {name: getattr(found, name) for name in data} == data
