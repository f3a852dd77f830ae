"""Which life of its data a namespace is in, and how a process tells that the data forgot something.

A database that was flushed, restored from a copy or failed over looks like one where less was
spent. So each ledger keeps two things beside its accounts: the text of a `Life`, and a
*sequence* that every writing transaction advances. A process remembers the highest sequence it
knows; another life, none, or a sequence that went back is amnesia. Whoever notices writes a
`Halt` into the life for everybody, and an operator decides.

What it cannot tell: a loss that other processes wrote past before anyone who knew came by.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from attrs import asdict, evolve, frozen

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError


@frozen
class Halt:
    """Why nothing is admitted, since when, and when whoever noticed last found all in order.

    Moments are the ledger's, in microseconds since the epoch.
    """

    reason: str
    at_us: int
    after_us: int


@frozen
class Life:
    """One life of a namespace's data, as it is written beside the data.

    ``accepted_us`` is when an operator decided to go on with what is there, 0 for a first life.
    """

    id: str
    schema: int
    timezone: str
    since_us: int | None = None
    accepted_us: int = 0
    halted: Halt | None = None

    @classmethod
    def begin(cls, schema: int, timezone: str, now_us: int | None, accepted_us: int = 0) -> Life:
        """A new one."""
        return cls(secrets.token_hex(16), schema, timezone, now_us, accepted_us)

    @classmethod
    def decode(cls, text: str | bytes, place: str) -> Life:
        """Read it back.

        Raises:
            LedgerCorruptError: It is not one; the text names ``place``.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            halted = fields.get("halted")
            return cls(
                str(fields["id"]),
                fields["schema"],
                fields["timezone"],
                fields.get("since_us"),
                int(fields.get("accepted_us", 0)),
                None if halted is None else Halt(str(halted["reason"]), int(halted["at_us"]), int(halted["after_us"])),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise LedgerCorruptError(f"{place} is not an epoch: {text!r:.80}") from None

    def encode(self) -> str:
        """The life as compact JSON."""
        fields = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(fields, separators=(",", ":"))

    def halt(self, reason: str, now_us: int, after_us: int) -> Life:
        """The same life, halted."""
        return evolve(self, halted=Halt(reason, now_us, after_us))

    def accept(self, now_us: int, known_us: int = 0) -> Life:
        """The life that an operator's decision begins.

        It is later than whatever anyone knows of this one, also where a failover brought a clock
        that is behind.
        """
        after_us = max(self.accepted_us, known_us, self.halted.after_us if self.halted else 0)
        return Life.begin(self.schema, self.timezone, now_us, max(now_us, after_us + 1))

    def check_settings(self, schema: int, timezone: str) -> None:
        """Refuse a life whose accounts would be other accounts.

        Raises:
            ConfigError: The namespace is kept by another schema or in another time zone.
        """
        if self.schema != schema:
            raise ConfigError(
                f"ledger_url: the namespace is kept by schema {self.schema}, this is {schema}; "
                "upgrade coreason-budget or use another namespace",
                field="ledger_url",
            )
        if self.timezone != timezone:
            raise ConfigError(
                f"timezone: the namespace is kept in {self.timezone}, not {timezone}; "
                "set that zone or use another namespace",
                field="timezone",
            )


class Known:
    """What a process knows of the life it works in.

    Threads share it without a lock, which a fork could leave taken: an update that is lost leaves
    a lower sequence, and that one is true as well.
    """

    def __init__(self, life: Life, text: str | bytes | None, sequence: int, now_us: int) -> None:
        self.life = life
        self.text = text
        self.sequence = sequence
        self.seen_us = max(now_us, life.accepted_us)

    def note(self, sequence: int, now_us: int = 0) -> None:
        """Remember a sequence that the ledger was seen at, and when it was found in order."""
        if sequence > self.sequence:
            self.sequence = sequence
        if now_us > self.seen_us:
            self.seen_us = now_us

    def loss(self, floor: int, found: Life | None, sequence: int) -> str:
        """What is wrong with what was found, empty if nothing is.

        Args:
            floor: The highest sequence known *when the question was sent*. A thread that was asked
                later may have been answered earlier, and a lower answer is no loss then.
            found: The life that the ledger is in. One that was accepted since this process last
                found all in order is right; one that was accepted before may be an old copy.
            sequence: The sequence that the ledger is at.
        """
        if found is None:
            return (
                f"the database was flushed or replaced while in use: it knows nothing of epoch {self.life.id[:8]}, "
                f"which was at sequence {floor}"
            )
        if found.id != self.life.id:
            if found.accepted_us > self.seen_us:
                return ""
            return (
                f"the database was flushed, restored or replaced while in use: it is in epoch {found.id[:8]}, "
                f"and epoch {self.life.id[:8]} was at sequence {floor}"
            )
        if sequence < floor:
            return (
                f"the database was restored from an older copy, or failed over, and lost what was written last: "
                f"its sequence went back from {floor} to {sequence}"
            )
        return ""


def halted(reason: str) -> LedgerUnavailableError:
    """The error that every call gets until the data is back or an operator has decided."""
    return LedgerUnavailableError(
        f"the ledger is halted, what was spent may be forgotten: {reason}. Put its data back, or go on with what "
        "is there by `coreason-budget ledger accept` (`coreason-budget ledger status` shows it)"
    )
