"""The epoch of a namespace: which life of the database this is, and how it is kept."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.codec import Command, pack, transaction

SCHEMA = 2
OLDEST_SERVER = (6, 2)

_log = logging.getLogger("coreason_budget")


class Epoch:
    """Made at first contact, then watched by every mutation and compared by every read.

    A database that was flushed, restored or swapped looks like one where nothing was spent; a
    process that has seen one epoch works with no other. ``birth`` tells what is written together
    with a new epoch, from the server's time.
    """

    def __init__(self, key: bytes, timezone: str, birth: Callable[[int], Sequence[Command]]) -> None:
        self._key = key
        self._timezone = timezone
        self._birth = birth
        self._seen: bytes | None = None

    @property
    def is_joined(self) -> bool:
        """Whether this process has seen the epoch."""
        return self._seen is not None

    def join(self, link: Link) -> None:
        """Make the epoch or take the one that is there.

        Raises:
            ConfigError: The namespace is kept by another schema or in another time zone, or the
                server is too old.
        """
        made = {"id": secrets.token_hex(16), "schema": SCHEMA, "timezone": self._timezone}
        text = json.dumps(made, separators=(",", ":")).encode()
        look: list[Command] = [(b"UNWATCH",), (b"WATCH", self._key), (b"GET", self._key), (b"TIME",)]
        *_, found, time = link.ask(pack(look), len(look))
        if found is None:
            writes: list[Command] = [(b"SET", self._key, text), *self._birth(int(time[0]) * 1_000_000 + int(time[1]))]
            link.transact(transaction(writes), len(writes))
            found = link.ask(pack([(b"GET", self._key)]), 1)[0]
        self._check_settings(found)
        _check_server(link)
        self._seen = found

    def check(self, found: bytes | None) -> None:
        """Compare what a packet read.

        Raises:
            LedgerUnavailableError: Another epoch, or none.
        """
        if found != self._seen:
            raise LedgerUnavailableError(
                "the Redis database was flushed, restored or replaced while in use: what was spent may be "
                "gone. Put its data back, or restart this application to begin with what is there"
            )

    def _check_settings(self, found: bytes | None) -> None:
        try:
            settings = json.loads(found or b"")
            schema, timezone = settings["schema"], settings["timezone"]
        except (ValueError, KeyError, TypeError):
            raise LedgerCorruptError(f"{self._key.decode()} in Redis is not an epoch: {found!r:.80}") from None
        if schema != SCHEMA:
            raise ConfigError(
                f"ledger_url: the namespace is kept by schema {schema}, this is {SCHEMA}; "
                "upgrade coreason-budget or use another namespace",
                field="ledger_url",
            )
        if timezone != self._timezone:
            raise ConfigError(
                f"timezone: the namespace is kept in {timezone}, not {self._timezone}; "
                "set that zone or use another namespace",
                field="timezone",
            )


def _check_server(link: Link) -> None:
    """Refuse a server that is too old, and say once what may make it forget."""
    try:
        info = _parse_info(link.ask(pack([(b"INFO",)]), 1)[0])
    except LedgerUnavailableError:
        return  # Not every user may ask; the commands themselves still fail closed.
    version = info.get("redis_version", "")
    if version and tuple(int(n) for n in version.split(".")[:2] if n.isdigit()) < OLDEST_SERVER:
        raise ConfigError(f"ledger_url: Redis {version} is too old; 6.2 or newer is needed", field="ledger_url")
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        _log.warning("Redis may evict budgets (maxmemory-policy %s): set noeviction", info["maxmemory_policy"])
    if info.get("aof_enabled") == "0":
        _log.warning("Redis keeps no append-only file: a restart may forget what was spent (appendonly yes)")


def _parse_info(reply: Any) -> dict[str, str]:
    lines = reply.decode(errors="replace").splitlines() if isinstance(reply, bytes) else ()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}
