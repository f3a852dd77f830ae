"""The price files that come with the package, each scanned when an id first needs it.

The makers' own files are the core: scanned together at first use, and the only ones that know bare
ids. A host's file is scanned when its name, or another name that it lists, is the id's prefix.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from coreason_budget.pricing.lookup import Index, letters
from coreason_budget.pricing.price import ModelPrice
from coreason_budget.pricing.sheet import Sheet
from coreason_budget.pricing.table import PRICES

HOSTS = PRICES / "hosts"
MAX_AGE_DAYS = 45
_HEAD_BYTES = 2000
_ALIASES = re.compile(r"^aliases: \[([^\]]*)\]$", re.MULTILINE)
_log = logging.getLogger("coreason_budget")
_said: list[date] = []


class Bundled:
    """The ids of the bundled files. Thread safe: what two threads both read is the same."""

    def __init__(self) -> None:
        self._sheets: dict[Path, Sheet] = {}
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
        # A host that is no maker too answers without the makers' files.
        if slash and prefix not in self.makers() and (found := self._host(prefix).find(model)) is not None:
            return found
        found = self._makers().find(model)
        return found if found is not None or not slash else self._host(prefix).find(model)

    def entries(self) -> Iterator[ModelPrice]:
        """Give every entry of every file, the makers' first. Slow: for lists and searches, not for a price."""
        for path in (*sorted(PRICES.glob("*.yaml")), *sorted(HOSTS.glob("*.yaml"))):
            yield from self._sheet(path).entries()

    def spelled(self, model: str) -> str | None:
        """Give the one canonical id that this one is but for case and separators; None if none or several."""
        host = letters(model.partition("/")[0])
        places = [known for known in self._host_paths() if letters(known) == host] if "/" in model else []
        found = {index.spelled(model) for index in (self._makers(), *map(self._host, places))} - {None}
        return found.pop() if len(found) == 1 else None

    def close_to(self, model: str) -> list[str]:
        """Give the canonical ids that are written most like this one: the host's, where it names one."""
        prefix, slash, rest = model.partition("/")
        if slash and prefix not in self.makers():
            for known in get_close_matches(prefix.lower(), self._host_paths(), n=1, cutoff=0.75):
                if close := self._host(known).close_to(rest):
                    return close
        return self._makers().close_to(model)

    def _makers(self) -> Index:
        if self._core is None:
            self._core = self._indexed(sorted(PRICES.glob("*.yaml")))
        return self._core

    def _host(self, prefix: str) -> Index:
        """Give the ids of a host; none where there is no such host."""
        if prefix not in self._hosts:
            if (paths := self._host_paths().get(prefix)) is None:
                return Index([])
            self._hosts[prefix] = self._indexed(paths)
        return self._hosts[prefix]

    def _indexed(self, paths: Iterable[Path]) -> Index:
        sheets = [self._sheet(path) for path in paths]
        say_if_old(min(sheet.checked for sheet in sheets), datetime.now(UTC).date())
        return Index(sheets)

    def _sheet(self, path: Path) -> Sheet:
        if path not in self._sheets:
            self._sheets[path] = Sheet(path)
        return self._sheets[path]

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


def say_if_old(checked: date, today: date) -> None:
    """Warn in the log, once in a process, that the prices were checked more than 45 days ago."""
    age_days = (today - checked).days
    if age_days > MAX_AGE_DAYS and not _said:
        _said.append(today)
        _log.warning(
            "The price table was last checked on %s, %d days ago: update coreason-budget, "
            "or name newer prices with PRICES_FILE",
            checked,
            age_days,
        )
