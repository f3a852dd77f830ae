"""Delivers what the outbox holds: in order, exactly once, whoever does it and whatever dies."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from attrs import frozen

from coreason_budget.errors import (
    ConfigError,
    IdempotencyConflictError,
    LedgerCorruptError,
    LedgerUnavailableError,
    OutcomeUnknownError,
)
from coreason_budget.ledger.base import Clock, Ledger, Outcome
from coreason_budget.limits import LiveBook
from coreason_budget.outbox.spend import DOUBTFUL, FAILED, SETTLE, Kept, Pricer, Queued
from coreason_budget.outbox.store import OutboxBrokenError, Store
from coreason_budget.outbox.underway import Underway
from coreason_budget.storage.lock import locked

_PATIENCE_S = 10.0
_LOOK_EVERY_S = 1.0
_FORGOTTEN = "it may be booked already, so long ago that the ledger has forgotten its key; booked again it could double"

_log = logging.getLogger("coreason_budget")

Delivered = Callable[[str, Outcome], None]
"""Told the op id and the outcome of everything that arrived."""


@frozen
class Flushed:
    """What a flush did, and what is left."""

    delivered: int
    waiting: int
    doubtful: int
    failed: int


class Outbox:
    """Spend that could not reach a ledger, and its way there.

    An entry is sent with the op id it always had, and deleted when it has arrived. Who dies in
    between leaves it to be sent again, which the ledger answers and does not book. So two who deliver
    the same entries do no harm either; the lock spares the ledger their double work.

    Args:
        store: Where entries are kept.
        ledger: Where they are to go.
        limits: Which accounts a charge falls under.
        pricer: Prices a settle that only its reservation's record could.
        delivered: Told of everything that arrived.
        clock: This host's time (microseconds) -> the time to use.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        limits: LiveBook,
        pricer: Pricer,
        delivered: Delivered = lambda op_id, outcome: None,
        clock: Clock = int,
    ) -> None:
        self.store = store
        self.underway = Underway(store.path, store.namespace)
        self._next_look_s = 0.0
        self._ledger = ledger
        self._limits = limits
        self._pricer = pricer
        self._delivered = delivered
        self._clock = clock

    @property
    def path(self) -> Path:
        """The file."""
        return self.store.path

    def entries(self) -> list[Queued]:
        """Everything that is kept, in the order in which it is delivered."""
        self._adopt()
        return self.store.entries()

    def has_any(self) -> bool:
        """Whether there is anything to deliver or to count. Spend of processes that died shows within a second."""
        if time.monotonic() >= self._next_look_s:
            self._next_look_s = time.monotonic() + _LOOK_EVERY_S
            self._adopt()
        return not self.store.is_empty()

    def drop(self, id: int) -> bool:
        """Forget an entry without booking it; tell if it was there."""
        return self.store.remove(id)

    def flush(self, *, force: bool = False, progress: Callable[[int], object] = int) -> Flushed:
        """Deliver everything that waits; with ``force`` also what was set aside.

        Args:
            force: Send again what failed, and what may be booked already: that could book it twice.
            progress: Told how many entries are done, after each.

        Raises:
            LedgerUnavailableError: The ledger does not answer, or another process delivers. What was
                not delivered is still there.
        """
        self._adopt()
        if force:
            self.store.revive(self.now_us())
        delivered = self.deliver(progress=progress, patience_s=_PATIENCE_S)
        if delivered is None:
            raise LedgerUnavailableError(f"another process has been delivering {self.path} for {_PATIENCE_S} s")
        return Flushed(delivered, **self.store.counts())

    def deliver(
        self, until_s: float | None = None, progress: Callable[[int], object] = int, patience_s: float = 0
    ) -> int | None:
        """Deliver what waits until a moment of ``time.monotonic``.

        Returns:
            How many entries have arrived; None if somebody else is delivering.

        Raises:
            LedgerUnavailableError: The ledger does not answer.
        """
        with self._delivering(patience_s) as is_mine:
            if not is_mine:
                return None
            arrived = done = last = 0
            while (until_s is None or time.monotonic() < until_s) and (entry := self.store.next(last)) is not None:
                last = entry.id
                if not done:
                    # Finds out about an outage before anything is sent.
                    self._ping()
                arrived += self._deliver(entry)
                done += 1
                progress(done)
            return arrived

    def now_us(self) -> int:
        """This host's time."""
        return self._clock(time.time_ns() // 1000)

    @contextmanager
    def _delivering(self, patience_s: float) -> Iterator[bool]:
        """Whether the caller is the one that delivers during the block."""
        with ExitStack() as stack:
            try:
                # Where nothing can be locked several may deliver: each entry still counts once, and in order.
                is_mine = stack.enter_context(locked(f"{self.path}.lock", patience_s))
            except OSError as error:
                raise OutboxBrokenError(f"the outbox's lock file cannot be used: {error}") from error
            yield is_mine

    def _adopt(self) -> None:
        """Keep what others were sending when they died."""
        for spend, sent_us in self.underway.orphans():
            try:
                self.store.add(spend, self.now_us(), sent_us)
            except IdempotencyConflictError as error:
                _log.error("outbox %s: spend that a dead process was sending is dropped: %s", self.path, error)

    def _ping(self) -> None:
        try:
            self._ledger.ping()
        except ConfigError as error:
            raise _waits(error) from error

    def _deliver(self, entry: Queued) -> bool:
        """Send one entry; tell if it arrived. Nothing that is wrong with it alone stops the others."""
        try:
            spend = entry.spend
        except LedgerCorruptError as error:
            self._set_aside(entry, FAILED, str(error))
            return False
        if not spend.is_known:
            _log.warning("outbox %s: entry %s (op id %s) waits for a newer version", self.path, entry.id, entry.op_id)
            return False
        try:
            outcome = self._send(entry, spend)
        except LedgerUnavailableError:
            raise
        except LedgerCorruptError as error:
            # Not for good: it can be put right.
            _log.error("outbox %s: entry %s (op id %s) waits: %s", self.path, entry.id, entry.op_id, error)
            return False
        except ConfigError as error:
            raise _waits(error) from error
        except Exception as error:
            self._set_aside(entry, FAILED, f"{type(error).__name__}: {error}")
            return False
        if outcome is None:
            self._set_aside(entry, DOUBTFUL, _FORGOTTEN)
            return False
        # A later report of the same answer may have raised it meanwhile: then it is delivered once more.
        self.store.remove(entry.id, entry.body)
        self._delivered(entry.op_id, outcome)
        return True

    def _send(self, entry: Queued, spend: Kept) -> Outcome | None:
        """Send one entry, unless it is in doubt."""
        if spend.verb == SETTLE:
            # A reservation ends once, however long ago that was: nothing to be in doubt about.
            return self._ledger.end(spend.end(self._pricer))
        now_us = self.now_us()
        if entry.is_forgotten(now_us):
            return None
        if entry.sent_us is None:
            self.store.mark_sent(entry.id, now_us)
        try:
            return self._ledger.charge(spend.charge(self._limits))
        except OutcomeUnknownError:
            raise
        except LedgerUnavailableError:
            if entry.sent_us is None:
                self.store.mark_sent(entry.id, None)
            raise

    def _set_aside(self, entry: Queued, state: str, reason: str) -> None:
        _log.error("outbox %s: entry %s (op id %s) is %s: %s", self.path, entry.id, entry.op_id, state, reason)
        self.store.set_aside(entry.id, state, reason)


def _waits(error: ConfigError) -> LedgerUnavailableError:
    return LedgerUnavailableError(f"the outbox waits: {error}")
