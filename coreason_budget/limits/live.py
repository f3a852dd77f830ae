"""The limits in force, in one place: who checks and who books later see a new book at once."""

from __future__ import annotations

from coreason_budget.limits.book import LimitBook
from coreason_budget.model import Amounts, Plan, Subject


class LiveBook:
    """Holds the `LimitBook` in force, which may be replaced as a whole while the process runs.

    A call keeps the book that it began with, however often its ledger asks for its entries.
    """

    def __init__(self, book: LimitBook) -> None:
        self.book = book

    def plan(self, subject: Subject, amounts: Amounts, *, limited_only: bool = False) -> Plan:
        """See `LimitBook.plan`; by the book in force now."""
        return self.book.plan(subject, amounts, limited_only=limited_only)
