"""For whoever runs the ledger: how a namespace stands, and the decision to go on after a loss."""

from __future__ import annotations

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.base import LedgerStatus
from coreason_budget.ledger.life import Life
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.codec import Keys, pack
from coreason_budget.ledger.redis.epoch import Epoch
from coreason_budget.ledger.redis.server import Facts, name_of, read_facts

_KEPT = ("aof_enabled", "appendfsync", "save", "maxmemory", "maxmemory_policy", "role")


def status(link: Link, keys: Keys, epoch: Epoch) -> LedgerStatus:
    """How the namespace stands, also from outside of its epoch.

    Raises:
        LedgerUnavailableError: No answer.
        LedgerCorruptError: What is there is no epoch.
    """
    floor = epoch.floor
    sight = epoch.look(link)
    facts = read_facts(link, with_config=True)
    count = link.ask(pack([(b"ZCARD", keys.open)]), 1)[0]
    life = sight.life
    return LedgerStatus(
        epoch.trouble(sight, floor) or _misfit(epoch, life, facts),
        int(count),
        "" if life is None else life.id,
        None if life is None else life.since_us,
        sight.sequence,
        {"server": name_of(facts), **{name: facts[name] for name in _KEPT if name in facts}},
    )


def _misfit(epoch: Epoch, life: Life | None, facts: Facts) -> str:
    """What of the server or the settings refuses every call."""
    try:
        epoch.check_fit(life, facts)
    except ConfigError as error:
        return str(error)
    return ""


class Decision:
    """An operator's decision to go on with what is there.

    An attempt whose answer was lost is made again, and finds out whether it was done.
    """

    def __init__(self, epoch: Epoch) -> None:
        self._epoch = epoch
        self._written: set[str] = set()

    def attempt(self, link: Link) -> bool | None:
        """Begin a new life in the place of a halted one; False if it is not halted, None to try again.

        Raises:
            ConfigError: The namespace is kept by another schema or in another time zone.
        """
        floor = self._epoch.floor
        sight = self._epoch.watch(link)
        if sight.life is not None and sight.life.id in self._written:
            return True
        if not self._epoch.trouble(sight, floor):
            return False
        life = self._epoch.accepted(sight)
        self._written.add(life.id)
        return True if self._epoch.write(link, life, sight) else None
