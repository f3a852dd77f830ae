"""Which limits apply to a call, and so which accounts it asks and books."""

from __future__ import annotations

from collections.abc import Iterable

from coreason_budget.errors import ConfigError
from coreason_budget.model import Account, Amounts, Entry, Limit, Plan, Scope, Subject
from coreason_budget.windows import Calendar

_CACHED_SUBJECTS = 4096

Accounts = tuple[tuple[Account, Limit | None], ...]


class LimitBook:
    """The limits of a budget, and the accounts they give each call.

    Every scope of a call has its usd day account, with a limit or without, and one in every
    window and unit that has a limit for it. A limit on a single subject stands instead of its
    kind's default for the same window and unit.

    Raises:
        ConfigError: Two limits for the same scope, window and unit.
    """

    def __init__(self, limits: Iterable[Limit], calendar: Calendar) -> None:
        self.calendar = calendar
        self._by_scope: dict[tuple[str, str | None], dict[tuple[str, str], Limit | None]] = {}
        for limit in limits:
            said = self._by_scope.setdefault((limit.kind, limit.id), {})
            if (limit.window, limit.unit) in said:
                raise ConfigError(f"limits: two limits for {limit.kind} {limit.id or ''} {limit.window} {limit.unit}")
            said[limit.window, limit.unit] = None if limit.amount is None else limit
        self._units = {unit for said in self._by_scope.values() for (_, unit), limit in said.items() if limit}
        self._cache: dict[Subject, tuple[int, int, Accounts]] = {}

    def limited(self, subject: Subject, unit: str) -> tuple[Scope, Limit] | None:
        """The first limit in a unit that a call falls under, and whose it is; None if there is none."""
        if unit not in self._units:
            return None
        for scope in subject.scopes:
            for (_, counted), limit in self._limits_of(scope).items():
                if limit is not None and counted == unit:
                    return scope, limit
        return None

    def counts(self, subject: Subject, units: Iterable[str]) -> bool:
        """Whether a call falls under a limit in one of the units."""
        return any(self.limited(subject, unit) is not None for unit in units)

    def accounts(self, subject: Subject, now_us: int) -> Accounts:
        """The accounts of a call at a ledger time, each with its limit or None."""
        now_s = now_us // 1_000_000
        cached = self._cache.get(subject)
        if cached is None or not cached[0] <= now_s < cached[1]:
            cached = self._build(subject, now_s)
            if len(self._cache) >= _CACHED_SUBJECTS:
                self._cache.clear()
            self._cache[subject] = cached
        return cached[2]

    def plan(self, subject: Subject, amounts: Amounts, *, limited_only: bool = False) -> Plan:
        """The call as entries, at whatever time the ledger says it is."""

        def entries(now_us: int) -> tuple[Entry, ...]:
            return tuple(
                [
                    Entry(account, amounts.of(account.unit), limit)
                    for account, limit in self.accounts(subject, now_us)
                    if limit is not None or not limited_only
                ]
            )

        return entries

    def _build(self, subject: Subject, now_s: int) -> tuple[int, int, Accounts]:
        found: list[tuple[Account, Limit | None]] = []
        since_s, until_s = 0, 1 << 62
        for scope in subject.scopes:
            for (window, unit), limit in self._limits_of(scope).items():
                start_s, end_s = self.calendar.instance(window, now_s)
                since_s = max(since_s, start_s)
                until_s = min(until_s, end_s or until_s)
                found.append((Account(scope, window, start_s, end_s, unit), limit))
        return since_s, until_s, tuple(found)

    def _limits_of(self, scope: Scope) -> dict[tuple[str, str], Limit | None]:
        return {
            ("day", "usd"): None,
            **self._by_scope.get((scope.kind, None), {}),
            **(self._by_scope.get((scope.kind, scope.id), {}) if scope.id else {}),
        }
