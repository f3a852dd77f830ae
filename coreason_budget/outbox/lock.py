"""One process at a time delivers an outbox. The system frees the lock of one that dies."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coreason_budget.outbox.store import OutboxBrokenError

try:
    import fcntl
except ImportError:  # Windows: several may deliver; each entry still counts once, and in order.
    fcntl = None  # type: ignore[assignment]

_NAP_S = 0.01


@contextmanager
def delivering(path: Path, patience_s: float = 0) -> Iterator[bool]:
    """Whether the caller is the one that delivers the outbox at ``path`` during the block.

    The lock is on a file beside it: closing a second handle of the outbox itself would drop SQLite's.
    """
    if fcntl is None:
        yield True
        return
    try:
        handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutboxBrokenError(f"the outbox's lock file cannot be used: {error}") from error
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
