"""What a process makes of the epoch that it finds: in order, lost, halted, or another one to go on in.

One judge for every ledger: a ledger reads and writes, and asks here what that means. See
`coreason_budget.ledger.epoch`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from attrs import frozen

from coreason_budget.errors import LedgerUnavailableError
from coreason_budget.ledger.epoch import Epoch, Known, halted

_log = logging.getLogger("coreason_budget")


@frozen
class Baseline:
    """What was known when a question was sent: the answer may be no lower."""

    known: Known
    sequence: int


@frozen
class EpochSnapshot:
    """The epoch as it was found, at the ledger's time."""

    text: str | bytes | None
    epoch: Epoch | None
    sequence: int
    now_us: int

    @property
    def halt_reason(self) -> str:
        """Why the namespace is halted, empty if it is not."""
        return "" if self.epoch is None or self.epoch.halted is None else self.epoch.halted.reason


class Judge:
    """What one process knows of its namespace's epoch, and what it makes of what it finds.

    A process works in the epoch that it has seen first, and in a later one that an operator accepted.
    """

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone
        self._known: Known | None = None

    @property
    def baseline(self) -> Baseline | None:
        """What is known now, None before the first contact. Take it before a question is sent."""
        known = self._known
        return None if known is None else Baseline(known, known.sequence)

    def begin(self, now_us: int) -> Epoch:
        """A first epoch."""
        return Epoch.begin(self._timezone, now_us)

    def joining(self, found: EpochSnapshot) -> Epoch:
        """The epoch as it is once this process works there: a first one where there is none.

        Raises:
            ConfigError: It does not fit the settings.
        """
        if found.epoch is None:
            return self.begin(found.now_us)
        found.epoch.check_settings(self._timezone)
        return found.epoch if found.halt_reason else found.epoch.joined()

    def is_as_known(self, text: object, sequence: int, now_us: int, baseline: Baseline | None) -> bool:
        """Whether the data is in the epoch it was in, and did not go back; if so, that is remembered."""
        if baseline is None or text != baseline.known.text or sequence < baseline.sequence:
            return False
        baseline.known.note(sequence, now_us)
        return True

    def has_lost(self, found: EpochSnapshot, baseline: Baseline | None) -> bool:
        """Whether what was found has lost something that was known.

        Raises:
            LedgerUnavailableError: The namespace is halted already.
        """
        if found.halt_reason:
            raise halted(found.halt_reason)
        return bool(self.trouble(found, baseline))

    def trouble(self, found: EpochSnapshot, baseline: Baseline | None) -> str:
        """Why nothing is admitted where this was found, as far as this process knows; else empty."""
        if found.halt_reason or baseline is None:
            return found.halt_reason
        return baseline.known.loss(baseline.sequence, found.epoch, found.sequence)

    def enter(self, found: EpochSnapshot, baseline: Baseline | None) -> None:
        """Work from now on in the epoch that was found: the first, one that was accepted, or the same with other words.

        Raises:
            ConfigError: It does not fit the settings.
            LedgerUnavailableError: There is none, or it is halted.
        """
        if found.epoch is None:
            raise LedgerUnavailableError("the ledger's data was replaced just now; try again")
        found.epoch.check_settings(self._timezone)
        if found.halt_reason:
            raise halted(found.halt_reason)
        before = None if baseline is None else baseline.known
        if self._known is not before:
            # Another thread was here first.
            return
        self._known = Known(found.epoch, found.text, found.sequence, found.now_us)
        if before is None:
            return
        if before.epoch.id == found.epoch.id:
            self._known.note(before.sequence, before.seen_us)
        else:
            new, old = found.epoch.id, before.epoch.id
            _log.warning("an operator accepted the ledger as it is: epoch %s follows %s", new, old)

    def halt(self, found: EpochSnapshot, baseline: Baseline | None, write: Callable[[Epoch], bool]) -> str:
        """Halt the namespace for everybody, if it still is as it was found; tell why it is halted.

        Raises:
            LedgerUnavailableError: Nothing is wrong with it any more.
        """
        reason = self.trouble(found, baseline)
        if not reason or baseline is None:
            raise LedgerUnavailableError("the ledger's data was replaced just now; try again")
        epoch = found.epoch or self.begin(found.now_us)
        if not found.halt_reason and write(epoch.halt(reason, found.now_us, baseline.known.seen_us)):
            _log.error("the ledger is halted for everybody: %s", reason)
        return reason

    def accepted(self, found: EpochSnapshot) -> Epoch:
        """The epoch that begins when an operator accepts what was found.

        Raises:
            ConfigError: It does not fit the settings.
        """
        epoch = found.epoch or self.begin(found.now_us)
        epoch.check_settings(self._timezone)
        return epoch.accept(found.now_us, 0 if self._known is None else self._known.seen_us)
