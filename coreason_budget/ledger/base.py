"""The two protocols of a ledger: its verbs, each atomic over all accounts of a call, and its books.

A ledger keeps two things: *standings* (``used`` and ``reserved`` of every account) and
*records* (what each op id did). What to do with them is decided by `coreason_budget.ledger.rules`;
a ledger makes it atomic, exactly once, and answers within its time-out. `Ledger` is what calls need,
`Books` what whoever runs it asks. To write one, implement both (`Backend`) and run
`coreason_budget.testing.LedgerContract` on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from attrs import Factory, frozen

from coreason_budget.ledger.journal import JournalEntry, Page
from coreason_budget.ledger.record import Record
from coreason_budget.model import Amounts, Entry, Memo, Plan, Standings

Clock: TypeAlias = Callable[[int], int]
"""The ledger's own time (microseconds since the epoch) -> the time to use."""

GIVEN = "given"
"""The price of a cost that the caller told."""
UNPRICED = Memo(GIVEN)
"""The memo of a cost that the caller told."""


@frozen
class Priced:
    """A cost, what priced it, and the tokens that it is for; None leaves them at what was reserved."""

    nanos: int
    price: str = GIVEN
    tokens: int | None = None


@frozen
class Reserve:
    """Hold ``amounts`` on every limited account of ``plan``, or on none.

    ``plan`` gives the entries for the time the ledger says it is. ``digest`` stands for what the
    caller gave (law 4), ``keep_us`` is how long ``op_id`` is remembered.
    """

    op_id: str
    digest: str
    plan: Plan
    amounts: Amounts
    keep_us: int
    reservation_id: str
    ttl_us: int
    on_lapse: str
    memo: Memo = UNPRICED


@frozen
class Charge:
    """Book ``amounts`` on every account of ``plan``, whatever their limits say.

    A ``cumulative`` one may come again with other amounts under its op id: booked is, unit by unit, the most of them,
    in the accounts of the first. Its ``digest`` does not stand for the amounts.
    """

    op_id: str
    digest: str
    plan: Plan
    amounts: Amounts
    keep_us: int
    memo: Memo = UNPRICED
    cumulative: bool = False


@frozen
class End:
    """End a reservation: ``settle``, ``release`` or ``lapse`` it.

    ``op_id`` is None to take the reservation's own key. ``cost`` tells what a settle books, in nanos,
    from the model that the reservation names (a `Priced` also by what price); it is pure, and what it
    raises changes nothing. ``tokens`` are None where the caller named none: then what was reserved is booked.
    ``entries`` are the reservation's, where the caller still has them: it saves a round trip. ``content`` is what
    ``digest`` stands for, as JSON values by name, for whoever has to keep the request. What ``memo`` does not say
    stays as the reserve said it; its price comes with the cost.
    """

    verb: str
    reservation_id: str
    op_id: str | None
    digest: str
    cost: Callable[[str | None], int | Priced]
    tokens: int | None = None
    entries: tuple[Entry, ...] = ()
    content: Mapping[str, object] | None = None
    memo: Memo = Memo()


@frozen
class Correct:
    """Book the difference between what stands booked and what should, in the accounts that it was booked in.

    ``booking`` is the op id of a charge, of a reservation that was settled or of its settle, or that reservation's id.
    ``cost`` as in `End`; tokens and requests that nobody names stay as they are. With ``only_up`` each unit comes to
    the most of what stands and what is told, else to what is told. What ``memo`` does not say is the booking's.
    """

    op_id: str
    digest: str
    booking: str
    cost: Callable[[str | None], int | Priced]
    keep_us: int
    tokens: int | None = None
    requests: int | None = None
    only_up: bool = True
    memo: Memo = Memo()


@frozen
class Outcome:
    """What a mutation did: its record, and where the record's accounts stand now.

    ``before`` is what stood booked until a correction, None of anything else.
    """

    record: Record
    standings: Standings
    replayed: bool = False
    before: Amounts | None = None


