"""Guarded OpenAI clients: whatever becomes of a call, booked is what was billed."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from typing import Any

import pytest
from openai import APIError, AsyncStream, Stream

from tests.integrations.books import check, new_budget, standing
from tests.integrations.forms import LEAVING, by_garbage, each, entered, got, kinds
from tests.integrations.openai_world import ASKED, CHAT, LIMIT, READ, bare, client_of, provider_of
from tests.integrations.provider import JSON, TEXT, Fate
from tests.shapes.fake.bill import bill

languages = pytest.mark.parametrize("language", ["chat", "responses"])


def api_of(client: Any, language: str) -> tuple[Any, JSON]:
    """Where to call, and what to ask."""
    return (client.chat.completions, dict(CHAT)) if language == "chat" else (client.responses, dict(ASKED))


def text_of(event: Any) -> str:
    """The letter that an event brings."""
    if hasattr(event, "choices"):
        return (event.choices[0].delta.content or "") if event.choices else "USAGE"
    return event.delta if getattr(event, "type", "").endswith("output_text.delta") else ""


def said(whole: Any) -> str:
    """The text of a whole answer."""
    return whole.choices[0].message.content if hasattr(whole, "choices") else whole.output_text


async def plain(api: Any, asked: JSON) -> str:
    return said(await got(api.create(**asked)))


async def parsed(api: Any, asked: JSON) -> str:
    return said(await got(api.parse(**asked)))


async def raw(api: Any, asked: JSON) -> str:
    return said((await got(api.with_raw_response.create(**asked))).parse())


async def raw_parsed(api: Any, asked: JSON) -> str:
    return said((await got(api.with_raw_response.parse(**asked))).parse())


async def streaming_raw(api: Any, asked: JSON) -> str:
    async with entered(api.with_streaming_response.create(**asked)) as held:
        return said(await got(held.parse()))


async def streamed(api: Any, asked: JSON) -> str:
    stream = await got(api.create(**asked, stream=True))
    assert isinstance(stream, Stream | AsyncStream)
    return "".join([text_of(event) async for event in each(stream)])


async def raw_streamed(api: Any, asked: JSON) -> str:
    stream = (await got(api.with_raw_response.create(**asked, stream=True))).parse()
    return "".join([text_of(event) async for event in each(stream)])


async def streaming_raw_streamed(api: Any, asked: JSON) -> str:
    async with entered(api.with_streaming_response.create(**asked, stream=True)) as held:
        return "".join([text_of(event) async for event in each(await got(held.parse()))])


async def raw_lines(api: Any, asked: JSON) -> str:
    async with entered(api.with_streaming_response.create(**asked, stream=True)) as held:
        lines = [line async for line in each(held.iter_lines())]
    found = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return "".join(
        one["choices"][0]["delta"].get("content", "") if one.get("choices") else one.get("delta", "") for one in found
    )


async def helper(api: Any, asked: JSON) -> str:
    async with entered(api.stream(**asked)) as stream:
        final = stream.get_final_completion if hasattr(stream, "get_final_completion") else stream.get_final_response
        return said(await got(final()))


WHOLE = [
    plain,
    parsed,
    raw,
    raw_parsed,
    streaming_raw,
    streamed,
    raw_streamed,
    streaming_raw_streamed,
    raw_lines,
    helper,
]
TRIES: list[list[Fate]] = [
    ["answer"],
    ["refused", "answer"],
    ["broken", "answer"],
    ["unreachable", "answer"],
    ["timeout", "answer"],
    ["gateway", "answer"],
    ["timeout", "refused", "answer"],
    ["timeout", "timeout", "answer"],
]


@languages
@kinds
@pytest.mark.parametrize("form", WHOLE, ids=lambda form: form.__name__)
@pytest.mark.parametrize("tries", TRIES, ids="-".join)
def test_a_call_that_is_answered_costs_what_was_billed(
    language: str, is_async: bool, form: Callable[..., Any], tries: list[Fate]
) -> None:
    """Each try by itself: a refused one nothing, one that timed out all that was held for it."""
    provider, budget = provider_of(*tries), new_budget()
    client = client_of(provider, budget, is_async)
    assert asyncio.run(form(*api_of(client, language))) == TEXT
    assert len(provider.requests) == len(tries)
    check(budget, provider)


@languages
@kinds
@pytest.mark.parametrize("form", WHOLE, ids=lambda form: form.__name__)
@pytest.mark.parametrize("fate", ["refused", "broken", "gateway", "unreachable", "timeout"])
def test_a_call_that_fails_costs_what_was_billed(
    language: str, is_async: bool, form: Callable[..., Any], fate: Fate
) -> None:
    """All three tries of it."""
    provider, budget = provider_of(fate), new_budget()
    with pytest.raises(APIError):
        asyncio.run(form(*api_of(client_of(provider, budget, is_async), language)))
    assert len(provider.requests) == 3
    check(budget, provider)


EVENTS = {"chat": len(TEXT), "responses": 3 + len(TEXT)}


@languages
@kinds
@pytest.mark.parametrize("leave", LEAVING, ids=lambda leave: leave.__name__)
@pytest.mark.parametrize("is_raw", [False, True], ids=["parsed", "raw"])
@pytest.mark.parametrize("tries", [["answer"], ["timeout", "answer"]], ids="-".join)
def test_a_stream_that_is_left_costs_what_was_billed(
    language: str, is_async: bool, leave: Callable[..., Any], is_raw: bool, tries: list[Fate]
) -> None:
    """After each of its events: the whole input, and what had come of the answer."""
    for count in range(EVENTS[language] + 1):
        provider, budget = provider_of(*tries), new_budget()
        client = client_of(provider, budget, is_async)

        async def run(client: Any = client, count: int = count) -> None:
            api, asked = api_of(client, language)
            if is_raw:
                stream = (await got(api.with_raw_response.create(**asked, stream=True))).parse()
            else:
                stream = await got(api.create(**asked, stream=True))
            await leave(stream, count)
            del stream
            if leave is by_garbage:
                gc.collect()
            for _ in range(5):
                await asyncio.sleep(0)

        asyncio.run(run())
        check(budget, provider)
        assert standing(budget)[0] > 0


@languages
@kinds
@pytest.mark.parametrize(
    "form", [streamed, raw_streamed, streaming_raw_streamed, helper], ids=lambda form: form.__name__
)
def test_a_stream_that_the_provider_cuts_costs_what_was_billed(
    language: str, is_async: bool, form: Callable[..., Any]
) -> None:
    """After each of its events; the SDK says it by an error, and does not try again."""
    for count in range(EVENTS[language] + 1):
        provider, budget = provider_of("cut", cut_at=count), new_budget()
        with pytest.raises(APIError):
            asyncio.run(form(*api_of(client_of(provider, budget, is_async), language)))
        assert len(provider.requests) == 1
        check(budget, provider)


@languages
@kinds
@pytest.mark.parametrize("form", [plain, raw], ids=lambda form: form.__name__)
def test_an_answer_whose_body_is_cut_keeps_its_hold_as_spent(
    language: str, is_async: bool, form: Callable[..., Any]
) -> None:
    """It was billed, and nobody knows how much of the limit: never less is booked than was billed."""
    provider, budget = provider_of("cut", "answer"), new_budget()
    assert asyncio.run(form(*api_of(client_of(provider, budget, is_async), language))) == TEXT
    held = bill("gpt-4o", input=READ, output=LIMIT).usd
    assert standing(budget) == (held + bill("gpt-4o", input=READ, output=len(TEXT)).usd, 0)


@kinds
def test_without_the_guard_the_books_stay_empty(is_async: bool) -> None:
    """The naive control: the checks above see the bill."""
    provider, budget = provider_of(), new_budget()
    asyncio.run(plain(*api_of(bare(provider, is_async), "chat")))
    with pytest.raises(AssertionError):
        check(budget, provider)


@languages
def test_a_task_that_is_cancelled_keeps_its_hold_as_spent(language: str) -> None:
    """Before the answer: it may have been billed."""
    provider, budget = provider_of(), new_budget()
    client = client_of(provider, budget, True)
    started = asyncio.Event()

    async def never(*_: Any, **__: Any) -> Any:
        started.set()
        await asyncio.sleep(60)

    async def run() -> None:
        client._client.send = never
        task = asyncio.create_task(plain(*api_of(client, language)))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert standing(budget) == (bill("gpt-4o", input=READ, output=LIMIT).usd, 0)
