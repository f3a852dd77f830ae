"""Bytes that no client library sends: each is answered with an error or not at all, and none smuggles a call."""

from __future__ import annotations

import json
import random
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scale import scaled
from tests.server.service import Service

pytestmark = [pytest.mark.service, pytest.mark.timeout(scaled(120, 1200))]

_BODY = b'{"user_id": "smuggled", "cost": 1}'
_SPEND = b"POST /spend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)
_HEAD = b"POST /check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_CHECK = b'{"user_id": "alice"}'
_LENGTH = b"Content-Length: %d\r\n" % len(_CHECK)
# A front end that goes by one header, a service that goes by the other: the rest would be a call of its own.
SMUGGLING = {
    "length and chunks": _HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _SPEND,
    "chunks and length": _HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + _SPEND,
    "two lengths": _HEAD + _LENGTH + b"Content-Length: 0\r\n\r\n" + _CHECK + _SPEND,
    "a list of lengths": _HEAD + b"Content-Length: 20, 0\r\n\r\n" + _CHECK + _SPEND,
    "a signed length": _HEAD + b"Content-Length: +20\r\n\r\n" + _CHECK + _SPEND,
    "a negative length": _HEAD + b"Content-Length: -1\r\n\r\n" + _SPEND,
    "a length in hex": _HEAD + b"Content-Length: 0x14\r\n\r\n" + _CHECK + _SPEND,
    "a length with an underscore": _HEAD + b"Content-Length: 2_0\r\n\r\n" + _CHECK + _SPEND,
    "an endless length": _HEAD + b"Content-Length: " + b"9" * 4000 + b"\r\n\r\n" + _SPEND,
    "a space before the colon": _HEAD + b"Content-Length : 20\r\n\r\n" + _CHECK + _SPEND,
    "a folded header": _HEAD + b"X: a\r\n Content-Length: 0\r\n" + _LENGTH + b"\r\n" + _CHECK + _SPEND,
    "a coding nobody knows": _HEAD + b"Transfer-Encoding: xchunked\r\n" + _LENGTH + b"\r\n" + _CHECK + _SPEND,
    "chunked twice": _HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + _SPEND,
    "chunked but not last": _HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + _SPEND,
    "a vertical tab": _HEAD + b"Transfer-Encoding: \x0bchunked\r\n" + _LENGTH + b"\r\n" + _CHECK + _SPEND,
    "a bad chunk size": _HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + _SPEND,
    "a chunk size with a sign": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + _SPEND,
    "bare line feeds": _HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n" + _SPEND,
    "a null in a name": _HEAD + b"Content\x00-Length: 0\r\n\r\n" + _SPEND,
    "an underscored length": _HEAD + b"Content_Length: 0\r\n" + _LENGTH + b"\r\n" + _CHECK[:-1] + _SPEND,
    "HTTP/0.9": b"POST /check\r\n\r\n" + _SPEND,
    "HTTP/3.7": _HEAD.replace(b"HTTP/1.1", b"HTTP/3.7") + b"\r\n" + _SPEND,
    "TLS": bytes.fromhex("16030100a5010000a10303") + _SPEND,
}
ODD = {
    "no path": b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path of nulls": b"GET /\x00\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path upwards": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long path": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long header": b"GET /usage HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    "many headers": b"GET /usage HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 200 + b"\r\n",
    "no host": b"GET /usage?a HTTP/1.1\r\n\r\n",
    "another method": b"BREW /check HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in small letters": b"post /check HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a broken escape": b"GET /usage?user_id=%zz%ff HTTP/1.1\r\nHost: x\r\n\r\n",
    "too much": _HEAD + b"Content-Length: 70000\r\n\r\n" + b" " * 70_000,
    "chunks": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "a proxy protocol": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + _SPEND,
}
_RIGHT = _HEAD + _LENGTH + b"\r\n" + _CHECK


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all, on an SQLite file."""
    with Service(tmp_path_factory.mktemp("raw"), threads=8) as running:
        yield running


def statuses(service: Service, raw: bytes, patience_s: float = 7.0) -> list[int]:
    """Send bytes, no more, and read the status of every answer to them."""
    data = exchanged(service, raw, patience_s)
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", data)]


def exchanged(service: Service, raw: bytes, patience_s: float = 7.0) -> bytes:
    """Send bytes, no more, and read all that comes back."""
    with service.connect() as connection:
        connection.settimeout(patience_s)
        data = b""
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                data += part
        except OSError:
            pass
    return data


def smuggled(service: Service) -> set[str]:
    """What was spent by the calls that nobody made."""
    return {a["spent_usd"] for a in service.request("GET", "/usage?user_id=smuggled")[1]["accounts"]}


@pytest.mark.parametrize("name", SMUGGLING)
def test_a_request_within_a_request_is_not_made(service: Service, name: str) -> None:
    """Wherever two readers could disagree where a body ends: refused, the rest too, and nothing is booked."""
    before = smuggled(service)
    found = statuses(service, SMUGGLING[name])
    assert len(found) <= 2
    assert all(400 <= status < 500 or status in (501, 505) for status in found), found
    assert smuggled(service) == before


@pytest.mark.parametrize("name", ODD)
def test_an_odd_request_is_an_error_of_the_client(service: Service, name: str) -> None:
    """Refused by status or by closing; the service goes on."""
    found = statuses(service, ODD[name])
    assert all(status < 500 or status in (501, 505) for status in found), found
    assert service.request("GET", "/health")[0] == 200


UNREADABLE = {
    "HTTP/3.7": 400,
    "a null in a name": 400,
    "a coding nobody knows": 501,
    "a space before the colon": 400,
    "TLS": 400,
}


@pytest.mark.parametrize("name", [*UNREADABLE, "a long path", "many headers"])
def test_what_cannot_be_read_is_answered_as_a_problem(service: Service, name: str) -> None:
    """Also by whoever answers before the application: JSON with its status, and no page with the client's bytes."""
    status = {"a long path": 414, "many headers": 431, **UNREADABLE}[name]
    head, _, body = exchanged(service, {**SMUGGLING, **ODD}[name]).partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert (problem["status"], problem["type"]) == (status, "about:blank")
    assert b"Content-Type: application/problem+json\r\n" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert b"Content-Length: %d" % len(body) in head


