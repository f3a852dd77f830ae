"""Where budgets are kept. `open_ledger` picks the backend a URL names, and imports only that."""

from __future__ import annotations

from coreason_budget.ledger.base import Backend, Books, Clock, Ledger
from coreason_budget.ledger.journal import JOURNAL_LENGTH
from coreason_budget.ledger.urls import scheme_of

__all__ = ["Backend", "Books", "Ledger", "open_ledger"]


def open_ledger(
    url: str,
    *,
    namespace: str = "coreason",
    timezone: str = "UTC",
    timeout_s: float = 1.0,
    clock: Clock = int,
    journal_length: int = JOURNAL_LENGTH,
    allow_eviction: bool = False,
) -> Backend:
    """Open the ledger that ``url`` names. Nothing is connected before the first operation.

    Args:
        url: ``redis://[user:password@]host[:port][/db]``, ``rediss://`` (TLS), ``unix://path``,
            ``valkey://`` and ``valkeys://`` (the same), ``sqlite:///relative.db`` or ``sqlite:////absolute.db``, ``memory://``.
        namespace: Whose budgets; namespaces share a server and nothing in it.
        timezone: The zone whose calendar the windows follow.
        timeout_s: The time one whole operation may take, retries within it.
        clock: The ledger's time (microseconds since the epoch) -> the time to use.
        journal_length: How many entries the journal keeps, 0 for none.
        allow_eviction: Whether a Redis may be used that evicts keys when its memory is full.

    Raises:
        ConfigError: An unknown scheme, or a URL its backend cannot use.
    """
    return scheme_of(url).open(
        url,
        namespace=namespace,
        timezone=timezone,
        timeout_s=timeout_s,
        clock=clock,
        journal_length=journal_length,
        allow_eviction=allow_eviction,
    )
