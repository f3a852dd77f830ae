"""A lock on a file, between the processes of one host. The system frees the lock of one that dies."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows: everybody is told that the lock is theirs.
    fcntl = None  # type: ignore[assignment]

_NAP_S = 0.01


@contextmanager
def locked(path: str, patience_s: float = 0) -> Iterator[bool]:
    """Whether the caller has the lock on the file at ``path`` during the block; made if it is not there.

    Never one that SQLite has open: closing a second handle of that would drop SQLite's own locks.

    Raises:
        OSError: The file cannot be used.
    """
    if fcntl is None:
        yield True
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _lock(handle, time.monotonic() + patience_s)
    finally:
        # A child that was forked meanwhile has a copy of the handle; closing ours would not free it.
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _lock(handle: int, until_s: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until_s:
                return False
        time.sleep(random.uniform(0, _NAP_S))
