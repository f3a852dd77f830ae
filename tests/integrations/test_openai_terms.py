"""On which terms a guarded OpenAI client calls: refused, clamped, downgraded, capped; and what it will not take."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import APIConnectionError, APIStatusError, AzureOpenAI, OpenAI

from coreason_budget import (
    BudgetConfig,
    BudgetError,
    BudgetExceededError,
    BudgetManager,
    ConfigError,
    InvalidAmountError,
    InvalidIdError,
    LedgerUnavailableError,
    ReservationNotSettledError,
    UnknownModelError,
)
from coreason_budget.events.hooks import Hooks
from coreason_budget.integrations.guarding import held
from coreason_budget.integrations.openai import UNBILLED, guard
from coreason_budget.standing import Hold, Receipt
from tests.integrations.books import USER, check, new_budget, standing
from tests.integrations.forms import each, got, kinds
from tests.integrations.openai_world import ASKED, CHAT, LIMIT, READ, bare, client_of, provider_of
from tests.integrations.provider import TEXT, http
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import completion, response

PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]
INPUT_USD = bill("gpt-4o", input=READ).usd


def chat(client: Any, **asked: Any) -> Any:
    """One chat, of either kind of client."""

    async def run() -> Any:
        return await got(client.chat.completions.create(**{**CHAT, **asked}))

    return asyncio.run(run())


@kinds
def test_what_does_not_fit_is_refused_before_it_is_sent(is_async: bool) -> None:
    """Once, for no SDK tries it again."""
    provider, budget = provider_of(), new_budget("0.0001")
    with pytest.raises(BudgetExceededError, match=f"Budget exceeded for User {USER}"):
        chat(client_of(provider, budget, is_async))
    assert provider.requests == []
    check(budget, provider)


@kinds
def test_each_further_try_must_fit_as_well(is_async: bool) -> None:
    """A first one that timed out has used up what was left."""
    held_usd = bill("gpt-4o", input=READ, output=LIMIT).usd
    provider, budget = provider_of("timeout"), new_budget(held_usd * 3 / 2)
    with pytest.raises(BudgetExceededError):
        chat(client_of(provider, budget, is_async))
    assert len(provider.requests) == 1
    check(budget, provider)


@kinds
@pytest.mark.parametrize("name", ["max_completion_tokens", "max_tokens"])
def test_a_clamp_writes_the_limit_that_still_fits(is_async: bool, name: str) -> None:
    """Under the name that the call has for it; what fits is left as it is."""
    provider, budget = provider_of(), new_budget(INPUT_USD + bill("gpt-4o", output=4).usd)
    client = client_of(provider, budget, is_async, on_exceed="clamp")
    chat(client, **{"max_completion_tokens": None, name: 5})
    assert provider.requests[0][name] == 4
    assert standing(budget) == (provider.billed_usd, 0)
    with pytest.raises(BudgetExceededError):
        chat(client)
    provider, budget = provider_of(), new_budget()
    chat(client_of(provider, budget, is_async, on_exceed="clamp"))
    assert provider.requests[0]["max_completion_tokens"] == LIMIT


def test_a_clamp_gives_each_of_several_answers_its_share() -> None:
    """``n`` answers of one limit."""
    provider, budget = provider_of(), new_budget(INPUT_USD + bill("gpt-4o", output=9).usd)
    chat(client_of(provider, budget, False, on_exceed="clamp"), n=2)
    assert provider.requests[0]["max_completion_tokens"] == 4


def test_a_clamp_that_the_provider_would_not_take_is_a_refusal() -> None:
    """Responses have 16 tokens at least."""
    provider, budget = provider_of(), new_budget(INPUT_USD + bill("gpt-4o", output=15).usd)
    client = client_of(provider, budget, False, on_exceed="clamp")
    with pytest.raises(BudgetExceededError):
        client.responses.create(**{**ASKED, "max_output_tokens": 100})
    assert provider.requests == []


@kinds
def test_a_clamp_bounds_a_call_that_names_no_limit(is_async: bool) -> None:
    """The model's own limit does not fit."""
    provider, budget = provider_of(), new_budget(INPUT_USD + bill("gpt-4o", output=7).usd)
    chat(client_of(provider, budget, is_async, on_exceed="clamp"), max_completion_tokens=None)
    assert provider.requests[0]["max_completion_tokens"] == 7


