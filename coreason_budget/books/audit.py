"""The audit: every account computed anew from the journal, and compared, while the ledger is in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, takewhile

from coreason_budget.books.values import Difference, Report
from coreason_budget.errors import LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger import rules
from coreason_budget.ledger.base import Books
from coreason_budget.ledger.decisions import is_kept
from coreason_budget.ledger.journal import JournalEntry, Movement, Page
from coreason_budget.ledger.record import OPEN
from coreason_budget.model import Account
from coreason_budget.moments import US_PER_S

_BATCH = 100
_TRIES = 3
# An entry is timed when its operation reads and stands where it writes: at most a time-out later.
_LONGEST_OPERATION_US = 60 * US_PER_S

OPENS, ENDS, PASSES = "opens", "ends", "passes"
EFFECTS = {
    "begin": PASSES,
    "charge": PASSES,
    "reserve": OPENS,
    "settle": ENDS,
    "release": ENDS,
    "lapse": ENDS,
    "correction": ENDS,
    "correct": PASSES,
    "undo": ENDS,
}
"""Journal kind -> what it does to the list of open reservations. A kind of a later version does nothing to it."""

Tell = Callable[[int], object]


def audit(ledger: Books, tell: Tell = lambda count: None) -> Report:
    """Prove law 12 on a ledger, or show where it fails. Reads only; others may go on booking.

    Exact at any time: accounts are read together with what was booked up to that very moment. What a later version
    reserved by a kind of entry that is not known here is booked, and not compared with the reservations themselves.
    Takes memory for every account and open reservation, not for the journal.

    Args:
        ledger: Any.
        tell: Called now and then with how many entries and accounts were done since.

    Raises:
        LedgerUnavailableError: No answer, or the journal is cut faster than it can be read.
        LedgerCorruptError: The journal or a reservation cannot be read.
    """
    for _ in range(_TRIES):
        try:
            return _Audit(ledger, tell).run()
        except _CutError:
            continue
    raise LedgerUnavailableError("the journal is cut faster than it can be read; raise journal_length, or try again")


class _CutError(Exception):
    """Entries went that were not read yet."""


class _Audit:
    """One pass: the books as the journal tells them up to ``cursor``, and what is compared with them."""

    def __init__(self, ledger: Books, tell: Tell) -> None:
        self._ledger = ledger
        self._tell = tell
        self._cursor = ""
        self._entries = 0
        self._since_us: int | None = None
        self._is_complete = False
        self._books: dict[str, Movement] = {}
        self._open: dict[str, dict[str, int]] | None = None
        self._held: Counter[str] = Counter()
        self._unsure: set[str] = set()
        self._compared = 0
        self._not_covered = 0
        self._differences: list[Difference] = []

    def run(self) -> Report:
        self._catch_up()
        self._list_open()
        names = self._names()
        while batch := list(islice(names, _BATCH)):
            self._compare(batch)
            self._tell(len(batch))
        return Report(
            self._entries,
            self._since_us,
            self._is_complete,
            self._compared,
            self._not_covered,
            tuple(self._differences),
        )

    def _catch_up(self, keys: Iterable[str] = ()) -> Page:
        """Read the journal to its end; the last page tells how accounts stand by then."""
        wanted = tuple(keys)
        while True:
            page = self._ledger.page(self._cursor, wanted)
            if not page.is_whole:
                raise _CutError
            for entry in page.entries:
                self._apply(entry)
            self._cursor = page.cursor
            self._tell(len(page.entries))
            if page.is_end:
                return page

    def _apply(self, entry: JournalEntry) -> None:
        if not self._entries:
            self._since_us, self._is_complete = entry.at_us, entry.kind == "begin"
        self._entries += 1
        for moved in entry.movements:
            known = self._books.get(moved.account.key, Movement(moved.account, 0, 0))
            self._books[moved.account.key] = Movement(
                known.account, known.used + moved.used, known.reserved + moved.reserved
            )
        if entry.kind not in EFFECTS:
            self._unsure.update(m.account.key for m in entry.movements if m.reserved)
        elif self._open is not None:
            self._follow(self._open, entry)

    def _list_open(self) -> None:
        """Find what open reservations hold. What the journal tells from here on corrects the list."""
        records = takewhile(lambda record: record.state == OPEN, self._ledger.reservations())
        listed = {record.op_id: _holds(rules.hold(record)) for record in records}
        for holds in listed.values():
            self._held.update(holds)
        self._open = listed

    def _follow(self, open: dict[str, dict[str, int]], entry: JournalEntry) -> None:
        effect = EFFECTS[entry.kind]
        if effect == OPENS and entry.op_id not in open:
            open[entry.op_id] = _holds(entry.movements)
            self._held.update(open[entry.op_id])
        elif effect == ENDS:
            self._held.subtract(open.pop(entry.reserved_as, {}))

    def _names(self) -> Iterator[str]:
        """Every account that is there, then those that only the journal knows."""
        seen = set()
        for key in self._ledger.accounts():
            if key not in seen:
                seen.add(key)
                yield key
        yield from [key for key in self._books if key not in seen]

    def _compare(self, keys: list[str]) -> None:
        try:
            page = self._catch_up(keys)
        except LedgerCorruptError as error:
            if len(keys) > 1:
                for key in keys:
                    self._compare([key])
                return
            # If this fails too, it is not the account that cannot be read.
            page = self._catch_up()
            self._judge(keys[0], None, page.now_us, str(error))
            return
        for key in keys:
            self._judge(key, page.standings[key], page.now_us)

    def _judge(self, key: str, found: tuple[int, int] | None, now_us: int, problem: str = "") -> None:
        book = self._books.get(key)
        account = _parse(key) if book is None else book.account
        if account is not None and not is_kept(account, now_us):
            return
        used, reserved = (0, 0) if book is None else (book.used, book.reserved)
        held = reserved if key in self._unsure else self._held[key]
        if self._is_covered(account):
            self._compared += 1
            if found != (used, reserved) or held != reserved:
                self._differences.append(Difference(key, used, reserved, held, found, problem))
        else:
            self._not_covered += 1
            if found is None or (found[1] != held and key not in self._unsure):
                self._differences.append(Difference(key, None, None, held, found, problem))

    def _is_covered(self, account: Account | None) -> bool:
        if self._is_complete:
            return True
        if self._since_us is None or account is None:
            return False
        return account.start_s * US_PER_S >= self._since_us + _LONGEST_OPERATION_US


def _holds(movements: Iterable[Movement]) -> dict[str, int]:
    return {m.account.key: m.reserved for m in movements if m.reserved}


def _parse(key: str) -> Account | None:
    """The account of a key, None if this library cannot have made it. Its end is not known: it is after its start."""
    try:
        account = Account.parse(key, None)
    except ValueError:
        return None
    return account if account.window == "total" else Account.parse(key, account.start_s)
