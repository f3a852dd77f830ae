"""What a simulation is of: accounts and their limits, who does what, and how much may go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import frozen

from coreason_budget.ledger.record import KEEP_CALLERS_US
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.model import Account, Entry, Scope

NOW_US = 1_800_000_000 * 1_000_000
TTL_US = 600 * 1_000_000

_DAY = (NOW_US // 1_000_000 // 86400 * 86400, NOW_US // 1_000_000 // 86400 * 86400 + 86400)
USER = Account(Scope("user", "a"), "day", *_DAY, "usd")
GLOBAL = Account(Scope("global"), "day", *_DAY, "usd")
TEAM = Account(Scope("team", "t"), "day", *_DAY, "usd")
ANY = math.inf
ACCOUNTS_LAST_US = (USER.expires_us or 0) - NOW_US

# What a client does: it gets its Caller.
Act: TypeAlias = Callable[[Any], None]


@frozen
class Limits:
    """What the accounts of every call allow; the team's is never limited."""

    user: int = 10
    whole: int = 10

    def entries(self, amount: int) -> tuple[Entry, ...]:
        return Entry.of(USER, amount, self.user), Entry.of(TEAM, amount, None), Entry.of(GLOBAL, amount, self.whole)


@frozen
class Scene:
    """What is explored.

    ``faults`` bounds lost connections, servers out of reach and crashes together; with `ANY` of them
    only a call's own time does. ``ticks`` is how often time jumps past every lapse. A scene begins
    ``age_us`` after what was ``before`` it. ``split`` lets other clients in between any two commands
    of a packet.
    """

    acts: tuple[Act, ...]
    before: Act | None = None
    limits: Limits = Limits()
    faults: float = 2
    ticks: int = 0
    age_us: int = 0
    on_lapse: str = "charge"
    split: bool = False
    ledger: type[RedisLedger] = RedisLedger
    watches: bool = True

    @property
    def begin_us(self) -> int:
        """When the clients begin."""
        return NOW_US + self.age_us

    @property
    def end_us(self) -> int:
        """When all is over: every reservation has lapsed."""
        return self.begin_us + (self.ticks + 10) * TTL_US

    @property
    def forgets_keys(self) -> bool:
        """Whether it lasts longer than a key is remembered."""
        return self.end_us > NOW_US + KEEP_CALLERS_US

    @property
    def forgets_accounts(self) -> bool:
        """Whether it lasts longer than the accounts are kept."""
        return self.end_us > NOW_US + ACCOUNTS_LAST_US