@kinds
def test_a_downgrade_asks_the_first_model_that_fits(is_async: bool) -> None:
    """And only where the first one does not."""
    small = bill("gpt-4o-mini", input=READ, output=LIMIT).usd
    provider, budget = provider_of(), new_budget(small)
    how = {"on_exceed": "downgrade", "downgrade_to": ["gpt-4.1", "gpt-4o-mini"]}
    provider.answer = lambda asked, _: completion(asked["model"], _usage(6), message={"content": TEXT})
    provider.price = lambda read, written: bill("gpt-4o-mini", input=read, output=written)
    assert chat(client_of(provider, budget, is_async, **how)).model == "gpt-4o-mini"
    check(budget, provider)
    provider = provider_of()
    assert chat(client_of(provider, new_budget(), is_async, **how)).model == "gpt-4o-2024-08-06"


def _usage(written: int) -> dict[str, int]:
    return {"prompt_tokens": READ, "completion_tokens": written, "total_tokens": READ + written}


def test_a_call_whose_size_cannot_be_told_needs_a_cap() -> None:
    """Pictures, stored conversations, tools at the provider; with a cap it is held, and settled by its answer."""
    provider, budget = provider_of(), new_budget()
    client = client_of(provider, budget, False)
    hidden = [
        lambda one: one.chat.completions.create(**{**CHAT, "messages": PICTURE}),
        lambda one: one.chat.completions.create(**CHAT, web_search_options={}),
        lambda one: one.responses.create(**ASKED, previous_response_id="resp_1"),
        lambda one: one.responses.create(**ASKED, conversation="conv_1"),
        lambda one: one.responses.create(**ASKED, prompt={"id": "pmpt_1"}),
        lambda one: one.responses.create(**ASKED, tools=[{"type": "web_search"}]),
        lambda one: one.responses.create(**{**ASKED, "input": [{"type": "item_reference", "id": "msg_1"}]}),
        lambda one: one.images.generate(model="gpt-image-1", prompt="a cat"),
    ]
    for call in hidden:
        with pytest.raises(InvalidAmountError, match=r"max_call_usd: .* pass guard"):
            call(client)
    assert provider.requests == []
    capped = client_of(provider, budget, False, max_call_usd="0.50")
    for call in hidden[:-1]:
        call(capped)
        check(budget, provider)


def test_what_comes_later_counts_as_its_cap() -> None:
    """A batch, or a Response in the background: its answer is told elsewhere."""
    for call, answer in [
        (lambda one: one.responses.create(**ASKED, background=True), response("gpt-4o", {}) | {"usage": None}),
        (
            lambda one: one.batches.create(
                completion_window="24h", endpoint="/v1/chat/completions", input_file_id="file_1"
            ),
            {"id": "batch_1", "object": "batch", "status": "validating"},
        ),
    ]:
        provider, budget = provider_of(), new_budget()
        provider.answer = lambda *_, answer=answer: answer
        with pytest.raises(InvalidAmountError, match="max_call_usd"):
            call(client_of(provider, budget, False))
        call(client_of(provider, budget, False, max_call_usd="0.50"))
        assert [float(one) for one in standing(budget)] == [0.5, 0]


@kinds
def test_a_call_that_is_not_metered_raises_unless_that_is_allowed(is_async: bool) -> None:
    """Before it is sent; what costs nothing always passes."""
    provider, budget = provider_of(), new_budget()
    provider.answer = lambda *_: {"id": "x", "data": [], "results": [], "object": "list"}
    client = client_of(provider, budget, is_async)

    async def run(one: Any) -> None:
        await got(one.models.list())
        await got(one.moderations.create(input="hello"))
        await got(one.audio.speech.create(model="tts-1", voice="alloy", input="hello"))

    with pytest.raises(ConfigError, match="unmetered: post /audio/speech"):
        asyncio.run(run(client))
    assert len(provider.requests) == 2
    asyncio.run(run(client_of(provider, budget, is_async, unmetered="allow")))
    assert standing(budget) == (0, 0)


def test_a_connection_that_stays_open_is_not_metered() -> None:
    """Realtime passes no answer by."""
    client = client_of(provider_of(), new_budget(), False)
    with pytest.raises(ConfigError, match="unmetered"), client.realtime.connect(model="gpt-realtime"):
        pass


def test_embeddings_are_metered() -> None:
    """By their bytes before, by their usage after."""
    provider, budget = provider_of(), new_budget()
    provider.input_tokens, provider.price = 8, lambda read, _: bill("text-embedding-3-small", input=read)
    found = {"object": "embedding", "index": 0, "embedding": [0.1]}
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    provider.answer = lambda *_: {"object": "list", "data": [found], "model": "text-embedding-3-small", "usage": usage}
    client = client_of(provider, budget, False)
    client.embeddings.create(model="text-embedding-3-small", input=["hello", "you"], encoding_format="float")
    check(budget, provider)


