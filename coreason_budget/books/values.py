"""What an operator is told, as values: reservations, how the ledger stands, what an audit found, what waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from attrs import Factory, frozen

from coreason_budget.model import Account
from coreason_budget.moments import US_PER_S, to_moment
from coreason_budget.money import to_usd

Amount: TypeAlias = Decimal | int | None
"""USD or a count; None where it is not known."""


@frozen
class HeldReservation:
    """A reservation that is open, or that lapsed and may still be settled."""

    reservation_id: str
    state: str
    lapses_at: datetime
    on_lapse: str
    reserved_usd: Decimal
    tokens: int
    price: str
    reference: str
    scopes: tuple[str, ...]


@frozen(kw_only=True)
class Standing:
    """How a ledger stands.

    Attributes:
        ledger: What it is called: ``redis``, ``sqlite``, ``memory``.
        url: Where it is, without a password; None for a ledger of one's own.
        namespace: Whose budgets are meant.
        trouble: Why nothing is admitted; empty if the ledger is healthy.
        epoch: The id of the epoch its data is in; empty where it has none.
        since: When that began, None if it is not known.
        open_reservations: How many are open, lapsed ones that nobody met yet among them.
        sequence: How many transactions it has seen.
        kept: How it is kept, in the ledger's own words.
    """

    ledger: str
    url: str | None
    namespace: str
    trouble: str
    epoch: str = ""
    since: datetime | None = None
    open_reservations: int = 0
    sequence: int = 0
    kept: Mapping[str, str] = Factory(dict)


@frozen
class Difference:
    """An account that does not hold what it should.

    Attributes:
        account: Its key: unit, window, start and scope.
        used: By the journal; None where the journal does not go back far enough to tell.
        reserved: By the journal, as ``used``.
        held: The sum of the open reservations.
        found: ``used`` and ``reserved`` as they stand; None where they cannot be read.
        problem: Why they cannot be read.
    """

    account: str
    used: int | None
    reserved: int | None
    held: int
    found: tuple[int, int] | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The account as a person reads it: ``user/alice day from 2026-11-24T00:00:00+00:00 usd``."""
        try:
            account = Account.parse(self.account, None)
        except ValueError:
            return self.account
        start = "" if account.window == "total" else f" from {to_moment(account.start_s * US_PER_S).isoformat()}"
        return f"{account.scope} {account.window}{start} {account.unit}"

    @property
    def unit(self) -> str:
        """What the account counts."""
        return self.account.partition("|")[0]

    @property
    def figures(self) -> dict[str, Amount]:
        """What was expected and what was found, in the account's unit."""
        used, reserved = self.found or (None, None)
        figures = {
            "expected_used": self.used,
            "found_used": used,
            "expected_reserved": self.reserved,
            "found_reserved": reserved,
            "open_reservations": self.held,
        }
        is_usd = self.unit == "usd"
        return {name: to_usd(units) if is_usd and units is not None else units for name, units in figures.items()}


@frozen
class Report:
    """What an audit found.

    Attributes:
        entries: How many journal entries were read.
        since_us: The time of the first of them; None where there is no journal.
        is_complete: The journal still begins where the namespace began.
        accounts: How many accounts were computed anew and compared.
        not_covered: How many are older than the journal: only what they reserve was compared.
        differences: Where the books do not balance.
    """

    entries: int
    since_us: int | None
    is_complete: bool
    accounts: int
    not_covered: int
    differences: tuple[Difference, ...]

    @property
    def since(self) -> datetime | None:
        """`since_us` as a moment in UTC."""
        return None if self.since_us is None else to_moment(self.since_us)


@frozen(kw_only=True)
class WaitingSpend:
    """Spend that has not reached the ledger; what cannot be read of it is None.

    Attributes:
        id: Its place in the outbox: a smaller one is delivered before.
        state: ``waiting``, ``doubtful`` or ``failed``.
        op_id: The key under which it is booked.
        queued_at: When it came there.
        sent_at: When it may first have reached the ledger, None if it surely never did.
        reason: Why it is doubtful or failed.
        verb: What is to be done: a ``charge``, ``cumulate`` (a cumulative charge) or a ``settle``.
        cost_usd: None, too, where only the reservation's model will tell.
    """

    id: int
    state: str
    op_id: str
    queued_at: datetime
    sent_at: datetime | None
    reason: str
    verb: str | None = None
    cost_usd: Decimal | None = None
    tokens: int | None = None
    scopes: tuple[str, ...] | None = None
    reservation_id: str | None = None
