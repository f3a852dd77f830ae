"""Spend as the outbox keeps it: the very request that could not be sent, with its op id and digest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from attrs import frozen

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ledger.base import GIVEN, Charge, End, Priced
from coreason_budget.ledger.record import HOUR_US, KEEP_CALLERS_US, op_id_of
from coreason_budget.limits import LiveBook
from coreason_budget.model import Amounts, Entry, Scope, Subject

CHARGE, SETTLE = "charge", "settle"
WAITING, DOUBTFUL, FAILED = "waiting", "doubtful", "failed"
# An hour less than a ledger remembers an op id: its clock need not be this host's.
_SURE_US = KEEP_CALLERS_US - HOUR_US
_BUILT_IN = ("user", "project", "model")

Pricer = Callable[[Any], Callable[[str | None], int | Priced]]
"""The content of a settle -> what tells its cost from the reservation's model, in nanos."""


@frozen
class Spend:
    """A charge or a settle.

    ``usd_nanos`` is None where only the reservation's own record can tell the price; then
    ``content`` is what to price. ``scopes`` are those it counts against while it waits, empty for a
    settle that named its reservation alone: what that holds in the ledger counts for it.
    """

    verb: str
    op_id: str
    digest: str
    scopes: tuple[str, ...]
    usd_nanos: int | None
    tokens: int | None
    requests: int
    reservation_id: str = ""
    has_key: bool = False
    content: object = None
    price: str = GIVEN

    @classmethod
    def of(cls, request: Charge | End, now_us: int) -> Spend:
        """What to keep of a request."""
        if isinstance(request, Charge):
            amounts = request.amounts
            scopes = _scopes(request.plan(now_us))
            counts = (amounts.usd_nanos, amounts.tokens, amounts.requests)
            return cls(CHARGE, request.op_id, request.digest, scopes, *counts, price=request.price)
        scopes = _scopes(request.entries)
        cost = _cost(request, next((s.id for s in map(Scope.parse, scopes) if s.kind == "model"), None))
        return cls(
            SETTLE,
            request.op_id or op_id_of(request.reservation_id),
            request.digest,
            scopes,
            None if cost is None else cost.nanos,
            request.tokens if cost is None or cost.tokens is None else cost.tokens,
            1,
            request.reservation_id,
            request.op_id is not None,
            request.content if cost is None else None,
            GIVEN if cost is None else cost.price,
        )

    def charge(self, limits: LiveBook) -> Charge:
        """The charge again. It is booked in the windows of the time at which it arrives."""
        amounts = Amounts(self.usd_nanos or 0, self.tokens or 0, self.requests)
        plan = limits.plan(_subject(self.scopes), amounts)
        return Charge(self.op_id, self.digest, plan, amounts, KEEP_CALLERS_US, self.price)

    def end(self, pricer: Pricer) -> End:
        """The settle again."""
        nanos = self.usd_nanos
        cost = pricer(self.content) if nanos is None else lambda model: Priced(nanos, self.price)
        return End(SETTLE, self.reservation_id, self.op_id if self.has_key else None, self.digest, cost, self.tokens)


def _cost(request: End, model: str | None) -> Priced | None:
    """What a settle books, if that is known without its reservation's record."""
    # Whatever pricing has against it is found again, and shown, when it is sent.
    with suppress(Exception):
        cost = request.cost(model)
        return cost if isinstance(cost, Priced) else Priced(cost)
    return None


def _scopes(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(e.account.scope) for e in entries))


def _subject(scopes: Iterable[str]) -> Subject:
    ids = {scope.kind: scope.id for scope in map(Scope.parse, scopes) if scope.id}
    user, project, model = (ids.pop(kind, None) for kind in _BUILT_IN)
    return Subject(user, project, model, tuple(sorted(ids.items())))


@frozen
class Queued:
    """Spend in the outbox, and how it stands.

    Attributes:
        id: Its place: a smaller one is delivered before.
        state: ``waiting``; ``doubtful`` if it may be booked already and the ledger has forgotten
            by now whether it is; ``failed`` if the ledger will never take it.
        reason: Why it is doubtful or failed.
        queued_us: When it came here, by this host's clock.
        sent_us: When it may first have reached the ledger, None if it surely never did.
    """

    id: int
    op_id: str
    state: str
    reason: str
    queued_us: int
    sent_us: int | None
    body: str

    @property
    def spend(self) -> Spend:
        """What is to be booked.

        Raises:
            LedgerCorruptError: The outbox holds what this library did not write.
        """
        return decode(self.op_id, self.body)

    def is_forgotten(self, now_us: int) -> bool:
        """Whether it may have been booked so long ago that sending it again could book it twice."""
        if self.sent_us is None:
            return False
        # A clock that went back far tells no age.
        return not -HOUR_US <= now_us - self.sent_us <= _SURE_US


def encode(spend: Spend) -> str:
    """Spend as compact JSON, without its op id."""
    fields: dict[str, Any] = {
        "verb": spend.verb,
        "digest": spend.digest,
        "scopes": spend.scopes,
        "amounts": (spend.usd_nanos, spend.tokens, spend.requests),
        "price": spend.price,
    }
    if spend.verb == SETTLE:
        fields |= {"id": spend.reservation_id, "has_key": spend.has_key, "content": spend.content}
    return json.dumps(fields, separators=(",", ":"))


def decode(op_id: str, text: str) -> Spend:
    """Read spend back.

    Raises:
        LedgerCorruptError: It is none.
    """
    try:
        fields = json.loads(text)
        verb, scopes = fields["verb"], tuple(fields["scopes"])
        nanos, tokens, requests = fields["amounts"]
        if verb not in (CHARGE, SETTLE) or not all(isinstance(scope, str) for scope in scopes):
            raise ValueError("neither a charge nor a settle")
        if any(type(count) is not int for count in (nanos, tokens, requests) if count is not None):
            raise ValueError("an amount is not a whole number")
        counts, price = (nanos, tokens, requests), str(fields["price"])
        if verb == CHARGE:
            return Spend(verb, op_id, fields["digest"], scopes, *counts, price=price)
        settle = (fields["id"], fields["has_key"], fields["content"])
        return Spend(verb, op_id, fields["digest"], scopes, *counts, *settle, price=price)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerCorruptError(f"the outbox's entry of op id {op_id!r} cannot be read: {error}") from error
