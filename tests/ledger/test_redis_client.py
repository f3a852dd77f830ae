"""Connections to Redis: which URLs they take, what their answers mean, and which of them are used again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import redis

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger.redis.client import Client, Link, LinkLostError, TornError
from coreason_budget.testing.fork import in_fork


class Line:
    """A connection whose answers are given: a reply, or the exception that reading it raises."""

    def __init__(self, *answers: Any, connects: Exception | None = None) -> None:
        self.answers = list(answers)
        self.connects = connects
        self.on_connect: Callable[[], object] = int
        self.is_connected = False
        self.sent: list[bytes] = []
        self.waits_s: list[float] = []
        self.socket_timeout = self.socket_connect_timeout = 0.0

    def connect(self) -> None:
        self.on_connect()
        if self.connects is not None:
            raise self.connects
        self.waits_s.append(self.socket_connect_timeout)
        self.is_connected = True

    def disconnect(self) -> None:
        self.is_connected = False

    def send_packed_command(self, packets: list[bytes], check_health: bool) -> None:
        assert check_health is False, "a health check would be one more round trip"
        self.sent += packets

    def read_response(self, timeout: float) -> Any:
        self.waits_s.append(timeout)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _link(*answers: Any, left_s: float = 60) -> tuple[Link, Line]:
    line = Line(*answers)
    line.is_connected = True
    return Link(line, time.monotonic() + left_s), line


def _client(*lines: Line) -> Client:
    left = list(lines)
    return Client("redis://nowhere", 5, lambda: left.pop(0))


def _use(client: Client) -> Line:
    with client.link(time.monotonic() + 60) as link:
        line: Line = link._connection
    return line


REFUSED = redis.ResponseError("NOPERM this user may not")
WRONG = redis.ResponseError("WRONGTYPE of value")
LOST = redis.ConnectionError("gone")


def test_a_packet_is_sent_once_and_its_replies_are_read_in_order() -> None:
    """As many as it was told, and no more."""
    link, line = _link(b"1", None, b"3", b"next")
    assert link.ask(b"packet", 3) == [b"1", None, b"3"]
    assert (line.sent, line.answers) == ([b"packet"], [b"next"])


def test_a_refused_command_is_unavailable_or_corrupt() -> None:
    """A value of another type is damage; whatever else the server says, it does not serve. All replies are read."""
    for refusal, expected in ((REFUSED, LedgerUnavailableError), (WRONG, LedgerCorruptError)):
        link, line = _link(b"1", refusal, b"3")
        with pytest.raises(expected, match=str(refusal)):
            link.ask(b"", 3)
        assert line.answers == []


def test_who_only_tries_gets_nothing_for_what_is_refused() -> None:
    """The others are answered."""
    link, _ = _link(b"1", REFUSED, WRONG, b"4")
    assert link.try_ask(b"", 4) == [b"1", None, None, b"4"]


@pytest.mark.parametrize("act", ["ask", "try_ask", "transact"])
@pytest.mark.parametrize(
    ("error", "refused", "closed"),
    [
        (LOST, False, True),
        (redis.TimeoutError("slow"), False, False),
        (redis.InvalidResponse("what?"), False, True),
        (redis.AuthenticationError("no"), True, False),
    ],
)
def test_a_line_that_breaks_is_lost(act: str, error: Exception, refused: bool, closed: bool) -> None:
    """Nobody knows what was done, unless the server let nobody in; a line that is only slow was not closed."""
    link, _ = _link(error)
    with pytest.raises(LinkLostError, match=str(error)) as caught:
        getattr(link, act)(b"", 1)
    assert (caught.value.refused, caught.value.closed) == (refused, closed)


def test_a_transaction_answers_with_what_its_commands_did() -> None:
    """Two replies more than its commands have; None if its WATCH stopped it."""
    link, line = _link(b"OK", b"QUEUED", b"QUEUED", [1, 2], b"next")
    assert link.transact(b"", 2) == [1, 2]
    assert line.answers == [b"next"]
    assert _link(b"OK", None)[0].transact(b"", 0) is None


def test_a_transaction_that_was_refused_says_why() -> None:
    """Its first refusal is the reason, and EXEC's own only where there is no other."""
    exec_abort = redis.ResponseError("EXECABORT")
    with pytest.raises(LedgerUnavailableError, match="first"):
        _link(redis.ResponseError("first"), REFUSED, exec_abort)[0].transact(b"", 1)
    with pytest.raises(LedgerUnavailableError, match="NOPERM"):
        _link(b"OK", b"QUEUED", REFUSED, exec_abort)[0].transact(b"", 2)
    with pytest.raises(LedgerUnavailableError, match="EXECABORT"):
        _link(b"OK", b"QUEUED", exec_abort)[0].transact(b"", 1)


