"""What is stored where: key names, the wire form of commands, and replies as values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ledger.journal import JournalEntry, encode_entry
from coreason_budget.ledger.rules import check_sound
from coreason_budget.money import MAX_ACCOUNT

Command: TypeAlias = tuple[bytes | int, ...]

# Redis counts on from no number with a leading zero.
_COUNT = re.compile(rb"0|[1-9][0-9]{0,18}")
NOTE = b"e"
"""The field of a journal's stream that holds an entry."""
LAST_MS = b"%d" % (2**64 - 1)
"""Where the ids of a stream end: one that has had the very last takes no entry more."""


class Keys:
    """The keys of one namespace. They share a hash tag, so that one transaction covers them.

    ==================  ==========  =====================================================
    key                 type        holds
    ==================  ==========  =====================================================
    ``{ns}:epoch``      string      which epoch this database is in, its schema and time zone
    ``{ns}:sequence``   string      how many transactions this database has seen
    ``{ns}:a:ACCOUNT``  hash        ``used`` and ``reserved``
    ``{ns}:r:OP_ID``    string      the record of an op id
    ``{ns}:v:N:OP_ID``  hash        the N-th limited account just after the hold of OP_ID
    ``{ns}:open``       sorted set  op ids of open reservations by lapse time (µs)
    ``{ns}:journal``    stream      what was booked, the newest last
    ``{ns}:writable``   -           never there: asks whether the server takes writes
    ==================  ==========  =====================================================

    What is in an epoch, a record and an entry of the journal stands with each of them, in `coreason_budget.ledger`: by
    name, so that versions can share a namespace. A hash may hold more fields than are read here.

    ``journal_length`` is how many entries the journal keeps, about; 0 for none.
    """

    def __init__(self, namespace: str, journal_length: int) -> None:
        tag = f"{{{namespace}}}:".encode()
        self.epoch = tag + b"epoch"
        self.sequence = tag + b"sequence"
        self.open = tag + b"open"
        self.journal = tag + b"journal"
        self.journal_length = journal_length
        self.writable = tag + b"writable"
        self._account = tag + b"a:"
        self._record = tag + b"r:"
        self._copy = tag + b"v:"

    def account(self, key: str) -> bytes:
        """The hash of an account."""
        return self._account + key.encode()

    def record(self, op_id: str) -> bytes:
        """The record of an op id."""
        return self._record + op_id.encode()

    def note(self, entry: JournalEntry) -> list[Command]:
        """What writes a journal entry, if a journal is kept."""
        if not self.journal_length:
            return []
        text = encode_entry(entry).encode()
        return [(b"XADD", self.journal, b"MAXLEN", b"~", self.journal_length, b"*", NOTE, text)]

    def check_journal(self, last_id: bytes) -> None:
        """Refuse a journal at the end of its ids.

        Raises:
            LedgerCorruptError: It may take no entry more.
        """
        if self.journal_length and last_id.startswith(LAST_MS):
            raise LedgerCorruptError("the journal in Redis is at the end of its ids; nothing was written")

    def copies(self, op_id: str, count: int) -> list[bytes]:
        """The verdict copies of a reservation, one for each limited account."""
        name = op_id.encode()
        return [b"%b%d:%b" % (self._copy, number, name) for number in range(count)]


def pack(commands: Iterable[Command]) -> bytes:
    """Commands as RESP. Several times as fast as the client's own packer, for arguments of two types."""
    parts = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command))
        for argument in command:
            value = argument if isinstance(argument, bytes) else b"%d" % argument
            parts.append(b"$%d\r\n%b\r\n" % (len(value), value))
    return b"".join(parts)


_MULTI, _EXEC = pack([(b"MULTI",)]), pack([(b"EXEC",)])


def transaction(commands: Iterable[Command]) -> bytes:
    """``MULTI``, the commands and ``EXEC`` as RESP."""
    return b"".join((_MULTI, pack(commands), _EXEC))


def sequence_of(reply: Any) -> int:
    """The reply of GET sequence; 0 before the first transaction.

    Raises:
        LedgerCorruptError: It is not a count, or the next transaction could not count on.
    """
    sequence = count(reply, "sequence")
    if sequence > MAX_ACCOUNT:
        raise LedgerCorruptError(f"the sequence in Redis is {sequence}, which is not a count; nothing was written")
    return sequence


def time_of(reply: Any) -> int:
    """The reply of TIME, in microseconds."""
    return int(reply[0]) * 1_000_000 + int(reply[1])


def standing(key: str, reply: list[bytes | None]) -> tuple[int, int]:
    """The reply of HMGET used reserved.

    Raises:
        LedgerCorruptError: Not two counts that this library can have written.
    """
    used, reserved = reply
    return check_sound(key, count(used, key), count(reserved, key))


def count(value: Any, key: str) -> int:
    """A stored count; one that is not there is 0.

    Raises:
        LedgerCorruptError: It is not a count.
    """
    if value is None:
        return 0
    if not (isinstance(value, bytes) and _COUNT.fullmatch(value)):
        raise LedgerCorruptError(f"{key!r} in Redis holds {value!r:.60}, which is not a count; nothing was written")
    return int(value)