@kinds
def test_the_usage_that_only_the_guard_asked_for_is_not_shown(is_async: bool) -> None:
    """Who asks for it gets it."""

    async def run(**more: Any) -> list[Any]:
        stream = await got(client_of(provider, budget, is_async).chat.completions.create(**CHAT, stream=True, **more))
        return [event async for event in stream] if is_async else list(stream)

    provider, budget = provider_of(), new_budget()
    assert all(event.choices and event.usage is None for event in asyncio.run(run()))
    assert provider.requests[-1]["stream_options"] == {"include_usage": True}
    assert asyncio.run(run(stream_options={"include_usage": True}))[-1].usage.prompt_tokens == READ
    check(budget, provider)


@kinds
def test_a_client_made_of_a_guarded_one_is_guarded(is_async: bool) -> None:
    """And the client that was given stays as it was, of the same class as the guarded one."""
    provider, budget = provider_of(), new_budget()
    original = bare(provider, is_async)
    client = guard(original, budget, user_id=USER)
    assert isinstance(client, type(original))
    for one in (client.with_options(timeout=3), client.copy(max_retries=0).with_options(timeout=3)):
        chat(one)
        check(budget, provider)
    assert client.with_options(timeout=3).timeout == 3
    chat(original)
    assert len(provider.requests) == 3
    assert standing(budget)[0] == provider.billed_usd * 2 / 3


@kinds
def test_the_outermost_guard_holds(is_async: bool) -> None:
    """What is held further out is not counted again."""
    provider, budget = provider_of(), new_budget()
    client = client_of(provider, budget, is_async)
    with held():
        chat(client)
    assert standing(budget) == (0, 0)
    chat(client)
    assert standing(budget)[0] == provider.billed_usd / 2


@kinds
def test_an_answer_without_usage_keeps_its_hold_and_says_what_ends_it(is_async: bool) -> None:
    """It was billed, and nobody knows at how much."""
    provider, budget = provider_of(), new_budget()
    provider.answer = lambda *_: completion("gpt-4o", None, message={"content": TEXT})
    with pytest.raises(ReservationNotSettledError, match=r"budget\.settle\(") as caught:
        chat(client_of(provider, budget, is_async))
    assert standing(budget)[1] > 0
    budget.settle(caught.value.reservation_id, cost="0.001")
    assert [float(one) for one in standing(budget)] == [0.001, 0]


@kinds
def test_a_ledger_that_is_gone_costs_nobody_the_answer(
    is_async: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It was paid for. The hold stays, and lapses; before the call the same error refuses it."""

    def gone(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailableError("gone")

    provider, budget = provider_of(), new_budget()
    with monkeypatch.context() as patched:
        patched.setattr(budget, "settle", gone)
        assert chat(client_of(provider, budget, is_async)).choices[0].message.content == TEXT
    assert "could not be ended and will lapse: gone" in caplog.text
    assert standing(budget) == (0, bill("gpt-4o", input=READ, output=LIMIT).usd)
    monkeypatch.setattr(budget, "reserve", gone)
    with pytest.raises(LedgerUnavailableError):
        chat(client_of(provider, budget, is_async))
    assert len(provider.requests) == 1


def test_an_answer_of_a_model_without_a_price_keeps_its_hold() -> None:
    """It is not booked at the price of the model that was asked."""
    provider, budget = provider_of(), new_budget()
    provider.answer = lambda *_: completion("gpt-9-secret", _usage(6), message={"content": TEXT})
    with pytest.raises(ReservationNotSettledError, match="gpt-9-secret"):
        chat(client_of(provider, budget, False))
    assert standing(budget)[1] > 0


@kinds
def test_a_model_without_a_price_is_refused_before_it_is_sent(is_async: bool) -> None:
    """Nothing is ever free by accident."""
    provider, budget = provider_of(), new_budget()
    with pytest.raises(UnknownModelError):
        chat(client_of(provider, budget, is_async), model="gpt-9-secret")
    assert provider.requests == []
    check(budget, provider)


def test_another_provider_has_its_own_prices() -> None:
    """That speaks OpenAI's language, and has its own names for the limit."""
    provider, budget = provider_of(), new_budget("0.001")
    client = guard(bare(provider, False), budget, user_id=USER, provider="azure", on_exceed="clamp")
    chat(client, max_completion_tokens=None)
    assert "max_tokens" in provider.requests[0]
    balances = budget.usage(USER, model="azure/gpt-4o")
    assert next(one.spent for one in balances if one.scope == "model/azure/gpt-4o") > 0


def test_azure_has_its_own_prices() -> None:
    """At its own address, where the model is part of the path."""
    provider, budget = provider_of(), new_budget()
    where = {"azure_endpoint": "http://provider", "api_version": "2024-10-21", "api_key": "none"}
    client = guard(AzureOpenAI(**where, http_client=http(provider)), budget, user_id=USER)
    chat(client)
    balances = budget.usage(USER, model="azure/gpt-4o")
    assert next(one.spent for one in balances if one.scope == "model/azure/gpt-4o") > 0
    check(budget, provider)


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ({"user_id": ""}, InvalidIdError, "user_id"),
        ({"on_exceed": "ignore"}, ConfigError, "on_exceed: must be one of refuse, clamp, downgrade"),
        ({"unmetered": "maybe"}, ConfigError, "unmetered: must be one of raise, allow"),
        ({"on_exceed": "downgrade"}, ConfigError, "downgrade_to"),
        ({"downgrade_to": ["gpt-4o-mini"]}, ConfigError, "downgrade_to"),
        ({"on_exceed": "downgrade", "downgrade_to": "gpt-4o-mini"}, ConfigError, "must be a list"),
    ],
)
def test_what_a_guard_does_not_take(how: dict[str, Any], error: type[Exception], says: str) -> None:
    """Said when it is made, not when it is called."""
    with pytest.raises(error, match=says):
        guard(bare(provider_of(), False), new_budget(), **{"user_id": USER, **how})


