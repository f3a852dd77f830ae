"""What the SDKs of OpenAI and Anthropic share, which are made alike: classes of streams, and what a try came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import new_class
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from coreason_budget.integrations.attempt import Attempt
from coreason_budget.integrations.streams import Hides, aiter_closing, iter_closing, meter
from coreason_budget.integrations.unbilled import is_refusal, never_connected

if TYPE_CHECKING:
    from coreason_budget import aio


@lru_cache
def stream_class(sdk: Any, stream_cls: Any) -> Any:
    """The class of a stream, as ``Stream[ChatCompletionChunk]``, that closes when it is left."""
    origin = get_origin(stream_cls) or stream_cls
    if origin in (sdk.Stream, sdk.AsyncStream):
        return _closing(sdk, origin)[get_args(stream_cls)]
    return stream_cls


@lru_cache
def _closing(sdk: Any, kind: Any) -> Any:
    """A kind of stream that closes when its iteration is left: the provider stops, and the call is booked."""
    item: Any = TypeVar("item")  # type: ignore[misc]
    iterate = aiter_closing(kind) if issubclass(kind, sdk.AsyncStream) else iter_closing(kind)
    own = {iterate.__name__: iterate, "__module__": kind.__module__}
    return new_class(kind.__name__, (kind[item],), {}, lambda body: body.update(own))


def ask_plain(request: Any, stream: bool) -> None:
    if stream:
        # What is compressed cannot be read on the way.
        request.headers["accept-encoding"] = "identity"


def ending_of(attempt: Attempt, error: BaseException) -> Callable[[], None]:
    return attempt.unbilled if never_connected(error) else attempt.unknown


def end_of(
    response: Any, stream: bool, attempt: Attempt, hides: Hides | None, awaiting: aio.BudgetManager | None = None
) -> Callable[[], None] | None:
    """Give what ends a try that was answered, None for a stream, which ends by itself."""
    if not response.is_success:
        return attempt.unbilled if is_refusal(response.status_code) else attempt.unknown
    if stream:
        meter(response, attempt, hides, awaiting)
        return None
    try:
        answer = response.json()
    except ValueError:
        answer = None
    return lambda: attempt.answered(answer)


def surely_unbilled(error: BaseException) -> bool:
    request = getattr(error, "request", None)
    if request is None or request.headers.get("x-stainless-retry-count", "0") != "0":
        return False
    return never_connected(error) or is_refusal(getattr(error, "status_code", None))


def mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
