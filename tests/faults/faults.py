"""What a proxy can do to a conversation. Each fault knows whether it happened."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from attrs import frozen

TRANSACTION = -1
_PATIENCE_S = 10


@frozen
class Verdict:
    """What becomes of some bytes: these pass, and then the connection is closed, or stays open."""

    passing: bytes
    is_end: bool = False
    afterwards: Callable[[], object] = int


class Fault:
    """Lets everything through. Each connection has its own conversation, told apart by ``number``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.happened = threading.Event()
        self.times = 0

    def judge(self, number: int, direction: str, data: bytes) -> Verdict:
        """What becomes of ``data`` on its way in a ``direction``, ``request`` or ``reply``."""
        return Verdict(data)

    def note(self) -> None:
        """It happened."""
        self.times += 1
        self.happened.set()


class Cut(Fault):
    """Closes the connection once ``after`` further bytes of a direction have passed, the once.

    With ``after`` at `TRANSACTION` it is the request that ends a transaction. ``meanwhile`` runs when the
    last bytes have passed, or just ``before`` they do. ``silently``, it is not closed: the rest is swallowed.
    """

    def __init__(
        self,
        direction: str,
        after: int,
        meanwhile: Callable[[], object] = int,
        *,
        before: bool = False,
        silently: bool = False,
    ) -> None:
        super().__init__()
        self._direction, self._left = direction, after
        self._meanwhile, self._before, self._silently = meanwhile, before, silently
        self._struck: int | None = None

    def judge(self, number: int, direction: str, data: bytes) -> Verdict:
        with self.lock:
            if self._struck is not None:
                return Verdict(b"" if self._silently and number == self._struck else data)
            left = self._left_of(direction, data)
            if left is None:
                return Verdict(data)
            self._struck = number
        if self._before:
            self._meanwhile()
        return Verdict(data[:left], not self._silently, self._afterwards)

    def _left_of(self, direction: str, data: bytes) -> int | None:
        """How many of these bytes pass before it strikes; None if all do."""
        if direction != self._direction:
            return None
        if self._left == TRANSACTION:
            return len(data) if data.endswith(b"EXEC\r\n") else None
        if len(data) < self._left:
            self._left -= len(data)
            return None
        return self._left

    def _afterwards(self) -> None:
        if not self._before:
            self._meanwhile()
        self.note()


class Interject(Fault):
    """Runs something just before the first transaction arrives, lets it pass, and then is another fault."""

    def __init__(self, meanwhile: Callable[[], object], then: Fault) -> None:
        super().__init__()
        self._meanwhile, self._then = meanwhile, then
        self._is_over = False

    def judge(self, number: int, direction: str, data: bytes) -> Verdict:
        with self.lock:
            if self._is_over:
                return self._then.judge(number, direction, data)
            if direction == "request" and data.endswith(b"EXEC\r\n"):
                self._is_over = True
                self._meanwhile()
                self.note()
        return Verdict(data)


class Stall(Fault):
    """A black hole: takes everything and passes nothing, in the directions named."""

    def __init__(self, *directions: str) -> None:
        super().__init__()
        self._directions = directions or ("request", "reply")

    def judge(self, number: int, direction: str, data: bytes) -> Verdict:
        if direction not in self._directions:
            return Verdict(data)
        self.note()
        return Verdict(b"")


class Delay(Fault):
    """Passes everything, later."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def judge(self, number: int, direction: str, data: bytes) -> Verdict:
        time.sleep(self._seconds)
        self.note()
        return Verdict(data)


class Late(Fault):
    """Holds the first transaction back until `deliver`, long after its client has gone."""

    def __init__(self) -> None:
        super().__init__()
        self._held: int | None = None
        self._go, self._landed = threading.Event(), threading.Event()

    def judge(self, number: int, direction: str, data: bytes) -> Verdict:
        with self.lock:
            is_first = self._held is None and direction == "request" and data.endswith(b"EXEC\r\n")
            if is_first:
                self._held = number
        if is_first:
            self.note()
            self._go.wait(_PATIENCE_S)
            return Verdict(data, afterwards=lambda: self._landed.wait(_PATIENCE_S))
        if number == self._held and direction == "reply" and self._go.is_set():
            self._landed.set()
        return Verdict(data)

    def deliver(self) -> None:
        """Let it arrive, and wait until the server has answered it."""
        self._go.set()
        assert self._landed.wait(_PATIENCE_S)


class LostReplies(Fault):
    """Loses the answers of the next transactions: they are done, and their connections close."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._left = times
        self._asked: set[int] = set()

    def judge(self, number: int, direction: str, data: bytes) -> Verdict:
        if direction == "request" and data.endswith(b"EXEC\r\n"):
            self._asked.add(number)
        elif number in self._asked and self._left:
            self._left -= 1
            self.note()
            return Verdict(b"", is_end=True)
        return Verdict(data)


class Chance(Fault):
    """Cuts a share of requests and replies at a random byte: some arrive whole, some by half, some not at all."""

    def __init__(self, seed: int, request: float, reply: float) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._shares = {"request": request, "reply": reply}

    def judge(self, number: int, direction: str, data: bytes) -> Verdict:
        with self.lock:
            if self._random.random() >= self._shares[direction]:
                return Verdict(data)
            passing = data[: self._random.choice((0, self._random.randrange(len(data) + 1), len(data)))]
            self.note()
        return Verdict(passing, is_end=True)
