"""A forked child that runs one function, and whose failure is the test's."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def in_fork(job: Callable[[], object]) -> Iterator[None]:
    """Run ``job`` in a fork of this process beside the block, and wait for it at its end."""
    with warnings.catch_warnings():
        # Newer Pythons warn of any fork of a process with threads: that it works is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            job()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            # The child never returns into pytest, whatever happens.
            os._exit(status)
    try:
        yield
    finally:
        _, waited = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(waited) == 0, "the forked child failed; see its traceback in stderr"
