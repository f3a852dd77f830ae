"""The page of 0.4.1 as printed: what the synchronous manager gives can be awaited, booked once, warned of once."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import textwrap
import warnings
from decimal import Decimal
from types import SimpleNamespace

import pytest

from coreason_budget import BudgetConfig, BudgetExceededError, BudgetManager, awaited

SNIPPET = """
async def handle(budget, llm, Response):
    user_id = "user_123"
    try:
        await budget.check_availability(user_id)
    except BudgetExceededError:
        return Response("Daily Limit Reached", status_code=429)

    response = await llm.generate("...")

    cost = budget.pricing.calculate(
        model="gpt-4",
        input_tokens=response.usage.prompt_tokens,
        output_tokens=response.usage.completion_tokens
    )

    await budget.record_spend(
        user_id=user_id,
        cost=cost,
        project_id="project_launch_sim",
        model="gpt-4"
    )
    return cost
"""


@pytest.fixture(autouse=True)
def _nobody_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaited, "_told", False)


@pytest.fixture
def budget() -> BudgetManager:
    return BudgetManager(BudgetConfig(ledger_url="memory://", daily_user_limit_usd=1))


def _spent(budget: BudgetManager) -> Decimal | int:
    return next(b.spent for b in budget.usage("user_123") if b.scope == "user/user_123")


async def _generate(prompt: str) -> SimpleNamespace:
    return SimpleNamespace(usage=SimpleNamespace(prompt_tokens=10_000, completion_tokens=5_000))


def test_the_snippet_of_the_page_runs_as_printed(budget: BudgetManager) -> None:
    """Each call is booked once; the one that no longer fits gets the answer that the snippet gives it."""
    scope: dict[str, object] = {"BudgetExceededError": BudgetExceededError}
    exec(SNIPPET, scope)
    llm, refused = SimpleNamespace(generate=_generate), lambda text, status_code: (text, status_code)

    async def main() -> list[object]:
        return [await scope["handle"](budget, llm, refused) for _ in range(3)]  # type: ignore[operator]

    with pytest.warns(UserWarning, match=r"coreason_budget\.aio\.BudgetManager"):
        answers = asyncio.run(main())
    assert answers == [Decimal("0.60"), Decimal("0.60"), ("Daily Limit Reached", 429)]
    assert _spent(budget) == Decimal("1.20")


def test_what_is_awaited_is_what_was_given(budget: BudgetManager) -> None:
    """Verdict, receipts and reservation are the same objects, awaited or not."""

    async def main() -> None:
        reservation = budget.reserve("user_123", "0.5")
        assert await reservation is reservation
        for given in (
            budget.check_availability("user_123"),
            budget.record_spend("user_123", "0.1"),
            reservation.settle("0.2"),
            budget.reserve("user_123", "0.5").release(),
        ):
            assert await given is given

    with pytest.warns(UserWarning, match="aio"):
        asyncio.run(main())
    assert _spent(budget) == Decimal("0.3")


def test_a_reservation_is_entered_with_async_with(budget: BudgetManager) -> None:
    """It ends as with `with`: settled inside, or lapsed by an exception, which goes on."""

    async def main() -> None:
        async with budget.reserve("user_123", "0.5") as reservation:
            await reservation.settle("0.2")
        async with budget.reserve("user_123", "0.5"):
            raise TimeoutError

    with pytest.warns(UserWarning, match="aio"), pytest.raises(TimeoutError):
        asyncio.run(main())
    (account,) = [b for b in budget.usage("user_123") if b.scope == "user/user_123"]
    assert (account.spent, account.reserved) == (Decimal("0.7"), 0)


def test_it_is_warned_once_in_a_process(budget: BudgetManager) -> None:
    """Of the caller's own line; whoever does not await is not warned at all."""

    async def main() -> None:
        for _ in range(3):
            await budget.check_availability("user_123")
        async with budget.reserve("user_123", "0.1") as reservation:
            reservation.settle("0.1")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with budget.reserve("user_123", "0.1") as reservation:
            reservation.settle("0.1")
        assert caught == []
        asyncio.run(main())
    assert [warning.filename for warning in caught] == [__file__]


def test_a_warning_that_is_an_error_does_not_hide_what_was_booked(
    budget: BudgetManager, caplog: pytest.LogCaptureFixture
) -> None:
    """Under -W error it goes to the log: raised, it would be taken for a failure and booked again."""

    async def main() -> object:
        return await budget.record_spend("user_123", "0.1")

    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, "coreason_budget"):
        warnings.simplefilter("error")
        asyncio.run(main())
    assert "coreason_budget.aio" in caplog.text
    assert _spent(budget) == Decimal("0.1")


def test_the_synchronous_side_does_not_load_asyncio() -> None:
    """What can be awaited costs nothing where nobody awaits."""
    script = textwrap.dedent(
        """
        import sys
        from coreason_budget import BudgetConfig, BudgetManager
        budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
        with budget.reserve("alice", 1) as reservation:
            receipt = reservation.settle(1)
        print("asyncio" in sys.modules, hasattr(receipt, "__dict__"))
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
