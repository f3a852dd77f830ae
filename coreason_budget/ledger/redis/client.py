"""Connections to Redis: packets out, replies in, every failure as one of ours.

The only importer of redis-py. Its connections are used, its clients and retries are not: they
repeat transactions whose reply was lost, and hide that a WATCH is gone.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import AuthenticationError, RedisError, ResponseError, TimeoutError
from redis.retry import Retry

from coreason_budget.errors import LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger.redis.refusals import refusal
from coreason_budget.ledger.redis.url import read_url

_log = logging.getLogger("coreason_budget")
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")


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
            raise LinkLostError(_said(error), refused=is_refused, closed=not is_refused and not is_late) from error

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
        except (ResponseError, AuthenticationError) as error:
            raise _refusal(error) from error
        except TimeoutError as error:
            self.close()
            raise LinkLostError(_in_time(connection), refused=True) from error
        except RedisError as error:
            # A stale pool is as dead as the server that these came from.
            self.close()
            raise LinkLostError(_said(error), refused=True) from error
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
        raise TimeoutError
    if failures:
        raise failures[0]


def _in_time(connection: Any) -> str:
    """What to say of a server that was not reached in time."""
    where = getattr(connection, "host", "") or "the server"
    if isinstance(connection, _TlsConnection):
        return f"{where} was not reached in time, or does not speak TLS there (redis:// is without)"
    return f"{where} was not reached in time"


class _TlsConnection(SSLConnection):
    """A connection by TLS that is heard once before it is used.

    In TLS 1.3 a client has shaken hands before the server looks at its certificate. Whoever then sends
    finds the line closed, or not, and why it was is told only to those who read.
    """

    def _connect(self) -> Any:
        line: Any = super()._connect()  # type: ignore[no-untyped-call]
        try:
            self._hear(line)
        except BaseException:
            line.close()
            raise
        return line

    def _hear(self, line: Any) -> None:
        with suppress(ssl.SSLEOFError, ConnectionError):
            line.sendall(b"PING\r\n")
        heard = b""
        while not heard.endswith(b"\n"):
            part = line.recv(1024)
            if not part:
                raise ConnectionResetError(errno.ECONNRESET, "the server closed the connection after the TLS handshake")
            heard += part


_CONNECTIONS: dict[str, type[Any]] = {"tcp": Connection, "tls": _TlsConnection, "unix": UnixDomainSocketConnection}


def _connector(url: str, timeout_s: float) -> Callable[[], Any]:
    address = read_url(url)
    if address.settings.get("ssl_cert_reqs") == "none":
        _log.warning("who answers as Redis is not checked, as ssl_cert_reqs=none says: it may be anybody")
    made: Any = _CONNECTIONS[address.how]
    return partial(
        made,
        **address.settings,
        protocol=2,
        decode_responses=False,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        driver_info=None,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
    )


def _said(error: RedisError) -> str:
    """What an error says; with the code word, which redis-py cuts off, where it is the server's."""
    return str(_refusal(error) if getattr(error, "status_code", None) else error)


def _refusal(error: RedisError) -> LedgerUnavailableError | LedgerCorruptError:
    return refusal(getattr(error, "status_code", None) or "", str(error))
