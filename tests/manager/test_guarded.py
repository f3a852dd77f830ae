"""Decorated functions of every kind: reserved before they run, settled by what they give, once."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest

from coreason_budget import (
    BudgetConfig,
    BudgetExceededError,
    BudgetManager,
    ConfigError,
    InvalidAmountError,
    InvalidIdError,
    aio,
)
from tests.aio.kit import Gated, stands, until_background_is_done
from tests.manager.kit import PRICES

ANSWER = {"model": "my-model", "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
TOLD = 7 * Decimal("0.01") + 3 * Decimal("0.02")
ONE: dict[str, Any] = {"model": "my-model", "input_tokens": 100, "max_output_tokens": 50}
CHUNKS: list[Any] = ["Bud", "gets", {"usage": ANSWER["usage"]}]


class ProviderError(Exception):
    """The provider failed."""


@pytest.fixture(params=["charge", "release"])
def budget(request: pytest.FixtureRequest) -> BudgetManager:
    return BudgetManager(BudgetConfig(model_price_overrides=PRICES, on_lapse=request.param), ledger=Gated())


@pytest.fixture(params=["sync", "aio"])
def either(request: pytest.FixtureRequest, budget: BudgetManager) -> Any:
    """Either form decorates functions of any kind."""
    return budget if request.param == "sync" else aio.BudgetManager.over(budget)


def lapsed(budget: BudgetManager) -> Decimal | int:
    return 2 if budget.config.on_lapse == "charge" else 0


def test_a_function_is_reserved_and_settled_by_its_answer(budget: BudgetManager, either: Any) -> None:
    """It sees its hold, and gives what it gave."""

    @either.guarded(user="alice", **ONE)
    def call(prompt: str) -> Any:
        """Ask."""
        seen.append(stands(budget))
        return {**ANSWER, "prompt": prompt}

    seen: list[Any] = []
    assert call("hi")["prompt"] == "hi"
    assert seen == [(0, 2)]
    assert stands(budget) == (TOLD, 0)
    assert (call.__name__, call.__doc__) == ("call", "Ask.")


def test_a_coroutine_function_too_and_the_loop_goes_on(budget: BudgetManager, either: Any) -> None:
    """The ledger is asked in a thread, whichever form decorates."""

    @either.guarded(user="alice", **ONE)
    async def call() -> Any:
        await asyncio.sleep(0)
        return ANSWER

    assert inspect.iscoroutinefunction(call)

    async def main() -> None:
        await asyncio.gather(*[call() for _ in range(4)])

    asyncio.run(main())
    threads = set(budget.ledger.threads)  # type: ignore[attr-defined]
    assert stands(budget) == (4 * TOLD, 0)
    assert threads
    assert all(name.startswith("coreason-budget") for name in threads)


def test_who_pays_is_a_value_an_argument_or_a_function_of_them(budget: BudgetManager) -> None:
    """Or whoever acting_for says; else nobody, which is refused before the function runs."""
    ran: list[str] = []

    @budget.guarded(user="user_id", project=lambda user_id, *_, **__: f"of-{user_id}", tags={"team": "team"}, cost=1)
    def call(user_id: str | None = None, team: str = "search", **more: Any) -> Any:
        ran.append(str(user_id))
        return ANSWER

    call("alice")
    call(user_id="bob", team="ads", extra=1)
    with budget.acting_for("carol"):
        call()
    with pytest.raises(InvalidIdError, match="acting_for"):
        call()
    assert ran == ["alice", "bob", "None"]
    spent = {b.scope: b.spent for b in budget.usage("bob", "of-bob", tags={"team": "ads"})}
    assert spent["user/bob"] == spent["project/of-bob"] == spent["team/ads"] == TOLD
    assert stands(budget, "carol") == (TOLD, 0)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"user": "userid"}, "user"),
        ({"user": "alice", "tags": {"team": "teams"}}, "tags"),
        ({"user": "alice", "input_tokens": "n"}, "input_tokens"),
    ],
)
def test_a_misspelt_argument_is_found_where_it_is_said(budget: BudgetManager, options: Any, field: str) -> None:
    """Taken for an id, it would have a budget of its own."""
    with pytest.raises(ConfigError) as caught:

        @budget.guarded(**options)
        def call(user_id: str, team: str) -> Any: ...

    assert caught.value.field == field


def test_counts_come_from_arguments_too(budget: BudgetManager) -> None:
    """By name, or by a function of them."""

    @budget.guarded(
        user="alice", model="my-model", input_tokens=lambda text, limit: len(text), max_output_tokens="limit"
    )
    def call(text: str, limit: int) -> Any:
        seen.append(stands(budget)[1])
        return ANSWER

    seen: list[Any] = []
    call("x" * 100, 50)
    assert seen == [2]


def test_what_does_not_fit_is_not_called(budget: BudgetManager) -> None:
    """The refusal comes out as it is."""

    @budget.guarded(user="alice", cost=11)
    def call() -> Any:
        pytest.fail("it ran")

    with pytest.raises(BudgetExceededError):
        call()


@pytest.mark.parametrize("release_on", [(), ProviderError])
@pytest.mark.parametrize("is_async", [True, False])
def test_an_exception_ends_the_hold_as_a_lapse_would(budget: BudgetManager, is_async: bool, release_on: Any) -> None:
    """Or releases it, where the caller knows better."""
    guarded = budget.guarded(user="alice", release_on=release_on, **ONE)

    @guarded
    def call() -> Any:
        raise ProviderError

    @guarded
    async def acall() -> Any:
        raise ProviderError

    with pytest.raises(ProviderError):
        asyncio.run(acall()) if is_async else call()
    assert stands(budget) == (0 if release_on else lapsed(budget), 0)


def test_an_answer_without_usage_is_an_error_and_the_hold_stays(budget: BudgetManager) -> None:
    """Unless `usage_of` says where it is."""

    @budget.guarded(user="alice", **ONE)
    def call() -> str:
        return "text"

    with pytest.raises(InvalidAmountError, match="stays held"):
        call()
    assert stands(budget) == (0, 2)

    @budget.guarded(user="alice", usage_of=lambda answer: answer[1], **ONE)
    def with_usage() -> Any:
        return "text", ANSWER["usage"]

    assert with_usage()[0] == "text"
    assert stands(budget) == (TOLD, 2)


def cut() -> Decimal:
    return 100 * Decimal("0.01") + 3 * Decimal("0.02")


@pytest.mark.parametrize("how", ["end", "close", "drop", "error"])
def test_a_generator_is_settled_once_however_it_ends(budget: BudgetManager, either: Any, how: str) -> None:
    """Reserved when it is begun; one that is closed early books what it produced, at once."""

    @either.guarded(user="alice", **ONE)
    def stream() -> Iterator[Any]:
        yield from CHUNKS[:1]
        if how == "error":
            raise ProviderError
        yield from CHUNKS[1:]

    chunks = stream()
    assert stands(budget) == (0, 0)
    assert next(chunks) == "Bud"
    if how == "end":
        assert list(chunks) == CHUNKS[1:]
    elif how == "close":
        chunks.close()  # type: ignore[attr-defined]
    elif how == "error":
        with pytest.raises(ProviderError):
            next(chunks)
    del chunks
    gc.collect()
    until_background_is_done()
    assert stands(budget) == (TOLD if how == "end" else cut(), 0)


@pytest.mark.parametrize("how", ["end", "aclose", "break", "error", "cancel"])
def test_an_asynchronous_generator_too(budget: BudgetManager, either: Any, how: str) -> None:
    """Its reader may be cancelled as well."""

    @either.guarded(user="alice", **ONE)
    async def stream() -> AsyncIterator[Any]:
        for i, chunk in enumerate(CHUNKS):
            if i and how == "error":
                raise ProviderError
            if i and how == "cancel":
                await asyncio.sleep(20)
            yield chunk

    async def read() -> None:
        chunks = stream()
        if how == "aclose":
            await anext(chunks)
            await chunks.aclose()  # type: ignore[attr-defined]
            return
        async for _ in chunks:
            if how == "break":
                break
            got.set()

    async def main() -> None:
        task = asyncio.create_task(read())
        if how == "cancel":
            await got.wait()
            task.cancel()
        await asyncio.wait([task])
        assert type(task.exception() if not task.cancelled() else None) in (type(None), ProviderError)

    got = asyncio.Event()
    assert inspect.isasyncgenfunction(stream)
    asyncio.run(main())
    gc.collect()
    until_background_is_done()
    assert stands(budget) == (TOLD if how == "end" else cut(), 0)


def test_a_method_is_decorated_as_any_function(budget: BudgetManager) -> None:
    """Its arguments are named as in the class."""

    class Agent:
        @budget.guarded(user="who", **ONE)
        def ask(self, who: str) -> Any:
            return ANSWER

    Agent().ask("alice")
    assert stands(budget) == (TOLD, 0)
