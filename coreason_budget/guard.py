"""BudgetGuard: the budget of every call, on any ledger. It speaks nanos; prices are the manager's."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from coreason_budget.asked import (
    FREE,
    Content,
    check_amounts,
    check_named,
    check_ttl,
    check_units,
    content_of,
    costing,
    digest_of,
    op_id_for,
    whose,
)
from coreason_budget.errors import ConfigError, InvalidIdError
from coreason_budget.ids import MAX_RESERVATION_ID_BYTES, SCOPE_FIELDS, check_id
from coreason_budget.ledger.base import UNPRICED, Charge, Correct, End, Ledger, Outcome, Priced, Refused, Reserve
from coreason_budget.ledger.record import op_id_of
from coreason_budget.ledger.rules import refusal
from coreason_budget.limits import LimitBook, LiveBook
from coreason_budget.model import NO_MEMO, Amounts, Entry, Memo, Subject
from coreason_budget.money import MAX_ACCOUNT
from coreason_budget.refusals import Fits, exceeded
from coreason_budget.standing import Balance, Hold, Receipt, Verdict

# A call of which its caller told nothing, and what it asks for all the same.
_UNTOLD, _LEAST = Amounts(0, 0, 1), Amounts(1, 1, 1)


class BudgetGuard:
    """Checks, reserves and books calls. Thread safe and fork safe, as its ledger is.

    ``content`` of a mutation is what the caller gave, as JSON values by name: the same idempotency key
    with other content is a conflict. Left out, it is the subject and the amounts.

    Args:
        ledger: Where budgets are kept.
        limits: What applies to whom; a `LiveBook` may be given another book while the process runs.
        ttl_s: Seconds until an unsettled reservation lapses, unless it says otherwise.
        on_lapse: ``"charge"`` if a lapsed reservation counts as spent, ``"release"`` if not.
        required_scopes: Kinds that every call must name.
    """

    def __init__(
        self,
        ledger: Ledger,
        limits: LimitBook | LiveBook,
        *,
        ttl_s: float = 600,
        on_lapse: str = "charge",
        required_scopes: Iterable[str] = (),
    ) -> None:
        self.ledger = ledger
        self.limits = limits if isinstance(limits, LiveBook) else LiveBook(limits)
        self._ttl_s = check_ttl(ttl_s)
        if on_lapse not in ("charge", "release"):
            raise ConfigError(f"on_lapse: must be charge or release, not {on_lapse!r}", field="on_lapse")
        self._on_lapse = on_lapse
        self._required = tuple(required_scopes)

    def check(self, subject: Subject, amounts: Amounts | None = None) -> Verdict:
        """Would the call fit now? Advisory: two callers may both be told yes.

        Without ``amounts`` nobody knows what it will cost: it is refused once nothing is left.

        Raises:
            BudgetExceededError: It would not.
            InvalidIdError: A required scope is left out.
            LedgerUnavailableError: No answer; the call must not go ahead.
        """
        self._check_required(subject)
        check_amounts(_UNTOLD if amounts is None else amounts)
        asked = _LEAST if amounts is None else amounts.counted()
        reading = self.ledger.read(self.limits.plan(subject, asked, limited_only=True))
        refused = refusal(reading.entries, reading.standings, reading.now_us)
        if refused is not None:
            raise exceeded(refused, _UNTOLD if amounts is None else amounts)
        return Verdict(reading.entries, reading.standings)

    def charge(
        self,
        subject: Subject,
        amounts: Amounts,
        *,
        idempotency_key: str | None = None,
        content: Content | None = None,
        cumulative: bool = False,
        memo: Memo = UNPRICED,
    ) -> Receipt:
        """Book what a call cost, in full, also past its limits. ``memo`` is kept beside it.

        With ``cumulative`` the amounts are what it came to so far: the same key and subject may come again with
        others, in any order, and booked is the most of them. ``content`` then tells whose call it is, no amounts.

        Raises:
            IdempotencyConflictError: The key was used for another call.
            InvalidIdError: Cumulative without a key.
            OutcomeUnknownError: Sent, not answered; repeat with its ``op_id`` as the key.
        """
        self._check_required(subject)
        check_amounts(amounts)
        op_id, keep_us = op_id_for(idempotency_key)
        if cumulative:
            check_named(idempotency_key)
            content = {**(content or whose(subject)), "cumulative": True}
        digest = digest_of("charge", content if content is not None else content_of(subject, amounts))
        plan = self.limits.plan(subject, amounts)
        return receipt_of(op_id, self.ledger.charge(Charge(op_id, digest, plan, amounts, keep_us, memo, cumulative)))

    def reserve(
        self,
        subject: Subject,
        amounts: Amounts,
        *,
        ttl_s: float | None = None,
        idempotency_key: str | None = None,
        content: Content | None = None,
        memo: Memo = UNPRICED,
        fits: Fits | None = None,
        book: LimitBook | None = None,
    ) -> Hold:
        """Hold an upper bound of a call's cost on every limited account, or on none.

        Atomic for every caller sharing this ledger. ``ttl_s`` is at most 24 h, ``memo`` is kept beside it; ``fits``
        tells a call that is larger than a whole limit which answer would fit. ``book`` is the one that the
        amounts were made for, else the one in force.

        Raises:
            BudgetExceededError: It does not fit; nothing was held.
            ReservationError: The key's reservation has ended; the error says how.
            IdempotencyConflictError: The key was used for another call.
            OutcomeUnknownError: Sent, not answered; repeat with its ``op_id`` as the key.
        """
        self._check_required(subject)
        check_amounts(amounts)
        ttl_s = None if ttl_s is None else check_ttl(ttl_s)
        op_id, keep_us = op_id_for(idempotency_key)
        content = content if content is not None else content_of(subject, amounts)
        digest = digest_of("reserve", {**content, "ttl_s": ttl_s})
        told, amounts = amounts, amounts.counted()
        request = Reserve(
            op_id,
            digest,
            (book or self.limits).plan(subject, amounts),
            amounts,
            keep_us,
            op_id if idempotency_key is None else f"{secrets.token_hex(16)}.{op_id}",
            int((self._ttl_s if ttl_s is None else ttl_s) * 1_000_000),
            self._on_lapse,
            memo,
        )
        outcome = self.ledger.reserve(request)
        if isinstance(outcome, Refused):
            raise exceeded(outcome, told, fits)
        record = outcome.record
        return Hold(
            record.entries,
            outcome.standings,
            record.reservation_id,
            op_id,
            record.amounts,
            record.lapses_us,
            outcome.replayed,
        )

    def settle(
        self,
        reservation_id: str,
        cost: int | Callable[[str | None], int | Priced],
        tokens: int | None = None,
        *,
        idempotency_key: str | None = None,
        content: Content | None = None,
        entries: tuple[Entry, ...] = (),
        memo: Memo = NO_MEMO,
    ) -> Receipt:
        """End a reservation with what the call really cost, in full, also past its limits.

        ``cost`` is in nanos, or tells them from the model that the reservation names (and then
        wants ``content``); `Priced` ones tell the journal what priced them. Tokens that are not named are
        booked as they were reserved. ``entries`` are the reservation's own, where the caller still
        has them: they save Redis a round trip.

        Raises:
            ReservationError: There is no such reservation, or it has ended another way.
            IdempotencyConflictError: The key was used for another call.
            OutcomeUnknownError: Sent, not answered; repeat the same call.
        """
        if not callable(cost):
            content = content if content is not None else {"cost_nanos": cost, "tokens": tokens}
        cost = costing(cost, tokens)
        return self._end("settle", reservation_id, idempotency_key, content, entries, cost, tokens, memo)

    def release(
        self, reservation_id: str, *, idempotency_key: str | None = None, entries: tuple[Entry, ...] = ()
    ) -> Receipt:
        """End a reservation and book nothing. Raises as `settle` does."""
        return self._end("release", reservation_id, idempotency_key, None, entries)

    def lapse(self, reservation_id: str, *, entries: tuple[Entry, ...] = ()) -> Receipt:
        """End a reservation now as its lapse would end it; a later settle corrects that."""
        return self._end("lapse", reservation_id, None, None, entries)

    def correct(
        self,
        booking: str,
        cost: int | Callable[[str | None], int | Priced],
        tokens: int | None = None,
        requests: int | None = None,
        *,
        only_up: bool = True,
        idempotency_key: str | None = None,
        content: Content | None = None,
        memo: Memo = NO_MEMO,
    ) -> Receipt:
        """Correct what is booked under an op id, by a settle's own key or for a reservation: books the difference.

        ``cost`` as in `settle`; tokens and requests that are not named stay. With ``only_up`` nothing is lowered:
        each unit comes to the most of what stands and what is told. Without a key, a made one is in the receipt.

        Raises:
            ReservationError: Nothing is booked there (any more), or it is a reservation that was not settled.
            IdempotencyConflictError: The key was used for another call.
            OutcomeUnknownError: Sent, not answered; repeat with its ``op_id`` as the key.
        """
        check_id(booking, "booking", MAX_RESERVATION_ID_BYTES)
        op_id, keep_us = op_id_for(idempotency_key)
        if not callable(cost):
            content = content if content is not None else {"cost_nanos": cost, "tokens": tokens}
        if requests is not None:
            check_units(requests, MAX_ACCOUNT, "requests")
        cost = costing(cost, tokens)
        given = {**(content or {}), "booking": booking, "requests": requests, "lower": None if only_up else True}
        digest = digest_of("correct", given)
        request = Correct(op_id, digest, booking, cost, keep_us, tokens, requests, only_up, memo)
        return receipt_of(op_id, self.ledger.correct(request))

    def usage(self, subject: Subject) -> tuple[Balance, ...]:
        """Where every account of a subject stands, narrowest scope first."""
        reading = self.ledger.read(self.limits.plan(subject, Amounts()))
        return Verdict(reading.entries, reading.standings).balances

    def _end(
        self,
        verb: str,
        reservation_id: str,
        key: str | None,
        content: Content | None,
        entries: tuple[Entry, ...],
        cost: Callable[[str | None], int | Priced] = FREE,
        tokens: int | None = None,
        memo: Memo = NO_MEMO,
    ) -> Receipt:
        check_id(reservation_id, "reservation_id", MAX_RESERVATION_ID_BYTES)
        if key is not None and check_id(key, "idempotency_key") == op_id_of(reservation_id):
            key = None
        digest = digest_of(verb, {**(content or {}), "reservation_id": reservation_id})
        outcome = self.ledger.end(End(verb, reservation_id, key, digest, cost, tokens, entries, content, memo))
        return receipt_of(key or outcome.record.op_id, outcome)

    def _check_required(self, subject: Subject) -> None:
        for kind in self._required:
            if not any(scope.kind == kind for scope in subject.scopes):
                field = SCOPE_FIELDS.get(kind, f"tags.{kind}")
                raise InvalidIdError(f"{field}: every call must name its {kind} (required_scopes)", field=field)


def receipt_of(op_id: str, outcome: Outcome) -> Receipt:
    """What a mutation did, as its caller gets it."""
    record, before = outcome.record, outcome.before
    status, amounts = record.state or "recorded", record.told
    if before is not None:
        status, amounts = "unchanged" if record.total == before else "corrected", record.total
    return Receipt(
        record.entries,
        outcome.standings,
        op_id,
        status,
        amounts,
        outcome.replayed,
        record.late,
        record.reservation_id or None,
        before,
        record.memo.reference or None,
    )
