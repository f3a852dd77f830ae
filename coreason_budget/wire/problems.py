"""Every error as an RFC 9457 problem: a status, a sentence for people, and data for programs.

`Kind` is the one table of them; the service's OpenAPI document tells clients what stands in it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict

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
from coreason_budget.wire.answers import Moment, Money, Schema, ScopeName, Window, in_unit, moment

MEDIA_TYPE = "application/problem+json"

_PREFIX = "urn:coreason-budget:"
_RETRY_S = 1

RetryAfter: TypeAlias = Annotated[int, Schema(minimum=1, description="Seconds after which a new try makes sense.")]


class FieldError(TypedDict):
    """One field of a body that is wrong."""

    field: str
    detail: str


class NoData(TypedDict):
    """The sentence says it all."""


class AboutField(TypedDict, total=False):
    """Which field, header or parameter is meant."""

    field: str


class AboutFields(AboutField, total=False):
    """All that is wrong with a body."""

    errors: list[FieldError]


class AboutModel(TypedDict):
    """Which model."""

    model: str


class AboutKey(TypedDict):
    """Which key."""

    idempotency_key: str


class AboutReservation(TypedDict):
    """Which reservation, and how it ended."""

    reservation_id: str
    reason: Literal["unknown", "settled", "released", "lapsed"]


class Later(TypedDict):
    """When to try again, and with which key if it was sent or kept."""

    op_id: NotRequired[str]
    queued: NotRequired[bool]
    retry_after_s: RetryAfter


class LaterField(Later, AboutField):
    """When to try again."""


class UsdRefusal(TypedDict):
    """The account in USD that refuses."""

    scope: ScopeName
    window: Window
    unit: Literal["usd"]
    reason: Literal["spent", "busy"]
    limit_usd: Money
    spent_usd: Money
    reserved_usd: Money
    requested_usd: Money
    resets_at: Moment | None
    retry_after_s: RetryAfter | None


class CountedRefusal(TypedDict):
    """The account in tokens or requests that refuses."""

    scope: ScopeName
    window: Window
    unit: Literal["tokens", "requests"]
    reason: Literal["spent", "busy"]
    limit: int
    spent: int
    reserved: int
    requested: int
    resets_at: Moment | None
    retry_after_s: RetryAfter | None


@frozen
class Kind:
    """One kind of error.

    Attributes:
        status: Its HTTP status.
        title: What it is, the same every time.
        name: The end of its ``type``; empty, the status says it all.
        data: The members that it has beside those of every problem: types of which it has one.
        headers: Those that its answer may have; True for those that it always has.
    """

    status: int
    title: str
    name: str = ""
    data: tuple[type[Any], ...] = (NoData,)
    headers: dict[str, bool] = Factory(dict)

    @property
    def type(self) -> str:
        """What programs know it by."""
        return f"{_PREFIX}{self.name}" if self.name else "about:blank"

    def data_of(self, error: BudgetError) -> dict[str, Any]:
        """The members that an error of the library has a value for."""
        names = [name for shape in self.data for name in shape.__annotations__]
        values = {name: getattr(error, name, None) for name in names}
        return {name: value for name, value in values.items() if value is not None and value is not False}


HEADERS: dict[str, Any] = {"Retry-After": RetryAfter, "WWW-Authenticate": str}
"""The headers that a problem's answer may have, and their types."""

_MAYBE_LATER = {"Retry-After": False}
_LATER = {"Retry-After": True}

BAD_REQUEST = Kind(400, "Bad request", "bad-request", (AboutFields,))
INVALID_AMOUNT = Kind(400, "Invalid amount", "invalid-amount", (AboutField,))
INVALID_ID = Kind(400, "Invalid id", "invalid-id", (AboutField,))
UNKNOWN_MODEL = Kind(400, "Unknown model", "unknown-model", (AboutModel,))
KEY_MISSING = Kind(401, "Key missing", "key-missing", headers={"WWW-Authenticate": True})
KEY_REFUSED = Kind(403, "Key refused", "key-refused")
UNKNOWN_RESERVATION = Kind(404, "Unknown reservation", "unknown-reservation", (AboutReservation,))
RESERVATION_ENDED = Kind(409, "Reservation has ended", "reservation-ended", (AboutReservation,))
IDEMPOTENCY_CONFLICT = Kind(422, "Idempotency key used for another call", "idempotency-conflict", (AboutKey,))
BUDGET_EXCEEDED = Kind(429, "Budget exceeded", "budget-exceeded", (UsdRefusal, CountedRefusal), _MAYBE_LATER)
INTERNAL = Kind(500, "Internal error", "internal")
OUTCOME_UNKNOWN = Kind(503, "Outcome unknown", "outcome-unknown", (Later,), _LATER)
LEDGER_UNAVAILABLE = Kind(503, "Ledger unavailable", "ledger-unavailable", (Later,), _LATER)
LEDGER_CORRUPT = Kind(503, "Ledger corrupt", "ledger-corrupt", (Later,), _LATER)
MISCONFIGURED = Kind(503, "Service misconfigured", "misconfigured", (LaterField,), _LATER)

# The first that fits, so children come before their parents.
_KINDS: tuple[tuple[type[BudgetError], Kind], ...] = (
    (BudgetExceededError, BUDGET_EXCEEDED),
    (InvalidAmountError, INVALID_AMOUNT),
    (InvalidIdError, INVALID_ID),
    (UnknownModelError, UNKNOWN_MODEL),
    (IdempotencyConflictError, IDEMPOTENCY_CONFLICT),
    (ReservationError, RESERVATION_ENDED),
    (OutcomeUnknownError, OUTCOME_UNKNOWN),
    (LedgerUnavailableError, LEDGER_UNAVAILABLE),
    (LedgerCorruptError, LEDGER_CORRUPT),
    (ConfigError, MISCONFIGURED),
)


@frozen
class Problem:
    """One error answer."""

    kind: Kind
    detail: str
    data: dict[str, Any] = Factory(dict)
    headers: dict[str, str] = Factory(dict)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
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
    return RequestError(Problem(BAD_REQUEST, detail, data))


def problem_of(error: BudgetError) -> Problem:
    """The problem that stands for an error of the library."""
    kind = next((kind for of, kind in _KINDS if isinstance(error, of)), INTERNAL)
    if isinstance(error, BudgetExceededError):
        return Problem(kind, str(error), _refusal(error), _retry(error.retry_after_s))
    if isinstance(error, ReservationError) and error.reason == "unknown":
        kind = UNKNOWN_RESERVATION
    data = kind.data_of(error)
    if kind.status == 503:
        return Problem(kind, str(error), {**data, "retry_after_s": _RETRY_S}, _retry(_RETRY_S))
    return Problem(kind, str(error), data)


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
