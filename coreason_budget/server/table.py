"""The table of the service's calls: where each is, who may make it, what it asks, answers and refuses.

Routes, keys and document are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from attrs import frozen

from coreason_budget import calls
from coreason_budget.server.reading import SCOPES, UNREADABLE, Query
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
_NOT_BOOKED = (*_ENDED, outcomes.RESERVATION_OPEN)


JSON = "application/json"
Role: TypeAlias = Literal["read", "spend", "admin"]
"""What a key may be allowed, each with those before it. One of the service's API_KEYS may spend."""


@frozen(kw_only=True)
class Route:
    """One call of the service.

    Attributes:
        method: Its HTTP method.
        path: Where it is, below the place of the service.
        role: Who may make it: the least role of a key. None is everybody, also without a key, and
            then it has an answer of its own where the ledger has none.
        summary: What it is for.
        answers: Status -> the type of its answer; the lowest is the one when all is well.
        media_type: Of that answer.
        asks: The class of its body, which is JSON; None where it has none.
        query: What its query may name; None where it is not read.
        refuses: The problems it may answer with, beside those that come with the rest.
        is_repeatable: Whether it takes an idempotency key.
        ends_in: The calls that take the reservation of its answer.
    """

    method: str
    path: str
    role: Role | None
    summary: str
    answers: Mapping[int, Any]
    media_type: str = JSON
    asks: type[Any] | None = None
    query: Query | None = None
    refuses: tuple[Kind, ...] = ()
    is_repeatable: bool = False
    ends_in: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The status when all is well."""
        return min(self.answers)

    def kinds(self, with_keys: bool) -> tuple[Kind, ...]:
        """Every problem it may answer with."""
        if self.role is None:
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
        method="POST",
        path="/check",
        role="read",
        summary="Ask whether a call would fit now",
        asks=calls.Check,
        answers={200: answers.Allowed},
        refuses=(*_PRICED, outcomes.BUDGET_EXCEEDED),
    ),
    "spend": Route(
        method="POST",
        path="/spend",
        role="spend",
        summary="Book what a call cost",
        asks=calls.Spend,
        answers={200: answers.Recorded},
        refuses=_PRICED,
        is_repeatable=True,
    ),
    "reserve": Route(
        method="POST",
        path="/reserve",
        role="spend",
        summary="Hold what a call may cost at most",
        asks=calls.Reserve,
        answers={201: answers.Reserved},
        refuses=(*_PRICED, outcomes.BUDGET_EXCEEDED, outcomes.RESERVATION_ENDED),
        is_repeatable=True,
        ends_in=("settle", "release"),
    ),
    "settle": Route(
        method="POST",
        path="/settle",
        role="spend",
        summary="End a reservation with what the call cost",
        asks=calls.Settle,
        answers={200: answers.Ended},
        refuses=(*_PRICED, *_ENDED),
        is_repeatable=True,
    ),
    "release": Route(
        method="POST",
        path="/release",
        role="spend",
        summary="End a reservation and book nothing",
        asks=calls.Release,
        answers={200: answers.Ended},
        refuses=(*_INPUT, *_ENDED),
        is_repeatable=True,
    ),
    # It only raises what is booked. What lowers it, a key of role admin may do: here none is.
    "correct": Route(
        method="POST",
        path="/corrections",
        role="spend",
        summary="Raise what was booked to what the call cost",
        asks=calls.Correct,
        answers={200: answers.Corrected},
        refuses=(*_PRICED, *_NOT_BOOKED),
        is_repeatable=True,
    ),
    "usage": Route(
        method="GET",
        path="/usage",
        role="read",
        query=SCOPES,
        summary="Where the accounts of these scopes and of the whole stand",
        answers={200: answers.Accounts},
        refuses=_INPUT,
    ),
    "health": Route(
        method="GET",
        path="/health",
        role=None,
        summary="Whether the ledger answers",
        answers={200: answers.Healthy, 503: answers.Unhealthy},
    ),
    # A generator of clients has no key, and learns nothing of a budget.
    "document": Route(
        method="GET",
        path="/openapi.json",
        role=None,
        summary="This document",
        answers={200: answers.Document},
    ),
}
