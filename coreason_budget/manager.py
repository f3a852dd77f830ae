"""BudgetManager: the front door. Every verb, in USD."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast, overload

from coreason_budget import costs
from coreason_budget.assembly import assemble
from coreason_budget.calls import Call, Check, Correct, Release, Reserve, Settle, Spend
from coreason_budget.config import BudgetConfig
from coreason_budget.errors import BudgetExceededError
from coreason_budget.events.hooks import Hooks
from coreason_budget.former import FormerNames
from coreason_budget.guarded import guarded
from coreason_budget.inputs import UsageObject
from coreason_budget.ledger import Backend
from coreason_budget.ledger.base import Clock
from coreason_budget.model import Amounts, Entry, Subject
from coreason_budget.money import Usd
from coreason_budget.payer import acting_for, bind, paying
from coreason_budget.pricing.price import STANDARD
from coreason_budget.reservation import Reservation, exception_types
from coreason_budget.standing import Balance, Receipt, Verdict

if TYPE_CHECKING:
    from coreason_budget.books.front import BudgetBooks
    from coreason_budget.threads import Threads

_log = logging.getLogger("coreason_budget")
_log.addHandler(logging.NullHandler())

Tags = Mapping[str, str]


class BudgetManager(FormerNames):
    """Budgets for a whole application: check, reserve and book LLM calls in USD.

    One manager serves every thread, and may be made before or after a fork. Every method fails
    closed: an error means that the call must not go ahead.

    Args:
        config: The settings; left out, they come from the environment and `.env`.
        ledger: A ledger of one's own, instead of the one that the settings name.
        clock: For tests: the ledger's time (microseconds since the epoch) -> the time to use.
        hooks: What to run after a decision, beside the log events.

    Raises:
        ConfigError: A setting, limits file or price file that cannot be used.
    """

    def __init__(
        self,
        config: BudgetConfig | None = None,
        *,
        ledger: Backend | None = None,
        clock: Clock | None = None,
        hooks: Iterable[Hooks] = (),
    ) -> None:
        parts = assemble(config if config is not None else BudgetConfig(), ledger, clock, hooks)
        self.config, self.pricing, self.guard = parts.config, parts.pricing, parts.guard
        self.ledger, self.outbox, self._url = parts.ledger, parts.outbox, parts.url
        self._verbs = parts.verbs

    @overload
    def run(self, call: Check) -> Verdict: ...
    @overload
    def run(self, call: Reserve) -> Reservation: ...
    @overload
    def run(self, call: Spend | Settle | Release | Correct) -> Receipt: ...
    def run(self, call: Call) -> Verdict | Receipt | Reservation:
        """Run a call that was made as a value: what the methods below do with what they are given.

        Raises:
            BudgetError: As the method of the verb.
            TypeError: It is none of `calls.CALLS`.
        """
        match call:
            case Check():
                return self._verbs.check(call)
            case Spend():
                return self._verbs.spend(call)
            case Reserve():
                return self._reserved(call)
            case Settle():
                return self._verbs.settle(call)
            case Release():
                return self._verbs.release(call)
            case Correct():
                return self._verbs.correct(call)
        raise TypeError(f"call: must be a Check, Spend, Reserve, Settle, Release or Correct, not {type(call).__name__}")

    acting_for = staticmethod(acting_for)
    bind = staticmethod(bind)
    guarded = guarded

    def check_availability(
        self,
        user_id: str | None = None,
        project_id: str | None = None,
        estimated_cost: Usd | None = None,
        *,
        model: str | None = None,
        tags: Tags | None = None,
        input_tokens: int | None = None,
    ) -> Verdict:
        """Ask whether a call would fit now. Advisory: only `reserve` holds what it promises.

        With a model and its input the verdict also says how long the answer may be; the call must then be
        able to pay its input at least. Both are of one look at the ledger.

        Args:
            user_id: Who calls; needed, here or by `acting_for`.
            project_id: For what.
            estimated_cost: USD; a call without an estimate is refused once nothing is left, one that costs
                0 by no limit in USD.
            model: The model, for budgets by model.
            tags: Further scopes, kind to id.
            input_tokens: Of the prompt, an upper bound; wants ``model``.

        Raises:
            BudgetExceededError: It would not fit; says which budget, and when to come back.
            LedgerUnavailableError: The budget could not be checked.
            UnknownModelError: No price for the model whose tokens are asked for.
            InvalidAmountError, InvalidIdError: A bad input; nothing was asked.
        """
        return self._verbs.check(
            Check(**paying(user_id, project_id, model, tags), estimated_cost=estimated_cost, input_tokens=input_tokens)
        )

    def affordable_output_tokens(
        self,
        user_id: str | None = None,
        project_id: str | None = None,
        *,
        model: str,
        input_tokens: int,
        max_output_tokens: int | None = None,
        tags: Tags | None = None,
    ) -> int:
        """Give the largest ``max_output_tokens`` that a reserve of this call would still admit now.

        Every limit of the call counts, in USD, tokens and requests. Advisory, as a check: what others
        reserve in between is gone.

        Args:
            user_id: Who calls; needed, here or by `acting_for`.
            project_id: For what.
            model: The model.
            input_tokens: Of the prompt, an upper bound.
            max_output_tokens: What the caller would like at most; the model's own limit by default.
            tags: Further scopes, kind to id.

        Returns:
            0 where nothing fits; `reserve` then says what is in the way.

        Raises:
            UnknownModelError: No price for the model.
            LedgerUnavailableError, InvalidAmountError, InvalidIdError: As `check_availability`.
        """
        check = Check(**paying(user_id, project_id, model, tags))
        subject = self._verbs.named(check.subject)
        wish = costs.affordable(self.pricing, (), model, input_tokens, max_output_tokens)
        try:
            balances = self.guard.check(subject, Amounts()).balances
        except BudgetExceededError:
            return 0
        return costs.affordable(self.pricing, balances, model, input_tokens, wish)

    def record_spend(
        self,
        user_id: str | None = None,
        cost: Usd | None = None,
        project_id: str | None = None,
        model: str | None = None,
        *,
        tags: Tags | None = None,
        usage: object = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        service: str = STANDARD,
        reference: str | None = None,
        cumulative: bool = False,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Book what a call cost, in full, also past its limits.

        A stream or an agent's log may tell the same answer several times, partial counts first. Report each with
        ``cumulative=True`` and one key for the answer: what is booked is the most of all reports, unit by unit, in
        whatever order they come, on the accounts of the first.

        Args:
            user_id: Who called; needed, here or by `acting_for`.
            cost: USD; or
            usage: The provider's whole answer, or its usage alone, which tells no service tier and no tools; or
            input_tokens: With ``output_tokens``, the counts. Beside a cost they count towards limits in tokens.
            output_tokens: See there.
            project_id: For what.
            model: The model. The one that an answer names prices it, where that is another.
            tags: Further scopes, kind to id.
            service: What was billed where the answer does not say: ``batch``, ``flex``, ``priority``, ...
            reference: A name of your own for it, of 1 to 128 bytes: booked, logged and exported with it.
            cumulative: This is what the call came to so far; needs a key.
            idempotency_key: The same key and call counts once, for 24 h.

        Raises:
            OutcomeUnknownError: Sent, not answered: repeat with ``idempotency_key=error.op_id``.
            LedgerUnavailableError: Not booked.
            IdempotencyConflictError: The key stands for another call.
            UnknownModelError: No price for the model.
            InvalidAmountError, InvalidIdError: A bad input; nothing was booked.
        """
        return self._verbs.spend(
            Spend(
                **paying(user_id, project_id, model, tags, usage),
                cost=cost,
                usage=cast("UsageObject | None", usage),
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                service=service,
                reference=reference,
                cumulative=cumulative,
                idempotency_key=idempotency_key,
            )
        )

    def reserve(
        self,
        user_id: str | None = None,
        cost: Usd | None = None,
        project_id: str | None = None,
        model: str | None = None,
        *,
        tags: Tags | None = None,
        input_tokens: int | None = None,
        max_output_tokens: int | None = None,
        ttl_s: float | None = None,
        reference: str | None = None,
        release_on: type[BaseException] | tuple[type[BaseException], ...] = (),
        idempotency_key: str | None = None,
    ) -> Reservation:
        """Hold an upper bound of a call's cost until it is settled.

        Args:
            user_id: Who calls; needed, here or by `acting_for`.
            cost: USD, an upper bound. Left out, ``model``, ``input_tokens`` and
                ``max_output_tokens`` (or the model's own output limit) give one. No output limit is needed
                where the call falls under limits in requests alone.
            project_id: For what.
            model: The model.
            tags: Further scopes, kind to id.
            input_tokens: Of the prompt, an upper bound. A limit in tokens needs them, also beside a cost.
            max_output_tokens: What the call is limited to.
            ttl_s: Seconds until it lapses, at most 24 h; a setting by default.
            reference: A name of your own for it, of 1 to 128 bytes: booked, logged and exported with it.
            release_on: Exceptions after which the call surely was not billed.
            idempotency_key: The same key and call is the same reservation, while it is open.

        Raises:
            BudgetExceededError: It does not fit; nothing is held.
            OutcomeUnknownError: Sent, not answered: repeat with ``idempotency_key=error.op_id``.
            LedgerUnavailableError: Nothing is held.
            ReservationError: The key's reservation has ended.
            IdempotencyConflictError: The key stands for another call.
            UnknownModelError: No price for the model.
            InvalidAmountError, InvalidIdError: A bad input; nothing is held.
            TypeError: ``release_on`` is not of exception classes; nothing is held.
        """
        surely_unbilled = exception_types(release_on)
        call = Reserve(
            **paying(user_id, project_id, model, tags),
            cost=cost,
            input_tokens=input_tokens,
            max_output_tokens=max_output_tokens,
            ttl_s=ttl_s,
            reference=reference,
            idempotency_key=idempotency_key,
        )
        return self._reserved(call, surely_unbilled)

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
        return self.run(
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

    def usage(
        self,
        user_id: str | None = None,
        project_id: str | None = None,
        model: str | None = None,
        tags: Tags | None = None,
    ) -> tuple[Balance, ...]:
        """Where every account of these scopes and of the whole stands."""
        return self.guard.usage(self._verbs.named(Subject.of(user_id, project_id, model, tags)))

    @property
    def books(self) -> BudgetBooks:
        """What an operator asks: reservations, the journal, an audit, how the ledger stands, what waits."""
        from coreason_budget.books.front import BudgetBooks

        return BudgetBooks(self.ledger, self.config, self._url, self.outbox)

    def close(self) -> None:
        """Give the ledger's connections back."""
        self.ledger.close()

    @property
    def threads(self) -> Threads | None:
        """What `coreason_budget.aio` and decorated coroutines run its calls in; None where they wait for nothing."""
        from coreason_budget.threads import threads_for

        return threads_for(self, self.ledger.name, on_disk=self.outbox is not None)

    def _reserved(self, call: Reserve, release_on: tuple[type[BaseException], ...] = ()) -> Reservation:
        return Reservation(self, self._verbs.reserve(call), release_on, partial(costs.produced, self.pricing, call))
