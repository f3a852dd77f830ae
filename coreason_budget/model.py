"""The values that travel between the layers: frozen, hashable, in whole units.

A *unit amount* is an ``int`` in the account's own unit: nanos for ``usd``, else tokens or
requests. Public properties turn usd amounts into ``Decimal`` USD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from attrs import field, frozen

from coreason_budget.errors import InvalidIdError
from coreason_budget.ids import MAX_TAGS, SCOPE_FIELDS, check_id, check_tag_kind
from coreason_budget.moments import US_PER_S, to_moment

WINDOWS = ("minute", "hour", "day", "week", "month", "total")
UNITS = ("usd", "tokens", "requests")
_DAY_S = 24 * 3600
# An account outlives its window by more than the longest ttl plus the 24 h in which a late
# ending may still correct it.
_SHORT_LIFE_S = 49 * 3600
_LIFE_S = 7 * _DAY_S


@frozen
class Scope:
    """Whose budget: a kind and an id. ``global`` has no id."""

    kind: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}" if self.id else self.kind

    @property
    def label(self) -> str:
        """The scope as a person reads it: ``User alice``, ``Global``."""
        return f"{self.kind.capitalize()} {self.id}" if self.id else self.kind.capitalize()

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Read ``kind/id``, split at the first slash; an id may hold further ones."""
        kind, _, id = text.partition("/")
        return cls(kind, id)


GLOBAL = Scope("global")


@frozen
class Subject:
    """The scopes one call falls under."""

    user: str | None = None
    project: str | None = None
    model: str | None = None
    tags: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls,
        user_id: str | None = None,
        project_id: str | None = None,
        model: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Subject:
        """Check the ids and put the tags in one order.

        Raises:
            InvalidIdError: A bad id or tag, more than 8 tags, or a built-in kind as a tag.
        """
        user = None if user_id is None else check_id(user_id, "user_id")
        project = None if project_id is None else check_id(project_id, "project_id")
        model = None if model is None else check_id(model, "model")
        return cls(user, project, model, () if tags is None else _check_tags(tags))

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Every scope of the call, narrowest first, the whole last."""
        named = (("user", self.user), ("project", self.project), ("model", self.model), *self.tags)
        return (*(Scope(kind, id) for kind, id in named if id is not None), GLOBAL)


def named(scopes: Iterable[Scope]) -> dict[str, Any]:
    """The scopes of a call under the names that its caller gave them by: ``user_id``, ..., and ``tags``."""
    found = {scope.kind: scope.id for scope in scopes if scope != GLOBAL}
    return {name: found.pop(kind, None) for kind, name in SCOPE_FIELDS.items()} | {"tags": found}


def _check_tags(tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if not isinstance(tags, Mapping):
        raise InvalidIdError("tags: must map kinds to ids, as in {'team': 'search'}", field="tags")
    if len(tags) > MAX_TAGS:
        raise InvalidIdError(f"tags: {len(tags)} are too many; at most {MAX_TAGS} are allowed", field="tags")
    return tuple(sorted((check_tag_kind(kind), check_id(id, f"tags.{kind}")) for kind, id in tags.items()))


@frozen
class Account:
    """One scope, one window instance, one unit. Two accounts are the same if their keys are."""

    scope: Scope = field(eq=False)
    window: str = field(eq=False)
    start_s: int = field(eq=False)
    end_s: int | None = field(eq=False)
    unit: str = field(eq=False)
    key: str = field(init=False, repr=False)
    expires_us: int | None = field(init=False, repr=False, eq=False)
    """When a ledger may forget the account, in microseconds since the epoch; None for `total`."""

    @expires_us.default
    def _make_expiry(self) -> int | None:
        if self.end_s is None:
            return None
        life_s = _SHORT_LIFE_S if self.window in ("minute", "hour") else _LIFE_S
        return (self.end_s + life_s) * US_PER_S

    @key.default
    def _make_key(self) -> str:
        # The id comes last and the rest has no bar, so that no two accounts share a key.
        return f"{self.unit}|{self.window}|{self.start_s}|{self.scope}"

    @classmethod
    def parse(cls, key: str, end_s: int | None) -> Account:
        """Read back what ``key`` says; the end is kept beside it."""
        unit, window, start_s, scope = key.split("|", 3)
        return cls(Scope.parse(scope), window, int(start_s), end_s, unit)

    @property
    def resets_at(self) -> datetime | None:
        """When the window ends, in UTC; None for ``total``."""
        return None if self.end_s is None else to_moment(self.end_s * US_PER_S)


@frozen
class Amounts:
    """What one call costs, in each unit."""

    usd_nanos: int = 0
    tokens: int = 0
    requests: int = 1

    def of(self, unit: str) -> int:
        """The amount in ``unit``.

        Raises:
            ValueError: There is no such unit.
        """
        if unit == "usd":
            return self.usd_nanos
        if unit == "tokens":
            return self.tokens
        if unit == "requests":
            return self.requests
        raise ValueError(f"unknown unit {unit!r}; allowed are {', '.join(UNITS)}")

    def counted(self) -> Amounts:
        """The same, but at least 1 token and 1 request: where none of them are left, what is free is refused too."""
        if self.tokens and self.requests:
            return self
        return Amounts(self.usd_nanos, self.tokens or 1, self.requests or 1)


@frozen
class Memo:
    """What is booked beside the amounts of a call, and counts nowhere.

    Attributes:
        price: What priced it: ``provider/model service date`` of the table, or ``given``.
        reference: The caller's own name for it.
    """

    price: str = ""
    reference: str = ""

    def over(self, before: Memo, price: str | None = None) -> Memo:
        """The same, with what it does not say as it was said before; ``price`` where something else priced it."""
        return Memo(self.price or before.price if price is None else price, self.reference or before.reference)


NO_MEMO = Memo()


@frozen
class Limit:
    """An amount per window: for every scope of a kind, or for one (``id``) instead.

    Attributes:
        amount: In the unit's own whole units (nanos for usd); None lifts the limit.
        source: Where it was said: ``limits.yaml:3``, a setting's name; empty where that is not known.
    """

    kind: str
    id: str | None
    window: str
    unit: str
    amount: int | None
    source: str = field(default="", eq=False)

    @property
    def place(self) -> tuple[str, str | None, str, str]:
        """What two limits may not both speak about."""
        return self.kind, self.id, self.window, self.unit


@frozen
class Entry:
    """What one call asks of one account; ``limit`` is None where nothing bounds it."""

    account: Account
    amount: int
    limit: Limit | None = field(eq=lambda limit: limit and limit.amount)

    @classmethod
    def of(cls, account: Account, amount: int, limit_units: int | None) -> Entry:
        """An entry of whose limit only the amount is known, as records keep it."""
        if limit_units is None:
            return cls(account, amount, None)
        scope = account.scope
        return cls(account, amount, Limit(scope.kind, scope.id or None, account.window, account.unit, limit_units))

    @property
    def limit_units(self) -> int | None:
        """What the window allows, in the account's unit."""
        return None if self.limit is None else self.limit.amount


Plan: TypeAlias = Callable[[int], tuple[Entry, ...]]
"""The entries of a call at a ledger time (microseconds since the epoch). Pure."""


Standings: TypeAlias = Mapping[str, tuple[int, int]]
"""Account key -> (used, reserved), in the account's unit. An account that is not there has (0, 0)."""
