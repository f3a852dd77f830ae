"""gunicorn as this service wants it: our application, its log in ours, and no stop lost."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from coreason_budget.server.replies import HEADERS
from coreason_budget.wire.outcomes import Kind
from coreason_budget.wire.problems import MEDIA_TYPE, Problem

_STOPS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)


class ServiceLogger(Logger):  # type: ignore[misc]
    """Leaves gunicorn's messages to the handlers of `coreason_budget.server.logs`."""

    def setup(self, cfg: Any) -> None:
        """Add no handlers."""
        self.error_log.propagate = True

    def access(self, *_: Any) -> None:
        """Write nothing: the application logs its requests."""


class Worker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker that hears a stop from its first moment on.

    Between its fork and its own handlers a worker has the master's: a stop would be put on a
    queue that nobody reads, and the master would wait for it until the graceful time-out.
    """

    def init_signals(self) -> None:
        """Take over the signals, and then those that came meanwhile."""
        super().init_signals()
        release_stops()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what cannot be read as HTTP: with gunicorn's status, but as a problem."""
        super().handle_error(req, _ProblemWriter(client), addr, exc)


class _ProblemWriter:
    """A client's socket that sends a problem in the place of gunicorn's page."""

    def __init__(self, client: Any) -> None:
        self.gettimeout = client.gettimeout
        self.setblocking = client.setblocking
        self.getsockname = client.getsockname
        self._send = client.sendall

    def sendall(self, page: bytes) -> None:
        """Send the problem of the page's status."""
        _, status, reason = page.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)
        detail = "This cannot be read as an HTTP request; nothing was done."
        body = json.dumps(Problem(Kind(int(status), reason), detail).body) + "\n"
        headers = {**HEADERS, "Connection": "close", "Content-Type": MEDIA_TYPE, "Content-Length": len(body)}
        lines = [f"HTTP/1.1 {status} {reason}", *[f"{name}: {value}" for name, value in headers.items()], "", body]
        self._send("\r\n".join(lines).encode("latin-1"))


def hold_stops() -> None:
    """Before a fork: keep stops waiting until master and worker have parted."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)


def release_stops() -> None:
    """Let stops through that waited, to the handlers that are there now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


os.register_at_fork(after_in_parent=release_stops)


class Service(BaseApplication):  # type: ignore[misc]
    """An application and its options."""

    def __init__(self, make_app: Callable[[], Flask], options: Mapping[str, Any]) -> None:
        self._make_app = make_app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Set the options that this version of gunicorn knows."""
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application: before the workers, or in each of them."""
        return self._make_app()
