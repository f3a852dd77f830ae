"""For a ledger before a ledger: the books are those of the ledger behind it, each member forwarded by its name.

The verbs are not here: a wrapper says itself what each of them means with it. What is forwarded unseen would be
answered without what the wrapper knows, and could admit too much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coreason_budget.ledger.base import Books, LedgerStatus
from coreason_budget.ledger.journal import JournalEntry, Page
from coreason_budget.ledger.record import Record


class WrappedBooks:
    """The books of the ledger behind.

    Args:
        books: That ledger's.
    """

    def __init__(self, books: Books) -> None:
        self._books = books

    def journal(self, since_us: int = 0) -> Iterator[JournalEntry]:
        """See `Books.journal`."""
        return self._books.journal(since_us)

    def page(self, after: str = "", keys: Sequence[str] = ()) -> Page:
        """See `Books.page`."""
        return self._books.page(after, keys)

    def accounts(self) -> Iterator[str]:
        """See `Books.accounts`."""
        return self._books.accounts()

    def reservations(self) -> Iterator[Record]:
        """See `Books.reservations`."""
        return self._books.reservations()

    def status(self) -> LedgerStatus:
        """See `Books.status`."""
        return self._books.status()

    def accept(self) -> bool:
        """See `Books.accept`."""
        return self._books.accept()
