"""The verbs at work: a call becomes amounts and a price, passes the guard, and the hooks are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from attrs import evolve, frozen

from coreason_budget import costs
from coreason_budget.asked import Content
from coreason_budget.calls import Check, Correct, Release, Reserve, Settle, Spend
from coreason_budget.errors import BudgetError, BudgetExceededError, InvalidAmountError, UnknownModelError
from coreason_budget.events.hooks import Chain
from coreason_budget.guard import BudgetGuard
from coreason_budget.ids import check_id
from coreason_budget.ledger.base import Priced
from coreason_budget.limits.uncounted import UncountedTokens
from coreason_budget.model import Amounts, Entry, Subject
from coreason_budget.pricing import PricingEngine
from coreason_budget.standing import Balance, Hold, Receipt, Verdict

T = TypeVar("T")
Price: TypeAlias = Callable[[str | None], Priced]
"""What tells the price of a call from the model that was reserved for."""


class _UnpricedError(BudgetError):
    """A ledger's transaction asks for a price that was not made beforehand."""

    def __init__(self, message: str, *, model: str | None = None) -> None:
        super().__init__(message)
        self.model = model


@frozen
class Verbs:
    """What each verb does, in nanos and by canonical models. Everything is priced before the ledger is asked."""

    pricing: PricingEngine
    guard: BudgetGuard
    events: Chain
    uncounted: UncountedTokens
    prefers_reported: bool

    def check(self, call: Check) -> Verdict:
        """See `BudgetManager.check_availability`."""
        subject = self.named(call.subject)
        asked = costs.asked(self.pricing, call.cost_nanos, call.model, call.input_tokens)
        try:
            verdict = self.guard.check(subject, asked)
        except BudgetExceededError as refusal:
            self.events.refused(subject, refusal, call.VERB)
            raise
        if call.input_tokens is None:
            return verdict
        affordable = costs.affordable(self.pricing, verdict.balances, costs.known(call.model), call.input_tokens, None)
        return evolve(verdict, affordable_output_tokens=affordable)

    def spend(self, call: Spend) -> Receipt:
        """See `BudgetManager.record_spend`."""
        subject, content = self.named(call.subject), call.content()
        priced = self._pricer(call, content)(subject.model)
        if priced.tokens is None:
            self.uncounted.note(self.guard.limits.book, subject)
        receipt = self.guard.charge(
            subject,
            Amounts(priced.nanos, priced.tokens or 0),
            idempotency_key=call.idempotency_key,
            content=call.shared(content),
            memo=call.memo(priced.price),
            cumulative=bool(call.cumulative),
        )
        self.events.booked(receipt)
        return receipt

    def reserve(self, call: Reserve) -> Hold:
        """See `BudgetManager.reserve`."""
        subject, book = self.named(call.subject), self.guard.limits.book
        needs_output = partial(book.counts, subject, ("usd", "tokens"))
        amounts, price = costs.bound(self.pricing, call, needs_output)
        if call.input_tokens is None and call.max_output_tokens is None:
            self.uncounted.check_reserve(book, subject)
        content = call.content()
        content.pop("ttl_s", None)  # The guard puts it there, as it took it.
        try:
            hold = self.guard.reserve(
                subject,
                amounts,
                ttl_s=call.ttl_s,
                idempotency_key=call.idempotency_key,
                content=content,
                memo=call.memo(price),
                fits=self._fits(call),
                book=book,
            )
        except BudgetExceededError as refusal:
            self.events.refused(subject, refusal, call.VERB, call.idempotency_key)
            raise
        self.events.admitted(hold)
        return hold

    def settle(self, call: Settle, entries: Sequence[Entry] = ()) -> Receipt:
        """See `BudgetManager.settle`."""
        try:
            receipt = self._settled(call, tuple(entries))
        except (InvalidAmountError, UnknownModelError) as error:
            _say_that_the_hold_stands(error)
            raise
        self.events.booked(receipt)
        return receipt

    def _settled(self, call: Settle, entries: tuple[Entry, ...]) -> Receipt:
        if call.model is not None:
            check_id(call.model, "model")
        content = call.content_of_cost()
        price = self._pricer(call, content)
        end = partial(
            self.guard.settle,
            call.reservation_id,
            tokens=call.tokens,
            idempotency_key=call.idempotency_key,
            content=content,
            entries=entries,
            memo=call.memo(),
        )
        if call.cost is not None:
            return end(cost=price)
        return _priced_first(price, entries, lambda priced: end(cost=priced))

    def correct(self, call: Correct) -> Receipt:
        """See `BudgetManager.correct`."""
        receipt = self._voided(call) if call.is_void else self._corrected(call)
        self.events.booked(receipt)
        return receipt

    def _voided(self, call: Correct) -> Receipt:
        return self._correct(call)(0, 0, 0, only_up=False)

    def _corrected(self, call: Correct) -> Receipt:
        if call.model is not None:
            check_id(call.model, "model")
        correct, price = self._correct(call), self._pricer(call, call.content_of_cost())
        return _priced_first(price, (), lambda priced: correct(priced, call.tokens, only_up=call.only_up))

    def _correct(self, call: Correct) -> Callable[..., Receipt]:
        return partial(
            self.guard.correct,
            call.booking,
            idempotency_key=call.idempotency_key,
            content=call.content(),
            memo=call.memo(),
        )

    def release(self, call: Release, entries: Sequence[Entry] = ()) -> Receipt:
        """See `BudgetManager.release`."""
        return self.guard.release(call.reservation_id, idempotency_key=call.idempotency_key, entries=tuple(entries))

    def lapse(self, reservation_id: str, entries: Sequence[Entry] = ()) -> Receipt:
        """See `BudgetManager.lapse`."""
        receipt = self.guard.lapse(reservation_id, entries=tuple(entries))
        self.events.booked(receipt)
        return receipt

    def named(self, subject: Subject) -> Subject:
        """Give a subject with its model by the canonical id, which budgets go by."""
        if subject.model is None:
            return subject
        return Subject(subject.user, subject.project, self.pricing.budget_id(subject.model), subject.tags)

    def _pricer(self, call: Spend | Settle | Correct, content: Content) -> Price:
        return costs.pricer(self.pricing, content, call.report, prefer_reported=self.prefers_reported)

    def _fits(self, call: Reserve) -> Callable[[Balance], int] | None:
        """What tells the longest answer that a balance still pays, where the call is priced by its tokens."""
        if call.cost is not None or call.model is None or call.input_tokens is None:
            return None
        return partial(costs.fitting, self.pricing, call.model, call.input_tokens, call.max_output_tokens)


def _say_that_the_hold_stands(error: BudgetError) -> None:
    """Say with what cannot be booked what becomes of the money that is held."""
    error.args = (
        f"{str(error).rstrip('.')}; nothing was booked, and what is held stays held until it is settled (with a cost "
        "or token counts), released, or lapses",
    )


def _priced_first(price: Price, entries: Sequence[Entry], end: Callable[[Price], T]) -> T:
    """End a reservation at a price that is made outside of the ledger's transaction.

    Without the reservation's entries the transaction alone knows the model that was reserved for: it asks, changes
    nothing, and is begun again with the price. So a lock or a watched key never waits for a price file.
    """
    reserved = (entry.account.scope.id for entry in entries if entry.account.scope.kind == "model")
    made = {model: price(model) for model in [next(reserved, None)] if entries}

    def told(model: str | None) -> Priced:
        if model not in made:
            raise _UnpricedError(f"the price of {model} is to be made before the ledger is asked", model=model)
        return made[model]

    while True:
        try:
            return end(told)
        except _UnpricedError as asked:
            model = asked.model
        made[model] = price(model)
