"""The least rights of a Redis user, as deploy/README.rst lists them: enough for everything, and each is needed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from coreason_budget import BudgetConfig, BudgetManager, LedgerUnavailableError
from coreason_budget.books.audit import audit
from coreason_budget.errors import BudgetError
from coreason_budget.ledger import open_ledger
from coreason_budget.testing import ManualClock

pytestmark = pytest.mark.redis

PAGE = Path(__file__).parent.parent.parent / "deploy" / "README.rst"
RIGHTS = re.search(r"ACL SETUSER budgets (?:.+\n)+", PAGE.read_text(encoding="utf-8"))[0].split()  # type: ignore[index]
# What is only asked to tell more, and SELECT for a database other than 0.
OPTIONAL = {"+info", "+config|get", "+xinfo|stream", "+select"}
NEEDED = [right for right in RIGHTS if right.startswith("+") and right not in OPTIONAL]


class User:
    """A user of a real server with the rights of the page, but for some."""

    def __init__(self, url: str, *without: str) -> None:
        self.name, self.namespace = f"user{secrets.token_hex(4)}", secrets.token_hex(4)
        self._admin = redis.Redis.from_url(url)
        given = [right for right in RIGHTS if right not in without]
        words = " ".join(given).replace("{coreason}", f"{{{self.namespace}}}").replace("PASSWORD", "pw").split()
        words[words.index("budgets")] = self.name
        self._admin.execute_command(*words)
        self.url = f"redis://{self.name}:pw@127.0.0.1:{urlsplit(url).port}"

    def manager(self, clock: Callable[[int], int] = int) -> BudgetManager:
        config = BudgetConfig(ledger_url=self.url, namespace=self.namespace, ledger_timeout_s=5)
        return BudgetManager(config, clock=clock)

    def close(self) -> None:
        self._admin.execute_command("ACL", "DELUSER", self.name)
        self._admin.close()


def everything(user: User) -> None:
    """Every verb and its replay, a refusal, a lapse, a late end, and all that an operator asks."""
    clock = ManualClock()
    with_clock = user.manager(clock)
    tags = {"team": "search"}
    with_clock.check_availability("alice", "launch", 1, tags=tags)
    for _ in range(2):
        with_clock.record_spend("alice", 1, "launch", idempotency_key="spend")
        held = with_clock.reserve("alice", 2, "launch", tags=tags, idempotency_key="hold")
    held.settle(1)
    with_clock.release(with_clock.reserve("bob", 2).id)
    with pytest.raises(BudgetError, match="Budget exceeded"):
        with_clock.reserve("alice", 10)
    open_, lapsed = with_clock.reserve("carol", 2, ttl_s=80_000), with_clock.reserve("dave", 3)
    clock.advance(seconds=700)
    assert {b.scope: b.spent for b in with_clock.usage("dave")}["user/dave"] == 3
    assert with_clock.settle(lapsed.id, 1).late
    ledger = with_clock.ledger
    found = {record.reservation_id: record.state for record in ledger.reservations()}
    assert found[open_.id] == "open"
    assert not audit(ledger).differences
    status = ledger.status()
    assert (status.trouble, status.open_reservations) == ("", 1)
    with_clock.close()


@pytest.fixture
def user(redis_url: str) -> Iterator[Callable[..., User]]:
    """Makes users, and deletes them in the end."""
    made: list[User] = []

    def make(*without: str) -> User:
        made.append(User(redis_url, *without))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_listed_rights_are_enough(user: Callable[..., User]) -> None:
    """For all that the library and the command line do."""
    everything(user())


def test_without_the_optional_ones_it_works_as_well(user: Callable[..., User]) -> None:
    """But for one: somebody must say whether keys are evicted."""
    everything(user("+info", "+xinfo|stream", "+select"))
    everything(user("+config|get", "+xinfo|stream", "+select"))


@pytest.mark.parametrize("right", NEEDED)
def test_each_of_them_is_needed(right: str, user: Callable[..., User]) -> None:
    """And where it is missing, that is told by its name; nothing is admitted or skipped in silence."""
    with pytest.raises(BudgetError, match=f"(?i)no permissions to run the '{right[1:]}'|no permissions.*{right[1:]}"):
        everything(user(right))


def test_another_namespace_is_out_of_reach(user: Callable[..., User]) -> None:
    """A user of one namespace neither reads nor writes the other's keys."""
    one, other = user(), user()
    ledger = open_ledger(one.url, namespace=other.namespace)
    with pytest.raises(LedgerUnavailableError, match="NOPERM"):
        ledger.ping()
    ledger.close()
