"""What surely was not billed: a call that was never connected, or that was refused before its first byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Of httpx and httpx2, of aiohttp, of requests: nothing was sent.
_NEVER_SENT = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "ClientConnectorError", "UnsupportedProtocol"}
)
# A time-out of a server or a gateway: the model may have run behind it.
_MAY_HAVE_RUN = (408, 499, 502, 504, 524)


def never_connected(error: BaseException | None) -> bool:
    """Say whether an error, or what it was raised from, is one of a connection that never was."""
    while error is not None:
        if type(error).__name__ in _NEVER_SENT:
            return True
        error = error.__cause__
    return False


def is_refusal(status: object) -> bool:
    """Say whether an HTTP status is an error for which providers bill nothing."""
    return isinstance(status, int) and status >= 400 and status not in _MAY_HAVE_RUN


class _Looks(type):
    """A class of exceptions that looks at each: how it came about tells more than its class."""

    surely: Callable[[BaseException], bool]

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, BaseException) and cls.surely(instance)


class Unbilled(Exception, metaclass=_Looks):  # noqa: N818
    """What `Reservation` may release after; never raised."""

    def __init_subclass__(cls, surely: Callable[[BaseException], bool]) -> None:
        cls.surely = surely
