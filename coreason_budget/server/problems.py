"""Every error as an RFC 9457 problem: a status, a sentence for people, and data for programs."""

from __future__ import annotations

from typing import Any

from attrs import Factory, frozen

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
    UnknownModelError,
)
from coreason_budget.server.answers import in_unit, moment

MEDIA_TYPE = "application/problem+json"

_PREFIX = "urn:coreason-budget:"
_RETRY_S = 1


@frozen
class Problem:
    """One error answer. ``name`` is the end of its ``type``; empty, the status says it all."""

    status: int
    title: str
    detail: str
    name: str = ""
    data: dict[str, Any] = Factory(dict)
    headers: dict[str, str] = Factory(dict)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "type": f"{_PREFIX}{self.name}" if self.name else "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.data,
        }


class RequestError(Exception):
    """A request that the service refuses before it asks the library."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def bad_request(detail: str, **data: Any) -> RequestError:
    """A body, a header or a query that cannot be understood. ``field`` in ``data`` names the place."""
    return RequestError(Problem(400, "Bad request", detail, "bad-request", data))


# The first that fits, so children come before their parents.
_KINDS: tuple[tuple[type[BudgetError], int, str, str], ...] = (
    (BudgetExceededError, 429, "Budget exceeded", "budget-exceeded"),
    (InvalidAmountError, 400, "Invalid amount", "invalid-amount"),
    (InvalidIdError, 400, "Invalid id", "invalid-id"),
    (UnknownModelError, 400, "Unknown model", "unknown-model"),
    (IdempotencyConflictError, 422, "Idempotency key used for another call", "idempotency-conflict"),
    (ReservationError, 409, "Reservation has ended", "reservation-ended"),
    (OutcomeUnknownError, 503, "Outcome unknown", "outcome-unknown"),
    (LedgerUnavailableError, 503, "Ledger unavailable", "ledger-unavailable"),
    (LedgerCorruptError, 503, "Ledger corrupt", "ledger-corrupt"),
    (ConfigError, 503, "Service misconfigured", "misconfigured"),
)

_DATA = ("field", "model", "idempotency_key", "reservation_id", "op_id")


def problem_of(error: BudgetError) -> Problem:
    """The problem that stands for an error of the library."""
    status, title, name = next(
        ((status, title, name) for kind, status, title, name in _KINDS if isinstance(error, kind)),
        (500, "Internal error", "internal"),
    )
    data = {key: value for key in _DATA if (value := getattr(error, key, None)) is not None}
    headers: dict[str, str] = {}
    if isinstance(error, BudgetExceededError):
        data, headers = _refusal(error), _retry(error.retry_after_s)
    elif isinstance(error, ReservationError):
        data["reason"] = error.reason
        if error.reason == "unknown":
            status, title, name = 404, "Unknown reservation", "unknown-reservation"
    elif status == 503:
        if getattr(error, "queued", False):
            data["queued"] = True
        data["retry_after_s"], headers = _RETRY_S, _retry(_RETRY_S)
    return Problem(status, title, str(error), name, data, headers)


def _refusal(error: BudgetExceededError) -> dict[str, Any]:
    return {
        "scope": error.scope,
        "window": error.window,
        "unit": error.unit,
        "reason": error.reason,
        **in_unit(error.unit, limit=error.limit, spent=error.spent, reserved=error.reserved, requested=error.requested),
        "resets_at": moment(error.resets_at),
        "retry_after_s": error.retry_after_s,
    }


def _retry(after_s: int | None) -> dict[str, str]:
    return {} if after_s is None else {"Retry-After": str(after_s)}
