"""Who pays for a call that does not say: `acting_for` around it, and `bind` to carry that into another thread."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import wraps
from typing import Any, ParamSpec, TypedDict, TypeVar, cast

from attrs import frozen

from coreason_budget.errors import InvalidIdError
from coreason_budget.model import Subject

P = ParamSpec("P")
T = TypeVar("T")
Tags = Mapping[str, str]


class Paying(TypedDict):
    """What a call falls under, as the classes of `coreason_budget.calls` take it."""

    user_id: str
    project_id: str | None
    model: str | None
    tags: Tags | None


@frozen
class _Payer:
    user_id: str | None = None
    project_id: str | None = None
    model: str | None = None
    tags: Tags | None = None

    def then(self, user_id: str | None, project_id: str | None, model: str | None, tags: Any) -> _Payer:
        """The same, but for what is told; of tags each kind by itself."""
        if self.tags and isinstance(tags, Mapping):
            tags = {**self.tags, **tags}
        return _Payer(
            self.user_id if user_id is None else user_id,
            self.project_id if project_id is None else project_id,
            self.model if model is None else model,
            self.tags if tags is None else tags,
        )


_NOBODY = _Payer()
_payer: ContextVar[_Payer] = ContextVar("coreason_budget_payer", default=_NOBODY)


@contextmanager
def acting_for(
    user_id: str | None = None,
    project_id: str | None = None,
    *,
    model: str | None = None,
    tags: Tags | None = None,
) -> Iterator[None]:
    """Say who pays for every check, reserve and spend inside that does not say it itself.

    One inside of another adds to it. It holds for the task or thread that entered it and for tasks begun there;
    a pool's threads do not see it: give them ``bind(function)``.

    Raises:
        InvalidIdError: A bad id or tag; names it.
    """
    told = _payer.get().then(user_id, project_id, model, tags)
    Subject.of(told.user_id, told.project_id, told.model, told.tags)
    token = _payer.set(told)
    try:
        yield
    finally:
        with suppress(ValueError):  # Left in another context than it was entered in, which never saw it.
            _payer.reset(token)


def paying(user_id: str | None, project_id: str | None, model: str | None, tags: Any, answer: object = None) -> Paying:
    """Give what a call falls under: what it says, else what `acting_for` said. An answer names its model itself.

    Raises:
        InvalidIdError: Nobody pays for it.
    """
    payer = _payer.get()
    if payer is not _NOBODY:
        told = payer.then(user_id, project_id, model, tags)
        user_id, project_id, tags = told.user_id, told.project_id, told.tags
        model = told.model if answer is None else model
    if user_id is None:
        problem = "user_id: nobody pays for this call; name a user, or make it inside of budget.acting_for(user_id=...)"
        raise InvalidIdError(problem, field="user_id")
    return Paying(user_id=user_id, project_id=project_id, model=model, tags=tags)


def bind(function: Callable[P, T]) -> Callable[P, T]:
    """Give a function that runs as if it were called here, with all context variables, in whatever thread.

    For ``ThreadPoolExecutor.submit`` and ``map``, ``loop.run_in_executor``, ``threading.Thread``: they begin without
    them. A coroutine function becomes one.
    """
    context = copy_context()
    # Each call in a copy: one context cannot be entered by two threads at once.
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def bound_task(*args: P.args, **kwargs: P.kwargs) -> Any:
            import asyncio

            return await asyncio.create_task(function(*args, **kwargs), context=context.copy())

        return cast(Callable[P, T], bound_task)

    @wraps(function)
    def bound(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(function, *args, **kwargs)

    return bound
