"""Reservation: what each way of leaving its block does."""

import asyncio
import inspect
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from coreason_budget import BudgetConfig, BudgetManager, Reservation
from coreason_budget.errors import (
    InvalidAmountError,
    LedgerUnavailableError,
    ReservationError,
    ReservationNotSettledError,
)
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.testing import ManualClock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class ProviderError(Exception):
    """What a caller's block raises."""


class Watched:
    """A ledger in memory that counts what it is asked, and fails where it is told to."""

    name = "watched"

    def __init__(self, clock):
        self._ledger = MemoryLedger(clock=clock)
        self.asked = []
        self.failure = None

    def __getattr__(self, verb):
        method = getattr(self._ledger, verb)

        def call(request):
            self.asked.append(getattr(request, "verb", verb))
            if self.failure is not None and verb == "end":
                raise self.failure
            return method(request)

        return call


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def ledger(clock):
    return Watched(clock)


@pytest.fixture(params=["charge", "release"])
def on_lapse(request):
    return request.param


@pytest.fixture
def budget(ledger, on_lapse):
    return BudgetManager(BudgetConfig(on_lapse=on_lapse), ledger=ledger)


def _stands(budget):
    (account,) = [b for b in budget.usage("alice") if b.scope == "user/alice"]
    return account.spent, account.reserved


def _lapsed(on_lapse):
    return (Decimal(5), 0) if on_lapse == "charge" else (0, 0)


def test_the_handle_has_the_api_of_the_design():
    """Names, parameters and defaults."""
    assert str(_bare(Reservation.settle)) == (
        "(self, cost=None, *, usage=None, input_tokens=None, output_tokens=None, model=None, service='standard', "
        "reference=None, idempotency_key=None)"
    )
    assert str(_bare(Reservation.release)) == "(self, *, idempotency_key=None)"


def _bare(function):
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return inspect.Signature(parameters)


def test_a_handle_tells_what_is_held(budget):
    """Id, amount, lapse, balances; its repr shows what a log needs."""
    reservation = budget.reserve("alice", 5, ttl_s=60)
    assert reservation.reserved_usd == 5
    assert reservation.lapses_at == NOW + timedelta(seconds=60)
    assert reservation.replayed is False
    assert [(b.scope, b.reserved) for b in reservation.balances] == [("user/alice", 5), ("global", 5)]
    assert repr(reservation) == (
        f"Reservation({reservation.id!r}, reserved_usd=5.00, lapses_at=2026-11-23T12:01:00+00:00)"
    )


def test_settled_inside_is_booked_at_its_true_cost(budget):
    """The rest is given back; the block's exit sends nothing more."""
    with budget.reserve("alice", 5) as reservation:
        receipt = reservation.settle(2)
    assert (receipt.status, receipt.cost_usd) == ("settled", 2)
    assert _stands(budget) == (2, 0)
    assert budget.ledger.asked.count("settle") == 1


def test_released_inside_books_nothing(budget):
    """Release is an end as well."""
    with budget.reserve("alice", 5) as reservation:
        assert reservation.release().status == "released"
    assert _stands(budget) == (0, 0)


def test_leaving_without_an_end_is_an_error_and_leaves_it_to_lapse(budget, ledger, clock, on_lapse):
    """The forgotten settle is loud; it can still be made, else the lapse decides."""
    with pytest.raises(ReservationNotSettledError) as caught, budget.reserve("alice", 5, ttl_s=60) as reservation:
        pass
    assert (caught.value.reservation_id, caught.value.reason) == (reservation.id, "not settled")
    assert isinstance(caught.value, ReservationError)
    assert "2026-11-23T12:01:00" in str(caught.value)
    assert _stands(budget) == (0, 5)
    assert not {"settle", "release", "lapse"} & set(ledger.asked)
    clock.advance(60)
    assert _stands(budget) == _lapsed(on_lapse)
    assert reservation.settle(1).late
    assert _stands(budget) == (1, 0)


@pytest.mark.parametrize("error", [ProviderError("503"), asyncio.CancelledError(), StopIteration()], ids=repr)
def test_an_exception_ends_it_as_its_lapse_would(budget, error, on_lapse):
    """The provider may have billed; the exception goes on, and a later settle corrects the guess."""
    with pytest.raises(type(error)) as caught, budget.reserve("alice", 5) as reservation:
        raise error
    assert caught.value is error
    assert _stands(budget) == _lapsed(on_lapse)
    receipt = reservation.settle("1.25")
    assert (receipt.status, receipt.late) == ("settled", True)
    assert _stands(budget) == (Decimal("1.25"), 0)


@pytest.mark.parametrize(
    "release_on", [ProviderError, (ProviderError,), (KeyError, ProviderError), Exception, BaseException]
)
def test_an_exception_of_release_on_books_nothing(budget, release_on):
    """The caller knows that it was not billed; a subclass counts as well."""

    class SubError(ProviderError):
        pass

    for error in (ProviderError(), SubError()):
        with pytest.raises(ProviderError), budget.reserve("alice", 5, release_on=release_on):
            raise error
    assert _stands(budget) == (0, 0)
    assert budget.ledger.asked.count("release") == 2


