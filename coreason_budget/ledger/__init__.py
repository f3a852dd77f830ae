"""Where budgets are kept. `open_ledger` picks the backend a URL names, and imports only that."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.base import Clock, Ledger
from coreason_budget.ledger.journal import JOURNAL_LENGTH

__all__ = ["Ledger", "open_ledger"]

_ALLOWED = "allowed are redis://, rediss://, unix://, sqlite:///path and memory://"


def open_ledger(
    url: str,
    *,
    namespace: str = "coreason",
    timezone: str = "UTC",
    timeout_s: float = 1.0,
    clock: Clock = int,
    journal_length: int = JOURNAL_LENGTH,
    allow_eviction: bool = False,
) -> Ledger:
    """Open the ledger that ``url`` names. Nothing is connected before the first operation.

    Args:
        url: ``redis://[user:password@]host[:port][/db]``, ``rediss://`` (TLS), ``unix://path``,
            ``sqlite:///relative.db`` or ``sqlite:////absolute.db``, ``memory://``.
        namespace: Whose budgets; namespaces share a server and nothing in it.
        timezone: The zone whose calendar the windows follow.
        timeout_s: The time one whole operation may take, retries within it.
        clock: The ledger's time (microseconds since the epoch) -> the time to use.
        journal_length: How many entries the journal keeps, 0 for none.
        allow_eviction: Whether a Redis may be used that evicts keys when its memory is full.

    Raises:
        ConfigError: An unknown scheme, or a URL its backend cannot use.
    """
    scheme = url.partition("://")[0]
    common: dict[str, Any] = {"timeout_s": timeout_s, "clock": clock, "journal_length": journal_length}
    if scheme in ("redis", "rediss", "unix"):
        from coreason_budget.ledger.redis.ledger import RedisLedger

        return RedisLedger(url, namespace=namespace, timezone=timezone, allow_eviction=allow_eviction, **common)
    if scheme == "sqlite":
        from coreason_budget.ledger.sqlite.ledger import SqliteLedger

        return SqliteLedger(_sqlite_path(url), namespace=namespace, timezone=timezone, **common)
    if url.rstrip("/") == "memory:":
        from coreason_budget.ledger.memory import MemoryLedger

        return MemoryLedger(**common)
    # Without a scheme, what stands at the front may be a password.
    shown = repr(scheme[:20]) if "://" in url and scheme.isalpha() else "(none)"
    raise ConfigError(f"ledger_url: unknown scheme {shown}; {_ALLOWED}", field="ledger_url")


def _sqlite_path(url: str) -> str:
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    if parts.netloc or parts.query or not path:
        raise ConfigError(
            "ledger_url: write sqlite:///relative.db or sqlite:////absolute/path.db, without host or options",
            field="ledger_url",
        )
    return path
