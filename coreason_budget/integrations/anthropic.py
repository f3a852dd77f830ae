"""Anthropic's clients under a budget: ``client = guard(Anthropic(), budget, user_id="alice")``.

What `guard` gives is a copy of the client with a middleware of the SDK's own kind, behind all that the client has: it
sees every try of every call. The client that it was given is left as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from coreason_budget import background
from coreason_budget.integrations import anthropic_calls as calls
from coreason_budget.integrations.attempt import Attempt, at_once
from coreason_budget.integrations.guarding import Guard, OnExceed, Terms, Unmetered, held, is_held
from coreason_budget.integrations.stainless import end_of, ending_of, mapping, stream_class, surely_unbilled
from coreason_budget.integrations.unbilled import Unbilled
from coreason_budget.money import Usd
from coreason_budget.threads import carry_through

if TYPE_CHECKING:
    from coreason_budget import aio
    from coreason_budget.manager import BudgetManager

_Client = TypeVar("_Client")
_CLIENTS = ("Anthropic", "AsyncAnthropic", "AnthropicVertex", "AsyncAnthropicVertex")


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
        client: An ``Anthropic`` or ``AsyncAnthropic``, or one of their subclasses, or Vertex AI's.
        budget: What keeps the budgets, a manager of either form.
        user_id: Who pays; left out, who `acting_for` says at the call: a call for nobody is refused.
        project_id: For what.
        tags: Further scopes, kind to id.
        on_exceed: What is done with a call that does not fit: ``refuse`` it, ``clamp`` its answer to what is left,
            or ``downgrade`` it to the first of ``downgrade_to`` that fits.
        downgrade_to: Models, the dearest first.
        unmetered: What is done with a call that cannot be metered: ``raise``, or ``allow`` it uncounted.
        max_call_usd: What is held for a call whose size cannot be told from its request: pictures, documents, tools
            that run at the provider.
        provider: Whose prices hold, where they are not Anthropic's: ``vertex_ai`` for its client, unless said.

    Raises:
        TypeError: Not such a client, of a version that is not known, or guarded already.
        ConfigError, InvalidIdError: Another argument cannot be used; names it.
    """
    sdk, known = _sdk(), cast(Any, client)
    if not isinstance(client, tuple(getattr(sdk, name) for name in _CLIENTS)):
        raise TypeError(f"client: must be one of {', '.join(_CLIENTS)}, not {type(client).__name__}")
    if not hasattr(known, "middleware") or not hasattr(sdk, "Middleware"):
        raise TypeError(f"client: anthropic {sdk.__version__} is not known to this guard, which needs 2.14 or newer")
    if any(isinstance(one, _Meter) for one in known.middleware):
        raise TypeError("client: is guarded already; guard the client that it was made of")
    if provider is None and "Vertex" in type(client).__name__:
        provider = "vertex_ai"
    kept = Guard(
        budget, user_id, project_id, tags, on_exceed, downgrade_to, unmetered, max_call_usd, provider
    )  # fmt: skip
    guarded: _Client = _copy(known.copy, _meter_class()(kept), middleware=known.middleware)
    return guarded


def _sdk() -> Any:
    try:
        import anthropic
    except ImportError as error:
        raise ImportError("coreason_budget.integrations.anthropic guards clients of the package anthropic") from error
    return anthropic


def _copy(copy: Any, meter: _Meter, **options: Any) -> Any:
    """Copy a client, and see that its copies are metered too, whatever middleware they are given."""
    if isinstance(given := options.get("middleware"), Sequence):
        options["middleware"] = [*(one for one in given if not isinstance(one, _Meter)), meter]
    elif given is None and "middleware" in options:
        options["middleware"] = [meter]
    copied = copy(**options)
    # On the object, as the SDK tells its own class from subclasses where credentials are handed on.
    copied.copy = copied.with_options = partial(_copy, copied.copy, meter)
    return copied


class _Meter:
    """What stands between a client and each try."""

    def __init__(self, kept: Guard) -> None:
        self.guard = kept

    def handle(self, request: Any, call_next: Any) -> Any:
        """Reserve a try, send it, and book it."""
        if (body := self._plan(request)) is None:
            return call_next(request)
        terms = self.guard.admit(*self._asked(request, body))
        attempt = terms.attempt
        try:
            with held():
                response = call_next(_written(request, body, terms))
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt | SystemExit):
                at_once(ending_of(attempt, error))
            raise
        if (end := _end(response, request, attempt)) is not None:
            end()
        return response

    async def handle_async(self, request: Any, call_next: Any) -> Any:
        """Do the same for the asynchronous client."""
        if (body := self._plan(request)) is None:
            return await call_next(request)
        terms = await self.guard.admit_awaited(*self._asked(request, body))
        attempt = terms.attempt
        try:
            with held():
                response = await call_next(_written(request, body, terms))
        except Exception as error:
            await self.guard.awaiting.wait(ending_of(attempt, error), carry_through)
            raise
        except BaseException:
            # Cancelled: nothing may be awaited any more.
            background.later(attempt.unknown)
            raise
        if (end := _end(response, request, attempt, self.guard.awaiting)) is not None:
            await self.guard.awaiting.wait(end, carry_through)
        return response

    def _plan(self, request: Any) -> calls.JSON | None:
        """Give the body of a call that is metered, None for one that is not."""
        if is_held():
            return None
        if request.method.lower() == "post" and calls.path_of(request.url) in (calls.MESSAGES, calls.BATCHES):
            return mapping(request.json)
        if not calls.is_free(request.method, request.url):
            self.guard.refuse_unmetered(f"{request.method} {request.url}")
        return None

    def _asked(self, request: Any, body: calls.JSON) -> Any:
        ask = calls.ask_of(calls.path_of(request.url), body, self.guard.budget.pricing, self.guard.provider)
        return ask, calls.progress_of(body)


class UNBILLED(Unbilled, surely=surely_unbilled):
    """For ``budget.reserve(..., release_on=UNBILLED)``: Anthropic's errors after which a call surely was not billed.

    Those before the first byte of the first try: it was never connected, or it was refused.
    """


@lru_cache
def _meter_class() -> Any:
    return type("Meter", (_Meter, _sdk().Middleware), {})


def _written(request: Any, body: calls.JSON, terms: Terms) -> Any:
    """Give the request with what was decided."""
    if terms.model is not None:
        body["model"] = terms.model
    if terms.output_limit is not None:
        calls.write_limit(body, terms.output_limit)
    is_read_later = request.stream or request.headers.get("X-Stainless-Raw-Response") == "stream"
    # What is compressed cannot be read on the way.
    plain = {"Accept-Encoding": "identity"} if is_read_later else {}
    written = request.copy(body=body, headers={**request.headers, **plain})
    written.stream_cls = stream_class(_sdk(), request.stream_cls)
    return written


def _end(response: Any, request: Any, attempt: Attempt, awaiting: aio.BudgetManager | None = None) -> Any:
    """Give what ends a try that was answered, None for a body that is still to come."""
    http = response.http_response
    observer = getattr(http.stream, "stream_observer", None)
    end = end_of(http, not http.is_closed, attempt, None, awaiting)
    if end is None and observer is not None:
        # The SDK's own tracing looks for it on the body.
        http.stream.stream_observer = observer
    return end
