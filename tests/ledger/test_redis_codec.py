"""The layout of a namespace in Redis and its words on the wire: what another version must find again."""

from __future__ import annotations

import pytest

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ledger.journal import JournalEntry, encode_entry
from coreason_budget.ledger.redis.codec import Keys, count, pack, sequence_of, standing, time_of, transaction
from coreason_budget.money import MAX_ACCOUNT


def test_the_keys_are_those_that_are_kept_already() -> None:
    """Under other names all that was spent would be forgotten: this layout belongs to the schema's number."""
    keys = Keys("ns", 100)
    assert (keys.epoch, keys.sequence, keys.open) == (b"{ns}:epoch", b"{ns}:sequence", b"{ns}:open")
    assert (keys.journal, keys.writable) == (b"{ns}:journal", b"{ns}:writable")
    assert keys.account("usd|day|0|user/\u00e9") == b"{ns}:a:usd|day|0|user/\xc3\xa9"
    assert keys.record("\u00e9:1") == b"{ns}:r:\xc3\xa9:1"
    assert keys.copies("\u00e9:1", 2) == [b"{ns}:v:0:\xc3\xa9:1", b"{ns}:v:1:\xc3\xa9:1"]
    assert keys.copies("op", 0) == []


def test_an_entry_is_added_to_a_bounded_stream() -> None:
    """The server cuts it about there, where that costs it nothing; no length, no entry."""
    entry = JournalEntry(1, "begin")
    text = encode_entry(entry).encode()
    assert Keys("ns", 100).note(entry) == [(b"XADD", b"{ns}:journal", b"MAXLEN", b"~", 100, b"*", b"e", text)]
    assert Keys("ns", 0).note(entry) == []


def test_commands_are_counted_bytes() -> None:
    """RESP: every argument with its length, whatever it holds, and numbers as text."""
    commands = [(b"SET", b"a\r\n", -12), (b"GET", b"")]
    packed = b"*3\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$3\r\n-12\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n"
    assert pack(commands) == packed
    assert pack([]) == b""
    assert transaction(commands) == b"*1\r\n$5\r\nMULTI\r\n" + packed + b"*1\r\n$4\r\nEXEC\r\n"


def test_time_is_seconds_and_microseconds() -> None:
    """Both parts count."""
    assert time_of([b"1795000000", b"000042"]) == 1_795_000_000_000_042


@pytest.mark.parametrize(("value", "read"), [(None, 0), (b"0", 0), (b"9" * 19, 10**19 - 1)])
def test_a_count_is_read(value: bytes | None, read: int) -> None:
    """What is not there counts nothing."""
    assert count(value, "key") == read


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b" 1", b"1.0", b"x", b"9" * 20, "1", 1, [b"1"], b"\xd9\xa1"])
def test_what_is_no_count_is_corrupt(value: object) -> None:
    """And the key is named."""
    with pytest.raises(LedgerCorruptError, match="'the key' in Redis holds"):
        count(value, "the key")


def test_a_standing_is_two_counts_of_which_one_is_part_of_the_other() -> None:
    """Whichever is wrong, the account is named."""
    assert standing("account", [b"5", b"5"]) == (5, 5)
    assert standing("account", [None, None]) == (0, 0)
    for wrong in ([b"x", b"5"], [b"5", b"x"], [b"4", b"5"], [None, b"1"], [b"%d" % 2**63, None]):
        with pytest.raises(LedgerCorruptError, match="'account'"):
            standing("account", wrong)


def test_a_sequence_leaves_room_for_the_next() -> None:
    """One that the next transaction could not advance is found before it."""
    assert sequence_of(None) == 0
    assert sequence_of(b"%d" % MAX_ACCOUNT) == MAX_ACCOUNT
    for wrong in (b"%d" % (MAX_ACCOUNT + 1), b"x"):
        with pytest.raises(LedgerCorruptError, match=r"the sequence|'sequence'"):
            sequence_of(wrong)
