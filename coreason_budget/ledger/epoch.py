"""Which epoch a namespace's data is in, and how a process tells that the data forgot something.

A database that was flushed, restored from a copy or failed over looks like one where less was
spent. So each ledger keeps two things beside its accounts: the text of an `Epoch`, and a
*sequence* that every writing transaction advances. A process remembers the highest sequence it
knows; another epoch, none, or a sequence that went back is a loss. Whoever notices writes a
`Halt` into the epoch for everybody, and an operator decides. What a process makes of what it finds is decided in
`coreason_budget.ledger.judge`, for every ledger.

What it cannot tell: a loss that other processes wrote past before anyone who knew came by.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from attrs import asdict, evolve, frozen

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger import named
from coreason_budget.ledger.named import encode, text, unknown, whole

_NAMES = frozenset(("id", "schema", "timezone", "since_us", "accepted_us", "halted", "readable_by"))


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


def halted(reason: str) -> LedgerUnavailableError:
    """The error that every call gets until the data is back or an operator has decided."""
    return LedgerUnavailableError(
        f"the ledger is halted, what was spent may be forgotten: {reason}. Put its data back, or go on with what "
        "is there by `coreason-budget ledger accept` (`coreason-budget ledger status` shows it)"
    )
