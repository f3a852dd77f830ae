"""A provider's server on loopback: answers by path, JSON or streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen


@frozen
class Reply:
    """What is sent back: a body and what it is."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)


Answer = Reply | Callable[[dict[str, Any]], Reply]
"""A reply, or what makes one of the request's JSON (an empty one where it is no JSON)."""


def as_json(document: object, **headers: str) -> Reply:
    """A plain answer; header names are written with ``_`` for ``-``."""
    return Reply(
        json.dumps(document).encode(), headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def as_events(events: Iterable[dict[str, Any]], *, named: bool = False, done: bool = True) -> Reply:
    """Server-sent events: ``named`` by their ``type``, and ``[DONE]`` at the end unless the provider has none."""
    lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return Reply("".join([*lines, "data: [DONE]\n\n" if done else ""]).encode(), "text/event-stream")


def as_lines(documents: Iterable[dict[str, Any]]) -> Reply:
    """A stream of JSON, one document a line."""
    return Reply("".join(f"{json.dumps(document)}\n" for document in documents).encode(), "application/x-ndjson")


def either(plain: Reply, streamed: Reply) -> Answer:
    """The one or the other, as the request's ``stream`` asks."""
    return lambda request: streamed if request.get("stream") else plain


@contextmanager
def provider(answers: Mapping[str, Answer]) -> Iterator[str]:
    """Serve answers, each to the paths that end as its key, and give the URL; an unknown path is a 404."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"answers": dict(answers)}))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: Mapping[str, Answer]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        found = max((end for end in self.answers if path.endswith(end)), key=len, default=None)
        request = self._request()
        answer = Reply(b'{"error": "no such path"}', status=404) if found is None else self.answers[found]
        self._send(answer if isinstance(answer, Reply) else answer(request))

    def _request(self) -> dict[str, Any]:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {}

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
