"""Google's clients under a budget: ``client = guard(genai.Client(), budget, user_id="alice")``.

What `guard` gives is a client of a subclass of the client's own class, over the same connections. It sees every try of
every call, those that automatic function calling makes by itself too. The client that it was given is left as it was.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from coreason_budget import background
from coreason_budget.integrations import gemini_calls as calls
from coreason_budget.integrations.attempt import Attempt, at_once
from coreason_budget.integrations.guarding import Guard, OnExceed, Terms, Unmetered, held, is_held
from coreason_budget.integrations.streams import close_soon
from coreason_budget.integrations.unbilled import Unbilled, is_refusal, never_connected
from coreason_budget.money import Usd
from coreason_budget.threads import carry_through

if TYPE_CHECKING:
    from coreason_budget import aio
    from coreason_budget.manager import BudgetManager

_Client = TypeVar("_Client")
# What of a client calls by other ways, past all that is metered here.
_UNSEEN = ("interactions", "agents", "triggers", "decisions", "voices", "live")


def guard(
    client: _Client,
    budget: BudgetManager | aio.BudgetManager,
    *,
    user_id: str | None = None,
    project_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    on_exceed: OnExceed = "refuse",
    downgrade_to: Sequence[str] = (),
    unmetered: Unmetered = "raise",
    max_call_usd: Usd | None = None,
    provider: str | None = None,
) -> _Client:
    """Give a twin of a client whose every call passes a budget.

    Args:
        client: A ``google.genai.Client`` of the Gemini Developer API or of Vertex AI, or its ``aio``.
        budget: What keeps the budgets, a manager of either form.
        user_id: Who pays; left out, who `acting_for` says at the call: a call for nobody is refused.
        project_id: For what.
        tags: Further scopes, kind to id.
        on_exceed: What is done with a call that does not fit: ``refuse`` it, ``clamp`` its answer to what is left,
            or ``downgrade`` it to the first of ``downgrade_to`` that fits.
        downgrade_to: Models, the dearest first.
        unmetered: What is done with a call that cannot be metered: ``raise``, or ``allow`` it uncounted.
        max_call_usd: What is held for a call whose size cannot be told from its request: pictures, sounds, files,
            cached contents, tools that run at the provider, batches.
        provider: Whose prices hold: ``vertex_ai`` for a client of it, unless said.

    Raises:
        TypeError: Not such a client, of a version that is not known, or guarded already.
        ConfigError, InvalidIdError: Another argument cannot be used; names it.
    """
    sdk, known = _sdk(), cast(Any, client)
    if not isinstance(client, sdk.client.Client | sdk.client.AsyncClient):
        raise TypeError(f"client: must be a google.genai.Client or its aio, not {type(client).__name__}")
    api = known._api_client
    if isinstance(api, _Api):
        raise TypeError("client: is guarded already; guard the client that it was made of")
    if not all(hasattr(api, name) for name in ("_request_once", "_async_request_once")):
        raise TypeError(f"client: google-genai {sdk.__version__} is not known to this guard, which needs 3.6 or newer")
    if provider is None and api.vertexai:
        provider = "vertex_ai"
    kept = Guard(budget, user_id, project_id, tags, on_exceed, downgrade_to, unmetered, max_call_usd, provider)
    twin = _twin(api, _api_class(api.__class__), _coreason_guard=kept)
    guarded: _Client = _over(known, api, twin)
    return guarded


def _sdk() -> Any:
    try:
        from google import genai
    except ImportError as error:
        raise ImportError("coreason_budget.integrations.gemini guards clients of the package google-genai") from error
    return genai


class _Api:
    """What every call of a client goes through, once a try."""

    _coreason_guard: Guard

    def _request_once(self, http_request: Any, stream: bool = False) -> Any:
        once = super()._request_once  # type: ignore[misc]
        if not self._is_metered(http_request):
            return once(http_request, stream)
        terms = self._coreason_guard.admit(calls.ask_of(http_request.url, http_request.data), calls.progress_of())
        try:
            with held():
                response = once(_written(http_request, terms), stream)
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt | SystemExit):
                at_once(_ending_of(terms.attempt, error))
            raise
        if stream:
            return _metered(response, terms.attempt, self._coreason_guard.awaiting, None)
        terms.attempt.answered(_answer_of(response))
        return response

    async def _async_request_once(self, http_request: Any, stream: bool = False, **_: Any) -> Any:
        once = super()._async_request_once  # type: ignore[misc]
        if not self._is_metered(http_request):
            return await once(http_request, stream)
        kept = self._coreason_guard
        terms = await kept.admit_awaited(calls.ask_of(http_request.url, http_request.data), calls.progress_of())
        try:
            with held():
                # What it would try again within would be a try that nobody holds.
                response = await once(_written(http_request, terms), stream, implicit_retry=False)
        except Exception as error:
            await kept.awaiting.wait(_ending_of(terms.attempt, error), carry_through)
            raise
        except BaseException:
            # Cancelled: nothing may be awaited any more.
            background.later(terms.attempt.unknown)
            raise
        if stream:
            return _metered(response, terms.attempt, kept.awaiting, asyncio.get_running_loop())
        answer = _answer_of(response)
        await kept.awaiting.wait(lambda: terms.attempt.answered(answer), carry_through)
        return response

    def _is_metered(self, http_request: Any) -> bool:
        if is_held():
            return False
        method, url = http_request.method, http_request.url
        if isinstance(http_request.data, Mapping) and calls.verb_of(method, url) is not None:
            return True
        if not calls.is_free(method, url):
            self._coreason_guard.refuse_unmetered(f"{method} {url.partition('?')[0]}")
        return False


class _Metered:
    """A response whose pieces are looked at. It keeps no hold of its iterators, so that what is dropped ends."""

    _attempt: Attempt
    _awaiting: aio.BudgetManager
    _loop: asyncio.AbstractEventLoop | None
    response_stream: Any

    def segments(self) -> Iterator[Any]:
        try:
            for piece in super().segments():  # type: ignore[misc]
                self._attempt.progress.take(piece)
                yield piece
        finally:
            self.response_stream.close()
            at_once(self._attempt.streamed)

    async def async_segments(self) -> AsyncIterator[Any]:
        try:
            async for piece in super().async_segments():  # type: ignore[misc]
                self._attempt.progress.take(piece)
                yield piece
        finally:
            try:
                await _aclose(self.response_stream)
            finally:
                await self._awaiting.wait(self._attempt.streamed, carry_through)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self.async_segments()

    def __del__(self) -> None:
        background.later(self._attempt.streamed)
        if self._loop is not None:
            with suppress(RuntimeError):  # The loop is closed, and its connections are gone.
                self._loop.call_soon_threadsafe(close_soon, self._loop, partial(_aclose, self.response_stream))
        else:
            background.later(self.response_stream.close)


class UNBILLED(Unbilled, surely=lambda error: never_connected(error) or is_refusal(getattr(error, "code", None))):
    """For ``budget.reserve(..., release_on=UNBILLED)``: errors after which a call surely was not billed.

    It was never connected, or refused before the first byte, if the client does not try again by itself.
    """


def _over(thing: Any, api: Any, twin: Any) -> Any:
    """Give a twin of a client, or of a part of one, that calls over another API client, and all its parts likewise."""
    made = _twin(thing, _client_class(thing.__class__), _coreason_original=thing)
    for name, part in vars(thing).items():
        if part is api:
            made.__dict__[name] = twin
        elif getattr(part, "_api_client", None) is api:
            made.__dict__[name] = _over(part, api, twin)
    return made


def _twin(thing: Any, kind: Any, **own: Any) -> Any:
    made = kind.__new__(kind)
    made.__dict__.update(vars(thing), **own)
    return made


@lru_cache
def _api_class(kind: Any) -> Any:
    return type(kind.__name__, (_Api, kind), {"__module__": kind.__module__})


@lru_cache
def _client_class(kind: Any) -> Any:
    """A class of clients that leave the connections open when they are dropped: they are those of the original."""
    unseen = {name: _refused(kind, name) for name in _UNSEEN if isinstance(getattr(kind, name, None), property)}
    return type(kind.__name__, (kind,), {"__module__": kind.__module__, "__del__": lambda self: None, **unseen})


def _refused(kind: Any, name: str) -> property:
    def get(client: Any) -> Any:
        client._api_client._coreason_guard.refuse_unmetered(f"client.{name}")
        return getattr(kind, name).__get__(client)

    return property(get)


def _written(http_request: Any, terms: Terms) -> Any:
    """Give the request with what was decided."""
    written = copy(http_request)
    written.data = dict(http_request.data)
    if terms.model is not None:
        written.url = calls.with_model(written.url, terms.model)
    if terms.output_limit is not None:
        calls.write_limit(written.data, terms.output_limit)
    return written


def _metered(
    response: Any, attempt: Attempt, awaiting: aio.BudgetManager, loop: asyncio.AbstractEventLoop | None
) -> Any:
    background.prepare()
    kind = _metered_class(response.__class__)
    return _twin(response, kind, _attempt=attempt, _awaiting=awaiting, _loop=loop)


@lru_cache
def _metered_class(kind: Any) -> Any:
    return type(kind.__name__, (_Metered, kind), {"__module__": kind.__module__})


async def _aclose(http: Any) -> None:
    """Close a response of httpx, or of aiohttp."""
    if hasattr(http, "aclose"):
        await http.aclose()
    else:
        http.close()


def _answer_of(response: Any) -> object:
    with suppress(ValueError, IndexError, TypeError):
        return json.loads(response.response_stream[0])
    return None


def _ending_of(attempt: Attempt, error: BaseException) -> Any:
    surely = never_connected(error) or is_refusal(getattr(error, "code", None))
    return attempt.unbilled if surely else attempt.unknown
