"""The table of the service's calls: what each asks, answers and refuses. Routes and document are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from coreason_budget.server import schemas
from coreason_budget.server.reading import UNREADABLE
from coreason_budget.wire import answers, outcomes
from coreason_budget.wire.outcomes import Kind

# A read may clean up what has lapsed, and not hear of it either.
_LEDGER = (
    outcomes.LEDGER_UNAVAILABLE,
    outcomes.OUTCOME_UNKNOWN,
    outcomes.LEDGER_CORRUPT,
    outcomes.MISCONFIGURED,
)
_KEYS = (outcomes.KEY_MISSING, outcomes.KEY_REFUSED)
_BODY = tuple([Kind(error.code, error().name) for error in UNREADABLE])
_INPUT = (outcomes.BAD_REQUEST, outcomes.INVALID_ID)
_PRICED = (*_INPUT, outcomes.INVALID_AMOUNT, outcomes.UNKNOWN_MODEL)
_ENDED = (outcomes.UNKNOWN_RESERVATION, outcomes.RESERVATION_ENDED)


@frozen(kw_only=True)
class Route:
    """One call of the service; its path is its name.

    Attributes:
        summary: What it is for.
        answers: Status -> the type of its JSON; the lowest is the one when all is well.
        asks: The class of its body; None for a GET.
        refuses: The problems it may answer with, beside those that come with the rest.
        is_repeatable: Whether it takes an idempotency key.
        is_open: Whether it needs no API key, and is its own answer where the ledger has none.
        ends_in: The calls that take the reservation of its answer.
    """

    summary: str
    answers: Mapping[int, Any]
    asks: type[Any] | None = None
    refuses: tuple[Kind, ...] = ()
    is_repeatable: bool = False
    is_open: bool = False
    ends_in: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """Its HTTP method."""
        return "GET" if self.asks is None else "POST"

    @property
    def status(self) -> int:
        """The status when all is well."""
        return min(self.answers)

    def kinds(self, with_keys: bool) -> tuple[Kind, ...]:
        """Every problem it may answer with."""
        if self.is_open:
            return ()
        return (
            *self.refuses,
            *(_KEYS if with_keys else ()),
            *(_BODY if self.asks is not None else ()),
            *((outcomes.IDEMPOTENCY_CONFLICT,) if self.is_repeatable else ()),
            *_LEDGER,
        )


ROUTES = {
    "check": Route(
        summary="Ask whether a call would fit now",
        asks=schemas.Check,
        answers={200: answers.Allowed},
        refuses=(*_PRICED, outcomes.BUDGET_EXCEEDED),
    ),
    "spend": Route(
        summary="Book what a call cost",
        asks=schemas.Spend,
        answers={200: answers.Recorded},
        refuses=_PRICED,
        is_repeatable=True,
    ),
    "reserve": Route(
        summary="Hold what a call may cost at most",
        asks=schemas.Reserve,
        answers={201: answers.Reserved},
        refuses=(*_PRICED, outcomes.BUDGET_EXCEEDED, outcomes.RESERVATION_ENDED),
        is_repeatable=True,
        ends_in=("settle", "release"),
    ),
    "settle": Route(
        summary="End a reservation with what the call cost",
        asks=schemas.Settle,
        answers={200: answers.Ended},
        refuses=(*_PRICED, *_ENDED),
        is_repeatable=True,
    ),
    "release": Route(
        summary="End a reservation and book nothing",
        asks=schemas.Release,
        answers={200: answers.Ended},
        refuses=(*_INPUT, *_ENDED),
        is_repeatable=True,
    ),
    "usage": Route(
        summary="Where the accounts of these scopes and of the whole stand",
        answers={200: answers.Accounts},
        refuses=_INPUT,
    ),
    "health": Route(
        summary="Whether the ledger answers",
        answers={200: answers.Healthy, 503: answers.Unhealthy},
        is_open=True,
    ),
}
