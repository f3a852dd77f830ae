"""The verbs of `BudgetManager` for what is held or booked already: settle, release, lapse, correct."""

from __future__ import annotations

from typing import cast

from coreason_budget.calls import Correct, Release, Settle
from coreason_budget.inputs import UsageObject
from coreason_budget.model import Entry
from coreason_budget.money import Usd
from coreason_budget.pricing.price import STANDARD
from coreason_budget.standing import Receipt
from coreason_budget.verbs import Verbs


class Ending:
    """What takes the id of a reservation or a booking, and not whose call it was."""

    _verbs: Verbs

    def settle(
        self,
        reservation_id: str,
        cost: Usd | None = None,
        *,
        usage: object = None,
        model: str | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        service: str = STANDARD,
        reference: str | None = None,
        idempotency_key: str | None = None,
        entries: tuple[Entry, ...] = (),
    ) -> Receipt:
        """End a reservation with what the call really cost, in full.

        Args:
            reservation_id: As the reserve gave it.
            cost: USD; or
            usage: The provider's whole answer, or its usage alone, which tells no service tier and no tools; or
            input_tokens: With ``output_tokens``, the counts.
            output_tokens: See there.
            model: What prices usage or counts, if not the model that was reserved for. The one that an answer
                names prices it, where that is another.
            service: What was billed where the answer does not say: ``batch``, ``flex``, ``priority``, ...
            reference: A name of your own for it, of 1 to 128 bytes: booked, logged and exported with it.
            idempotency_key: A key of its own; else the reservation's.
            entries: The reservation's accounts, where a handle still has them.

        Raises:
            ReservationError: Unknown, or already ended another way; nothing was changed.
            OutcomeUnknownError: Sent, not answered: repeat the same call.
            UnknownModelError: No price for the model; nothing was changed.
            LedgerUnavailableError, IdempotencyConflictError, InvalidAmountError, InvalidIdError: As elsewhere.
        """
        call = Settle(
            reservation_id=reservation_id,
            cost=cost,
            usage=cast("UsageObject | None", usage),
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            service=service,
            reference=reference,
            idempotency_key=idempotency_key,
        )
        return self._verbs.settle(call, entries)

    def release(
        self, reservation_id: str, *, idempotency_key: str | None = None, entries: tuple[Entry, ...] = ()
    ) -> Receipt:
        """End a reservation and book nothing: the call did not happen. Raises as `settle` does."""
        return self._verbs.release(Release(reservation_id=reservation_id, idempotency_key=idempotency_key), entries)

    def correct(
        self,
        booking: str,
        cost: Usd | None = None,
        *,
        usage: object = None,
        model: str | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        service: str = STANDARD,
        only_up: bool = True,
        void: bool = False,
        reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Correct what was booked: books the difference, once, in the accounts and windows it was booked in.

        While the booking is remembered: 24 h after it was last changed, 1 h where its key was a made one. A
        reservation has to be settled before; a lapsed one is corrected by its late settle.

        Args:
            booking: The key of a charge, of a settle or of a settled reservation (`Receipt.op_id`), or the
                reservation's id.
            cost: USD that it should be; or
            usage: The provider's whole answer, or its usage; or
            input_tokens: With ``output_tokens``, the counts. What nobody tells stays as it is.
            output_tokens: See there.
            model: What prices usage or counts, if not the model that it was booked for.
            service: What was billed where the answer does not say: ``batch``, ``flex``, ``priority``, ...
            only_up: Each unit comes to the most of what stands and what is told; False lets it be lowered.
            void: The call never was: nothing of it stays booked, no token and no request. Takes no cost.
            reference: A name of your own for the correction, as a ticket's; else the booking's.
            idempotency_key: The same key and correction counts once, for 24 h.

        Returns:
            What stands booked now, ``before``, and ``difference_usd``; its status is ``unchanged`` if it stood
            at that already.

        Raises:
            ReservationError: Nothing is booked there, or no more, or by a reservation that was not settled.
            OutcomeUnknownError: Sent, not answered: repeat with ``idempotency_key=error.op_id``.
            LedgerUnavailableError: Nothing was changed. An outbox keeps no correction.
            UnknownModelError, IdempotencyConflictError, InvalidAmountError, InvalidIdError: As elsewhere.
        """
        return self._verbs.correct(
            Correct(
                booking=booking,
                cost=cost,
                usage=cast(UsageObject | None, usage),
                model=model,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                service=service,
                only_up=only_up,
                void=void,
                reference=reference,
                idempotency_key=idempotency_key,
            )
        )

    def lapse(self, reservation_id: str, *, entries: tuple[Entry, ...] = ()) -> Receipt:
        """End a reservation now as its lapse would end it; a later settle corrects that."""
        return self._verbs.lapse(reservation_id, entries)