def test_a_transaction_that_was_taken_apart_is_torn() -> None:
    """MULTI was refused, and something of what followed it was done: it is lost, and not refused."""
    with pytest.raises(TornError) as caught:
        _link(REFUSED, REFUSED, 1, REFUSED)[0].transact(b"", 2)
    assert not caught.value.refused


def test_a_command_that_failed_in_a_transaction_is_corrupt() -> None:
    """The others were done: only damage can come to that."""
    with pytest.raises(LedgerCorruptError, match="not an integer"):
        _link(b"OK", b"QUEUED", b"QUEUED", [1, redis.ResponseError("not an integer")])[0].transact(b"", 2)


def test_a_transaction_never_runs_on_a_line_that_was_made_anew() -> None:
    """Its WATCH is gone with the old one: nothing is sent."""
    link, line = _link(b"OK", [])
    line.is_connected = False
    with pytest.raises(LinkLostError) as caught:
        link.transact(b"", 0)
    assert line.sent == []
    assert not caught.value.refused


def test_every_reply_has_what_is_left_of_the_deadline() -> None:
    """And a moment where none is left: no time at all would mean for ever."""
    link, line = _link(b"1", left_s=40)
    link.ask(b"", 1)
    assert 30 < line.waits_s[0] <= 40
    link, line = _link(b"1", left_s=-5)
    link.ask(b"", 1)
    assert 0 < line.waits_s[0] < 0.1
    with _client(line := Line(b"1")).link(time.monotonic() - 5) as link:
        link.ask(b"", 1)
    assert all(0 < wait_s < 0.1 for wait_s in line.waits_s)


def test_a_connection_is_made_within_the_deadline_and_used_again() -> None:
    """One after the other takes the same; two at once have two, and both are kept."""
    first, second = Line(), Line()
    client = _client(first, second)
    assert _use(client) is _use(client) is first
    assert 50 < first.waits_s[0] <= 60
    assert first.socket_timeout == 5
    with client.link(time.monotonic() + 60):
        assert _use(client) is second
    assert {_use(client), _use(client)} <= {first, second}
    client.close()
    assert (first.is_connected, second.is_connected) == (False, False)


class Named(Line):
    """A connection to a name, which has to be looked up, or to an address, which has not."""

    def __init__(self, host: str, *answers: Any, connects: Exception | None = None) -> None:
        super().__init__(*answers, connects=connects)
        self.host = host


def test_a_name_that_is_not_found_in_time_is_no_connection() -> None:
    """Looking it up obeys no socket's time-out: whoever asked does not wait for it."""
    line, found = Named("db.example"), threading.Event()
    line.on_connect = found.wait
    begun_s = time.monotonic()
    with pytest.raises(LinkLostError, match=r"db\.example") as caught, _client(line).link(time.monotonic() + 0.05):
        pass
    found.set()
    assert caught.value.refused
    assert time.monotonic() - begun_s < 30


@pytest.mark.parametrize("host", ["db.example", "127.0.0.1", "::1", ""])
def test_a_connection_is_made_by_name_or_by_address(host: str) -> None:
    """What is wrong with it is told in both cases; an address is not worth a thread."""
    line, threads = Named(host, b"1"), list[int]()
    line.on_connect = lambda: threads.append(threading.get_ident())
    with _client(line).link(time.monotonic() + 60) as link:
        assert link.ask(b"", 1) == [b"1"]
    assert (threads == [threading.get_ident()]) is (host != "db.example")
    with pytest.raises(LinkLostError, match="gone") as caught:
        _use(_client(Named(host, connects=LOST)))
    assert caught.value.refused


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, LedgerUnavailableError("no")])
def test_a_connection_left_by_an_exception_is_closed(error: Any) -> None:
    """Whatever it was: nobody else may get the replies that are still on their way."""
    first, second = Line(), Line()
    client = _client(first, second)
    with suppress(BaseException), client.link(time.monotonic() + 60):
        raise error
    assert not first.is_connected
    assert _use(client) is second


