"""Which epoch a namespace's data is in, and how a process tells that the data forgot something.

A database that was flushed, restored from a copy or failed over looks like one where less was
spent. So each ledger keeps two things beside its accounts: the text of an `Epoch`, and a
*sequence* that every writing transaction advances. A process remembers the highest sequence it
knows; another epoch, none, or a sequence that went back is a loss. Whoever notices writes a
`Halt` into the epoch for everybody, and an operator decides. `Judge` decides all of it for every
ledger; a ledger reads and writes.

What it cannot tell: a loss that other processes wrote past before anyone who knew came by.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from typing import Any

from attrs import asdict, evolve, frozen

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger import named
from coreason_budget.ledger.named import encode, text, unknown, whole

_NAMES = frozenset(("id", "schema", "timezone", "since_us", "accepted_us", "halted", "readable_by"))

_log = logging.getLogger("coreason_budget")


@frozen
class Halt:
    """Why nothing is admitted, since when, and when whoever noticed last found all in order.

    Moments are the ledger's, in microseconds since the epoch.
    """

    reason: str
    at_us: int
    after_us: int

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Halt:
        """Read it back."""
        return cls(text(fields["reason"]), whole(fields["at_us"]), whole(fields["after_us"]))


@frozen
class Epoch:
    """One epoch of a namespace's data, as it is written beside the data.

    Attributes:
        id: Made by chance.
        schema: The newest that wrote here.
        timezone: Whose calendar the windows follow.
        since_us: When it began, None if that is not known.
        accepted_us: When an operator decided to go on with what is there, 0 for a first epoch.
        halted: Why nothing is admitted.
        readable_by: The oldest schema whose readers may work here.
        more: What a later version wrote beside all that, as JSON.
    """

    id: str
    schema: int
    timezone: str
    since_us: int | None = None
    accepted_us: int = 0
    halted: Halt | None = None
    readable_by: int = 0
    more: str = ""

    @classmethod
    def begin(cls, timezone: str, now_us: int | None) -> Epoch:
        """A new one."""
        return cls(secrets.token_hex(16), named.SCHEMA, timezone, now_us, readable_by=named.READABLE_BY)

    @classmethod
    def decode(cls, stored: str | bytes, place: str) -> Epoch:
        """Read it back.

        Raises:
            LedgerCorruptError: It is not one; the text names ``place``.
        """
        try:
            fields: dict[str, Any] = json.loads(stored)
            halted = fields.get("halted")
            return cls(
                text(fields["id"]),
                whole(fields["schema"]),
                text(fields["timezone"]),
                fields.get("since_us"),
                whole(fields.get("accepted_us", 0)),
                None
                if halted is None
                else Halt(text(halted["reason"]), whole(halted["at_us"]), whole(halted["after_us"])),
                whole(fields.get("readable_by", fields["schema"])),
                encode(more) if (more := unknown(fields, _NAMES)) else "",
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise LedgerCorruptError(f"{place} is not an epoch: {stored!r:.80}") from None

    def encode(self) -> str:
        """The epoch as compact JSON."""
        fields = {name: value for name, value in asdict(self).items() if value and name != "more"}
        return encode(fields | (json.loads(self.more) if self.more else {}))

    def halt(self, reason: str, now_us: int, after_us: int) -> Epoch:
        """The same epoch, halted."""
        return evolve(self, halted=Halt(reason, now_us, after_us))

    def accept(self, now_us: int, known_us: int = 0) -> Epoch:
        """The epoch that an operator's decision begins.

        It is later than whatever anyone knows of this one, also where a failover brought a clock
        that is behind.
        """
        after_us = max(self.accepted_us, known_us, self.halted.after_us if self.halted else 0)
        accepted_us = max(now_us, after_us + 1)
        return evolve(self, id=secrets.token_hex(16), since_us=now_us, accepted_us=accepted_us, halted=None)

    def joined(self) -> Epoch:
        """The same epoch, once this version writes there."""
        return evolve(self, schema=max(self.schema, named.SCHEMA), readable_by=max(self.readable_by, named.READABLE_BY))

    def check_settings(self, timezone: str) -> None:
        """Refuse an epoch whose data this version cannot read, or whose accounts would be other accounts.

        Raises:
            ConfigError: The namespace is kept by another schema or in another time zone.
        """
        if self.schema < named.OLDEST:
            raise ConfigError(
                f"ledger_url: the namespace is kept by schema {self.schema}, {named.UNRELEASED}; use another namespace",
                field="ledger_url",
            )
        if self.readable_by > named.SCHEMA:
            raise ConfigError(
                f"ledger_url: the namespace is kept by schema {self.schema}, which is readable from schema "
                f"{self.readable_by} on, and this is {named.SCHEMA}; upgrade coreason-budget or use another namespace",
                field="ledger_url",
            )
        if self.timezone != timezone:
            raise ConfigError(
                f"timezone: the namespace is kept in {self.timezone}, not {timezone}; "
                "set that zone or use another namespace",
                field="timezone",
            )


class Known:
    """What a process knows of the epoch it works in.

    Threads share it without a lock, which a fork could leave taken: an update that is lost leaves
    a lower sequence, and that one is true as well.
    """

    def __init__(self, epoch: Epoch, text: str | bytes | None, sequence: int, now_us: int) -> None:
        self.epoch = epoch
        self.text = text
        self.sequence = sequence
        self.seen_us = max(now_us, epoch.accepted_us)

    def note(self, sequence: int, now_us: int = 0) -> None:
        """Remember a sequence that the ledger was seen at, and when it was found in order."""
        if sequence > self.sequence:
            self.sequence = sequence
        if now_us > self.seen_us:
            self.seen_us = now_us

    def loss(self, least: int, found: Epoch | None, sequence: int) -> str:
        """What is wrong with what was found, empty if nothing is.

        Args:
            least: The highest sequence known *when the question was sent*. A thread that was asked
                later may have been answered earlier, and a lower answer is no loss then.
            found: The epoch that the ledger is in. One that was accepted since this process last
                found all in order is right; one that was accepted before may be an old copy.
            sequence: The sequence that the ledger is at.
        """
        if found is None:
            return (
                f"the database was flushed or replaced while in use: it knows nothing of epoch {self.epoch.id[:8]}, "
                f"which was at sequence {least}"
            )
        if found.id != self.epoch.id:
            if found.accepted_us > self.seen_us:
                return ""
            return (
                f"the database was flushed, restored or replaced while in use: it is in epoch {found.id[:8]}, "
                f"and epoch {self.epoch.id[:8]} was at sequence {least}"
            )
        if sequence < least:
            return (
                f"the database was restored from an older copy, or failed over, and lost what was written last: "
                f"its sequence went back from {least} to {sequence}"
            )
        return ""


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


def halted(reason: str) -> LedgerUnavailableError:
    """The error that every call gets until the data is back or an operator has decided."""
    return LedgerUnavailableError(
        f"the ledger is halted, what was spent may be forgotten: {reason}. Put its data back, or go on with what "
        "is there by `coreason-budget ledger accept` (`coreason-budget ledger status` shows it)"
    )
