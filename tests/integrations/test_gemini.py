"""Guarded clients of Google: whatever becomes of a call, booked is what was billed; and on which terms they call."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from coreason_budget import (
    BudgetExceededError,
    ConfigError,
    InvalidAmountError,
    InvalidIdError,
    ReservationNotSettledError,
    UnknownModelError,
)
from coreason_budget.integrations.gemini import UNBILLED, guard
from coreason_budget.integrations.guarding import held
from tests.integrations.books import USER, check, new_budget, standing
from tests.integrations.forms import by_break, by_garbage, each, got, kinds, take
from tests.integrations.gemini_world import ASKED, FLASH, LIMIT, READ, bare, client_of, piece, provider_of
from tests.integrations.provider import TEXT, Fate, sse
from tests.shapes.fake.bill import bill

SDK_ERRORS = (errors.APIError, httpx2.HTTPError)


async def plain(client: Any) -> str:
    return (await got(client.models.generate_content(**ASKED))).text


async def streamed(client: Any) -> str:
    return "".join([one.text async for one in each(await got(client.models.generate_content_stream(**ASKED)))])


def chat_of(client: Any) -> Any:
    return client.chats.create(model=FLASH, config=ASKED["config"])


async def chat(client: Any) -> str:
    return (await got(chat_of(client).send_message("hello"))).text


async def chat_streamed(client: Any) -> str:
    return "".join([one.text async for one in each(await got(chat_of(client).send_message_stream("hello")))])


STREAMED = [streamed, chat_streamed]
WHOLE = [plain, chat, *STREAMED]
TRIES: list[list[Fate]] = [
    ["answer"],
    ["refused", "answer"],
    ["broken", "answer"],
    ["unreachable", "answer"],
    ["timeout", "answer"],
    ["gateway", "refused", "answer"],
]


@kinds
@pytest.mark.parametrize("form", WHOLE, ids=lambda form: form.__name__)
@pytest.mark.parametrize("tries", TRIES, ids="-".join)
def test_a_call_that_is_answered_costs_what_was_billed(
    is_async: bool, form: Callable[..., Any], tries: list[Fate]
) -> None:
    """Each try by itself: a refused one nothing, one that timed out all that was held for it."""
    provider, budget = provider_of(*tries), new_budget()
    assert asyncio.run(form(client_of(provider, budget, is_async))) == TEXT
    assert len(provider.requests) == len(tries)
    check(budget, provider)


@kinds
@pytest.mark.parametrize("form", WHOLE, ids=lambda form: form.__name__)
@pytest.mark.parametrize("fate", ["refused", "broken", "gateway", "unreachable", "timeout"])
def test_a_call_that_fails_costs_what_was_billed(is_async: bool, form: Callable[..., Any], fate: Fate) -> None:
    """All three tries of it."""
    provider, budget = provider_of(fate), new_budget()
    with pytest.raises(SDK_ERRORS):
        asyncio.run(form(client_of(provider, budget, is_async)))
    assert len(provider.requests) == 3
    check(budget, provider)


async def by_aclose(stream: Any, count: int) -> None:
    await take(stream, count)
    await got((stream.aclose if hasattr(stream, "aclose") else stream.close)())


async def by_exception(stream: Any, count: int) -> None:
    await take(stream, count)
    with pytest.raises(ZeroDivisionError):
        await got((stream.athrow if hasattr(stream, "athrow") else stream.throw)(ZeroDivisionError))


@kinds
@pytest.mark.parametrize("leave", [by_break, by_aclose, by_exception, by_garbage], ids=lambda leave: leave.__name__)
@pytest.mark.parametrize("tries", [["answer"], ["timeout", "answer"]], ids="-".join)
def test_a_stream_that_is_left_costs_what_was_billed(
    is_async: bool, leave: Callable[..., Any], tries: list[Fate]
) -> None:
    """After each of its pieces, once it is dropped: what its last piece told."""
    for count in range(1, len(TEXT) + 1):
        provider, budget = provider_of(*tries), new_budget()
        client = client_of(provider, budget, is_async)

        async def run(client: Any = client, count: int = count) -> None:
            stream = await got(client.models.generate_content_stream(**ASKED))
            await leave(stream, count)
            del stream
            for _ in range(20):
                await asyncio.sleep(0)

        asyncio.run(run())
        check(budget, provider)
        assert standing(budget)[0] > 0


@kinds
def test_a_stream_that_is_never_read_costs_nothing(is_async: bool) -> None:
    """The package does not even send it."""
    provider, budget = provider_of(), new_budget()

    async def run() -> None:
        await got(client_of(provider, budget, is_async).models.generate_content_stream(**ASKED))

    asyncio.run(run())
    assert provider.requests == []
    check(budget, provider)


@kinds
@pytest.mark.parametrize("form", STREAMED, ids=lambda form: form.__name__)
def test_a_stream_that_the_provider_cuts_costs_what_was_billed(is_async: bool, form: Callable[..., Any]) -> None:
    """After each of its pieces, whatever error the SDK makes of it."""
    for count in range(1, len(TEXT)):
        provider, budget = provider_of("cut", cut_at=count), new_budget()
        with pytest.raises(SDK_ERRORS):
            asyncio.run(form(client_of(provider, budget, is_async)))
        assert len(provider.requests) == 1
        check(budget, provider)


@kinds
def test_without_the_guard_the_books_stay_empty(is_async: bool) -> None:
    """The naive control: the checks above see the bill."""
    provider, budget = provider_of(), new_budget()
    client = bare(provider)
    asyncio.run(plain(client.aio if is_async else client))
    with pytest.raises(AssertionError):
        check(budget, provider)


def weather() -> str:
    """The weather."""
    return "sunny"


@kinds
@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
def test_automatic_function_calling_reserves_each_of_its_calls(is_async: bool, is_streamed: bool) -> None:
    """The package calls again by itself, and hands out the usage of its last call alone."""
    provider, budget = provider_of(), new_budget()
    told = provider.answer
    use = {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]}

    def answer(asked: Any, path: str) -> Any:
        if len(provider.requests) > 1:
            return told(asked, path)
        first = piece("", len(TEXT), finishReason="STOP", content=use)
        return sse((len(TEXT), first)) if is_streamed else first

    provider.answer = answer
    asked = {**ASKED, "config": {**ASKED["config"], "tools": [weather]}}

    async def run() -> None:
        client = client_of(provider, budget, is_async)
        if is_streamed:
            async for _ in each(await got(client.models.generate_content_stream(**asked))):
                pass
        else:
            await got(client.models.generate_content(**asked))

    asyncio.run(run())
    assert len(provider.requests) == 2
    check(budget, provider)


def one(client: Any, model: str = FLASH, contents: Any = "hello", **config: Any) -> Any:
    """One call, of either kind of client."""

    async def run() -> Any:
        merged = {**ASKED["config"], **config}
        return await got(client.models.generate_content(model=model, contents=contents, config=merged))

    return asyncio.run(run())


@kinds
def test_what_does_not_fit_is_refused_before_it_is_sent(is_async: bool) -> None:
    """Once, for the SDK does not try it again; a further try must fit as well."""
    provider, budget = provider_of(), new_budget("0.00001")
    with pytest.raises(BudgetExceededError):
        one(client_of(provider, budget, is_async))
    assert provider.requests == []
    worst = bill(FLASH, input_audio=READ, output=LIMIT).usd
    provider, budget = provider_of("timeout"), new_budget(worst * 3 / 2)
    with pytest.raises(BudgetExceededError):
        one(client_of(provider, budget, is_async))
    assert len(provider.requests) == 1
    check(budget, provider)


@kinds
def test_a_clamp_writes_the_limit_that_still_fits(is_async: bool) -> None:
    """Where the call has one, and where it has none."""
    room = bill(FLASH, input_audio=READ, output=100).usd
    for config in ({"max_output_tokens": 200}, {"max_output_tokens": None}):
        provider = provider_of()
        one(client_of(provider, new_budget(room), is_async, on_exceed="clamp"), temperature=0.5, **config)
        assert provider.requests[0]["generationConfig"] == {"maxOutputTokens": 100, "temperature": 0.5}


@kinds
def test_a_downgrade_asks_the_first_model_that_fits(is_async: bool) -> None:
    """Of which the address tells."""
    provider, paths = provider_of(), []
    told = provider.answer
    provider.answer = lambda asked, path: paths.append(path) or {**told(asked, path), "modelVersion": SMALL}
    room = bill(SMALL, input_audio=READ, output=LIMIT).usd
    how = {"on_exceed": "downgrade", "downgrade_to": [SMALL]}
    one(client_of(provider, new_budget(room), is_async, **how), model="gemini-2.5-pro")
    assert paths[0].endswith(f"/models/{SMALL}:generateContent")


SMALL = "gemini-2.5-flash-lite"


def test_a_call_whose_size_cannot_be_told_needs_a_cap() -> None:
    """Pictures, files, cached contents, tools at the provider; with a cap it is held, and settled by its answer."""
    picture = types.Part.from_bytes(data=b"PNG", mime_type="image/png")
    file = types.Part.from_uri(file_uri="gs://a/b.pdf", mime_type="application/pdf")
    hidden: list[dict[str, Any]] = [
        {"contents": [picture]},
        {"contents": [file]},
        {"cached_content": "cachedContents/1"},
        {"tools": [types.Tool(google_search=types.GoogleSearch())]},
    ]
    provider, budget = provider_of(), new_budget()
    for asked in hidden:
        with pytest.raises(InvalidAmountError, match="max_call_usd"):
            one(client_of(provider, budget, False), **asked)
    assert provider.requests == []
    for asked in hidden:
        one(client_of(provider, budget, False, max_call_usd="0.50"), **asked)
        check(budget, provider)


@kinds
def test_what_is_not_metered_raises_unless_that_is_allowed(is_async: bool) -> None:
    """Before it is sent: other calls, and what goes by other ways."""
    provider, budget = provider_of(), new_budget()
    client = client_of(provider, budget, is_async)

    async def embed(client: Any) -> None:
        await got(client.models.embed_content(model="gemini-embedding-001", contents="hello"))

    with pytest.raises(ConfigError, match=r"unmetered: post .*batchEmbedContents"):
        asyncio.run(embed(client))
    for name in ("interactions", "live") if is_async else ("interactions",):
        with pytest.raises(ConfigError, match=f"unmetered: client.{name}"):
            getattr(client, name)
    assert provider.requests == []
    provider.answer = lambda *_: {"embeddings": [{"values": [0.1]}], "totalTokens": 3}
    asyncio.run(embed(client_of(provider, budget, is_async, unmetered="allow")))

    async def count() -> None:
        await got(client.models.count_tokens(model=FLASH, contents="hello"))

    asyncio.run(count())
    assert standing(budget) == (0, 0)


@kinds
def test_the_client_that_was_given_stays_as_it_was(is_async: bool) -> None:
    """The guarded one is of its class, over its connections, which it does not close."""
    provider, budget = provider_of(), new_budget()
    original = bare(provider)
    client = guard(original, budget, user_id=USER)
    assert isinstance(client, genai.Client)
    assert isinstance(client.aio, type(original.aio))
    one(client.aio if is_async else client)
    check(budget, provider)
    del client
    gc.collect()
    one(original.aio if is_async else original)
    assert len(provider.requests) == 2
    assert standing(budget)[0] == provider.billed_usd / 2


def test_its_aio_alone_can_be_guarded() -> None:
    """As some frameworks take it."""
    provider, budget = provider_of(), new_budget()
    one(guard(bare(provider).aio, budget, user_id=USER))
    check(budget, provider)


@kinds
def test_the_outermost_guard_holds(is_async: bool) -> None:
    """What is held further out is not counted again."""
    provider, budget = provider_of(), new_budget()
    with held():
        one(client_of(provider, budget, is_async))
    assert standing(budget) == (0, 0)


@kinds
def test_an_answer_that_cannot_be_booked_keeps_its_hold_and_says_what_ends_it(is_async: bool) -> None:
    """It was billed, and nobody knows at how much; a model without a price is not even sent."""
    provider, budget = provider_of(), new_budget()
    provider.answer = lambda *_: {"candidates": [], "modelVersion": FLASH}
    with pytest.raises(ReservationNotSettledError, match=r"budget\.settle\("):
        one(client_of(provider, budget, is_async))
    assert standing(budget)[1] > 0
    with pytest.raises(UnknownModelError):
        one(client_of(provider, budget, is_async), model="gemini-secret")
    assert len(provider.requests) == 1


def test_what_a_guard_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said when it is made, not when it is called."""
    budget, client = new_budget(), bare(provider_of())
    with pytest.raises(InvalidIdError, match="user_id: nobody pays"):
        one(guard(client, budget))
    with pytest.raises(TypeError, match=r"must be a google\.genai\.Client"):
        guard(object(), budget, user_id=USER)
    with pytest.raises(TypeError, match="guarded already"):
        guard(guard(client, budget, user_id=USER), budget, user_id=USER)
    with monkeypatch.context() as patched:
        patched.delattr(type(client._api_client), "_request_once")
        with pytest.raises(TypeError, match="is not known to this guard"):
            guard(client, budget, user_id=USER)
    with monkeypatch.context() as patched:
        patched.delattr(sys.modules["google"], "genai")
        patched.setitem(sys.modules, "google.genai", None)
        with pytest.raises(ImportError, match="guards clients of the package google-genai"):
            guard(client, budget, user_id=USER)


def test_vertex_has_its_own_prices() -> None:
    """Under the host's name, at its own address."""
    provider, budget = provider_of(), new_budget()
    one(guard(bare(provider, vertexai=True), budget, user_id=USER))
    balances = budget.usage(USER, model=f"vertex_ai/{FLASH}")
    assert next(balance.spent for balance in balances if balance.scope == f"model/vertex_ai/{FLASH}") > 0
    check(budget, provider)


@pytest.mark.parametrize(("code", "is_released"), [(429, True), (400, True), (500, True), (504, False)])
def test_only_what_surely_was_not_billed_is_released(code: int, is_released: bool) -> None:
    """Before the first byte."""
    budget = new_budget()
    with pytest.raises(errors.APIError), budget.reserve(USER, "0.5", release_on=UNBILLED):
        raise errors.APIError(code, {"error": {"message": "x"}})
    assert [float(amount) for amount in standing(budget)] == [0 if is_released else 0.5, 0]
