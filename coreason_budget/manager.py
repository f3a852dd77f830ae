"""BudgetManager: the front door. Every verb, in USD."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, cast, overload

from coreason_budget import costs
from coreason_budget.asking import Asking
from coreason_budget.assembly import assemble
from coreason_budget.calls import CALLS, Call, Check, Correct, Release, Reserve, Settle, Spend
from coreason_budget.config import BudgetConfig
from coreason_budget.ending import Ending
from coreason_budget.events.hooks import Hooks
from coreason_budget.former import FormerNames
from coreason_budget.guarded import guarded
from coreason_budget.inputs import UsageObject
from coreason_budget.ledger import Backend
from coreason_budget.ledger.base import Clock
from coreason_budget.money import Usd
from coreason_budget.payer import Tags, acting_for, bind, paying
from coreason_budget.pricing.price import STANDARD
from coreason_budget.reservation import Reservation, exception_types
from coreason_budget.standing import Receipt, Verdict

if TYPE_CHECKING:
    from coreason_budget.books.front import BudgetBooks
    from coreason_budget.threads import Threads

_log = logging.getLogger("coreason_budget")
_log.addHandler(logging.NullHandler())


class BudgetManager(Asking, Ending, FormerNames):
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
    def perform(self, call: Check) -> Verdict: ...
    @overload
    def perform(self, call: Reserve) -> Reservation: ...
    @overload
    def perform(self, call: Spend | Settle | Release | Correct) -> Receipt: ...
    def perform(self, call: Call) -> Verdict | Receipt | Reservation:
        """Run a call that was made as a value: what the methods below do with what they are given.

        Raises:
            BudgetError: As the method of the verb.
            TypeError: It is none of `calls.CALLS`.
        """
        if isinstance(call, Reserve):
            return self._reserved(call)
        if not isinstance(call, CALLS):
            allowed = ", ".join(verb.__name__ for verb in CALLS)
            raise TypeError(f"call: must be one of {allowed}, not {type(call).__name__}")
        return cast("Verdict | Receipt", getattr(self._verbs, call.VERB)(call))

    acting_for = staticmethod(acting_for)
    bind = staticmethod(bind)
    guarded = guarded

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
