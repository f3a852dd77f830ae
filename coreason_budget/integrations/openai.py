"""OpenAI's clients under a budget: ``client = guard(OpenAI(), budget, user_id="alice")``.

What `guard` gives is a client as before, of a subclass of the client's own class, and the one that it was given is left
as it was. Every try of every call passes the budget: it is reserved before it is sent, and settled by its answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from coreason_budget import background
from coreason_budget.integrations import openai_calls as calls
from coreason_budget.integrations.attempt import Attempt, Event, Progress, at_once
from coreason_budget.integrations.guarding import Ask, Guard, OnExceed, Terms, Unmetered, held, is_held
from coreason_budget.integrations.stainless import ask_plain, end_of, ending_of, mapping, stream_class, surely_unbilled
from coreason_budget.integrations.streams import Hides
from coreason_budget.integrations.unbilled import Unbilled
from coreason_budget.money import Usd
from coreason_budget.threads import carry_through

if TYPE_CHECKING:
    from coreason_budget import aio
    from coreason_budget.manager import BudgetManager

_Client = TypeVar("_Client")


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
    """Give a copy of a client whose every call passes a budget.

    Args:
        client: An ``OpenAI`` or ``AsyncOpenAI``, or one of their subclasses, as of Azure.
        budget: What keeps the budgets, a manager of either form.
        user_id: Who pays; left out, who `acting_for` says at the call: a call for nobody is refused.
        project_id: For what.
        tags: Further scopes, kind to id.
        on_exceed: What is done with a call that does not fit: ``refuse`` it, ``clamp`` its answer to what is left,
            or ``downgrade`` it to the first of ``downgrade_to`` that fits.
        downgrade_to: Models, the dearest first.
        unmetered: What is done with a call that cannot be metered: ``raise``, or ``allow`` it uncounted.
        max_call_usd: What is held for a call whose size cannot be told from its request: pictures, files, stored
            conversations, tools that run at the provider, batches.
        provider: Whose prices hold, where another speaks OpenAI's language: ``openrouter``, ...; ``azure`` for its
            clients, unless said.

    Raises:
        TypeError: Not such a client, of a version that is not known, or guarded already.
        ConfigError, InvalidIdError: Another argument cannot be used; names it.
    """
    sdk = _sdk()
    if isinstance(client, _Guarded):
        raise TypeError("client: is guarded already; guard the client that it was made of")
    if not isinstance(client, sdk.OpenAI | sdk.AsyncOpenAI):
        raise TypeError(f"client: must be an OpenAI or AsyncOpenAI client, not {type(client).__name__}")
    if not all(hasattr(client, name) for name in ("_prepare_options", "_send_request", "request", "copy")):
        raise TypeError(f"client: openai {sdk.__version__} is not known to this guard, which needs 3.57 or newer")
    if provider is None and isinstance(client, sdk.AzureOpenAI | sdk.AsyncAzureOpenAI):
        provider = "azure"
    kept = Guard(
        budget, user_id, project_id, tags, on_exceed, downgrade_to, unmetered, max_call_usd, provider
    )  # fmt: skip
    guarded: _Client = _under(client, kept)
    return guarded


def _sdk() -> Any:
    try:
        import openai
    except ImportError as error:
        raise ImportError("coreason_budget.integrations.openai guards clients of the package openai") from error
    return openai


@define
class _Call:
    """A call of one client, and the try of it that is held but not sent yet."""

    client: object
    attempt: Attempt | None = None
    hides: Hides | None = field(default=None)

    def take(self) -> tuple[Attempt | None, Hides | None]:
        attempt, self.attempt = self.attempt, None
        return attempt, self.hides


_current: ContextVar[_Call | None] = ContextVar("coreason_budget_openai_call", default=None)


class _Guarded:
    """What both clients share."""

    _coreason_guard: Guard

    def copy(self, **options: Any) -> Any:
        """Give a new client with other options, guarded alike."""
        copied = super().copy(**options)  # type: ignore[misc]
        copied._coreason_guard = self._coreason_guard
        return copied

    with_options = copy

    @contextmanager
    def _calling(self) -> Iterator[None]:
        call = _Call(self)
        token = _current.set(call)
        try:
            with held():
                yield
        finally:
            _current.reset(token)
            attempt, _ = call.take()
            if attempt is not None:
                # It was held, and something went wrong before it was sent.
                background.prepare()
                background.later(attempt.unbilled)

    def _own_call(self) -> _Call | None:
        """Give the call that this guard holds, None where one further out does."""
        call = _current.get()
        if call is not None and call.client is self:
            return call
        if not is_held():
            self._coreason_guard.refuse_unmetered("a connection that stays open")
        return None

    def _plan(self, options: Any) -> tuple[calls.Endpoint, calls.JSON] | None:
        """Tell how a call is metered, None for one that is not."""
        body = {**mapping(options.json_data), **mapping(options.extra_json)}
        endpoint = calls.find(options.url, body)
        if options.method.lower() == "post" and endpoint is not None:
            return endpoint, body
        if not calls.is_free(options.method, options.url):
            self._coreason_guard.refuse_unmetered(f"{options.method} {options.url}")
        return None

    def _asked(self, endpoint: calls.Endpoint, body: calls.JSON) -> tuple[Ask, Progress]:
        return endpoint.ask(body, self._coreason_guard.budget.pricing), endpoint.progress(body)

    def _write(self, options: Any, call: _Call, endpoint: calls.Endpoint, body: calls.JSON, terms: Terms) -> Any:
        """Put what was decided into the request, where anything was."""
        call.attempt, call.hides = terms.attempt, None
        if terms.model is not None:
            body["model"] = terms.model
        if terms.output_limit is not None:
            endpoint.write_limit(body, terms.output_limit, self._coreason_guard.provider is None)
        if endpoint.asks_usage and body.get("stream"):
            asked = mapping(body.get("stream_options"))
            call.hides = None if asked.get("include_usage") else _is_usage_alone
            body["stream_options"] = {**asked, "include_usage": True}
        options.json_data, options.extra_json = body, None
        return options


class _Sync(_Guarded):
    def request(self, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        if is_held():
            return super().request(cast_to, options, stream=stream, stream_cls=stream_cls)  # type: ignore[misc]
        with self._calling():
            own = stream_class(_sdk(), stream_cls)
            return super().request(cast_to, options, stream=stream, stream_cls=own)  # type: ignore[misc]

    def _prepare_options(self, options: Any) -> Any:
        options = super()._prepare_options(options)  # type: ignore[misc]
        call = self._own_call()
        plan = None if call is None else self._plan(options)
        if call is None or plan is None:
            return options
        return self._write(options, call, *plan, self._coreason_guard.admit(*self._asked(*plan)))

    def _send_request(self, request: Any, *, stream: bool, **more: Any) -> Any:
        attempt, hides = _taken(self)
        if attempt is None:
            return super()._send_request(request, stream=stream, **more)  # type: ignore[misc]
        ask_plain(request, stream)
        try:
            response = super()._send_request(request, stream=stream, **more)  # type: ignore[misc]
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt | SystemExit):
                at_once(ending_of(attempt, error))
            raise
        end = end_of(response, stream, attempt, hides)
        if end is not None:
            end()
        return response


class _Async(_Guarded):
    async def request(self, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        if is_held():
            return await super().request(cast_to, options, stream=stream, stream_cls=stream_cls)  # type: ignore[misc]
        with self._calling():
            own = stream_class(_sdk(), stream_cls)
            return await super().request(cast_to, options, stream=stream, stream_cls=own)  # type: ignore[misc]

    async def _prepare_options(self, options: Any) -> Any:
        options = await super()._prepare_options(options)  # type: ignore[misc]
        call = self._own_call()
        plan = None if call is None else self._plan(options)
        if call is None or plan is None:
            return options
        return self._write(options, call, *plan, await self._coreason_guard.admit_awaited(*self._asked(*plan)))

    async def _send_request(self, request: Any, *, stream: bool, **more: Any) -> Any:
        attempt, hides = _taken(self)
        if attempt is None:
            return await super()._send_request(request, stream=stream, **more)  # type: ignore[misc]
        ask_plain(request, stream)
        try:
            response = await super()._send_request(request, stream=stream, **more)  # type: ignore[misc]
        except Exception as error:
            await self._coreason_guard.awaiting.wait(ending_of(attempt, error), carry_through)
            raise
        except BaseException:
            # Cancelled: nothing may be awaited any more.
            background.later(attempt.unknown)
            raise
        end = end_of(response, stream, attempt, hides, self._coreason_guard.awaiting)
        if end is not None:
            await self._coreason_guard.awaiting.wait(end, carry_through)
        return response


class UNBILLED(Unbilled, surely=surely_unbilled):
    """For ``budget.reserve(..., release_on=UNBILLED)``: OpenAI's errors after which a call surely was not billed.

    Those before the first byte of the first try: it was never connected, or it was refused.
    """


def _under(client: Any, kept: Guard) -> Any:
    """Give a guarded copy of a client, made as the client itself makes one."""
    kind = _guarded_class(client.__class__)
    twin = kind.__new__(kind)
    twin.__dict__.update(client.__dict__, _coreason_guard=kept)
    return twin.copy()


@lru_cache
def _guarded_class(kind: Any) -> Any:
    if issubclass(kind, _Guarded):
        return kind
    base = _Async if issubclass(kind, _sdk().AsyncOpenAI) else _Sync
    return type(kind.__name__, (base, kind), {"__module__": kind.__module__})


def _taken(client: object) -> tuple[Attempt | None, Hides | None]:
    call = _current.get()
    return (None, None) if call is None or call.client is not client else call.take()


def _is_usage_alone(event: Event) -> bool:
    return event.get("usage") is not None and not event.get("choices")
