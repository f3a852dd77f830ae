"""Who pays: said once around the calls, carried to other threads on purpose, and never nobody."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from coreason_budget import BudgetConfig, BudgetManager, InvalidIdError, aio
from tests.manager.kit import make

TAGGED = {"team": "search"}


def spent(budget: BudgetManager, user: str = "alice", **scopes: Any) -> dict[str, Decimal | int]:
    """What each scope has spent."""
    return {b.scope: b.spent for b in budget.usage(user, **scopes) if b.spent}


def test_what_is_said_around_a_call_is_what_it_falls_under(budget: BudgetManager) -> None:
    """User, project, model and tags, of a spend, a reserve and a check."""
    with budget.acting_for("alice", "alpha", model="my-model", tags=TAGGED):
        budget.record_spend(cost=1)
        budget.reserve(cost=2).settle(2)
        budget.reserve(input_tokens=1, max_output_tokens=1).settle(input_tokens=1, output_tokens=1)
        assert {b.scope for b in budget.check_availability().balances} == {"user/alice", "project/alpha", "global"}
    scopes = ("user/alice", "project/alpha", "model/my-model", "team/search", "global")
    found = spent(budget, project_id="alpha", model="my-model", tags=TAGGED)
    assert found == dict.fromkeys(scopes, Decimal("3.03"))


def test_what_the_call_says_itself_counts(budget: BudgetManager) -> None:
    """Field by field, of tags kind by kind."""
    with budget.acting_for("alice", "alpha", tags={"team": "search", "feature": "chat"}):
        budget.record_spend("bob", 1, tags={"team": "ads"})
    found = spent(budget, "bob", project_id="alpha", tags={"team": "ads", "feature": "chat"})
    assert found == dict.fromkeys(("user/bob", "project/alpha", "feature/chat", "team/ads", "global"), 1)
    assert spent(budget) == {"global": 1}


def test_one_inside_of_another_adds_to_it_and_ends(budget: BudgetManager) -> None:
    """The project inside, the user of the outer one; afterwards as before."""
    with budget.acting_for("alice", tags=TAGGED):
        with budget.acting_for(project_id="alpha", tags={"feature": "chat"}):
            budget.record_spend(cost=1)
        budget.record_spend(cost=2)
    found = spent(budget, project_id="alpha", tags={**TAGGED, "feature": "chat"})
    assert found == {"user/alice": 3, "project/alpha": 1, "team/search": 3, "feature/chat": 1, "global": 3}


def test_a_call_for_nobody_is_refused(budget: BudgetManager) -> None:
    """Before, after, and where only a project is said; it is never booked to nobody."""
    calls = (
        budget.check_availability,
        lambda: budget.record_spend(cost=1),
        lambda: budget.reserve(cost=1),
        lambda: budget.affordable_output_tokens(model="my-model", input_tokens=1),
    )
    for call in calls:
        with pytest.raises(InvalidIdError, match=r"acting_for\(user_id=") as caught:
            call()  # type: ignore[operator]
        assert caught.value.field == "user_id"
        with budget.acting_for(project_id="alpha"), pytest.raises(InvalidIdError, match="nobody"):
            call()  # type: ignore[operator]
    assert spent(budget) == {}


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": 7}, "user_id"),
        ({"project_id": "a\n"}, "project_id"),
        ({"tags": {"user": "bob"}}, "tags"),
        ({"tags": ["team"]}, "tags"),
        ({"tags": {f"k{i}": "x" for i in range(9)}}, "tags"),
    ],
)
def test_bad_ids_are_found_where_they_are_said(budget: BudgetManager, told: dict[str, Any], field: str) -> None:
    """Not at the first call; and nothing of it holds."""
    with pytest.raises(InvalidIdError) as caught, budget.acting_for(**told):
        pytest.fail("it was entered")
    assert caught.value.field == field
    with pytest.raises(InvalidIdError, match="nobody"):
        budget.record_spend(cost=1)


def test_an_answer_names_its_model_itself(budget: BudgetManager) -> None:
    """What acting_for says of the model must not price another's answer."""
    answer = {"model": "gpt-4o", "usage": {"prompt_tokens": 1000, "completion_tokens": 0}}
    with budget.acting_for("alice", model="my-model"):
        assert budget.record_spend(usage=answer).cost_usd == Decimal("0.0025")


