"""What a ledger's URL means: one table, from scheme to backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from attrs import frozen

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.base import Backend

Open: TypeAlias = Callable[..., Backend]
"""Opens a URL with the options of `coreason_budget.ledger.open_ledger`, of which it takes those that it has."""


@frozen
class Scheme:
    """What the first part of a URL stands for.

    Attributes:
        shown: How such a URL is written.
        open: Opens one.
        is_shared: Whether processes that open the same URL share its budgets.
    """

    shown: str
    open: Open
    is_shared: bool = True


def _redis(url: str, **options: Any) -> Backend:
    from coreason_budget.ledger.redis.ledger import RedisLedger

    return RedisLedger(url, **options)


def _sqlite(url: str, *, allow_eviction: bool, **options: Any) -> Backend:
    from coreason_budget.ledger.sqlite.ledger import SqliteLedger

    return SqliteLedger(_path(url), **options)


def _memory(url: str, *, allow_eviction: bool, namespace: str, timezone: str, **options: Any) -> Backend:
    from coreason_budget.ledger.memory import MemoryLedger

    if url.strip("/") != "memory:":
        raise ConfigError("ledger_url: write memory://, without anything behind it", field="ledger_url")
    return MemoryLedger(**options)


SCHEMES = {
    "redis": Scheme("redis://", _redis),
    "rediss": Scheme("rediss://", _redis),
    "unix": Scheme("unix://", _redis),
    "sqlite": Scheme("sqlite:///path", _sqlite),
    "memory": Scheme("memory://", _memory, is_shared=False),
}


def scheme_of(url: str) -> Scheme:
    """The row of the table that a URL falls under.

    Raises:
        ConfigError: None. What may be a password is not shown.
    """
    name, separator, _ = url.partition("://")
    if separator and name in SCHEMES:
        return SCHEMES[name]
    # Without a scheme, what stands at the front may be a password.
    told = repr(name[:20]) if separator and name.isalpha() else "(none)"
    raise ConfigError(f"ledger_url: unknown scheme {told}; allowed are {allowed()}", field="ledger_url")


def allowed() -> str:
    """How URLs are written, for a sentence."""
    *others, last = [scheme.shown for scheme in SCHEMES.values()]
    return f"{', '.join(others)} and {last}"


def _path(url: str) -> str:
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    if parts.netloc or parts.query or not path:
        raise ConfigError(
            "ledger_url: write sqlite:///relative.db or sqlite:////absolute/path.db, without host or options",
            field="ledger_url",
        )
    return path
