"""Which entry a model id means: exact ids, listed snapshots and dates. Never a prefix."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from functools import cached_property

from coreason_budget.errors import UnknownModelError
from coreason_budget.pricing.listing import Listing
from coreason_budget.pricing.price import ModelPrice

_DATED = re.compile(r"(?P<model>.+)[-@](?P<date>[0-9]{8})", re.ASCII | re.DOTALL)


class Index:
    """The ids of some price files."""

    def __init__(self, files: Iterable[Listing]) -> None:
        self._providers: dict[str, list[Listing]] = {}
        self._named: dict[str, list[Listing]] = {}
        self._bare: dict[str, list[Listing]] = {}
        for file in files:
            for name in file.ids():
                self._named.setdefault(name, []).append(file)
                if not file.hosted:
                    self._bare.setdefault(name, []).append(file)
            for alias in dict.fromkeys((file.provider, *file.aliases)):
                self._providers.setdefault(alias, []).append(file)

    def find(self, model: str) -> ModelPrice | None:
        """Give the entry of an id, bare or as ``provider/id``; None if there is none.

        Raises:
            UnknownModelError: Two providers price the bare id differently; names them.
        """
        found = self._exact(model)
        if found is None and (base := undated(model)) is not None:
            found = self._exact(base)
            return found if found is not None and found.date_suffix else None
        return found

    def _exact(self, model: str) -> ModelPrice | None:
        files = self._bare.get(model)
        if files is not None:
            return _agreed(model, [file.entry(model) for file in files])
        alias, slash, rest = model.partition("/")
        for file in self._providers.get(alias, ()) if slash else ():
            if file in self._named.get(rest, ()):
                return file.entry(rest)
        return None

    def entries(self) -> Iterator[ModelPrice]:
        """Give every entry, a model of several ids more than once."""
        return (file.entry(name) for name, files in self._named.items() for file in files)

    def spelled(self, model: str) -> str | None:
        """Give the one canonical id with the letters, digits and slashes of this one; None if none or several."""
        found = self._letters.get(letters(model), set())
        return next(iter(found)) if len(found) == 1 else None

    @cached_property
    def _letters(self) -> dict[str, set[str]]:
        """The canonical ids by the letters, digits and slashes of every id, bare or as ``provider/id``."""
        found: dict[str, set[str]] = {}
        for name, files in self._named.items():
            for file in files:
                ids = (f"{provider}/{name}" for provider in (file.provider, *file.aliases))
                for one in ids if file.hosted else (name, *ids):
                    found.setdefault(letters(one), set()).add(file.canonical(name))
        return found

    def close_to(self, model: str) -> list[str]:
        """Give the canonical ids that are written most like this one: whole, or by their last part."""
        first = {name: files[0].canonical(name) for name, files in self._named.items()}
        canonical: dict[str, str] = {}
        for name, found in first.items():
            canonical.setdefault(_last_part(name), found)
        canonical |= {name.lower(): found for name, found in first.items()}
        close = get_close_matches(model.lower(), canonical, n=6, cutoff=0.6)
        close += get_close_matches(_last_part(model), canonical, n=6, cutoff=0.6)
        return list(dict.fromkeys(canonical[name] for name in close))[:3]


def letters(model: str) -> str:
    """Give an id without case, separators and spaces; its slashes stay."""
    return re.sub(r"[^a-z0-9/]", "", model.lower())


def _last_part(model: str) -> str:
    return model.rpartition("/")[2].lower()


def undated(model: str) -> str | None:
    """Take a date off the end: ``-YYYYMMDD`` or ``@YYYYMMDD``, a day of the calendar."""
    match = _DATED.fullmatch(model)
    if match is None:
        return None
    try:
        date.fromisoformat(match["date"])
    except ValueError:
        return None
    return match["model"]


def _agreed(model: str, entries: list[ModelPrice]) -> ModelPrice:
    first = entries[0]
    if any(entry.prices != first.prices for entry in entries[1:]):
        named = ", ".join(entry.canonical for entry in entries)
        raise UnknownModelError(
            f"{model!r} has several providers with different prices; use one of {named}", model=model
        )
    return first
