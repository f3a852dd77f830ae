"""Reservation: the handle a caller holds between admission and settlement."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import ref

from coreason_budget.awaited import Awaited, advise_aio
from coreason_budget.errors import ReservationNotSettledError
from coreason_budget.model import Entry
from coreason_budget.moments import to_moment
from coreason_budget.money import Usd, to_usd
from coreason_budget.standing import Balance, Hold, Receipt

if TYPE_CHECKING:
    from coreason_budget.streaming import Stream

T = TypeVar("T")
_log = logging.getLogger("coreason_budget")


class Ender(Protocol):
    """What a reservation needs of the manager that made it."""

    def settle(
        self,
        reservation_id: str,
        cost: Usd | None = None,
        *,
        usage: object = None,
        model: str | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        service: str = "standard",
        reference: str | None = None,
        idempotency_key: str | None = None,
        entries: tuple[Entry, ...] = (),
    ) -> Receipt:
        """Book the true cost."""

    def release(
        self, reservation_id: str, *, idempotency_key: str | None = None, entries: tuple[Entry, ...] = ()
    ) -> Receipt:
        """Book nothing."""

    def lapse(self, reservation_id: str, *, entries: tuple[Entry, ...] = ()) -> Receipt:
        """Book what a lapse would."""


class Handle:
    """What a reservation tells of itself, and how leaving its block ends it."""

    def __init__(self, hold: Hold, release_on: tuple[type[BaseException], ...] = ()) -> None:
        self._hold = hold
        self._release_on = release_on
        self._attempted = False

    def __repr__(self) -> str:
        return f"Reservation({self.id!r}, reserved_usd={self.reserved_usd}, lapses_at={self.lapses_at.isoformat()})"

    @property
    def id(self) -> str:
        """What `BudgetManager.settle` and `release` know it by. Whoever has it may end it."""
        return self._hold.reservation_id

    @property
    def op_id(self) -> str:
        """The idempotency key of the reserve, the caller's or one made for it."""
        return self._hold.op_id

    @property
    def reserved_usd(self) -> Decimal:
        """What is held."""
        return to_usd(self._hold.amounts.usd_nanos)

    @property
    def lapses_at(self) -> datetime:
        """When it lapses, by the ledger's clock (UTC)."""
        return to_moment(self._hold.lapses_us)

    @property
    def balances(self) -> tuple[Balance, ...]:
        """The accounts of the call, as they stood after the reserve."""
        return self._hold.balances

    @property
    def replayed(self) -> bool:
        """The same reserve was admitted before; this is the same reservation."""
        return self._hold.replayed

    def _ending(self, error: BaseException | None) -> str:
        """The verb that ends it as its block is left: ``release``, ``lapse``, or empty where nothing is sent.

        Raises:
            ReservationNotSettledError: The block came to its end without an attempt to end it.
        """
        if self._attempted or isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            return ""
        if error is None:
            raise ReservationNotSettledError(
                f"reservation {self.id!r} was neither settled nor released in its block; "
                f"it lapses at {self.lapses_at.isoformat()} unless you still settle it",
                reservation_id=self.id,
                reason="not settled",
            )
        return self.verb_after(error)

    def verb_after(self, error: BaseException) -> str:
        """The verb that ends a call which raised: ``lapse``, for the provider may have billed, or ``release``."""
        return "release" if isinstance(error, self._release_on) else "lapse"

    def attempt(self) -> bool:
        """Take it upon oneself to end it; False if somebody did before. Leaving the block then sends nothing."""
        attempted, self._attempted = self._attempted, True
        return not attempted


class Reservation(Handle, Awaited):
    """Money held for one call. A context manager that wants `settle` (or `release`) inside.

    Leaving the block by an exception ends the reservation as its lapse would, for the provider
    may have billed; a later settle corrects that. Exceptions named in ``release_on`` release it.
    After an attempted settle or release, and on KeyboardInterrupt, SystemExit or GeneratorExit,
    nothing is sent. Leaving without either raises `ReservationNotSettledError`.
    """

    def __init__(
        self,
        ender: Ender,
        hold: Hold,
        release_on: tuple[type[BaseException], ...] = (),
        produced: Callable[[str], tuple[int, int] | None] = lambda text: None,
    ) -> None:
        super().__init__(hold, release_on)
        self._ender = ender
        self._stream: Callable[[], Stream[Any] | None] = lambda: None
        self.produced = produced
        """The bound of its input and the tokens of an output, None where it named no model or no input."""

    def settle(
        self,
        cost: Usd | None = None,
        *,
        usage: object = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        model: str | None = None,
        service: str = "standard",
        reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Book what the call really cost: an amount, the provider's usage, or token counts.

        See `BudgetManager.settle`. ``model`` prices the call by another model than was reserved.
        """
        self._attempted = True
        return self._ender.settle(
            self.id,
            cost,
            usage=usage,
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            service=service,
            reference=reference,
            idempotency_key=idempotency_key,
            entries=self._hold.entries,
        )

    def release(self, *, idempotency_key: str | None = None) -> Receipt:
        """Book nothing: the call did not happen."""
        self._attempted = True
        return self._ender.release(self.id, idempotency_key=idempotency_key, entries=self._hold.entries)

    def stream(
        self,
        chunks: Iterable[T],
        *,
        usage_of: Callable[[T], object] | None = None,
        text_of: Callable[[T], str] | None = None,
    ) -> Stream[T]:
        """Pass a stream on, and settle by it: by the last usage it tells, or if it is cut, by what was produced.

        It ends once, however it does: at its end, by an exception, a close, a break, or when it is dropped. One
        that is cut without a usage is booked at the input's bound and the output counted, and its receipt is
        ``estimated``; where no model and input were named, it ends as its lapse would.

        Args:
            chunks: What comes: text, or chunks as a provider sends them.
            usage_of: Gives the usage that a chunk tells, None if none; by default it is looked for.
            text_of: Gives what of the answer a chunk brings; by default it is looked for.

        Raises:
            ReservationNotSettledError: At its end, if it told no usage; the hold stays, and can be settled.
        """
        from coreason_budget.streaming import Meter, Stream

        stream = Stream(chunks, Meter(self, usage_of, text_of))
        self._stream = ref(stream)
        return stream

    def __enter__(self) -> Reservation:
        return self

    async def __aenter__(self) -> Reservation:
        advise_aio()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (stream := self._stream()) is not None:
            stream.left(error)
        if verb := self._ending(error):
            self.end_quietly(verb)

    def end_quietly(self, verb: str) -> None:
        """End it by ``release`` or ``lapse`` while an exception of the caller's is on its way.

        Whatever a ledger raises is logged: the caller's own exception matters more; the reservation lapses by itself.
        """
        try:
            getattr(self._ender, verb)(self.id, entries=self._hold.entries)
        except Exception as failure:
            _log.warning("reservation %s could not be ended and will lapse: %s", self.id, failure)


def exception_types(
    release_on: type[BaseException] | tuple[type[BaseException], ...],
) -> tuple[type[BaseException], ...]:
    """Give what a block may be left by, as a tuple.

    Raises:
        TypeError: It is not of exception classes.
    """
    kinds = release_on if isinstance(release_on, tuple) else (release_on,)
    # Found out in the block's exit, it would hide the caller's own exception.
    if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        raise TypeError(f"release_on: must be an exception class or a tuple of them, not {release_on!r}")
    return kinds
