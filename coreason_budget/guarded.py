"""A function under a budget: reserved before it runs, settled by what it gives, whatever kind of function it is."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from attrs import frozen

from coreason_budget.errors import ConfigError
from coreason_budget.holding import aheld_each, held, held_each
from coreason_budget.ids import SCOPE_FIELDS
from coreason_budget.money import Usd
from coreason_budget.reservation import Reservation, exception_types

if TYPE_CHECKING:
    from coreason_budget.awaiting import Reserving
    from coreason_budget.threads import Threads

F = TypeVar("F", bound=Callable[..., Any])


class Manager(Protocol):
    """What a decorator needs of the manager."""

    @property
    def threads(self) -> Threads | None:
        """What the calls of coroutines run in."""

    def reserve(self, **told: Any) -> Reservation:
        """See `BudgetManager.reserve`."""


@frozen
class _Terms:
    """What a function's calls reserve, told by their arguments, and how they are settled."""

    budget: Manager
    signature: inspect.Signature
    told: Mapping[str, Any]
    usage_of: Callable[[Any], object] | None
    text_of: Callable[[Any], str] | None
    release_on: tuple[type[BaseException], ...]

    def reserve(self, args: Any, kwargs: Any) -> Callable[[], Reservation]:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        told = {SCOPE_FIELDS.get(name, name): _read(value, bound) for name, value in self.told.items()}
        return partial(self.budget.reserve, **told, release_on=self.release_on)

    def reserving(self, args: Any, kwargs: Any) -> Reserving:
        from coreason_budget.awaiting import reserving

        return reserving(self.reserve(args, kwargs), None, self.budget.threads)

    def usage(self, answer: Any) -> object:
        return answer if self.usage_of is None else self.usage_of(answer)


def guarded(
    self: Any,
    *,
    user: str | Callable[..., str] | None = None,
    project: str | Callable[..., str] | None = None,
    model: str | Callable[..., str] | None = None,
    tags: Mapping[str, str | Callable[..., str]] | None = None,
    cost: Usd | Callable[..., Usd] | None = None,
    input_tokens: int | str | Callable[..., int] | None = None,
    max_output_tokens: int | str | Callable[..., int] | None = None,
    ttl_s: float | None = None,
    usage_of: Callable[[Any], object] | None = None,
    text_of: Callable[[Any], str] | None = None,
    release_on: type[BaseException] | tuple[type[BaseException], ...] = (),
) -> Callable[[F], F]:
    """Decorate a function, coroutine function or (asynchronous) generator function that makes one call of a provider.

    Each call reserves, runs the function, and settles by what it returns: the provider's answer. A generator is
    reserved when it is begun, and settled as `Reservation.stream` does: by the last usage, or if its reader goes
    away, at once by what was produced.

    Args:
        self: The manager, of either form.
        user: Who pays: an id, the name of an argument, or a function of the arguments; else who `acting_for` says.
        project: For what; told as ``user`` is, as all that follows.
        model: The model.
        tags: Further scopes, kind to id.
        cost: USD, an upper bound; or
        input_tokens: Of the prompt, an upper bound, with
        max_output_tokens: what the answer is limited to.
        ttl_s: Seconds until a hold lapses.
        usage_of: Gives the usage of what is returned, or of a chunk; by default it is looked for.
        text_of: Gives the text of a generator's chunk; by default it is looked for.
        release_on: Exceptions after which the call surely was not billed.

    Raises:
        ConfigError: A name that is nearly an argument's, and would be taken for an id; names the option.
    """
    options: dict[str, Any] = {"user": user, "project": project, "model": model, "cost": cost, "ttl_s": ttl_s}
    options |= {"input_tokens": input_tokens, "max_output_tokens": max_output_tokens, "tags": tags}
    told = {name: value for name, value in options.items() if value is not None}
    unbilled = exception_types(release_on)

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        _check_names(told, signature)
        terms = _Terms(getattr(self, "sync", self), signature, told, usage_of, text_of, unbilled)
        return _wrapped(function, terms)  # type: ignore[return-value]

    return decorate


def _read(value: Any, call: inspect.BoundArguments) -> Any:
    if isinstance(value, Mapping):
        return {kind: _read(inner, call) for kind, inner in value.items()}
    if callable(value):
        return value(*call.args, **call.kwargs)
    return {**call.arguments, **call.kwargs}.get(value, value) if isinstance(value, str) else value


def _check_names(told: Mapping[str, Any], signature: inspect.Signature) -> None:
    """Refuse what is misspelt: an id that nobody has is a budget that nobody has used."""
    names = signature.parameters.keys()
    takes_more = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    for option, value in told.items():
        for text in value.values() if isinstance(value, Mapping) else (value,):
            if not isinstance(text, str) or text in names:
                continue
            near = difflib.get_close_matches(text, names, 1, 0.75)
            is_count = option in ("input_tokens", "max_output_tokens") and not takes_more
            if near or is_count:
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ConfigError(f"{option}: the function has no argument {text!r}{hint}", field=option)


def _wrapped(function: Callable[..., Any], terms: _Terms) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        return _async_generator(function, terms)
    if inspect.iscoroutinefunction(function):
        return _coroutine(function, terms)
    return _generator(function, terms) if inspect.isgeneratorfunction(function) else _function(function, terms)


def _function(function: Callable[..., Any], terms: _Terms) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with terms.reserve(args, kwargs)() as reservation, held():
            answer = function(*args, **kwargs)
            reservation.settle(usage=terms.usage(answer))
        return answer

    return call


def _coroutine(function: Callable[..., Any], terms: _Terms) -> Callable[..., Any]:
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        async with terms.reserving(args, kwargs) as reservation:
            with held():
                answer = await function(*args, **kwargs)
            await reservation.settle(usage=terms.usage(answer))
        return answer

    return call


def _generator(function: Callable[..., Any], terms: _Terms) -> Callable[..., Any]:
    @wraps(function)
    def chunks(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with terms.reserve(args, kwargs)() as reservation:
            stream = reservation.stream(
                held_each(function(*args, **kwargs)), usage_of=terms.usage_of, text_of=terms.text_of
            )
            # Not `yield from`: a generator that is collected would wait for the ledger there.
            for chunk in stream:  # noqa: UP028
                yield chunk

    return chunks


def _async_generator(function: Callable[..., Any], terms: _Terms) -> Callable[..., Any]:
    @wraps(function)
    async def chunks(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async with terms.reserving(args, kwargs) as reservation:
            stream = reservation.stream(
                aheld_each(function(*args, **kwargs)), usage_of=terms.usage_of, text_of=terms.text_of
            )
            async for chunk in stream:
                yield chunk

    return chunks
