"""A TCP proxy that breaks one conversation at an exact byte, and tells whether it did."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

TRANSACTION = -1


class Proxy:
    """Stands between a ledger and its server.

    Arm it with `cut`: the next time that many bytes have gone one way, they are delivered and
    the connection is closed on both sides.
    """

    def __init__(self, url: str) -> None:
        self.lead_to(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._budget: dict[str, int] = {}
        self._meanwhile: Callable[[], object] = int
        self._before = False
        self._done = threading.Event()
        self.passed = {"request": 0, "reply": 0}
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, direction: str, after: int, meanwhile: Callable[[], object] = int, *, before: bool = False) -> None:
        """Break the conversation once ``after`` further bytes of ``request`` or ``reply`` have passed.

        With ``after`` at `TRANSACTION` it is the request that ends a transaction. ``meanwhile``
        runs when the last bytes have passed, or just ``before`` they do.
        """
        with self._lock:
            self._budget = {direction: after}
            self._meanwhile, self._before = meanwhile, before
            self._done.clear()
            self.passed = {"request": 0, "reply": 0}

    def lead_to(self, url: str) -> None:
        """Let new connections go to this server, as after a failover."""
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 6379)

    def has_fired(self) -> bool:
        """Whether the conversation was broken; waits for what runs meanwhile."""
        return self._done.wait(10)

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for source, sink, direction in ((client, server, "request"), (server, client, "reply")):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._pump, args=(source, sink, direction), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                passing, is_cut = self._allow(direction, data)
                if is_cut and self._before:
                    self._meanwhile()
                sink.sendall(passing)
                if is_cut and not self._before:
                    self._meanwhile()
                if is_cut:
                    self._done.set()
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _allow(self, direction: str, data: bytes) -> tuple[bytes, bool]:
        with self._lock:
            self.passed[direction] += len(data)
            left = self._budget.get(direction)
            if left == TRANSACTION:
                left = len(data) if data.endswith(b"EXEC\r\n") else None
            if left is None:
                return data, False
            if len(data) < left:
                self._budget[direction] = left - len(data)
                return data, False
            self._budget = {}
            return data[:left], True


@contextlib.contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before the server at ``url``."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