def test_a_key_stands_for_who_paid(budget: BudgetManager) -> None:
    """Said around or with the call is the same content; another payer under the key is a conflict."""
    budget.record_spend("alice", 1, idempotency_key="k")
    with budget.acting_for("alice"):
        assert budget.record_spend(cost=1, idempotency_key="k").replayed
    with budget.acting_for("bob"), pytest.raises(Exception, match="idempotency key"):
        budget.record_spend(cost=1, idempotency_key="k")


def test_threads_of_a_pool_do_not_see_it_unless_bound(budget: BudgetManager) -> None:
    """The naive control is refused; what is bound may run in many threads at once."""
    together = threading.Barrier(4)

    def spend(i: int) -> None:
        together.wait(10)
        budget.record_spend(cost=1)

    with ThreadPoolExecutor(4) as pool:
        with budget.acting_for("alice"):
            bound = budget.bind(spend)
            with pytest.raises(InvalidIdError, match="nobody"):
                pool.submit(lambda: budget.record_spend(cost=1)).result()
        list(pool.map(bound, range(8)))
    assert spent(budget) == {"user/alice": 8, "global": 8}


def test_it_is_carried_into_an_executor_of_a_loop(budget: BudgetManager) -> None:
    """`run_in_executor` begins without it; `asyncio.to_thread` and the await form carry it themselves."""

    async def main() -> None:
        loop, over = asyncio.get_running_loop(), aio.BudgetManager.over(budget)
        with over.acting_for("alice"):
            await loop.run_in_executor(None, over.bind(lambda: budget.record_spend(cost=1)))
            await asyncio.to_thread(budget.record_spend, cost=1)
            await over.record_spend(cost=1)
            with pytest.raises(InvalidIdError, match="nobody"):
                await loop.run_in_executor(None, lambda: budget.record_spend(cost=1))

    asyncio.run(main())
    assert spent(budget)["user/alice"] == 3


def test_tasks_do_not_see_each_other(budget: BudgetManager) -> None:
    """Each pays for itself, and a task that is begun inside inherits."""

    async def main() -> None:
        over = aio.BudgetManager.over(make(ledger_url="sqlite:///b.db", ledger_timeout_s=20))

        async def request(user: str, cost: int) -> None:
            with over.acting_for(user):
                await asyncio.sleep(0)
                await asyncio.gather(*[asyncio.create_task(over.record_spend(cost=cost)) for _ in range(2)])

        await asyncio.gather(request("alice", 1), request("bob", 2))
        assert (spent(over.sync)["user/alice"], spent(over.sync, "bob")["user/bob"]) == (2, 4)

    asyncio.run(main())


def test_a_bound_coroutine_function_is_one(budget: BudgetManager) -> None:
    """It runs with what held where it was bound."""

    async def spend(cost: int) -> int:
        await asyncio.sleep(0)
        budget.record_spend(cost=cost)
        return cost

    with budget.acting_for("alice"):
        bound = budget.bind(spend)
    assert asyncio.run(bound(3)) == 3
    assert spent(budget)["user/alice"] == 3


def test_left_in_another_context_it_does_no_harm(budget: BudgetManager) -> None:
    """As frameworks do with a dependency that yields: entered in one thread's context, left in another's."""

    def dependency() -> Iterator[None]:
        with budget.acting_for("alice"):
            yield

    running = dependency()
    contextvars.copy_context().run(next, running)
    assert contextvars.copy_context().run(next, running, None) is None
    with pytest.raises(InvalidIdError, match="nobody"):
        budget.record_spend(cost=1)


def test_every_manager_of_the_process_sees_it() -> None:
    """Who pays is a fact of the request, not of one manager."""
    one, other = (BudgetManager(BudgetConfig(ledger_url="memory://")) for _ in range(2))
    with one.acting_for("alice"):
        other.record_spend(cost=1)
    assert spent(other)["user/alice"] == 1
