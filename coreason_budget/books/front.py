"""What an operator asks of a budget: its reservations, its journal, an audit, how the ledger stands, what waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from coreason_budget.books import export
from coreason_budget.books.audit import Tell, audit
from coreason_budget.books.values import HeldReservation, Report, Standing, WaitingSpend
from coreason_budget.config import BudgetConfig
from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.ledger.base import Backend
from coreason_budget.ledger.journal import JournalEntry
from coreason_budget.ledger.record import OPEN, Record
from coreason_budget.model import Entry
from coreason_budget.moments import to_moment, to_us
from coreason_budget.money import to_usd

if TYPE_CHECKING:
    from coreason_budget.outbox.delivery import Outbox
    from coreason_budget.outbox.spend import Queued


@frozen
class BudgetBooks:
    """The operator's side of a budget, as `BudgetManager.books` gives it. Nothing here books anything.

    Every question may raise `LedgerUnavailableError` and `LedgerCorruptError`, as those of the ledger do.
    """

    _ledger: Backend
    _config: BudgetConfig
    _url: str | None = None
    _outbox: Outbox | None = field(default=None, repr=False)

    @property
    def ledger_name(self) -> str:
        """What the ledger is called: ``redis``, ``sqlite``, ``memory``."""
        return self._ledger.name

    def ping(self) -> None:
        """Return if the ledger can be read and written now."""
        self._ledger.ping()

    def reservations(self) -> tuple[HeldReservation, ...]:
        """Those that are open, then those that lapsed in the last 24 hours, each by when it lapses."""
        # A look at the books, so that what is due has lapsed.
        self._ledger.read(_nothing)
        by_id = {record.reservation_id: record for record in self._ledger.reservations()}
        found = sorted(by_id.values(), key=lambda record: (record.state != OPEN, record.lapses_us))
        return tuple([_held(record) for record in found])

    def journal(self, since: datetime | None = None, reference: str | None = None) -> Iterator[JournalEntry]:
        """Every entry since a moment (UTC if it has no offset), in the order of booking; read as it is asked for.

        Args:
            since: All that the journal keeps by default.
            reference: Those alone that were booked under it.

        Raises:
            ConfigError: No journal is kept.
        """
        self._check_journal()
        entries = self._ledger.journal(0 if since is None else to_us(since))
        return (entry for entry in entries if reference is None or entry.reference == reference)

    def exported(
        self, form: str = "jsonl", since: datetime | None = None, reference: str | None = None
    ) -> Iterator[str]:
        """The journal as lines of ``jsonl`` or ``csv``. As `journal`."""
        return export.lines(self.journal(since, reference), form)

    def audit(self, tell: Tell = lambda count: None) -> Report:
        """Compute every account anew from the journal, and compare. Others may go on booking.

        Args:
            tell: Told how much further it is, for a progress bar.

        Raises:
            ConfigError: No journal is kept.
        """
        self._check_journal()
        return audit(self._ledger, tell)

    def status(self) -> Standing:
        """How the ledger stands. Changes nothing, and answers also where nothing is admitted."""
        found = self._ledger.status()
        return Standing(
            ledger=self._ledger.name,
            url=self._url,
            namespace=self._config.namespace,
            trouble=found.trouble,
            epoch=found.epoch,
            since=None if found.since_us is None else to_moment(found.since_us),
            open_reservations=found.open_reservations,
            sequence=found.sequence,
            kept=found.kept,
        )

    def accept(self) -> bool:
        """Let a ledger that is halted go on with what is there; False if there was nothing to accept."""
        return self._ledger.accept()

    @property
    def outbox(self) -> Outbox:
        """Where spend waits that has not reached the ledger.

        Raises:
            ConfigError: None is set.
        """
        if self._outbox is None:
            raise ConfigError("outbox: none is set; name its file with COREASON_BUDGET_OUTBOX", field="outbox")
        return self._outbox

    def waiting(self) -> tuple[WaitingSpend, ...]:
        """The spend that has not reached the ledger. Raises as `outbox` does."""
        return tuple([_waiting(entry) for entry in self.outbox.entries()])

    def _check_journal(self) -> None:
        if not self._config.journal_length:
            raise ConfigError(
                "journal_length: is 0, so that no journal is kept; set it to keep one", field="journal_length"
            )


def _nothing(_: int) -> tuple[Entry, ...]:
    return ()


def _held(record: Record) -> HeldReservation:
    return HeldReservation(
        record.reservation_id,
        record.state,
        to_moment(record.lapses_us),
        record.on_lapse,
        to_usd(record.amounts.usd_nanos),
        record.amounts.tokens,
        record.memo.price,
        record.memo.reference,
        tuple(dict.fromkeys(str(entry.account.scope) for entry in record.entries)),
    )


def _waiting(entry: Queued) -> WaitingSpend:
    common: dict[str, Any] = {
        "id": entry.id,
        "state": entry.state,
        "op_id": entry.op_id,
        "queued_at": to_moment(entry.queued_us),
        "sent_at": None if entry.sent_us is None else to_moment(entry.sent_us),
    }
    try:
        spend = entry.spend
    except BudgetError as error:
        return WaitingSpend(**common, reason=entry.reason or str(error))
    return WaitingSpend(
        **common,
        reason=entry.reason,
        verb=spend.verb,
        cost_usd=None if spend.usd_nanos is None else to_usd(spend.usd_nanos),
        tokens=spend.tokens,
        scopes=tuple(spend.scopes),
        reservation_id=spend.reservation_id or None,
    )
