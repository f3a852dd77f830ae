"""An operation on Redis: tried again until it is answered, sure of what was done or saying that it is not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from coreason_budget.errors import LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.ledger.redis import operation as module
from coreason_budget.ledger.redis.client import LinkLostError
from coreason_budget.ledger.redis.codec import Keys
from coreason_budget.ledger.redis.operation import Operation, Operations
from coreason_budget.ledger.redis.packets import Writes

LOST, REFUSED, UNAVAILABLE = LinkLostError("gone"), LinkLostError("no", refused=True), LedgerUnavailableError("halted")


class Server:
    """Client, link and epoch in one: what is asked of them is noted, what they answer is given."""

    def __init__(self, *transactions: Any, is_joined: bool = True) -> None:
        self.transactions = list(transactions)
        self.is_joined = is_joined
        self.deadlines_s: list[float] = []
        self.log: list[str] = []

    @contextmanager
    def link(self, deadline_s: float) -> Iterator[Server]:
        self.deadlines_s.append(deadline_s)
        yield self

    def join(self, link: object) -> None:
        assert link is self
        self.log.append("join")
        self.is_joined = True

    def transact(self, *sent: Any) -> Any:
        """A link's transaction or, with a link before them, an epoch's."""
        self.log.append(f"transact {sent[-2:]}")
        answer = self.transactions.pop(0) if self.transactions else []
        if isinstance(answer, Exception):
            raise answer
        return answer


def _operations(server: Server, timeout_s: float = 0.03) -> Operations:
    return Operations(server, server, timeout_s)  # type: ignore[arg-type]


def _attempts(*answers: Any, unsure: bool = False) -> Callable[..., Any]:
    """An attempt that answers one after the other, and the last one for ever."""
    left = list(answers)

    def attempt(link: Server, operation: Operation) -> Any:
        operation.unsure = operation.unsure or unsure
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return attempt


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that only naps move, each as long as it may be."""
    naps: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 100 + sum(naps))
    monkeypatch.setattr(time, "sleep", naps.append)
    monkeypatch.setattr(random, "uniform", lambda least, most: most)
    return naps


@pytest.mark.parametrize("before", [None, LOST])
def test_it_is_tried_until_it_is_answered(before: Any, naps: list[float]) -> None:
    """Each time on a link of the same deadline, after a nap that grows with every failure."""
    server = Server()
    assert _operations(server, 5).run(_attempts(before, before, before, "done")) == "done"
    assert naps == pytest.approx([0.001, 0.002, 0.003])
    assert server.deadlines_s == [105] * 4


def test_its_naps_have_a_bound_and_end_with_its_time(naps: list[float]) -> None:
    """Whoever waits looks often enough, and never past the deadline."""
    with pytest.raises(LedgerUnavailableError, match="not done within 2 s"):
        _operations(Server(), 2).run(_attempts(None))
    assert max(naps) == 0.05
    assert 1.9 < sum(naps) < 2


def test_what_got_somewhere_starts_again_with_short_naps(naps: list[float]) -> None:
    """An attempt says so by setting its failures back."""
    turns = [0, 0, 0]

    def attempt(link: Server, operation: Operation) -> str | None:
        turns.append(1)
        operation.failures = 0 if len(turns) == 6 else operation.failures
        return "done" if len(turns) == 8 else None

    assert _operations(Server(), 5).run(attempt) == "done"
    assert naps == pytest.approx([0.001, 0.002, 0, 0.001])


@pytest.mark.parametrize(("error", "text"), [(REFUSED, "does not answer: no"), (UNAVAILABLE, "halted")])
def test_what_is_refused_is_not_tried_again(error: Exception, text: str, naps: list[float]) -> None:
    """Nothing was done, and that is known at once."""
    with pytest.raises(LedgerUnavailableError, match=text) as caught:
        _operations(Server()).run(_attempts(error, "done"))
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert naps == []


def test_a_line_that_stays_lost_is_unavailable(naps: list[float]) -> None:
    """With what was wrong last."""
    with pytest.raises(LedgerUnavailableError, match="does not answer: gone") as caught:
        _operations(Server()).run(_attempts(LOST))
    assert caught.value.__cause__ is LOST


