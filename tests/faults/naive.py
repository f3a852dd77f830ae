"""Budgets as one would write them with a plain redis-py client. They count twice, and must."""

from __future__ import annotations

from urllib.parse import urlsplit

import redis


class NaiveBudget:
    """A counter, a limit and a key for each call, on redis-py's own client.

    Every step is what a tutorial shows: look whether the key is there, then count in a MULTI; count first and
    take it back if that was too much. The client repeats what it got no answer to, as is its default.
    """

    def __init__(self, url: str, namespace: str, limit: int = 10**9, timeout_s: float | None = None) -> None:
        parts = urlsplit(url)
        host, port = str(parts.hostname), int(parts.port or 6379)
        self._client = redis.Redis(host=host, port=port, socket_timeout=timeout_s)
        self._name = namespace
        self._limit = limit

    @property
    def used(self) -> int:
        """What is counted."""
        return int(self._client.get(self._name) or 0)  # type: ignore[arg-type]

    def charge(self, key: str, amount: int) -> None:
        """Count an amount, by its key once."""
        if self._client.exists(f"{self._name}:{key}"):
            return
        with self._client.pipeline(transaction=True) as transaction:
            transaction.set(f"{self._name}:{key}", amount)
            transaction.incrby(self._name, amount)
            transaction.execute()

    def reserve(self, amount: int) -> bool:
        """Count an amount, and take it back if that was too much."""
        if self._client.incrby(self._name, amount) <= self._limit:  # type: ignore[operator]
            return True
        self._client.decrby(self._name, amount)
        return False
