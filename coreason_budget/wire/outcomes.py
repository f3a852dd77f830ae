"""What can go wrong, as one table: an error of the library, its problem (RFC 9457), its HTTP status, its exit status.

The service answers with it, its OpenAPI document tells clients what stands in it, the commands end by it,
and a client finds the error again that stands behind a problem.
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
    ReservationNotSettledError,
    UnknownModelError,
)
from coreason_budget.inputs import Schema
from coreason_budget.wire.answers import LimitSource, Moment, Money, ScopeName, Window

REFUSED, WRONG, UNAVAILABLE = 1, 2, 3
"""The exit statuses of a command: a budget said no; settings or input; the ledger."""

_PREFIX = "urn:coreason-budget:"

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


class Unended(TypedDict):
    """Which reservation."""

    reservation_id: str
    reason: Literal["open"]


class Unsettled(TypedDict):
    """Which reservation."""

    reservation_id: str
    reason: Literal["not settled"]


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
    reason: Literal["spent", "busy", "too_large"]
    limit_usd: Money
    spent_usd: Money
    reserved_usd: Money
    requested_usd: Money
    resets_at: Moment | None
    retry_after_s: RetryAfter | None
    limit_source: LimitSource
    affordable_output_tokens: NotRequired[int]


class CountedRefusal(TypedDict):
    """The account in tokens or requests that refuses."""

    scope: ScopeName
    window: Window
    unit: Literal["tokens", "requests"]
    reason: Literal["spent", "busy", "too_large"]
    limit: int
    spent: int
    reserved: int
    requested: int
    resets_at: Moment | None
    retry_after_s: RetryAfter | None
    limit_source: LimitSource
    affordable_output_tokens: NotRequired[int]


@frozen
class Kind:
    """One kind of error.

    Attributes:
        status: Its HTTP status.
        title: What it is, the same every time.
        name: The end of its ``type``; empty, the status says it all.
        data: The members that it has beside those of every problem: types of which it has one.
        headers: Those that its answer may have; True for those that it always has.
        error: The error that a client raises for it.
        exit: The exit status of a command that ends with it.
    """

    status: int
    title: str
    name: str = ""
    data: tuple[type[Any], ...] = (NoData,)
    headers: dict[str, bool] = Factory(dict)
    error: type[BudgetError] = BudgetError
    exit: int = WRONG

    @property
    def members(self) -> frozenset[str]:
        """The names of all its data."""
        return frozenset(name for shape in self.data for name in shape.__annotations__)

    @property
    def type(self) -> str:
        """What programs know it by."""
        return f"{_PREFIX}{self.name}" if self.name else "about:blank"


HEADERS: dict[str, Any] = {"Retry-After": RetryAfter, "WWW-Authenticate": str}
"""The headers that a problem's answer may have, and their types."""

_MAYBE_LATER = {"Retry-After": False}
_LATER = {"Retry-After": True}

BAD_REQUEST = Kind(400, "Bad request", "bad-request", (AboutFields,))
INVALID_AMOUNT = Kind(400, "Invalid amount", "invalid-amount", (AboutField,), error=InvalidAmountError)
INVALID_ID = Kind(400, "Invalid id", "invalid-id", (AboutField,), error=InvalidIdError)
UNKNOWN_MODEL = Kind(400, "Unknown model", "unknown-model", (AboutModel,), error=UnknownModelError)
KEY_MISSING = Kind(401, "Key missing", "key-missing", headers={"WWW-Authenticate": True}, error=ConfigError)
KEY_REFUSED = Kind(403, "Key refused", "key-refused", error=ConfigError)
UNKNOWN_RESERVATION = Kind(
    404, "Unknown reservation", "unknown-reservation", (AboutReservation,), error=ReservationError
)
RESERVATION_ENDED = Kind(409, "Reservation has ended", "reservation-ended", (AboutReservation,), error=ReservationError)
RESERVATION_OPEN = Kind(409, "Reservation is open", "reservation-open", (Unended,), error=ReservationError)
NOT_SETTLED = Kind(409, "Reservation was not settled", "not-settled", (Unsettled,), error=ReservationNotSettledError)
IDEMPOTENCY_CONFLICT = Kind(
    422,
    "Idempotency key used for another call",
    "idempotency-conflict",
    (AboutKey,),
    error=IdempotencyConflictError,
)
BUDGET_EXCEEDED = Kind(
    429,
    "Budget exceeded",
    "budget-exceeded",
    (UsdRefusal, CountedRefusal),
    _MAYBE_LATER,
    BudgetExceededError,
    REFUSED,
)
INTERNAL = Kind(500, "Internal error", "internal")
OUTCOME_UNKNOWN = Kind(503, "Outcome unknown", "outcome-unknown", (Later,), _LATER, OutcomeUnknownError, UNAVAILABLE)
LEDGER_UNAVAILABLE = Kind(
    503, "Ledger unavailable", "ledger-unavailable", (Later,), _LATER, LedgerUnavailableError, UNAVAILABLE
)
LEDGER_CORRUPT = Kind(503, "Ledger corrupt", "ledger-corrupt", (Later,), _LATER, LedgerCorruptError, UNAVAILABLE)
MISCONFIGURED = Kind(503, "Service misconfigured", "misconfigured", (LaterField,), _LATER, ConfigError)

# Where several stand for one error, the first is what the error becomes.
KINDS = (
    INTERNAL, BAD_REQUEST, INVALID_AMOUNT, INVALID_ID, UNKNOWN_MODEL, MISCONFIGURED, KEY_MISSING, KEY_REFUSED,
    RESERVATION_ENDED, UNKNOWN_RESERVATION, RESERVATION_OPEN, NOT_SETTLED, IDEMPOTENCY_CONFLICT, BUDGET_EXCEEDED,
    LEDGER_UNAVAILABLE, OUTCOME_UNKNOWN, LEDGER_CORRUPT,
)  # fmt: skip

_BY_TYPE = {kind.type: kind for kind in KINDS}
_BY_ERROR = {kind.error: kind for kind in reversed(KINDS)}
_BY_REASON: dict[object, Kind] = {"unknown": UNKNOWN_RESERVATION, "open": RESERVATION_OPEN}


def kind_of(error: BudgetError) -> Kind:
    """The kind of an error, or of the nearest class above it that has one."""
    kind = next(_BY_ERROR[cls] for cls in type(error).__mro__ if cls in _BY_ERROR)
    return _BY_REASON.get(getattr(error, "reason", None), kind) if kind is RESERVATION_ENDED else kind


def kind_named(type: object) -> Kind | None:
    """The kind that a problem's ``type`` names; None if it is none of ours."""
    return _BY_TYPE.get(type) if isinstance(type, str) else None
