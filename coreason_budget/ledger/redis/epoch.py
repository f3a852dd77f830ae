"""The epoch of a namespace in Redis: made at first contact, watched by every mutation, compared by every packet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from coreason_budget.errors import LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger.epoch import Epoch, halted
from coreason_budget.ledger.judge import Baseline, EpochSnapshot, Judge
from coreason_budget.ledger.redis.client import Link, TornError
from coreason_budget.ledger.redis.codec import Command, Keys, pack, sequence_of, time_of, transaction
from coreason_budget.ledger.redis.server import Facts, check_facts, read_facts, say

_NOTHING = transaction(())

_log = logging.getLogger("coreason_budget")


class RedisEpoch(Judge):
    """What one process knows of its namespace's epoch. ``birth`` tells what is written together with a first one,
    from the server's time.
    """

    def __init__(
        self, keys: Keys, timezone: str, birth: Callable[[int], Sequence[Command]], allow_eviction: bool = False
    ) -> None:
        super().__init__(timezone)
        self._keys = keys
        self._birth = birth
        self._allow_eviction = allow_eviction
        self._is_doubtful = False

    @property
    def is_joined(self) -> bool:
        """Whether this process has seen the epoch, and since then no transaction of its own failed in part."""
        return self._known is not None and not self._is_doubtful

    def join(self, link: Link) -> None:
        """Make sure that transactions are done whole, and make the epoch or take the one that is there.

        Raises:
            ConfigError: The namespace is kept by another schema or in another time zone, or the
                server is too old or may evict.
            LedgerUnavailableError: The namespace is halted, or transactions are refused.
            LedgerCorruptError: The journal takes no entry more.
        """
        # Where MULTI is not allowed, what follows it would be done one by one.
        link.transact(_NOTHING, 0)
        self._check_journal(link)
        self._is_doubtful = False
        if self._known is not None:
            return
        self._check_server(link)
        found = self.watch(link)
        epoch = self.joining(found)
        if epoch != found.epoch:
            self.write(link, epoch, found)
            found = self.find(link)
        self.enter(found, None)

    def find(self, link: Link, before: Sequence[Command] = ()) -> EpochSnapshot:
        """The epoch as it stands, after these commands."""
        commands = [*before, (b"GET", self._keys.epoch), (b"GET", self._keys.sequence), (b"TIME",)]
        text, sequence, now = link.ask(pack(commands), len(commands))[-3:]
        return self._snapshot(text, sequence_of(sequence), time_of(now))

    def check(self, link: Link, baseline: Baseline | None, text: Any, sequence_reply: Any, now_us: int) -> None:
        """Compare what a packet read with what was known when it was sent.

        Raises:
            LedgerUnavailableError: The namespace is halted, or has to be and now is.
            ConfigError: An accepted epoch whose server or settings are not right.
        """
        assert baseline is not None, "an operation joins before it reads"
        sequence = sequence_of(sequence_reply)
        if self.is_as_known(text, sequence, now_us, baseline):
            return
        found = self._snapshot(text, sequence, now_us)
        if self.has_lost(found, baseline):
            raise halted(self._halt(link, baseline))
        if found.epoch is not None and found.epoch.id != baseline.known.epoch.id:
            self._check_server(link)
        self.enter(found, baseline)

    def transact(self, link: Link, packet: bytes, commands: int) -> list[Any] | None:
        """`Link.transact` for a transaction that ends with its INCR of the sequence: remembers that."""
        known = self._known
        try:
            done = link.transact(packet, commands)
        except (TornError, LedgerCorruptError):
            self._is_doubtful = True
            raise
        if done is not None and known is not None:
            known.note(int(done[-1]))
        return done

    def check_fit(self, epoch: Epoch | None, facts: Facts) -> None:
        """Compare an epoch and a server with the settings.

        Raises:
            ConfigError: One of them does not fit.
        """
        check_facts(facts, self._allow_eviction)
        if epoch is not None:
            epoch.check_settings(self._timezone)

    def write(self, link: Link, epoch: Epoch, found: EpochSnapshot) -> bool:
        """Put an epoch in the place of the watched one, or of none; tell if the WATCH let it."""
        birth = self._birth(found.now_us) if found.epoch is None else ()
        commands: list[Command] = [(b"SET", self._keys.epoch, epoch.encode().encode()), *birth]
        return link.transact(transaction(commands), len(commands)) is not None

    def watch(self, link: Link) -> EpochSnapshot:
        """The epoch as it stands, and watched."""
        return self.find(link, [(b"UNWATCH",), (b"WATCH", self._keys.epoch)])

    def _halt(self, link: Link, baseline: Baseline) -> str:
        found = self.watch(link)

        def write(epoch: Epoch) -> bool:
            # A server that refuses the write admits nothing either.
            with suppress(LedgerUnavailableError):
                return self.write(link, epoch, found)
            return False

        return self.halt(found, baseline, write)

    def _snapshot(self, text: Any, sequence: int, now_us: int) -> EpochSnapshot:
        epoch = None if text is None else Epoch.decode(text, f"{self._keys.epoch.decode()} in Redis")
        return EpochSnapshot(text, epoch, sequence, now_us)

    def _check_journal(self, link: Link) -> None:
        (stream,) = link.try_ask(pack([(b"XINFO", b"STREAM", self._keys.journal)]), 1)
        if stream is not None:
            self._keys.check_journal(dict(zip(stream[::2], stream[1::2], strict=True))[b"last-generated-id"])

    def _check_server(self, link: Link) -> None:
        facts = read_facts(link)
        self.check_fit(None, facts)
        say(facts)
