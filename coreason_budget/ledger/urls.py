"""What a ledger's URL means: one table, from scheme to backend."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from pathlib import Path
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
        place: What its rest looks like where it is surely one, as a regular expression.
        is_shared: Whether processes that open the same URL share its budgets.
    """

    shown: str
    open: Open
    place: str
    is_shared: bool = True


def _redis(url: str, **options: Any) -> Backend:
    from coreason_budget.ledger.redis.ledger import RedisLedger

    return RedisLedger(url, **options)


def _sqlite(url: str, *, allow_eviction: bool, **options: Any) -> Backend:
    from coreason_budget.ledger.sqlite.ledger import SqliteLedger

    return SqliteLedger(_path(url), **options)


def _memory(url: str, *, allow_eviction: bool, namespace: str, timezone: str, **options: Any) -> Backend:
    from coreason_budget.ledger.memory import MemoryLedger

    if url.strip("/").lower() != "memory:":
        raise ConfigError("ledger_url: write memory://, without anything behind it", field="ledger_url")
    return MemoryLedger(**options)


_LONGEST = 20
_HOST = r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])?(:[0-9]{1,5})?(/[0-9]*)?"
_FILE = "/.*"
_SOCKET = "/[^@]*"

SCHEMES = {
    "redis": Scheme("redis://", _redis, _HOST),
    "rediss": Scheme("rediss://", _redis, _HOST),
    "valkey": Scheme("valkey://", _redis, _HOST),
    "valkeys": Scheme("valkeys://", _redis, _HOST),
    "unix": Scheme("unix://", _redis, _SOCKET),
    "sqlite": Scheme("sqlite:///path", _sqlite, _FILE),
    "memory": Scheme("memory://", _memory, "/*", is_shared=False),
}


def scheme_of(url: str) -> Scheme:
    """The row of the table that a URL falls under.

    Raises:
        ConfigError: None. What may be a password is not shown.
    """
    name, separator, _ = url.partition("://")
    name = name.lower() if separator else ""
    if name in SCHEMES:
        return SCHEMES[name]
    raise ConfigError(f"ledger_url: {_unknown(name)}; allowed are {allowed()}", field="ledger_url")


def _unknown(name: str) -> str:
    """What is wrong with a scheme. It is not repeated: what stands at the front may be a password."""
    for kind in ("sentinel", "cluster"):
        if kind in name and len(name) < _LONGEST:
            return f"Redis {kind.capitalize()} is not supported yet: name one server, the primary, as redis://host:port"
    near = difflib.get_close_matches(name[:_LONGEST], SCHEMES, 1)
    return f"unknown scheme{f', did you mean {near[0]}://?' if near else ''}"


def file_of(url: str) -> Path | None:
    """The file that a URL names, absolute; None where budgets are kept elsewhere.

    Raises:
        ConfigError: No URL of a ledger.
    """
    return Path(_path(url)).absolute() if scheme_of(url) is SCHEMES["sqlite"] else None


def hide_password(url: str | None) -> str | None:
    """A URL as it may be shown: without user, password and options, and nothing where it is not surely one."""
    if url is None:
        return None
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in SCHEMES:
        return "***"
    who, at, place = rest.rpartition("@")
    # A sign of a password that is not percent-encoded: where it ends nobody knows.
    if at and (rest.count("@") > 1 or not re.fullmatch(r"[^/?#]*", who)) and not rest.startswith("/"):
        return f"{scheme}://***"
    if rest.startswith("/"):
        at, place = "", rest
    place = place.partition("?")[0]
    shape = SCHEMES[scheme.lower()].place
    return f"{scheme}://{'***@' if at else ''}{place if re.fullmatch(shape, place, re.DOTALL) else '***'}"


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
