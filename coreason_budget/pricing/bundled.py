"""The price files that come with the package, each read when an id first needs it.

The makers' own files are the core: read together at first use, and the only ones that know bare
ids. A host's file is read when its name, or another name that it lists, is the id's prefix.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from coreason_budget.pricing.lookup import Index
from coreason_budget.pricing.price import ModelPrice, PriceFile
from coreason_budget.pricing.table import PRICES, load_bundled, load_file

HOSTS = PRICES / "hosts"
MAX_AGE_DAYS = 45
_HEAD_BYTES = 2000
_ALIASES = re.compile(r"^aliases: \[([^\]]*)\]$", re.MULTILINE)
_log = logging.getLogger("coreason_budget")
_said: list[date] = []


def load_all() -> tuple[PriceFile, ...]:
    """Read every file, the makers' first. Slow: for lists and searches, not for a price."""
    return load_bundled() + tuple(load_file(path, bundled=True) for path in sorted(HOSTS.glob("*.yaml")))


class Bundled:
    """The ids of the bundled files. Thread safe: what two threads both read is the same."""

    def __init__(self) -> None:
        self._core: Index | None = None
        self._hosts: dict[str, Index] = {}
        self._paths: dict[str, list[Path]] = {}
        self._names: frozenset[str] = frozenset()

    def find(self, model: str) -> ModelPrice | None:
        """Give the entry of an id; None if there is none.

        Raises:
            UnknownModelError: Two makers price the bare id differently; names them.
        """
        prefix, slash, _ = model.partition("/")
        host = self._host(prefix) if slash else None
        # A host that is no maker too answers without the makers' files.
        if host is not None and prefix not in self.makers() and (found := host.find(model)) is not None:
            return found
        found = self._makers().find(model)
        return found if found is not None or host is None else host.find(model)

    def close_to(self, model: str) -> list[str]:
        """Give the canonical ids that are written most like this one: the host's, where it names one."""
        prefix, slash, rest = model.partition("/")
        if slash and prefix not in self.makers():
            for known in get_close_matches(prefix.lower(), self._host_paths(), n=1, cutoff=0.75):
                if (host := self._host(known)) is not None and (close := host.close_to(rest)):
                    return close
        return self._makers().close_to(model)

    def _makers(self) -> Index:
        if self._core is None:
            self._core = _indexed(load_bundled())
        return self._core

    def _host(self, prefix: str) -> Index | None:
        if prefix not in self._hosts:
            paths = self._host_paths().get(prefix)
            if paths is None:
                return None
            self._hosts[prefix] = _indexed([load_file(path, bundled=True) for path in paths])
        return self._hosts[prefix]

    def makers(self) -> frozenset[str]:
        """Give the names of the makers, whose ids need no prefix."""
        if not self._names:
            self._names = frozenset(name for path in PRICES.glob("*.yaml") for name in _names(path))
        return self._names

    def _host_paths(self) -> dict[str, list[Path]]:
        """Give the files of every prefix, from the line of each that lists its names."""
        if not self._paths:
            found: dict[str, list[Path]] = {}
            for path in sorted(HOSTS.glob("*.yaml")):
                for name in _names(path):
                    found.setdefault(name, []).append(path)
            self._paths = found
        return self._paths


@cache
def shared() -> Bundled:
    """Give the table that all engines of this process share."""
    return Bundled()


def _names(path: Path) -> list[str]:
    with open(path, encoding="utf-8") as file:
        match = _ALIASES.search(file.read(_HEAD_BYTES))
    return [name.strip() for name in match[1].split(",")] if match else []


def _indexed(files: Iterable[PriceFile]) -> Index:
    files = tuple(files)
    say_if_old(files, datetime.now(UTC).date())
    return Index(files)


def say_if_old(files: Iterable[PriceFile], today: date) -> None:
    """Warn in the log, once in a process, that the prices were checked more than 45 days ago."""
    checked = min((entry.checked for file in files for entry in file.models[:1] if entry.checked), default=today)
    age_days = (today - checked).days
    if age_days > MAX_AGE_DAYS and not _said:
        _said.append(today)
        _log.warning(
            "The price table was last checked on %s, %d days ago: update coreason-budget, "
            "or name newer prices with PRICES_FILE",
            checked,
            age_days,
        )
