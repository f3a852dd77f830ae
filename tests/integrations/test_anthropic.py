"""Guarded Anthropic clients: whatever becomes of a call, booked is what was billed; and on which terms they call."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import APIError, AsyncStream, Stream, beta_tool

from coreason_budget import (
    BudgetExceededError,
    ConfigError,
    InvalidAmountError,
    InvalidIdError,
    ReservationNotSettledError,
    UnknownModelError,
)
from coreason_budget.integrations.anthropic import UNBILLED, guard
from coreason_budget.integrations.guarding import held
from tests.integrations.anthropic_world import ASKED, LIMIT, READ, SONNET, USAGE, bare, client_of, provider_of
from tests.integrations.books import USER, check, new_budget, standing
from tests.integrations.forms import LEAVING, by_garbage, each, entered, got, kinds
from tests.integrations.provider import TEXT, Fate
from tests.shapes.fake.anthropic import message
from tests.shapes.fake.bill import bill

SDK_ERRORS = (APIError, httpx2.HTTPError)
apis = pytest.mark.parametrize("api", ["messages", "beta"])


def api_of(client: Any, api: str) -> Any:
    return client.messages if api == "messages" else client.beta.messages


def said(whole: Any) -> str:
    return whole.content[0].text


def text_of(event: Any) -> str:
    return event.delta.text if event.type == "content_block_delta" else ""


async def plain(api: Any) -> str:
    return said(await got(api.create(**ASKED)))


async def parsed(api: Any) -> str:
    return said(await got(api.parse(**ASKED)))


async def raw(api: Any) -> str:
    held = await got(api.with_raw_response.create(**ASKED))
    return said(await got(held.parse()))


async def streaming_raw(api: Any) -> str:
    async with entered(api.with_streaming_response.create(**ASKED)) as held:
        return said(await got(held.parse()))


async def streamed(api: Any) -> str:
    stream = await got(api.create(**ASKED, stream=True))
    assert isinstance(stream, Stream | AsyncStream)
    return "".join([text_of(event) async for event in each(stream)])


async def raw_streamed(api: Any) -> str:
    held = await got(api.with_raw_response.create(**ASKED, stream=True))
    return "".join([text_of(event) async for event in each(await got(held.parse()))])


async def streaming_raw_streamed(api: Any) -> str:
    async with entered(api.with_streaming_response.create(**ASKED, stream=True)) as held:
        return "".join([text_of(event) async for event in each(await got(held.parse()))])


async def helper(api: Any) -> str:
    async with entered(api.stream(**ASKED)) as stream:
        return said(await got(stream.get_final_message()))


async def text_stream(api: Any) -> str:
    async with entered(api.stream(**ASKED)) as stream:
        return "".join([text async for text in each(stream.text_stream)])


STREAMED = [streamed, raw_streamed, streaming_raw_streamed, helper, text_stream]
WHOLE = [plain, parsed, raw, streaming_raw, *STREAMED]
TRIES: list[list[Fate]] = [
    ["answer"],
    ["refused", "answer"],
    ["broken", "answer"],
    ["unreachable", "answer"],
    ["timeout", "answer"],
    ["gateway", "refused", "answer"],
]
EVENTS = 2 + len(TEXT)


@kinds
@apis
@pytest.mark.parametrize("form", WHOLE, ids=lambda form: form.__name__)
@pytest.mark.parametrize("tries", TRIES, ids="-".join)
def test_a_call_that_is_answered_costs_what_was_billed(
    is_async: bool, api: str, form: Callable[..., Any], tries: list[Fate]
) -> None:
    """Each try by itself: a refused one nothing, one that timed out all that was held for it."""
    provider, budget = provider_of(*tries), new_budget()
    assert asyncio.run(form(api_of(client_of(provider, budget, is_async), api))) == TEXT
    assert len(provider.requests) == len(tries)
    check(budget, provider)


@kinds
@pytest.mark.parametrize("form", WHOLE, ids=lambda form: form.__name__)
@pytest.mark.parametrize("fate", ["refused", "broken", "gateway", "unreachable", "timeout"])
def test_a_call_that_fails_costs_what_was_billed(is_async: bool, form: Callable[..., Any], fate: Fate) -> None:
    """All three tries of it."""
    provider, budget = provider_of(fate), new_budget()
    with pytest.raises(APIError):
        asyncio.run(form(client_of(provider, budget, is_async).messages))
    assert len(provider.requests) == 3
    check(budget, provider)


@kinds
@pytest.mark.parametrize("leave", LEAVING, ids=lambda leave: leave.__name__)
@pytest.mark.parametrize("is_raw", [False, True], ids=["parsed", "raw"])
@pytest.mark.parametrize("tries", [["answer"], ["timeout", "answer"]], ids="-".join)
def test_a_stream_that_is_left_costs_what_was_billed(
    is_async: bool, leave: Callable[..., Any], is_raw: bool, tries: list[Fate]
) -> None:
    """After each of its events: the input as the first one tells it, and what had come of the answer."""
    for count in range(1, EVENTS + 1):
        provider, budget = provider_of(*tries), new_budget()
        client = client_of(provider, budget, is_async)

        async def run(client: Any = client, count: int = count) -> None:
            if is_raw:
                held = await got(client.messages.with_raw_response.create(**ASKED, stream=True))
                stream = await got(held.parse())
                del held
            else:
                stream = await got(client.messages.create(**ASKED, stream=True))
            await leave(stream, count)
            del stream
            if leave is by_garbage:
                gc.collect()
            for _ in range(5):
                await asyncio.sleep(0)

        asyncio.run(run())
        check(budget, provider)
        assert standing(budget)[0] > 0


@kinds
@pytest.mark.parametrize("form", STREAMED, ids=lambda form: form.__name__)
def test_a_stream_that_the_provider_cuts_costs_what_was_billed(is_async: bool, form: Callable[..., Any]) -> None:
    """After each of its events, whatever error the SDK makes of it."""
    for count in range(1, EVENTS + 1):
        provider, budget = provider_of("cut", cut_at=count), new_budget()
        with pytest.raises(SDK_ERRORS):
            asyncio.run(form(client_of(provider, budget, is_async).messages))
        assert len(provider.requests) == 1
        check(budget, provider)


@kinds
def test_a_stream_that_tells_nothing_is_booked_at_what_its_prompt_can_cost(is_async: bool) -> None:
    """Cut before its first event: never less is booked than was billed."""
    provider, budget = provider_of("cut", cut_at=0), new_budget()
    with pytest.raises(SDK_ERRORS):
        asyncio.run(streamed(client_of(provider, budget, is_async).messages))
    spent, reserved = standing(budget)
    assert (spent >= provider.billed_usd > 0, reserved) == (True, 0)


@kinds
def test_without_the_guard_the_books_stay_empty(is_async: bool) -> None:
    """The naive control: the checks above see the bill."""
    provider, budget = provider_of(), new_budget()
    asyncio.run(plain(bare(provider, is_async).messages))
    with pytest.raises(AssertionError):
        check(budget, provider)


@kinds
def test_the_cache_is_booked_as_the_start_of_a_stream_tells_it(is_async: bool) -> None:
    """Also of one that is left."""
    provider, budget = provider_of(), new_budget()
    cached = {**USAGE, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 700}
    cached["cache_creation"] = {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200}
    told = provider.answer

    def answer(asked: Any, path: str) -> Any:
        return [(n, line.replace(b'"input_tokens": 45', _inner(cached))) for n, line in told(asked, path)]

    provider.answer = answer

    async def run() -> None:
        stream = await got(client_of(provider, budget, is_async).messages.create(**ASKED, stream=True))
        async for event in each(stream):
            if event.type == "content_block_delta":
                break
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(run())
    right = bill(SONNET, input=READ, cache_read=2000, cache_write=500, cache_write_1h=200, output=1)
    assert standing(budget) == (right.usd, 0)


def _inner(usage: Any) -> bytes:
    import json

    return json.dumps({name: value for name, value in usage.items() if name != "output_tokens"})[1:-1].encode()


@kinds
def test_the_tool_runner_reserves_each_of_its_calls(is_async: bool) -> None:
    """It calls by itself until no tool is asked for."""
    provider, budget = provider_of(), new_budget()
    use = {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}
    turns = [message(SONNET, USAGE, content=[use], stop_reason="tool_use"), message(SONNET, USAGE)]
    provider.answer = lambda *_: turns[min(len(provider.requests), 2) - 1]

    def weather() -> str:
        """The weather."""
        return "sunny"

    async def aweather() -> str:
        """The weather."""
        return "sunny"

    tool = anthropic.beta_async_tool(aweather, name="weather") if is_async else beta_tool(weather)

    async def run() -> None:
        runner = client_of(provider, budget, is_async).beta.messages.tool_runner(**ASKED, tools=[tool])
        await got(runner.until_done())

    asyncio.run(run())
    assert len(provider.requests) == 2
    check(budget, provider)


def one(client: Any, **asked: Any) -> Any:
    """One message, of either kind of client."""

    async def run() -> Any:
        return await got(client.messages.create(**{**ASKED, **asked}))

    return asyncio.run(run())


@kinds
def test_what_does_not_fit_is_refused_before_it_is_sent(is_async: bool) -> None:
    """Once, for no SDK tries it again; a further try must fit as well."""
    provider, budget = provider_of(), new_budget("0.0001")
    with pytest.raises(BudgetExceededError):
        one(client_of(provider, budget, is_async))
    assert provider.requests == []
    worst = bill(SONNET, cache_write_1h=READ, output=LIMIT).usd
    provider, budget = provider_of("timeout"), new_budget(worst * 3 / 2)
    with pytest.raises(BudgetExceededError):
        one(client_of(provider, budget, is_async))
    assert len(provider.requests) == 1
    check(budget, provider)


@kinds
def test_a_clamp_writes_the_limit_that_still_fits(is_async: bool) -> None:
    """And the budget of thinking below it; less than thinking needs is a refusal."""
    room = bill(SONNET, cache_write_1h=READ, output=1500).usd
    thinking = {"type": "enabled", "budget_tokens": 2000}
    provider = provider_of()
    one(client_of(provider, new_budget(room), is_async, on_exceed="clamp"), max_tokens=4000, thinking=thinking)
    assert provider.requests[0]["max_tokens"] == 1500
    assert provider.requests[0]["thinking"]["budget_tokens"] == 1499
    small = new_budget(bill(SONNET, cache_write_1h=READ, output=900).usd)
    with pytest.raises(BudgetExceededError):
        one(client_of(provider, small, is_async, on_exceed="clamp"), max_tokens=4000, thinking=thinking)
    one(client_of(provider, small, is_async, on_exceed="clamp"), max_tokens=4000)
    assert provider.requests[-1]["max_tokens"] == 900
    assert len(provider.requests) == 2


@kinds
def test_a_downgrade_asks_the_first_model_that_fits(is_async: bool) -> None:
    """And only where the first one does not."""
    provider = provider_of()
    provider.answer = lambda asked, _: message(asked["model"], USAGE, content=[{"type": "text", "text": TEXT}])
    room = bill("claude-haiku-5-5", cache_write_1h=READ, output=LIMIT).usd
    client = client_of(provider, new_budget(room), is_async, on_exceed="downgrade", downgrade_to=["claude-haiku-5-5"])
    assert one(client).model == "claude-haiku-5-5"


def test_a_call_whose_size_cannot_be_told_needs_a_cap() -> None:
    """Pictures, documents, tools at the provider; with a cap it is held, and settled by its answer."""
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    search = {"type": "web_search_20250305", "name": "web_search"}
    hidden = [{"messages": [{"role": "user", "content": [picture]}]}, {"tools": [search]}]
    provider, budget = provider_of(), new_budget()
    for asked in hidden:
        with pytest.raises(InvalidAmountError, match="max_call_usd"):
            one(client_of(provider, budget, False), **asked)
    assert provider.requests == []
    for asked in hidden:
        one(client_of(provider, budget, False, max_call_usd="0.50"), **asked)
        check(budget, provider)


@kinds
def test_a_batch_counts_as_the_most_that_its_requests_can_cost(is_async: bool) -> None:
    """At the price of a batch, from its submission; its reservation may be settled later."""
    provider, budget = provider_of(), new_budget()
    counts = {"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    provider.answer = lambda *_: {"id": "msgbatch_1", "type": "message_batch", "request_counts": counts}
    client = client_of(provider, budget, is_async)
    requests = [{"custom_id": name, "params": dict(ASKED)} for name in "ab"]

    async def run() -> None:
        await got(client.messages.batches.create(requests=requests))

    asyncio.run(run())
    most = budget.pricing.estimate(SONNET, input_tokens=READ, max_output_tokens=LIMIT, service="batch")
    assert standing(budget) == (2 * most, 0)
    assert 2 * most < 2 * bill(SONNET, cache_write_1h=READ, output=LIMIT).usd


@kinds
def test_a_client_made_of_a_guarded_one_is_guarded(is_async: bool) -> None:
    """Whatever middleware it is given; the client that was given stays as it was, and of the same class."""
    seen: list[str] = []

    def note(request: Any, call_next: Any) -> Any:
        seen.append(request.url)
        return call_next(request)

    async def anote(request: Any, call_next: Any) -> Any:
        return await note_async(request, call_next)

    async def note_async(request: Any, call_next: Any) -> Any:
        seen.append(request.url)
        return await call_next(request)

    provider, budget = provider_of(), new_budget()
    original = bare(provider, is_async)
    client = guard(original, budget, user_id=USER)
    assert type(client) is type(original)
    own = anote if is_async else note
    for made in (
        client.with_options(timeout=3),
        client.with_options(middleware=[]).copy(timeout=3),
        client.copy(middleware=None),
        client.with_middleware(own).with_options(middleware=[own]),
    ):
        one(made)
        check(budget, provider)
    assert seen == ["/v1/messages"]
    one(original)
    with pytest.raises(AssertionError):
        check(budget, provider)


@kinds
def test_the_outermost_guard_holds_and_what_is_free_passes(is_async: bool) -> None:
    """What is held further out is not counted again."""
    provider, budget = provider_of(), new_budget()
    client = client_of(provider, budget, is_async)
    with held():
        one(client)
    assert standing(budget) == (0, 0)
    provider.answer = lambda *_: {"input_tokens": 5}

    async def count() -> None:
        await got(client.messages.count_tokens(model=SONNET, messages=ASKED["messages"]))

    asyncio.run(count())
    assert standing(budget) == (0, 0)


@kinds
def test_a_call_that_is_not_metered_raises_unless_that_is_allowed(is_async: bool) -> None:
    """Before it is sent."""
    provider, budget = provider_of(), new_budget()

    async def post(client: Any) -> None:
        await got(client.post("/v1/sessions", body={}, cast_to=object))

    with pytest.raises(ConfigError, match="unmetered: post /v1/sessions"):
        asyncio.run(post(client_of(provider, budget, is_async)))
    assert provider.requests == []
    asyncio.run(post(client_of(provider, budget, is_async, unmetered="allow")))
    assert standing(budget) == (0, 0)


@kinds
def test_an_answer_that_cannot_be_booked_keeps_its_hold_and_says_what_ends_it(is_async: bool) -> None:
    """It was billed, and nobody knows at how much."""
    provider, budget = provider_of(), new_budget()
    provider.answer = lambda *_: message("claude-secret", USAGE)
    with pytest.raises(ReservationNotSettledError, match=r"claude-secret.*budget\.settle\("):
        one(client_of(provider, budget, is_async))
    assert standing(budget)[1] > 0
    with pytest.raises(UnknownModelError):
        one(client_of(provider, budget, is_async), model="claude-secret")
    assert len(provider.requests) == 1


@kinds
def test_what_was_thought_unseen_keeps_its_hold_when_cut(is_async: bool) -> None:
    """What had come does not tell what was billed."""
    provider, budget = provider_of(), new_budget()

    async def run() -> None:
        thinking = {"type": "adaptive"}
        stream = await got(
            client_of(provider, budget, is_async).messages.create(**ASKED, stream=True, thinking=thinking)
        )
        async for _ in each(stream):
            break
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert standing(budget) == (bill(SONNET, cache_write_1h=READ, output=LIMIT).usd, 0)


def test_what_a_guard_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said when it is made, not when it is called."""
    budget, client = new_budget(), bare(provider_of(), False)
    with pytest.raises(InvalidIdError, match="user_id: nobody pays"):
        one(guard(client, budget))
    with pytest.raises(TypeError, match="must be one of Anthropic, AsyncAnthropic"):
        guard(object(), budget, user_id=USER)
    with pytest.raises(TypeError, match="guarded already"):
        guard(guard(client, budget, user_id=USER), budget, user_id=USER)
    with monkeypatch.context() as patched:
        patched.delattr(anthropic, "Middleware")
        with pytest.raises(TypeError, match="is not known to this guard"):
            guard(client, budget, user_id=USER)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "anthropic", None)
        with pytest.raises(ImportError, match="guards clients of the package anthropic"):
            guard(client, budget, user_id=USER)


def test_vertex_has_its_own_prices() -> None:
    """Under the host's name."""
    client = anthropic.AnthropicVertex(region="us-east5", project_id="p", access_token="none")
    assert guard(client, new_budget(), user_id=USER).middleware[-1].guard.provider == "vertex_ai"


@pytest.mark.parametrize(("status", "retries", "is_released"), [(429, "0", True), (429, "1", False), (504, "0", False)])
def test_only_what_surely_was_not_billed_is_released(status: int, retries: str, is_released: bool) -> None:
    """Before the first byte of the first try."""
    request = httpx2.Request("POST", "http://provider", headers={"x-stainless-retry-count": retries})
    error = anthropic.APIStatusError("x", response=httpx2.Response(status, request=request), body=None)
    budget = new_budget()
    with pytest.raises(anthropic.APIStatusError), budget.reserve(USER, "0.5", release_on=UNBILLED):
        raise error
    assert [float(amount) for amount in standing(budget)] == [0 if is_released else 0.5, 0]
