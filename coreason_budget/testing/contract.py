"""LedgerContract: every law of a ledger, as one suite to inherit."""

from __future__ import annotations

from coreason_budget.testing.admission import AdmissionLaws
from coreason_budget.testing.books import BookLaws
from coreason_budget.testing.corrections import CorrectionLaws
from coreason_budget.testing.endings import EndingLaws
from coreason_budget.testing.journal import JournalLaws
from coreason_budget.testing.keys import KeyLaws
from coreason_budget.testing.lapses import LapseLaws
from coreason_budget.testing.races import RaceLaws
from coreason_budget.testing.reports import ReportLaws
from coreason_budget.testing.status import StatusLaws


class LedgerContract(
    AdmissionLaws,
    KeyLaws,
    EndingLaws,
    LapseLaws,
    CorrectionLaws,
    ReportLaws,
    BookLaws,
    JournalLaws,
    RaceLaws,
    StatusLaws,
):
    """Proves the twelve laws on a ledger. Subclass it, and say how to open yours.

    Fill in `make_ledger`, and where processes can share the budgets ``across_processes = True``
    and `open_elsewhere`. Every test is a method; its docstring says the law it proves.
    """