def test_two_calls_on_one_connection_are_two(service: Service) -> None:
    """The control: a pipeline that is right is answered, so the tests above read what is there."""
    assert statuses(service, _RIGHT + _RIGHT) == [200, 200]


def test_a_slow_client_is_served(service: Service) -> None:
    """Byte by byte, and still within the time that a read may take: answered."""
    with service.connect() as connection:
        for byte in _RIGHT:
            connection.sendall(bytes([byte]))
        assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("after", [0, 1, 10, len(_HEAD), len(_RIGHT) - 1])
def test_a_client_that_closes_halfway_changes_nothing(service: Service, after: int) -> None:
    """A request that ends early is no request."""
    before = smuggled(service)
    found = statuses(service, _SPEND[: min(after, len(_SPEND) - 1)])
    assert all(status < 500 for status in found), found
    assert smuggled(service) == before


def test_random_damage_is_never_a_500(service: Service) -> None:
    """Hundreds of requests with bytes changed, cut out and doubled."""
    chance, answers = random.Random(4), 0
    begun_s = time.monotonic()
    for _ in range(scaled(400, 20_000)):
        raw = bytearray(chance.choice([_RIGHT, *list(SMUGGLING.values())[:4], *list(ODD.values())[:3]]))
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(raw))
            match chance.randrange(3):
                case 0:
                    raw[place] = chance.randrange(256)
                case 1:
                    del raw[place : place + chance.randrange(1, 9)]
                case _:
                    raw[place:place] = raw[place : place + chance.randrange(1, 30)]
            raw = raw or bytearray(b"x")
        found = statuses(service, bytes(raw))
        answers += len(found)
        assert all(status < 500 or status in (501, 505) for status in found), (found, bytes(raw))
    assert answers > 100
    assert service.request("GET", "/health")[0] == 200, time.monotonic() - begun_s


def test_what_it_was_sent_left_no_traceback(service: Service) -> None:
    """Nothing of all this was unexpected."""
    assert "Traceback" not in service.stderr
    assert not Path(service.folder, "core").exists()