def test_another_exception_than_release_on_does_not_release(budget, on_lapse):
    """Only what is named."""
    with pytest.raises(ProviderError), budget.reserve("alice", 5, release_on=(KeyError, ValueError)):
        raise ProviderError
    assert _stands(budget) == _lapsed(on_lapse)


@pytest.mark.parametrize(
    "release_on",
    ["TimeoutError", [TimeoutError], TimeoutError(), (TimeoutError, "x"), int, None, 1, ((TimeoutError,),)],
)
def test_a_release_on_of_no_exceptions_is_found_before_the_call(budget, ledger, release_on):
    """Found in the block's exit, it would hide the caller's own exception."""
    with pytest.raises(TypeError, match="release_on"):
        budget.reserve("alice", 5, release_on=release_on)
    assert ledger.asked == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("release_on", [(), BaseException])
def test_a_stop_of_the_program_sends_nothing(budget, ledger, kind, release_on):
    """Ctrl-C must not wait for a ledger; the reservation lapses by itself."""
    with pytest.raises(kind), budget.reserve("alice", 5, release_on=release_on):
        raise kind
    assert _stands(budget) == (0, 5)
    assert ledger.asked == ["reserve", "read"]


def test_a_closed_generator_sends_nothing(budget, ledger):
    """A stream that its reader abandons leaves its reservation to lapse."""

    def stream():
        with budget.reserve("alice", 5):
            yield "token"

    tokens = stream()
    next(tokens)
    tokens.close()
    assert ledger.asked == ["reserve"]


@pytest.mark.parametrize("end", ["settle", "release"])
def test_after_an_attempted_end_nothing_is_sent(budget, ledger, end):
    """Whether it was booked is not known: the exit must not settle it otherwise."""
    with pytest.raises(LedgerUnavailableError), budget.reserve("alice", 5) as reservation:  # noqa: PT012
        ledger.failure = LedgerUnavailableError("down")
        reservation.settle(1) if end == "settle" else reservation.release()
    assert ledger.asked == ["reserve", end]


def test_a_settle_refused_for_its_input_counts_as_attempted(budget, ledger):
    """The call ran, so its cost is not guessed; the reservation lapses unless settled rightly."""
    with pytest.raises(InvalidAmountError), budget.reserve("alice", 5) as reservation:
        reservation.settle(-1)
    assert ledger.asked == ["reserve"]
    assert reservation.settle(1).late is False


def test_an_attempted_end_whose_error_is_caught_is_enough(budget, ledger):
    """The block that handles a failing settle itself is left without a second error."""
    with budget.reserve("alice", 5) as reservation:
        ledger.failure = LedgerUnavailableError("down")
        with pytest.raises(LedgerUnavailableError):
            reservation.settle(1)
    ledger.failure = None
    assert reservation.settle(1).cost_usd == 1


@pytest.mark.parametrize(
    "failure", [LedgerUnavailableError("down"), RuntimeError("a ledger's own bug"), OSError(5, "io")]
)
@pytest.mark.parametrize("release_on", [(), ProviderError])
def test_a_ledger_that_fails_at_the_exit_does_not_hide_the_callers_exception(
    budget, ledger, failure, release_on, caplog
):
    """The provider's error is what the caller must see; the other is logged, and the reservation lapses."""
    error = ProviderError("503")
    with (  # noqa: PT012
        caplog.at_level(logging.WARNING, "coreason_budget"),
        pytest.raises(ProviderError) as caught,
        budget.reserve("alice", 5, release_on=release_on) as reservation,
    ):
        ledger.failure = failure
        raise error
    assert caught.value is error
    (record,) = caplog.records
    assert reservation.id in record.getMessage()
    assert str(failure) in record.getMessage()


def test_a_reservation_that_was_ended_elsewhere_does_not_hide_the_callers_exception(budget, caplog):
    """Settled by id by another part of the program, then the block fails."""
    with pytest.raises(ProviderError), budget.reserve("alice", 5) as reservation:  # noqa: PT012
        budget.settle(reservation.id, 3)
        raise ProviderError
    assert _stands(budget) == (3, 0)


def test_settle_after_release_and_release_after_settle_are_named_errors(budget):
    """Law 6: it ends at most once; nothing changes."""
    one, two = budget.reserve("alice", 1), budget.reserve("alice", 1)
    one.release()
    two.settle(1)
    for call, reason in ((lambda: one.settle(1), "released"), (two.release, "settled")):
        with pytest.raises(ReservationError) as caught:
            call()
        assert caught.value.reason == reason
    assert _stands(budget) == (1, 0)


def test_the_same_settle_again_is_a_replay(budget):
    """A retry counts once; another amount is an error."""
    reservation = budget.reserve("alice", 5)
    first, again = reservation.settle(2), reservation.settle(2)
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.op_id, first.amounts, first.status) == (again.op_id, again.amounts, again.status)
    with pytest.raises(ReservationError):
        reservation.settle(3)
    assert _stands(budget) == (2, 0)
