"""One billed try of a call: what is held for it, what its provider told, and its one ending.

SDKs try again by themselves, and each try is billed, so each has a hold of its own. A try that was answered is settled
by the whole answer; one that was cut, by what it had told until then; one whose fate nobody knows keeps its hold as
spent; one that surely was not billed is released.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from threading import Lock
from types import FrameType
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, field, frozen

from coreason_budget import background
from coreason_budget.errors import BudgetError, InvalidAmountError, ReservationNotSettledError, UnknownModelError

if TYPE_CHECKING:
    from coreason_budget.manager import BudgetManager
    from coreason_budget.reservation import Reservation

_log = logging.getLogger("coreason_budget")

Event = Mapping[str, Any]


@frozen
class EventRead:
    """What one event of a stream tells.

    Attributes:
        text: What of the answer it brought, as far as that can be read.
        has_usage: It counts what was used until then.
        is_last: The answer is whole with it.
        hides: It stands for more than can be read of it: what was thought unseen, what a provider's tool brought in.
    """

    text: str = ""
    has_usage: bool = False
    is_last: bool = False
    hides: bool = False


@define
class Progress:
    """What a stream has told until now.

    Attributes:
        read: What an event tells, in the language of the provider.
        merge: A usage of the events that had one and the tokens that were counted, None where a cut answer has none.
        needs_usage: What was read, or thought unseen, is told by a usage alone.
        is_countable: All that is billed of the answer can be read: nothing is thought unseen.
        answer: The whole answer, where it came in one piece.
    """

    read: Callable[[Event], EventRead]
    merge: Callable[[list[Event], int], object | None]
    is_countable: bool = True
    needs_usage: bool = False
    is_whole: bool = False
    answer: Event | None = None
    usages: list[Event] = Factory(list)
    texts: list[str] = Factory(list)

    def take(self, event: Event) -> None:
        """Look at one event."""
        told = self.read(event)
        if told.text:
            self.texts.append(told.text)
        if told.has_usage:
            self.usages.append(event)
        self.is_whole = self.is_whole or told.is_last
        self.is_countable = self.is_countable and not told.hides


@define(eq=False)
class Attempt:
    """One try. Whatever ends it first is its ending; whatever comes after is passed over.

    Attributes:
        model: The model that is asked, after a downgrade another than the caller's.
        input_tokens: Of the prompt, an upper bound; None where nobody can tell.
        is_late: The answer comes later, elsewhere: what is held counts as spent.
    """

    budget: BudgetManager
    reservation: Reservation
    model: str | None
    input_tokens: int | None
    service: str
    progress: Progress
    is_late: bool = False
    _once: Lock = field(factory=Lock, init=False, repr=False)

    def answered(self, answer: object) -> None:
        """Settle by a whole answer.

        Raises:
            ReservationNotSettledError: It tells no usage, or one without a price; the hold stays.
        """
        if not self._once.acquire(blocking=False):
            return
        if self.is_late:
            self._quietly(self._lapse)
            _log.info("reservation %s: its answer comes later, and until then it counts as spent", self.reservation.id)
            return
        try:
            self.reservation.settle(usage=answer, service=self.service)
        except (InvalidAmountError, UnknownModelError) as error:
            raise self._not_settled(error) from error
        except BudgetError as error:
            self._warn(error)

    def streamed(self) -> None:
        """Settle a stream that is over: by its usage, or if it was cut, by what it had told.

        Raises:
            ReservationNotSettledError: It was whole, and told no usage; the hold stays.
        """
        progress = self.progress
        if progress.answer is not None:
            self.answered(progress.answer)
        elif progress.is_whole:
            self.answered(progress.usages)
        elif self._once.acquire(blocking=False):
            self._quietly(self._settle_cut)

    def unbilled(self) -> None:
        """Release: this try surely was not billed."""
        if self._once.acquire(blocking=False):
            self._quietly(self.reservation.release)

    def unknown(self) -> None:
        """Keep the hold as spent: this try very likely was billed."""
        if self._once.acquire(blocking=False):
            self._quietly(self._lapse)

    def _settle_cut(self) -> None:
        progress = self.progress
        if not progress.is_countable or self.model is None:
            self._lapse()
            return
        counted = self.budget.pricing.text_tokens(self.model, "".join(progress.texts))
        usage = progress.merge(progress.usages, counted)
        try:
            if usage is not None:
                self.reservation.settle(usage=usage, service=self.service)
            elif self.input_tokens is not None and not progress.needs_usage:
                self.reservation.settle(input_tokens=self.input_tokens, output_tokens=counted, service=self.service)
            else:
                self._lapse()
                return
        except (InvalidAmountError, UnknownModelError):
            self._lapse()
            return
        _log.info("reservation %s: its stream was cut; settled by an estimate of what had come", self.reservation.id)

    def _lapse(self) -> None:
        self.budget.lapse(self.reservation.id)

    def _quietly(self, end: Callable[[], object]) -> None:
        """End without hiding the error, or the answer, that its caller is about to get."""
        try:
            end()
        except Exception as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        _log.warning("reservation %s could not be ended and will lapse: %s", self.reservation.id, error)

    def _not_settled(self, error: Exception) -> ReservationNotSettledError:
        held = self.reservation
        return ReservationNotSettledError(
            f"the call was answered, and cannot be booked: {error}; reservation {held.id!r} still holds "
            f"{held.reserved_usd} USD: end it with budget.settle({held.id!r}, cost=...), "
            f"or it lapses at {held.lapses_at.isoformat()}",
            reservation_id=held.id,
            reason="not settled",
        )


def at_once(end: Callable[[], object]) -> None:
    """End here, unless a garbage collector interrupted this package to do so: it may hold its ledger's locks."""
    if _is_inside_the_package():
        background.later(end)
    else:
        end()


def _is_inside_the_package() -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("coreason_budget.") and not name.startswith("coreason_budget.integrations."):
            return True
        frame = frame.f_back
    return False
