"""One thread of the process for what must not wait where it comes up: in a destructor, or after a loop was closed."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol, TypeAlias
from weakref import WeakSet

_EXIT_S = 10.0
_log = logging.getLogger("coreason_budget")
_Queue: TypeAlias = "SimpleQueue[Callable[[], object] | None]"


class _Worker:
    """A thread and its queue. Those of the process that forked stay there: its work is done by it alone."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        # Its put may be called again while it runs, which a destructor does.
        self.queue: _Queue = SimpleQueue()
        self._thread = threading.Thread(target=_work, args=(self.queue,), name="coreason-budget", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        if self.pid == os.getpid():
            for one in list(_unfinished):
                one.drop()
            self.queue.put(None)
            self._thread.join(_EXIT_S)


class Droppable(Protocol):
    """What must come to an end before the interpreter does."""

    def drop(self) -> None:
        """End it now, by `later`."""


_worker: _Worker | None = None
_unfinished: WeakSet[Droppable] = WeakSet()


def prepare() -> None:
    """See that the thread runs, so that `later` need not start it. Never call it from a destructor."""
    global _worker
    if _worker is None or _worker.pid != os.getpid():
        _worker = _Worker()
        atexit.register(_worker.finish)


def drop_at_exit(one: Droppable) -> None:
    """Have something dropped before the interpreter ends, if it is still there then. Prepares, too."""
    prepare()
    _unfinished.add(one)


def later(work: Callable[[], object]) -> None:
    """Have something done soon, at the latest before the interpreter ends. Takes no lock, and never waits.

    In a process that did not `prepare`, nothing is done.
    """
    if _worker is not None and _worker.pid == os.getpid():
        _worker.queue.put(work)


def _work(queue: _Queue) -> None:
    while (work := queue.get()) is not None:
        try:
            work()
        except Exception as error:
            _log.warning("could not be done in the background: %s", error)
        del work  # It may hold the last reference to what its caller has dropped.