@frozen
class Refused:
    """A reserve that did not fit: the entry that refused, and how its account stands."""

    entry: Entry
    used: int
    reserved: int
    now_us: int

    @property
    def reason(self) -> str:
        """``too_large`` for the whole limit, ``spent`` if it would not fit without any reservation, else ``busy``."""
        limit, amount = self.entry.limit_units or 0, self.entry.amount
        if amount > limit:
            return "too_large"
        return "spent" if self.used - self.reserved + amount > limit else "busy"


@frozen
class Reading:
    """Entries and standings at one ledger time."""

    now_us: int
    entries: tuple[Entry, ...]
    standings: Standings


@frozen
class LedgerStatus:
    """How a ledger stands, for whoever runs it.

    Attributes:
        trouble: Why nothing is admitted; empty if the ledger is healthy.
        open_reservations: How many are open, lapsed ones that nobody met yet among them.
        epoch: The id of the epoch its data is in; empty before the first operation, and for a ledger
            that dies with its process.
        since_us: When that began, None if it is not known.
        sequence: How many transactions it has seen.
        kept: How it is kept, in the ledger's own words.
    """

    trouble: str
    open_reservations: int
    epoch: str = ""
    since_us: int | None = None
    sequence: int = 0
    kept: Mapping[str, str] = Factory(dict)


class Ledger(Protocol):
    """Where budgets are kept. Every method is atomic, thread safe, and bounded in time.

    Every method may raise `LedgerUnavailableError` (no answer in time, nothing admitted) and
    `LedgerCorruptError`; the mutations also `OutcomeUnknownError` (sent, not answered) and
    `IdempotencyConflictError`.
    """

    @property
    def name(self) -> str:
        """What the ledger is called: ``redis``, ``sqlite``, ``memory``."""

    def reserve(self, request: Reserve) -> Outcome | Refused:
        """Admit and hold, or leave nothing behind.

        Raises:
            ReservationError: The op id's reservation has ended; the error says how.
        """

    def charge(self, request: Charge) -> Outcome:
        """Book in full.

        Raises:
            InvalidAmountError: An account would pass 4*10**18.
        """

    def end(self, request: End) -> Outcome:
        """Settle, release or lapse a reservation, once.

        Raises:
            ReservationError: There is no such reservation, or it has ended another way.
            InvalidAmountError: An account would pass 4*10**18.
        """

    def correct(self, request: Correct) -> Outcome:
        """Correct what is booked, once for the op id.

        Raises:
            ReservationError: Nothing is booked under that id, or it is a reservation that is open, lapsed or released.
            InvalidAmountError: An account would pass 4*10**18.
        """

    def read(self, plan: Plan) -> Reading:
        """Where the accounts of a plan stand, lapsed reservations counted as lapsed."""

    def ping(self) -> None:
        """Return if the ledger can be read and written now."""

    def close(self) -> None:
        """Give back what is open. The ledger may be used again afterwards."""


class Books(Protocol):
    """What a ledger tells of its namespace as a whole. Raises as `Ledger` does; nothing here books anything."""

    def journal(self, since_us: int = 0) -> Iterator[JournalEntry]:
        """Every entry of the journal since a moment, in the order of booking; read as it is asked for.

        Raises:
            LedgerUnavailableError: Also if the journal is cut faster than it is read: no gap is passed over.
        """

    def page(self, after: str = "", keys: Sequence[str] = ()) -> Page:
        """The part of the journal that follows a cursor, and how accounts stand, at one moment."""

    def accounts(self) -> Iterator[str]:
        """The key of every account of the namespace; how it stands, `page` tells. One may come twice."""

    def reservations(self) -> Iterator[Record]:
        """Every reservation that is open, then those that lapsed and are remembered. One may come twice."""

    def status(self) -> LedgerStatus:
        """How the ledger stands. Changes nothing, and answers also where nothing is admitted."""

    def accept(self) -> bool:
        """Let a ledger that is halted go on with what is there; False if there was nothing to accept."""


class Backend(Ledger, Books, Protocol):
    """A ledger and its books: what a URL opens."""