@pytest.mark.parametrize("error", [None, LOST, REFUSED, UNAVAILABLE])
def test_what_may_have_been_done_is_unknown(error: Any, naps: list[float]) -> None:
    """Law 8: whatever went wrong afterwards, tried until the deadline; the op id finds out."""
    server = Server()
    with pytest.raises(OutcomeUnknownError, match=r"within 0\.03 s") as caught:
        _operations(server).run(_attempts(error, unsure=True), "op")
    assert caught.value.op_id == "op"
    assert caught.value.__cause__ is error
    assert len(server.deadlines_s) > 3


def test_a_refusal_that_is_known_is_the_answer_when_time_runs_out(naps: list[float]) -> None:
    """But for what may have been done."""

    def attempt(link: Server, operation: Operation) -> None:
        operation.fallback = "over"

    assert _operations(Server()).run(attempt) == "over"

    def unsure(link: Server, operation: Operation) -> None:
        operation.fallback, operation.unsure = "over", True

    with pytest.raises(OutcomeUnknownError):
        _operations(Server()).run(unsure, "op")


def test_what_was_left_unanswered_is_remembered(naps: list[float]) -> None:
    """The next call with that op id is unsure from the start, until it is answered; others are not."""
    operations = _operations(Server())
    with pytest.raises(OutcomeUnknownError):
        operations.run(_attempts(LOST, unsure=True), "op")

    def is_unsure(link: Server, operation: Operation) -> tuple[str, bool]:
        before, operation.unsure = operation.unsure, False
        return operation.op_id, before

    assert operations.run(is_unsure, "other") == ("other", False)
    assert operations.run(is_unsure, "op") == ("op", True)
    assert operations.run(is_unsure, "op") == ("op", False)
    assert operations.run(is_unsure) == ("", False)


def test_what_interrupts_a_call_leaves_it_unanswered() -> None:
    """Also an exception of nobody's making."""
    operations = _operations(Server())

    def interrupted(link: Server, operation: Operation) -> str:
        operation.unsure = True
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        operations.run(interrupted, "op")
    assert list(operations._unanswered) == ["op"]


def test_it_remembers_so_many_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long fault does not take all memory."""
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    operations = _operations(Server())
    for number in range(5):
        operations._remember(f"op-{number}")
    assert list(operations._unanswered) == ["op-2", "op-3", "op-4"]


def test_the_epoch_is_joined_once_and_before_anything_else() -> None:
    """Whoever has not seen it may not look at what it is the epoch of."""
    server = Server(is_joined=False)
    operations = _operations(server)
    for _ in range(2):
        assert operations.run(lambda link, operation: server.log.append("attempt") or "done") == "done"
    assert server.log == ["join", "attempt", "attempt"]


def test_who_looks_from_outside_does_not_join() -> None:
    """An operator sees a namespace that nobody may work in."""
    server = Server(is_joined=False)
    assert _operations(server).run(lambda link, operation: "seen", joins=False) == "seen"
    assert server.log == []


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    ("answer", "after"), [([1], False), ([], False), (None, "before"), (UNAVAILABLE, "before"), (LOST, True)]
)
def test_a_transaction_is_unsure_until_it_is_answered(answer: Any, after: Any, before: bool) -> None:
    """Done, it is sure; stopped by its WATCH or refused, all is as before; lost, nobody knows."""
    server = Server(answer)
    operation = Operation("op", 0, before, server)  # type: ignore[arg-type]
    writes = Writes(Keys("ns", 0), 0, {})
    writes.forget("op")
    with pytest.raises(type(answer)) if isinstance(answer, Exception) else nullcontext():
        assert operation.transact(server, writes) == answer  # type: ignore[arg-type]
    assert operation.unsure is (before if after == "before" else after)
    assert server.log == [f"transact {(writes.packet, 2)}"]


def test_what_was_decided_too_late_is_not_sent(naps: list[float]) -> None:
    """Whoever was stopped meanwhile looked long ago."""
    Operation("op", 100.001, False, Server()).check_in_time()  # type: ignore[arg-type]
    with pytest.raises(LinkLostError, match="no time left") as caught:
        Operation("op", 100, False, Server()).check_in_time()  # type: ignore[arg-type]
    assert not caught.value.refused
