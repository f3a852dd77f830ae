"""Connections to Redis: packets out, replies in, every failure as one of ours.

The only importer of redis-py. Its connections are used, its clients and retries are not: they
repeat transactions whose reply was lost, and hide that a WATCH is gone.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.exceptions import AuthenticationError, RedisError, ResponseError, TimeoutError
from redis.retry import Retry

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError

_ADDRESS = re.compile(r"[0-9.]+|.*:.*")
_OPTIONS = ("db", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_cert_reqs", "ssl_check_hostname", "ssl_keyfile")


class LinkLostError(Exception):
    """The connection broke or timed out. What was sent last may or may not have been done.

    ``refused`` if the server let nobody in: nothing was done. ``closed`` if the other end hung up.
    """

    def __init__(self, message: str, *, refused: bool = False, closed: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        self.closed = closed


class TornError(LinkLostError):
    """The server refused ``MULTI`` and did some of what followed it, command by command, whatever was watched."""


class Link:
    """One connection, for one operation, until a deadline (of ``time.monotonic``)."""

    def __init__(self, connection: Any, deadline_s: float) -> None:
        self._connection = connection
        self._deadline_s = deadline_s

    def ask(self, packet: bytes, replies: int) -> list[Any]:
        """Send a packet and read that many replies.

        Raises:
            LinkLostError: Not all of them came.
            LedgerUnavailableError, LedgerCorruptError: The server refused one of the commands.
        """
        answers = self._exchange(packet, replies)
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise _refusal(answer)
        return answers

    def try_ask(self, packet: bytes, replies: int) -> list[Any]:
        """As `ask`, with None for every command that the server refused."""
        return [None if isinstance(a, ResponseError) else a for a in self._exchange(packet, replies)]

    def transact(self, packet: bytes, commands: int) -> list[Any] | None:
        """Send ``MULTI``, that many commands and ``EXEC``; None if a WATCH stopped it.

        Raises:
            LinkLostError: The answer did not come: done or not, nobody knows yet.
            TornError: Done, or by halves, and not as one.
            LedgerUnavailableError: The server refused; nothing was done.
            LedgerCorruptError: A command failed on a value of another type.
        """
        # A reconnect here would run the transaction without its WATCH.
        if not self._connection.is_connected:
            raise LinkLostError("the connection was closed before its transaction")
        begun, *answers, done = self._exchange(packet, commands + 2)
        if isinstance(begun, ResponseError):
            if not all(isinstance(a, ResponseError) for a in answers):
                raise TornError(f"MULTI was refused ({begun}), what followed it was not")
            raise _refusal(begun)
        if isinstance(done, ResponseError):
            raise _refusal(next((a for a in answers if isinstance(a, ResponseError)), done))
        for answer in done or ():
            if isinstance(answer, ResponseError):
                raise LedgerCorruptError(f"Redis holds values of another kind: {answer}")
        return done  # type: ignore[no-any-return]

    def _exchange(self, packet: bytes, replies: int) -> list[Any]:
        connection = self._connection
        try:
            connection.send_packed_command([packet], check_health=False)
            return [self._read(connection) for _ in range(replies)]
        except RedisError as error:
            is_refused, is_late = isinstance(error, AuthenticationError), isinstance(error, TimeoutError)
            raise LinkLostError(str(error), refused=is_refused, closed=not is_refused and not is_late) from error

    def _read(self, connection: Any) -> Any:
        left_s = self._deadline_s - time.monotonic()
        try:
            return connection.read_response(timeout=max(left_s, 0.001))
        except ResponseError as error:
            return error


class Client:
    """The connections of one process to one server.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        timeout_s: What a socket may take at most; every operation has its own deadline within.
        connect: Makes a connection instead, for tests.

    Raises:
        ConfigError: A URL that cannot be used. Its text never shows a password.
    """

    def __init__(self, url: str, timeout_s: float, connect: Callable[[], Any] | None = None) -> None:
        self._connect = connect or _connector(url, timeout_s)
        self._timeout_s = timeout_s
        self._idle: list[Any] = []
        self._pid = os.getpid()

    @contextmanager
    def link(self, deadline_s: float) -> Iterator[Link]:
        """A connected link. Left by any exception, its connection is closed: nobody else may get its replies.

        Raises:
            LinkLostError: No connection could be made.
        """
        connection = self._take(deadline_s)
        try:
            yield Link(connection, deadline_s)
        except BaseException as error:
            connection.disconnect()
            if isinstance(error, LinkLostError) and error.closed:
                # So did the others, most likely: a server that was restarted must not cost a try for each.
                self.close()
            raise
        if connection.is_connected:
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.disconnect()

    def _take(self, deadline_s: float) -> Any:
        if self._pid != os.getpid():
            # The parent's sockets: dropping them closes our copies only.
            self._idle, self._pid = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._new(deadline_s)

    def _new(self, deadline_s: float) -> Any:
        connection = self._connect()
        left_s = max(deadline_s - time.monotonic(), 0.001)
        connection.socket_connect_timeout = connection.socket_timeout = left_s
        try:
            _connect(connection, left_s)
        except RedisError as error:
            # A stale pool is as dead as the server that these came from.
            self.close()
            raise LinkLostError(str(error), refused=True) from error
        connection.socket_timeout = self._timeout_s
        return connection


def _connect(connection: Any, timeout_s: float) -> None:
    """Connect, within a time that also covers what no socket's time-out does: looking up a name."""
    host = getattr(connection, "host", "")
    if not host or _ADDRESS.fullmatch(host):
        connection.connect()
        return
    failures: list[Exception] = []

    def connect() -> None:
        try:
            connection.connect()
        except Exception as error:
            failures.append(error)

    # Left behind if it takes too long: it ends by itself, and its connection with it.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        raise TimeoutError(f"{host} was not reached in time")
    if failures:
        raise failures[0]


def _connector(url: str, timeout_s: float) -> Callable[[], Any]:
    settings = _settings(url)
    made: type[Any] = settings.pop("connection_class", Connection)

    def connect() -> Any:
        return made(
            **settings,
            protocol=2,
            decode_responses=False,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            driver_info=None,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
        )

    return connect


def _settings(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        path = parts.path.strip("/")
        unknown = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if name not in _OPTIONS]
        if unknown:
            raise ConfigError(
                f"ledger_url: unknown option {unknown[0]!r}; allowed are {', '.join(_OPTIONS)}", field="ledger_url"
            )
        if parts.scheme != "unix" and path and not path.isdigit():
            raise ConfigError("ledger_url: the path of a Redis URL is a database number, as in /0", field="ledger_url")
        settings = dict(parse_url(url))  # type: ignore[no-untyped-call]
        # Looked up later, a name that cannot be one would fail with an error of another kind.
        str(settings.get("host", "")).encode("idna")
        return settings
    except (ValueError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            "ledger_url: is not a Redis URL such as redis://localhost:6379/0", field="ledger_url"
        ) from None


def _refusal(error: ResponseError) -> LedgerUnavailableError | LedgerCorruptError:
    if str(error).startswith("WRONGTYPE"):
        return LedgerCorruptError(f"Redis holds a value of another kind where budgets are kept: {error}")
    return LedgerUnavailableError(f"Redis refused: {error}")