@kinds
def test_who_pays_may_be_said_at_the_call(is_async: bool) -> None:
    """A call for nobody is refused, and not sent."""
    provider, budget = provider_of(), new_budget()
    client = guard(bare(provider, is_async), budget)
    with pytest.raises(InvalidIdError, match="user_id: nobody pays"):
        chat(client)
    assert provider.requests == []
    with budget.acting_for(user_id=USER):
        chat(client)
    check(budget, provider)


@kinds
def test_a_guarded_function_holds_for_what_it_calls(is_async: bool) -> None:
    """Its reservation is the outermost: a guarded client inside counts nothing again, streams neither."""
    provider, budget = provider_of(), new_budget()
    client = client_of(provider, budget, is_async)
    terms = {"user": USER, "model": "gpt-4o", "input_tokens": READ, "max_output_tokens": LIMIT}

    if is_async:

        @budget.guarded(**terms)
        async def ask() -> Any:
            return await client.chat.completions.create(**CHAT)

        @budget.guarded(**terms)
        async def tell() -> Any:
            async for event in await client.chat.completions.create(**CHAT, stream=True, stream_options=USAGE_ASKED):
                yield event

        asyncio.run(ask())
        asyncio.run(_drain(tell))
    else:

        @budget.guarded(**terms)
        def ask() -> Any:
            return client.chat.completions.create(**CHAT)

        @budget.guarded(**terms)
        def tell() -> Any:
            yield from client.chat.completions.create(**CHAT, stream=True, stream_options=USAGE_ASKED)

        ask()
        list(tell())
    check(budget, provider)
    chat(client)
    check(budget, provider)


USAGE_ASKED = {"include_usage": True}


async def _drain(tell: Any) -> None:
    async for _ in tell():
        pass


def test_a_guard_needs_a_client_that_it_knows() -> None:
    """One guard, around OpenAI's own clients."""
    budget, client = new_budget(), bare(provider_of(), False)
    with pytest.raises(TypeError, match="must be an OpenAI or AsyncOpenAI client, not str"):
        guard("client", budget, user_id=USER)
    with pytest.raises(TypeError, match="budget: must be a BudgetManager, not str"):
        guard(client, "budget", user_id=USER)
    with pytest.raises(TypeError, match="guarded already"):
        guard(guard(client, budget, user_id=USER), budget, user_id=USER)


def test_a_client_of_a_version_that_is_not_known_is_not_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that sees no tries would let them pass."""
    client = bare(provider_of(), False)
    for kind in type(client).__mro__[:-1]:
        monkeypatch.delattr(kind, "_send_request", raising=False)
    with pytest.raises(TypeError, match="is not known to this guard"):
        guard(client, new_budget(), user_id=USER)


def test_a_missing_sdk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported before it is needed."""
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ImportError, match="guards clients of the package openai"):
        guard(object(), new_budget(), user_id=USER)


def test_a_stream_that_was_left_does_not_go_on_in_silence() -> None:
    """It was closed at the break; one iterator that is kept goes on."""
    client = client_of(provider_of(), new_budget(), False)
    stream = client.chat.completions.create(**CHAT, stream=True)
    for _ in stream:
        break
    with pytest.raises(RuntimeError, match="keep one iterator"):
        next(stream)
    events = iter(client.chat.completions.create(**CHAT, stream=True))
    next(events)
    assert len(list(events)) == len(TEXT)


