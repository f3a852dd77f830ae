"""Everything that can go wrong, as one tree of exceptions with plain data attributes.

Every error can be pickled, and crosses process pools and task queues whole. A serializer that keeps class
and text alone, as Celery's JSON does, gives it back with its attributes None. Its text says what was wrong,
what is allowed, and what to do.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

_LOST: Any = None
"""An attribute of an error that was made anew from its text."""


class BudgetError(Exception):
    """The root of every error this library raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are rebuilt from their arguments alone; keyword attributes would be lost.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[BudgetError], args: tuple[Any, ...], state: dict[str, Any]) -> BudgetError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class BudgetExceededError(BudgetError):
    """The call does not fit its budget. Nothing was held or booked.

    Attributes:
        scope: Whose budget refused: ``user/alice``, ``project/launch``, ``global``, ...
        window: ``minute``, ``hour``, ``day``, ``week``, ``month`` or ``total``.
        unit: ``usd``, ``tokens`` or ``requests``; the unit of the four amounts
            (``Decimal`` for usd, ``int`` for the others).
        limit: What the window allows.
        limit_source: Where that was said: ``limits.yaml:3``, a setting's name; None if it is not known.
        spent: What is booked in it.
        reserved: What open reservations hold of it.
        requested: What this call asked for; 0 where its caller told nothing of it.
        resets_at: When the window ends (UTC), None for ``total``.
        reason: ``"spent"`` if the call would not fit even without the open reservations, so
            wait for the reset; ``"busy"`` if they hold the rest, so try again soon;
            ``"too_large"`` if it is larger than the whole limit, so it never fits.
        retry_after_s: Seconds after which a new try makes sense, None if it never does.
        affordable_output_tokens: Of a call priced by its tokens that is too large, the longest answer that
            the whole limit pays for; else None.
    """

    def __init__(
        self,
        message: str,
        *,
        scope: str = _LOST,
        window: str = _LOST,
        unit: str = _LOST,
        limit: Decimal | int = _LOST,
        limit_source: str | None = None,
        spent: Decimal | int = _LOST,
        reserved: Decimal | int = _LOST,
        requested: Decimal | int = _LOST,
        resets_at: datetime | None = None,
        reason: str = _LOST,
        retry_after_s: int | None = None,
        affordable_output_tokens: int | None = None,
    ) -> None:
        super().__init__(message)
        self.scope = scope
        self.window = window
        self.unit = unit
        self.limit = limit
        self.limit_source = limit_source
        self.spent = spent
        self.reserved = reserved
        self.requested = requested
        self.resets_at = resets_at
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.affordable_output_tokens = affordable_output_tokens


class _FieldError(BudgetError):
    """An input that is refused; ``field`` names it (None where it has no name)."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidAmountError(_FieldError, ValueError):
    """Not an amount: not a number, negative, too large, or finer than allowed."""


class InvalidIdError(_FieldError, ValueError):
    """Not an id or tag, a built-in kind used as a tag, or a required scope left out."""


class UnknownModelError(BudgetError, LookupError):
    """The price table has no price for this model, or none for a meter the call needs."""

    def __init__(self, message: str, *, model: str = _LOST) -> None:
        super().__init__(message)
        self.model = model


class IdempotencyConflictError(BudgetError):
    """The idempotency key was used before, for another call. Nothing was changed."""

    def __init__(self, message: str, *, idempotency_key: str = _LOST) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class ReservationError(BudgetError):
    """A reservation that cannot be ended, replayed or corrected. Nothing was changed.

    Attributes:
        reservation_id: The reservation, or the booking that is to be corrected, as the caller named it.
        reason: ``"unknown"``, ``"settled"``, ``"released"``, ``"lapsed"``, ``"not settled"``, or of one that is to be
            corrected, ``"open"``.
    """

    def __init__(self, message: str, *, reservation_id: str = _LOST, reason: str = _LOST) -> None:
        super().__init__(message)
        self.reservation_id = reservation_id
        self.reason = reason


class ReservationNotSettledError(ReservationError):
    """A ``with budget.reserve(...)`` block ended without ``settle`` or ``release``."""


class ConfigError(_FieldError, ValueError):
    """A setting, limits file, price file or ledger URL that cannot be used."""


class LedgerUnavailableError(BudgetError):
    """The ledger did not answer in time or refused to. The call must not go ahead.

    Attributes:
        queued: The spend is kept in the outbox and will be booked from there, once.
        op_id: The key under which it is; a call that is repeated needs it as its
            ``idempotency_key``, or it counts twice. None where nothing was sent or queued.
    """

    def __init__(self, message: str, *, queued: bool = False, op_id: str | None = None) -> None:
        super().__init__(message)
        self.queued = queued
        self.op_id = op_id


class OutcomeUnknownError(LedgerUnavailableError):
    """A mutation was sent and its answer never came: it may or may not be booked.

    Repeat the same call with ``idempotency_key=error.op_id`` to find out; it counts once. A key that was
    made for the call is remembered for an hour, the caller's own for 24.
    """

    op_id: str

    def __init__(self, message: str, *, op_id: str = _LOST, queued: bool = False) -> None:
        super().__init__(message, queued=queued, op_id=op_id)


class LedgerCorruptError(BudgetError):
    """The ledger holds values that this library did not write. Nothing was changed."""
