"""A provider in the process: it bills each try as it goes, to the token that it has sent."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any, Literal

import httpx2
from attrs import Factory, define, field

from tests.shapes.fake.bill import Bill

TEXT = "abcdef"
"""What every answer says: six tokens, as each is a letter."""
JSON = dict[str, Any]
Events = list[tuple[int, bytes]]
Fate = Literal["answer", "refused", "broken", "gateway", "timeout", "unreachable", "cut"]
_STATUS = {"refused": 429, "broken": 500, "gateway": 504}
_SOON = {"retry-after-ms": "1"}


def sse(*events: tuple[int, JSON], named: bool = False, done: bool = False) -> Events:
    """Events of a stream, each with how many tokens it brings."""
    lines = [
        (count, (f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n")
        for count, event in events
    ]
    return [(count, line.encode()) for count, line in [*lines, *([(0, "data: [DONE]\n\n")] if done else [])]]


@define
class Provider:
    """Answers one try after another, each by the next of its fates, the last again and again.

    Attributes:
        answer: Gives of a request and its path the whole answer, or the events of its stream.
        price: Bills tokens read and written.
        input_tokens: Of every prompt.
        limit: Gives the output limit of a request.
        fates: What becomes of the tries.
        cut_at: After how many events a stream breaks that is cut.
        encoding: How streams are compressed, whatever the client accepts.
        worst: What a try costs at most, of which nobody hears: what it read may have been dearer, as into a cache.
    """

    answer: Callable[[JSON, str], JSON | Events]
    price: Callable[[int, int], Bill]
    input_tokens: int
    limit: Callable[[JSON], int]
    fates: list[Fate] = field(factory=lambda: ["answer"])
    cut_at: int = 0
    requests: list[JSON] = field(factory=list)
    written: list[int] = field(factory=list)
    unheard: list[int] = field(factory=list)
    encoding: str | None = None
    worst: Callable[[int, int], Bill] = field(default=Factory(lambda self: self.price, takes_self=True))
    open_streams: int = 0

    @property
    def billed_usd(self) -> Decimal:
        """All that was read and written, whoever got it."""
        heard = [self.price(self.input_tokens, written).usd for written in self.written]
        return sum([*heard, *(self.worst(self.input_tokens, written).usd for written in self.unheard)], Decimal(0))

    def take(self, request: httpx2.Request, body: bytes) -> httpx2.Response | Iterator[bytes]:
        """Give a whole response, or the pieces of one that comes bit by bit."""
        asked = json.loads(body or b"{}")
        self.requests.append(asked)
        fate = self.fates.pop(0) if len(self.fates) > 1 else self.fates[0]
        if fate == "unreachable":
            raise httpx2.ConnectError("no route", request=request)
        if fate in ("refused", "broken"):
            return httpx2.Response(_STATUS[fate], json={"error": {"message": fate}}, headers=_SOON)
        if fate in ("gateway", "timeout"):
            self.unheard.append(self.limit(asked))
            if fate == "timeout":
                raise httpx2.ReadTimeout("too late", request=request)
            return httpx2.Response(504, json={"error": {"message": fate}}, headers=_SOON)
        answer = self.answer(asked, request.url.path)
        if isinstance(answer, list):
            self.written.append(0)
            return self._stream(answer, self.cut_at if fate == "cut" else len(answer))
        self.written.append(len(TEXT))
        whole = json.dumps(answer).encode()
        return self._pieces([whole[:20]] if fate == "cut" else [whole[:20], whole[20:]], fate == "cut")

    def _stream(self, events: Events, count: int) -> Iterator[bytes]:
        for written, event in events[:count]:
            self.written[-1] += written
            yield event
        if count < len(events):
            raise httpx2.RemoteProtocolError("the peer closed the connection")

    def _pieces(self, pieces: list[bytes], is_cut: bool) -> Iterator[bytes]:
        yield from pieces
        if is_cut:
            raise httpx2.RemoteProtocolError("the peer closed the connection")


class _Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, provider: Provider, pieces: Iterator[bytes]) -> None:
        self._provider, self._pieces, self._is_open = provider, pieces, True
        provider.open_streams += 1

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._provider.open_streams -= 1

    async def aclose(self) -> None:
        self.close()


class _Transport:
    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _respond(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        taken = self.provider.take(request, body)
        if isinstance(taken, httpx2.Response):
            return taken
        is_stream = json.loads(body or b"{}").get("stream") or "stream" in request.url.path
        kind = "text/event-stream" if is_stream else "application/json"
        headers = {"content-type": kind}
        if self.provider.encoding is not None:
            headers["content-encoding"], taken = self.provider.encoding, iter([gzip.compress(b"".join(taken))])
        return httpx2.Response(200, headers=headers, stream=_Body(self.provider, taken))


class _SyncTransport(_Transport, httpx2.BaseTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._respond(request, request.read())


class _AsyncTransport(_Transport, httpx2.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._respond(request, await request.aread())


def http(provider: Provider) -> httpx2.Client:
    """A client that reaches nothing but the provider."""
    return httpx2.Client(transport=_SyncTransport(provider))


def async_http(provider: Provider) -> httpx2.AsyncClient:
    """The same, awaited."""
    return httpx2.AsyncClient(transport=_AsyncTransport(provider))
