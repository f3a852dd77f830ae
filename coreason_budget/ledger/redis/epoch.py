"""The epoch of a namespace in Redis: made at first contact, watched by every mutation, compared by every packet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from attrs import frozen

from coreason_budget.errors import LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger.life import Known, Life, halted
from coreason_budget.ledger.redis.client import Link, TornError
from coreason_budget.ledger.redis.codec import Command, Keys, pack, sequence_of, time_of, transaction
from coreason_budget.ledger.redis.server import Facts, check_facts, read_facts, say

SCHEMA = 2

_NOTHING = transaction(())

_log = logging.getLogger("coreason_budget")


@frozen
class Floor:
    """What was known when a packet was sent: its reply may be no lower."""

    known: Known
    sequence: int


@frozen
class Sight:
    """The epoch as a packet found it, at the server's time."""

    text: bytes | None
    life: Life | None
    sequence: int
    now_us: int


class Epoch:
    """A process works in the life of the database that it has seen, and in a later one that was accepted.

    A database that was flushed, restored or failed over to is halted by whoever notices; see
    `coreason_budget.ledger.life`. ``birth`` tells what is written together with a first life, from the
    server's time.
    """

    def __init__(
        self, keys: Keys, timezone: str, birth: Callable[[int], Sequence[Command]], allow_eviction: bool = False
    ) -> None:
        self._keys = keys
        self._birth = birth
        self._timezone = timezone
        self._allow_eviction = allow_eviction
        self._known: Known | None = None
        self._is_doubtful = False

    @property
    def is_joined(self) -> bool:
        """Whether this process has seen the epoch, and since then no transaction of its own failed in part."""
        return self._known is not None and not self._is_doubtful

    @property
    def floor(self) -> Floor | None:
        """What is known now, None before `join`. Take it before a packet is sent."""
        known = self._known
        return None if known is None else Floor(known, known.sequence)

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
        sight = self.watch(link)
        if sight.life is None:
            self.write(link, Life.begin(SCHEMA, self._timezone, sight.now_us), sight)
            sight = self.look(link)
        self._known = Known(self._usable(sight), sight.text, sight.sequence, sight.now_us)

    def look(self, link: Link, before: Sequence[Command] = ()) -> Sight:
        """See where the namespace stands, after these commands."""
        commands = [*before, (b"GET", self._keys.epoch), (b"GET", self._keys.sequence), (b"TIME",)]
        text, sequence, now = link.ask(pack(commands), len(commands))[-3:]
        return self._sight(text, sequence, time_of(now))

    def check(self, link: Link, floor: Floor | None, text: Any, sequence_reply: Any, now_us: int) -> None:
        """Compare what a packet read with what was known when it was sent.

        Raises:
            LedgerUnavailableError: The namespace is halted, or has to be and now is.
            ConfigError: An accepted epoch whose server or settings are not right.
        """
        assert floor is not None, "an operation joins before it looks"
        sequence = sequence_of(sequence_reply)
        if text == floor.known.text and sequence >= floor.sequence:
            floor.known.note(sequence, now_us)
            return
        sight = self._sight(text, sequence_reply, now_us)
        if sight.life is not None and sight.life.halted is not None:
            raise halted(sight.life.halted.reason)
        if floor.known.loss(floor.sequence, sight.life, sequence):
            raise halted(self._halt(link, floor))
        if sight.life is not None and sight.life.id != floor.known.life.id:
            self._follow(link, floor.known, sight)
        else:
            floor.known.note(sequence, now_us)

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

    def trouble(self, sight: Sight, floor: Floor | None) -> str:
        """Why nothing is admitted where this was seen, as far as this process knows; else empty."""
        if sight.life is not None and sight.life.halted is not None:
            return sight.life.halted.reason
        return "" if floor is None else floor.known.loss(floor.sequence, sight.life, sight.sequence)

    def check_fit(self, life: Life | None, facts: Facts) -> None:
        """Compare a life and a server with the settings.

        Raises:
            ConfigError: One of them does not fit.
        """
        check_facts(facts, self._allow_eviction)
        if life is not None:
            life.check_settings(SCHEMA, self._timezone)

    def accepted(self, sight: Sight) -> Life:
        """The life that begins when an operator accepts what was seen."""
        life = sight.life or Life.begin(SCHEMA, self._timezone, sight.now_us)
        life.check_settings(SCHEMA, self._timezone)
        return life.accept(sight.now_us, 0 if self._known is None else self._known.seen_us)

    def write(self, link: Link, life: Life, seen: Sight) -> bool:
        """Put a life in the place of the watched one, or of none; tell if the WATCH let it."""
        birth = self._birth(seen.now_us) if seen.life is None else ()
        commands: list[Command] = [(b"SET", self._keys.epoch, life.encode().encode()), *birth]
        return link.transact(transaction(commands), len(commands)) is not None

    def watch(self, link: Link) -> Sight:
        """See where the namespace stands, and watch its epoch."""
        return self.look(link, [(b"UNWATCH",), (b"WATCH", self._keys.epoch)])

    def _halt(self, link: Link, floor: Floor) -> str:
        """Halt the namespace for everybody, if it still is as it was seen; tell why it is halted."""
        sight = self.watch(link)
        if sight.life is not None and sight.life.halted is not None:
            return sight.life.halted.reason
        reason = floor.known.loss(floor.sequence, sight.life, sight.sequence)
        if not reason:
            raise LedgerUnavailableError("the database was replaced just now; try again")
        life = sight.life or Life.begin(SCHEMA, self._timezone, sight.now_us)
        # A server that refuses the write admits nothing either.
        with suppress(LedgerUnavailableError):
            if self.write(link, life.halt(reason, sight.now_us, floor.known.seen_us), sight):
                _log.error("the ledger is halted for everybody: %s", reason)
        return reason

    def _follow(self, link: Link, known: Known, sight: Sight) -> None:
        """Go on in an epoch that an operator accepted."""
        life = self._usable(sight)
        self._check_server(link)
        if self._known is known:
            self._known = Known(life, sight.text, sight.sequence, sight.now_us)
            _log.warning("an operator accepted the ledger as it is: epoch %s follows %s", life.id, known.life.id)

    def _usable(self, sight: Sight) -> Life:
        if sight.life is None:
            raise LedgerUnavailableError("the database was flushed just now; try again")
        sight.life.check_settings(SCHEMA, self._timezone)
        if sight.life.halted is not None:
            raise halted(sight.life.halted.reason)
        return sight.life

    def _sight(self, text: Any, sequence_reply: Any, now_us: int) -> Sight:
        life = None if text is None else Life.decode(text, f"{self._keys.epoch.decode()} in Redis")
        return Sight(text, life, sequence_of(sequence_reply), now_us)

    def _check_journal(self, link: Link) -> None:
        (stream,) = link.try_ask(pack([(b"XINFO", b"STREAM", self._keys.journal)]), 1)
        if stream is not None:
            self._keys.check_journal(dict(zip(stream[::2], stream[1::2], strict=True))[b"last-generated-id"])

    def _check_server(self, link: Link) -> None:
        facts = read_facts(link)
        self.check_fit(None, facts)
        say(facts)