@kinds
def test_a_stream_that_is_compressed_keeps_its_hold(is_async: bool) -> None:
    """It is asked for as it is; of what comes otherwise nobody could tell what it told."""

    async def run() -> str:
        stream = await got(client_of(provider, budget, is_async).chat.completions.create(**CHAT, stream=True))
        return "".join([event.choices[0].delta.content or "" async for event in each(stream) if event.choices])

    provider, budget = provider_of(encoding="gzip"), new_budget()
    assert asyncio.run(run()) == TEXT
    assert standing(budget) == (bill("gpt-4o", input=READ, output=LIMIT).usd, 0)


def test_models_that_think_unseen_keep_their_hold_when_cut() -> None:
    """What had come does not tell what was billed."""
    provider, budget = provider_of(), new_budget()
    client = client_of(provider, budget, False)
    for _ in client.chat.completions.create(**{**CHAT, "model": "gpt-5"}, stream=True):
        break
    assert standing(budget) == (bill("gpt-5", input=READ, output=LIMIT).usd, 0)


def test_a_collection_within_the_budget_does_not_enter_it_again() -> None:
    """A stream that is found while its thread may have the ledger's locks is ended by another thread."""
    threads: list[str] = []

    class Collects(Hooks):
        def after_admitted(self, hold: Hold) -> None:
            gc.collect()

        def after_booked(self, receipt: Receipt) -> None:
            threads.append(threading.current_thread().name)

    provider, budget = provider_of(), new_budget(hooks=[Collects()])
    next(client_of(provider, budget, False).chat.completions.create(**CHAT, stream=True))
    budget.reserve(USER, "0.01").release()
    check(budget, provider)
    assert threads == ["coreason-budget"]


def test_tasks_that_are_cancelled_leave_nothing_held(tmp_path: Path) -> None:
    """On a ledger that is waited for, whether they are cancelled while they reserve, wait, or read."""
    provider = provider_of()
    budget = BudgetManager(BudgetConfig(ledger_url=f"sqlite:///{tmp_path / 'b.db'}"))
    client = client_of(provider, budget, True)

    async def call(delay_s: float) -> None:
        stream = await client.chat.completions.create(**CHAT, stream=True)
        async for _ in stream:
            await asyncio.sleep(delay_s)

    async def run() -> None:
        tasks = [asyncio.create_task(call(0.002)) for _ in range(20)]
        for count, task in enumerate(tasks):
            await asyncio.sleep(0.003)
            if count % 4:
                task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in done} == {type(None), asyncio.CancelledError}

    asyncio.run(run())
    check(budget, provider)


def _error(retries: str = "0", status: int | None = None, cause: Exception | None = None) -> Exception:
    request = httpx2.Request("POST", "http://provider", headers={"x-stainless-retry-count": retries})
    if status is not None:
        return APIStatusError("x", response=httpx2.Response(status, request=request), body=None)
    error = APIConnectionError(request=request)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "is_released"),
    [
        (_error(status=400), True),
        (_error(status=429), True),
        (_error(status=500), True),
        (_error(status=504), False),
        (_error(status=408), False),
        (_error("1", status=429), False),
        (_error(cause=httpx2.ConnectError("x")), True),
        (_error("2", cause=httpx2.ConnectError("x")), False),
        (_error(cause=httpx2.ReadTimeout("x")), False),
        (_error(cause=httpx2.RemoteProtocolError("half a stream")), False),
        (ValueError("x"), False),
    ],
    ids=str,
)
def test_only_what_surely_was_not_billed_is_released(error: Exception, is_released: bool) -> None:
    """Before the first byte of the first try."""
    budget = new_budget()
    with pytest.raises(type(error)), budget.reserve(USER, "0.5", release_on=UNBILLED):
        raise error
    assert [float(one) for one in standing(budget)] == [0 if is_released else 0.5, 0]


def test_a_real_connection_that_is_refused_costs_nothing() -> None:
    """Nobody listens there."""
    budget = new_budget()
    client = guard(OpenAI(api_key="none", base_url="http://127.0.0.1:9", max_retries=1), budget, user_id=USER)
    with pytest.raises(APIConnectionError):
        chat(client)
    assert standing(budget) == (0, 0)


def test_a_refusal_is_no_error_of_the_sdk() -> None:
    """Who handles a provider's 429 does not handle it by mistake."""
    import openai

    assert not issubclass(BudgetExceededError, openai.OpenAIError)
    assert issubclass(BudgetExceededError, BudgetError)
