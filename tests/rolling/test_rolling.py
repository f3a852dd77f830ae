"""While a deployment rolls, this version and the next work on one ledger at once: nothing is lost, nothing doubled."""

from __future__ import annotations

import multiprocessing
import secrets
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from coreason_budget.books.audit import audit
from coreason_budget.ledger.epoch import Epoch
from coreason_budget.model import Amounts
from coreason_budget.testing.kit import ALICE, BOB, guard_on, standing
from tests.rolling import work
from tests.rolling.work import CHARGE, KEYS, LIMITS, ROOM, Outcomes

pytestmark = [pytest.mark.processes, pytest.mark.slow]
every_ledger = pytest.mark.parametrize("kind", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
TOGETHER = multiprocessing.get_context("spawn")


class Deployment:
    """Processes of two versions, on one ledger and one outbox."""

    def __init__(self, url: str, path: Path, *versions: str) -> None:
        self.url, self.path, self.versions = url, path, versions
        self.namespace = secrets.token_hex(6)
        with ExitStack() as stack:
            self._pools = {
                version: stack.enter_context(
                    ProcessPoolExecutor(2, mp_context=TOGETHER, initializer=work.begin, initargs=(version,))
                )
                for version in versions
            }
            self._stack = stack.pop_all()

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, version: str, call: Any, *args: Any) -> Any:
        """The answer of one call in a process of a version."""
        return self._pools[version].submit(call, *args).result(120)

    def work(self) -> Outcomes:
        """Let two processes of each version work at once; what came of it all."""
        futures = [
            pool.submit(work.work, version, self.url, self.namespace, self.path, 10 * seed + number)
            for number in range(2)
            for seed, (version, pool) in enumerate(self._pools.items())
        ]
        return sum((future.result(200) for future in futures), Counter())


@pytest.fixture
def url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A ledger for processes."""
    return request.getfixturevalue("valkey_url") if kind == "redis" else f"sqlite:///{tmp_path}/ledger.db"


def assert_laws(deployment: Deployment, outcomes: Outcomes) -> None:
    """Every key counted once, the limit held to the unit, and the books balance."""
    ledger = work.opened(deployment.url, deployment.namespace)
    guard = guard_on(ledger, *LIMITS)
    assert (outcomes["charged"], outcomes["again"]) == (KEYS, KEYS * 3)
    assert outcomes["settled"] == ROOM
    assert set(outcomes) <= {"charged", "again", "settled", "settled again", "is settled", "refused"}
    assert standing(guard, BOB, "user") == (ROOM, 0)
    assert standing(guard, ALICE, "user") == (2 * KEYS * CHARGE, 0)
    assert audit(ledger).differences == ()


@pytest.mark.parametrize("first", ["this", "next"])
@every_ledger
def test_two_versions_work_at_once(kind: str, url: str, tmp_path: Path, first: str) -> None:
    """Whichever began: the same keys, one limit, one outbox."""
    versions = ("this", "next") if first == "this" else ("next", "this")
    with Deployment(url, tmp_path / "spend.outbox", *versions) as deployment:
        deployment.run(first, work.join, url, deployment.namespace)
        assert_laws(deployment, deployment.work())


@every_ledger
def test_each_ends_what_the_other_left_open(kind: str, url: str, tmp_path: Path) -> None:
    """A reservation that was extended by a verb not known here is open here, and what it says more is kept."""
    with Deployment(url, tmp_path / "spend.outbox", "this", "next") as deployment:
        place = url, deployment.namespace
        mine, others = (deployment.run(v, work.prepare, v, *place) for v in ("this", "next"))
        ledger = work.opened(*place)
        kinds = [entry.kind for entry in ledger.journal()]
        assert sorted(kinds) == ["begin", "extend", "reserve", "reserve"]
        found = {record.op_id: record for record in ledger.reservations()}
        later_us = found["open by next"].lapses_us - found["open by this"].lapses_us
        assert 0.9 * 3600 * 10**6 < later_us < 1.1 * 3600 * 10**6
        assert '"ref"' in found["open by next"].more
        assert audit(ledger).differences == ()
        assert deployment.run("this", work.finish, *place, others)
        assert deployment.run("next", work.finish, *place, mine)
        assert standing(guard_on(ledger, *LIMITS), ALICE, "user") == (180, 0)
        assert list(ledger.reservations()) == []
        guard = guard_on(ledger, *LIMITS)
        with pytest.raises(Exception, match="used before for another extend"):
            guard.charge(ALICE, Amounts(1), idempotency_key="extension")
        assert audit(ledger).differences == ()


@pytest.mark.parametrize("verb", ["extend", "charge"])
def test_spend_that_only_the_next_version_can_deliver_waits_for_it(tmp_path: Path, verb: str) -> None:
    """Whatever is behind it is delivered, and nothing of it is lost."""
    url, path = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "spend.outbox"
    with Deployment(url, path, "this", "next") as deployment:
        place = url, deployment.namespace
        deployment.run("next", work.leave, path, *place, verb)
        assert deployment.run("this", work.deliver, *place, path) == 1
        kept = work.outbox_before(work.opened(*place), path)
        (entry,) = kept.outbox.entries()
        assert (entry.state, entry.spend.verb, '"ref"' in entry.body) == ("waiting", verb, True)
        assert deployment.run("next", work.deliver, *place, path) == (1 if verb == "extend" else 0)


@pytest.mark.parametrize(
    ("naive", "versions"), [("positional", ("this", "positional")), ("strict", ("strict", "next"))]
)
def test_versions_that_cannot_grow_break_the_laws(tmp_path: Path, naive: str, versions: tuple[str, str]) -> None:
    """The naive controls: a digest by position, which a new field changes, and schemas that must be the same."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Deployment(url, tmp_path / "spend.outbox", *versions) as deployment:
        deployment.run(versions[1], work.join, url, deployment.namespace)
        outcomes = deployment.work()
        error = "IdempotencyConflictError" if "positional" in versions else "ConfigError"
        assert outcomes[error]
        with pytest.raises(AssertionError):
            assert_laws(deployment, outcomes)


def test_an_epoch_tells_the_newest_that_wrote_in_it(tmp_path: Path) -> None:
    """Whoever began it; and this version goes on in it."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Deployment(url, tmp_path / "spend.outbox", "this", "next") as deployment:
        place = url, deployment.namespace
        for version, schema in (("this", 3), ("next", 4), ("this", 4)):
            deployment.run(version, work.join, *place)
            ledger: Any = work.opened(*place)
            with ledger._file.read(30) as connection:
                ((text,),) = connection.execute("SELECT epoch FROM namespace").fetchall()
            epoch = Epoch.decode(text, "here")
            assert (epoch.schema, epoch.readable_by) == (schema, 3)
