"""A TCP proxy that does to a conversation what a fault says."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from tests.faults.faults import Cut, Fault


class Proxy:
    """Stands between a ledger and its server. Set ``fault``, or `cut`."""

    def __init__(self, url: str) -> None:
        self.lead_to(url)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._numbers = itertools.count()
        self.fault = Fault()
        self.passed = {"request": 0, "reply": 0}
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, direction: str, after: int, meanwhile: Callable[[], object] = int, *, before: bool = False) -> None:
        """Break the conversation once; see `Cut`."""
        self.fault = Cut(direction, after, meanwhile, before=before)
        self.passed = {"request": 0, "reply": 0}

    def lead_to(self, url: str) -> None:
        """Let new connections go to this server, as after a failover."""
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 6379)

    def has_fired(self) -> bool:
        """Whether the fault happened; waits for what runs meanwhile."""
        return self.fault.happened.wait(10)

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            for number in self._numbers:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for source, sink, direction in ((client, server, "request"), (server, client, "reply")):
                    arguments = (number, source, sink, direction)
                    threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def _pump(self, number: int, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passed[direction] += len(data)
                verdict = self.fault.judge(number, direction, data)
                # What the peer has closed already does not undo the fault.
                with contextlib.suppress(OSError):
                    sink.sendall(verdict.passing)
                verdict.afterwards()
                if verdict.is_end:
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextlib.contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before the server at ``url``."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