@pytest.mark.parametrize("closed", [True, False])
def test_a_server_that_hung_up_on_one_has_hung_up_on_all(closed: bool) -> None:
    """The idle ones are dropped with it, and only then: a restart must not cost a try for each."""
    first, second = Line(), Line()
    client = _client(first, second, Line())
    with client.link(time.monotonic() + 60):
        _use(client)
    with suppress(LinkLostError), client.link(time.monotonic() + 60):
        raise LinkLostError("gone", closed=closed)
    assert sorted([first.is_connected, second.is_connected]) == [False, not closed]


def test_a_connection_that_was_closed_meanwhile_is_not_kept() -> None:
    """As one is by a server that went away."""
    first, second = Line(), Line()
    client = _client(first, second)
    with client.link(time.monotonic() + 60):
        first.disconnect()
    assert _use(client) is second


def test_where_no_connection_can_be_made_the_idle_ones_are_closed() -> None:
    """One that came back meanwhile is as dead as the server. Nothing was done, and that is known."""
    first, dead = Line(), Line(connects=LOST)
    client = _client(first, dead)
    other = ExitStack()
    other.enter_context(client.link(time.monotonic() + 60))
    dead.on_connect = other.close
    with pytest.raises(LinkLostError, match="gone") as caught:
        _use(client)
    assert caught.value.refused
    assert not first.is_connected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_uses_no_connection_of_its_parent() -> None:
    """Two processes on one line would read each other's replies."""
    first, second = Line(), Line()
    client = _client(first, second)
    _use(client)

    def child() -> None:
        assert _use(client) is second
        assert first.is_connected

    with in_fork(child):
        pass
    assert _use(client) is first


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://db.example", {"host": "db.example", "port": 6379, "db": 0}),
        ("redis://app:pw@db.example:7000/3", {"port": 7000, "db": 3, "username": "app", "password": "pw"}),
        ("redis://db.example/", {"db": 0}),
        ("redis://db.example?db=4", {"db": 4}),
        ("unix:///run/redis.sock?db=1", {"path": "/run/redis.sock", "db": 1}),
        ("rediss://db.example?ssl_cert_reqs=none", {"cert_reqs": 0}),
    ],
)
def test_a_url_says_where_and_the_rest_is_fixed(url: str, expected: dict[str, object]) -> None:
    """Nothing is ever repeated by itself, and replies are the bytes of the older protocol."""
    connection = Client(url, 2.5)._connect()
    assert {name: getattr(connection, name) for name in expected} == expected
    assert connection.retry.get_retries() == 0
    assert connection.health_check_interval == 0
    assert (connection.socket_timeout, connection.socket_connect_timeout) == (2.5, 2.5)
    assert int(connection.protocol) == 2
    assert connection.encoder.decode_responses is False


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://:hunter2@db/0?retry_on_timeout=yes", "'retry_on_timeout'"),
        ("redis://:hunter2@db/0?decode_responses=", "'decode_responses'"),
        ("redis://:hunter2@db/0?db=1&protocol=3", "'protocol'"),
        ("redis://:hunter2@db/name", "database number"),
        ("redis://:hunter2@db/0/1", "database number"),
        ("redis://:hunter2@db:port/0", "not a Redis URL"),
        ("redis://:hunter2@[db/0", "not a Redis URL"),
        ("redis://:hunter2@db..example/0", "not a Redis URL"),
        ("redis://:hunter2@db?db=first", "db must be a database number"),
        ("http://:hunter2@db", "not a Redis URL"),
    ],
)
def test_what_cannot_be_used_is_a_matter_of_settings(url: str, reason: str) -> None:
    """Told when it is set up, and without the password."""
    with pytest.raises(ConfigError, match=reason) as caught:
        Client(url, 1)
    assert caught.value.field == "ledger_url"
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"
