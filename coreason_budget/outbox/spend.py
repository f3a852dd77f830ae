"""Spend as the outbox keeps it: the very request that could not be sent, with its op id and digest.

Its text is compact JSON, its fields by name:

======  ==================  =============================================================================
name    field               holds
======  ==================  =============================================================================
``v``   ``verb``            ``charge``, ``cumulate`` (a cumulative charge) or ``settle``
``d``   ``digest``          what the caller gave, hashed
``s``   ``scopes``          what it counts against while it waits
``a``   amounts             ``u`` nano-USD, ``t`` tokens, ``r`` requests; one that is not known is left out
``p``   ``memo.price``      what priced it
``r``   ``memo.reference``  the caller's own name for it
``i``   ``reservation_id``  the reservation of a settle
``k``   ``has_key``         the settle had a key of its own
``c``   ``content``         what the caller gave, where only the reservation's record can tell the price
``n``   ``needs``           the oldest schema that may deliver it; left out: any that reads it
======  ==================  =============================================================================

What this version does not know stays as it is and waits for one that does: a verb, or a body that needs a newer schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from attrs import evolve, frozen

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ids import SCOPE_FIELDS
from coreason_budget.ledger import named
from coreason_budget.ledger.base import GIVEN, UNPRICED, Charge, End, Priced
from coreason_budget.ledger.record import HOUR_US, KEEP_CALLERS_US, op_id_of
from coreason_budget.limits import LiveBook
from coreason_budget.model import Amounts, Entry, Memo, Scope, Subject

CHARGE, CUMULATE, SETTLE = "charge", "cumulate", "settle"
WAITING, DOUBTFUL, FAILED = "waiting", "doubtful", "failed"
# An hour less than a ledger remembers an op id: its clock need not be this host's.
_SURE_US = KEEP_CALLERS_US - HOUR_US
_NAMES = frozenset("vdsaikcn") | named.MEMO.keys()

Pricer = Callable[[Any], Callable[[str | None], int | Priced]]
"""The content of a settle -> what tells its cost from the reservation's model, in nanos."""


@frozen
class Kept:
    """A charge or a settle.

    ``usd_nanos`` is None where only the reservation's own record can tell the price; then
    ``content`` is what to price. ``scopes`` are those it counts against while it waits, empty for a
    settle that named its reservation alone: what that holds in the ledger counts for it. ``more`` is what a
    later version wrote beside all that, as JSON.
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
    content: Mapping[str, object] | None = None
    memo: Memo = UNPRICED
    needs: int = 0
    more: str = ""

    @property
    def is_known(self) -> bool:
        """Whether this version can deliver it."""
        return self.verb in (CHARGE, CUMULATE, SETTLE) and self.needs <= named.SCHEMA

    @classmethod
    def of(cls, request: Charge | End, now_us: int) -> Kept:
        """What to keep of a request."""
        if isinstance(request, Charge):
            amounts = request.amounts
            scopes = _scopes(request.plan(now_us))
            counts = (amounts.usd_nanos, amounts.tokens, amounts.requests)
            verb = CUMULATE if request.cumulative else CHARGE
            return cls(verb, request.op_id, request.digest, scopes, *counts, memo=request.memo)
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
            evolve(request.memo, price=GIVEN if cost is None else cost.price),
        )

    def charge(self, limits: LiveBook) -> Charge:
        """The charge again. It is booked in the windows of the time at which it arrives."""
        amounts = Amounts(self.usd_nanos or 0, self.tokens or 0, self.requests)
        plan = limits.plan(_subject(self.scopes), amounts)
        cumulative = self.verb == CUMULATE
        return Charge(self.op_id, self.digest, plan, amounts, KEEP_CALLERS_US, self.memo, cumulative)

    def raised(self, waiting: Kept) -> Kept:
        """What is to be booked where ``waiting`` waits as the same call: of a cumulative charge the most of both."""
        if self.verb != CUMULATE:
            return waiting
        dearer = self if (self.usd_nanos or 0) > (waiting.usd_nanos or 0) else waiting
        tokens = max(self.tokens or 0, waiting.tokens or 0)
        return evolve(dearer, tokens=tokens, requests=max(self.requests, waiting.requests))

    def end(self, pricer: Pricer) -> End:
        """The settle again."""
        nanos = self.usd_nanos
        cost = pricer(self.content) if nanos is None else lambda model: Priced(nanos, self.memo.price)
        key = self.op_id if self.has_key else None
        return End(SETTLE, self.reservation_id, key, self.digest, cost, self.tokens, memo=self.memo)


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
    built_in: dict[str, Any] = {kind: ids.pop(kind, None) for kind in SCOPE_FIELDS}
    return Subject(**built_in, tags=tuple(sorted(ids.items())))


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
    def spend(self) -> Kept:
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


def encode(spend: Kept) -> str:
    """Spend as compact JSON, without its op id."""
    return named.encode(fields_of(spend))


def fields_of(spend: Kept) -> dict[str, Any]:
    """Spend by name, without its op id."""
    counts = {"u": spend.usd_nanos, "t": spend.tokens, "r": spend.requests}
    fields: dict[str, Any] = {
        "v": spend.verb,
        "d": spend.digest,
        "s": spend.scopes,
        "a": {name: count for name, count in counts.items() if count is not None},
        **named.memo_fields(spend.memo),
        "i": spend.reservation_id,
        "k": spend.has_key,
        "n": spend.needs,
    }
    fields = {name: value for name, value in fields.items() if value}
    if spend.content is not None:
        fields["c"] = spend.content
    return fields | (json.loads(spend.more) if spend.more else {})


def decode(op_id: str, stored: str) -> Kept:
    """Read spend back.

    Raises:
        LedgerCorruptError: It is none.
    """
    try:
        return read_fields(op_id, json.loads(stored))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerCorruptError(f"the outbox's entry of op id {op_id!r} cannot be read: {error}") from error


def read_fields(op_id: str, fields: dict[str, Any]) -> Kept:
    """Read spend back by its names.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: It is none.
    """
    amounts = {name: named.whole(count) for name, count in fields.get("a", {}).items() if name in named.AMOUNTS}
    return Kept(
        named.text(fields["v"]),
        op_id,
        named.text(fields["d"]),
        tuple([named.text(scope) for scope in fields.get("s", ())]),
        amounts.get("u"),
        amounts.get("t"),
        amounts.get("r", 0),
        named.text(fields.get("i", "")),
        bool(fields.get("k")),
        fields.get("c"),
        named.read_memo(fields),
        named.whole(fields.get("n", 0)),
        named.encode(more) if (more := named.unknown(fields, _NAMES)) else "",
    )
