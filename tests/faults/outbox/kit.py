"""An outbox and a ledger of a namespace of their own, and children that are killed at any line."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from attrs import frozen

from coreason_budget import BudgetManager
from tests.outbox.kit import manager

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
FILES = ("coreason_budget/outbox/", "coreason_budget/ledger/")
KEYS = ("one", "two", "three")


class Killer:
    """Kills this process with SIGKILL at the n-th line that the outbox or its file runs."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if not any(part in frame.f_code.co_filename for part in FILES):
            return None
        if event == "line":
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1
        return self


Say = Callable[[bytes], object]


def in_killed_child(job: Callable[[Say], object], after: int) -> tuple[bool, bytes]:
    """Run a job in a child that dies after so many lines; whether it died, and what it said before."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            sys.settrace(Killer(after))
            job(partial(os.write, send))
            sys.settrace(None)
            status = 0
        finally:
            os._exit(status)
    os.close(send)
    _, waited = os.waitpid(pid, 0)
    said = os.read(receive, 100)
    os.close(receive)
    code = os.waitstatus_to_exitcode(waited)
    assert code in (0, -signal.SIGKILL)
    return code != 0, said


@frozen
class Place:
    """An outbox, a ledger, and a namespace of their own."""

    folder: Path
    url: str
    namespace: str

    def open(self, url: str = "", timeout_s: float = 5) -> BudgetManager:
        """A process's manager, with the ledger at its place or at another."""
        return manager(
            self.folder / f"{self.namespace}.outbox",
            ledger_url=url or self.url,
            namespace=self.namespace,
            ledger_timeout_s=timeout_s,
            daily_user_limit_usd="unlimited",
        )


def places(folder: Path, url: str) -> Iterator[Place]:
    """One after the other, each with a fresh namespace."""
    while True:
        yield Place(folder, url, secrets.token_hex(8))
