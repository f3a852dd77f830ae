"""Many callers at once: jobs that start together at a barrier, as threads or as processes."""

from __future__ import annotations

import multiprocessing as mp
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from random import Random
from typing import Any, TypeVar

from attrs import frozen

from coreason_budget.errors import BudgetError, BudgetExceededError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.base import Backend
from coreason_budget.limits import Limit
from coreason_budget.model import Amounts, Subject
from coreason_budget.standing import Receipt
from coreason_budget.testing.kit import ALICE, guard_on

T = TypeVar("T")
Job = Callable[[Callable[[], object]], T]
"""Gets ready, calls what it is given to start with all others, works, and answers."""

_PATIENCE_S = 120
_METHOD = "forkserver" if "forkserver" in mp.get_all_start_methods() else "spawn"


def in_threads(jobs: Sequence[Job[T]]) -> list[T]:
    """Run every job in a thread of this process, all at once."""
    barrier = threading.Barrier(len(jobs))
    start = lambda: barrier.wait(_PATIENCE_S)  # noqa: E731
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [f.result(_PATIENCE_S) for f in [pool.submit(_or_abort, job, start, barrier) for job in jobs]]


def _or_abort(job: Job[T], start: Callable[[], object], barrier: threading.Barrier) -> T:
    try:
        return job(start)
    except BaseException:
        # Whoever still waits for this job must not wait in vain.
        barrier.abort()
        raise


def in_processes(jobs: Sequence[Job[T]]) -> list[T]:
    """Run every job in a process of its own, all at once. Jobs and answers must be picklable."""
    context: Any = mp.get_context(_METHOD)
    if _METHOD == "forkserver":
        context.set_forkserver_preload([__name__])
    barrier = context.Barrier(len(jobs))
    pipes = [context.Pipe(duplex=False) for _ in jobs]
    started = [
        context.Process(target=_work, args=(job, barrier, send), daemon=True)
        for job, (_, send) in zip(jobs, pipes, strict=True)
    ]
    try:
        for process in started:
            process.start()
        for _, send in pipes:
            send.close()
        return [_answer(receive) for receive, _ in pipes]
    finally:
        for process in started:
            process.kill()
            process.join()


def _work(job: Job[Any], barrier: Any, send: Connection) -> None:
    try:
        send.send((job(lambda: barrier.wait(_PATIENCE_S)), None))
    except BaseException as error:
        barrier.abort()
        send.send((None, error))


def _answer(receive: Connection) -> Any:
    if not wait([receive], _PATIENCE_S):
        raise TimeoutError(f"a process did not answer within {_PATIENCE_S} s")
    answer, error = receive.recv()
    if error is not None:
        raise error
    return answer


@frozen
class Racer:
    """What every job has: a way to the ledger, and limits."""

    open: Callable[[], Backend]
    limits: tuple[Limit, ...]

    def guard(self) -> BudgetGuard:
        return guard_on(self.open(), *self.limits)


@frozen
class Burst(Racer):
    """Reserves ``amount`` for one subject ``times`` times; answers how often it was admitted."""

    times: int
    amount: int
    subject: Subject = ALICE

    def __call__(self, start: Callable[[], object]) -> int:
        guard = self.guard()
        start()
        return sum(_is_admitted(guard, self.subject, self.amount) for _ in range(self.times))


@frozen
class Mix(Racer):
    """Random calls of random users and projects: reserve, then settle, release or leave open, and checks.

    Answers what it knows to be booked or held: (user, project, amount) each.
    """

    times: int
    seed: int
    users: int = 5
    projects: int = 2

    def __call__(self, start: Callable[[], object]) -> list[tuple[str, str, int]]:
        guard, random = self.guard(), Random(self.seed)
        start()
        held = []
        for _ in range(self.times):
            subject = Subject(f"u{random.randrange(self.users)}", f"p{random.randrange(self.projects)}")
            amount = random.randrange(1, 40)
            try:
                hold = guard.reserve(subject, Amounts(amount))
            except BudgetExceededError:
                continue
            kept = amount
            match random.randrange(3):
                case 0:
                    kept = guard.settle(hold.reservation_id, random.randrange(amount + 1)).amounts.usd_nanos
                case 1:
                    kept = guard.release(hold.reservation_id).amounts.usd_nanos
            held.append((str(subject.user), str(subject.project), kept))
        return held


@frozen
class Once(Racer):
    """Makes one and the same call, by its key, several times; answers how often it was the first."""

    verb: str
    key: str
    times: int = 3
    reservation_id: str = ""

    def __call__(self, start: Callable[[], object]) -> int:
        guard = self.guard()
        start()
        return sum(not self._call(guard) for _ in range(self.times))

    def _call(self, guard: BudgetGuard) -> bool:
        if self.verb == "reserve":
            return guard.reserve(ALICE, Amounts(7), idempotency_key=self.key).replayed
        if self.verb == "charge":
            return guard.charge(ALICE, Amounts(7), idempotency_key=self.key).replayed
        return guard.settle(self.reservation_id, 7, idempotency_key=self.key).replayed


@frozen
class Ending(Racer):
    """Tries to end reservations, each in its own way; answers what each try came to."""

    verb: str
    reservation_ids: tuple[str, ...]
    cost: int

    def __call__(self, start: Callable[[], object]) -> list[str]:
        guard = self.guard()
        start()
        return [self._end(guard, id) for id in self.reservation_ids]

    def _end(self, guard: BudgetGuard, id: str) -> str:
        try:
            receipt: Receipt = (
                guard.settle(id, self.cost, idempotency_key=f"{self.cost}{id}")
                if self.verb == "settle"
                else guard.release(id, idempotency_key=f"r{self.cost}{id}")
            )
        except BudgetError as error:
            return f"{type(error).__name__} {getattr(error, 'reason', '')}"
        assert not receipt.replayed
        return f"{self.verb} {self.cost}"


@frozen
class Reports(Racer):
    """Reports what one answer came to so far, under one key; answers what each report said that it added."""

    key: str
    costs: tuple[int, ...]

    def __call__(self, start: Callable[[], object]) -> list[int]:
        guard = self.guard()
        start()
        told = [guard.charge(ALICE, Amounts(c), idempotency_key=self.key, cumulative=True) for c in self.costs]
        return [0 if receipt.replayed else receipt.added.usd_nanos for receipt in told]


@frozen
class Corrections(Racer):
    """Corrects one booking, by keys that others may use too; answers what each correction said that it changed."""

    booking: str
    costs: tuple[int, ...]
    only_up: bool

    def __call__(self, start: Callable[[], object]) -> list[int]:
        guard = self.guard()
        start()
        return [self._correct(guard, cost) for cost in self.costs]

    def _correct(self, guard: BudgetGuard, cost: int) -> int:
        receipt = guard.correct(self.booking, cost, only_up=self.only_up, idempotency_key=f"fix {cost}")
        return 0 if receipt.replayed else receipt.added.usd_nanos


@frozen
class Watcher(Racer):
    """Reads the books over and over, and so makes lapses happen; answers nothing."""

    times: int

    def __call__(self, start: Callable[[], object]) -> list[str]:
        guard = self.guard()
        start()
        for _ in range(self.times):
            guard.usage(ALICE)
        return []


def _is_admitted(guard: BudgetGuard, subject: Subject, amount: int) -> bool:
    try:
        guard.reserve(subject, Amounts(amount))
    except BudgetExceededError:
        return False
    return True
