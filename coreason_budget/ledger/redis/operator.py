"""For whoever runs the ledger: how a namespace stands, and the decision to go on after a loss."""

from __future__ import annotations

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.base import LedgerStatus
from coreason_budget.ledger.epoch import Epoch
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.codec import Keys, pack
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.ledger.redis.server import Facts, name_of, read_facts

_KEPT = ("aof_enabled", "appendfsync", "save", "maxmemory", "maxmemory_policy", "role")


def status(link: Link, keys: Keys, epoch: RedisEpoch) -> LedgerStatus:
    """How the namespace stands, also from outside of its epoch.

    Raises:
        LedgerUnavailableError: No answer.
        LedgerCorruptError: What is there is no epoch.
    """
    baseline = epoch.baseline
    found = epoch.find(link)
    facts = read_facts(link, with_config=True)
    count = link.ask(pack([(b"ZCARD", keys.open)]), 1)[0]
    return LedgerStatus(
        epoch.trouble(found, baseline) or _misfit(epoch, found.epoch, facts),
        int(count),
        "" if found.epoch is None else found.epoch.id,
        None if found.epoch is None else found.epoch.since_us,
        found.sequence,
        {"server": name_of(facts), **{name: facts[name] for name in _KEPT if name in facts}},
    )


def _misfit(judge: RedisEpoch, epoch: Epoch | None, facts: Facts) -> str:
    """What of the server or the settings refuses every call."""
    try:
        judge.check_fit(epoch, facts)
    except ConfigError as error:
        return str(error)
    return ""


class Decision:
    """An operator's decision to go on with what is there.

    An attempt whose answer was lost is made again, and finds out whether it was done.
    """

    def __init__(self, epoch: RedisEpoch) -> None:
        self._epoch = epoch
        self._written: set[str] = set()

    def attempt(self, link: Link) -> bool | None:
        """Begin a new epoch in the place of a halted one; False if it is not halted, None to try again.

        Raises:
            ConfigError: The namespace is kept by another schema or in another time zone.
        """
        baseline = self._epoch.baseline
        found = self._epoch.watch(link)
        if found.epoch is not None and found.epoch.id in self._written:
            return True
        if not self._epoch.trouble(found, baseline):
            return False
        epoch = self._epoch.accepted(found)
        self._written.add(epoch.id)
        return True if self._epoch.write(link, epoch, found) else None
