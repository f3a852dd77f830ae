"""One operation: attempts until one answers, within a deadline, sure of what was done or saying so."""

from __future__ import annotations

import random
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from coreason_budget.errors import LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.ledger.redis.client import Client, Link, LinkLostError
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.ledger.redis.packets import Writes
from coreason_budget.ledger.redis.refusals import REFUSED

_REMEMBERED = 10_000
_LONGEST_NAP_S = 0.05
_T = TypeVar("_T")


class Operation:
    """What one call has sent so far.

    Attributes:
        op_id: The op id of a mutation, empty for a read.
        unsure: A transaction of this op id was sent, by this call or an earlier one of this
            process, and whether it was or will be done is not known.
        fallback: The answer if time runs out while nothing is unsure: the account that had no room
            when a reservation was written and undone, or while lapsed ones were reaped.
        failures: Attempts since the last that got somewhere; the nap before the next grows with them.
    """

    def __init__(self, op_id: str, deadline_s: float, unsure: bool, epoch: RedisEpoch) -> None:
        self.op_id = op_id
        self._epoch = epoch
        self.deadline_s = deadline_s
        self.unsure = unsure
        self.fallback: Any = None
        self.failures = 0

    def check_in_time(self) -> None:
        """See that what was decided may still be sent: whoever was stopped meanwhile looked long ago.

        Raises:
            LinkLostError: The deadline has passed. Nothing was sent.
        """
        if time.monotonic() >= self.deadline_s:
            raise LinkLostError("there was no time left to book it")

    def transact(self, link: Link, writes: Writes) -> list[Any] | None:
        """Send a transaction; None if its WATCH stopped it."""
        before, self.unsure = self.unsure, True
        try:
            done = self._epoch.transact(link, writes.packet, len(writes))
        except LedgerUnavailableError:
            self.unsure = before
            raise
        self.unsure = before if done is None else False
        return done


class Operations:
    """Runs the operations of a ledger, and remembers which op ids were left unanswered."""

    def __init__(self, client: Client, epoch: RedisEpoch, timeout_s: float) -> None:
        self._client = client
        self._epoch = epoch
        self._timeout_s = timeout_s
        self._unanswered: OrderedDict[str, bool] = OrderedDict()

    def run(self, attempt: Callable[[Link, Operation], _T | None], op_id: str = "", *, joins: bool = True) -> _T:
        """Attempt until there is an answer. None from an attempt means: start again.

        Args:
            joins: Whether it works in the namespace's epoch; False to look at that from outside.

        Raises:
            LedgerUnavailableError: No answer in time, and nothing can have been done.
            OutcomeUnknownError: No answer in time, and something may have been.
        """
        unsure = self._unanswered.pop(op_id, False)
        operation = Operation(op_id, time.monotonic() + self._timeout_s, unsure, self._epoch)
        try:
            return self._run(attempt, operation, joins)
        finally:
            if operation.unsure:
                self._remember(op_id)

    def _run(self, attempt: Callable[[Link, Operation], _T | None], operation: Operation, joins: bool) -> _T:
        problem: Exception | None = None
        while True:
            operation.failures += 1
            try:
                with self._client.link(operation.deadline_s) as link:
                    if joins and not self._epoch.is_joined:
                        self._epoch.join(link)
                    answer = attempt(link, operation)
                if answer is not None:
                    return answer
            except (LinkLostError, LedgerUnavailableError) as error:
                if not operation.unsure:
                    if isinstance(error, LedgerUnavailableError):
                        raise
                    if error.refused:
                        raise _unavailable(error) from error
                # The first tells why; those that follow tell of the same line only that it is gone.
                problem = problem or error
            nap_s = random.uniform(0, min(0.001 * operation.failures, _LONGEST_NAP_S))
            if time.monotonic() + nap_s >= operation.deadline_s:
                return self._give_up(operation, problem)  # type: ignore[no-any-return]
            time.sleep(nap_s)

    def _give_up(self, operation: Operation, problem: Exception | None) -> Any:
        if operation.unsure:
            raise OutcomeUnknownError(
                f"no answer from Redis within {self._timeout_s} s: the call may or may not be booked; "
                "repeat it with this error's op_id as its idempotency key",
                op_id=operation.op_id,
            ) from problem
        if operation.fallback is not None:
            return operation.fallback
        if isinstance(problem, LedgerUnavailableError):
            raise problem
        raise _unavailable(problem or LinkLostError(f"not done within {self._timeout_s} s")) from problem

    def _remember(self, op_id: str) -> None:
        self._unanswered[op_id] = True
        if len(self._unanswered) > _REMEMBERED:
            self._unanswered.popitem(last=False)


def _unavailable(error: Exception) -> LedgerUnavailableError:
    said = str(error)
    return LedgerUnavailableError(said if said.startswith(REFUSED) else f"Redis does not answer: {said}")
