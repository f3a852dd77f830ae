"""Whose price counts: the user's overrides, then the user's file, then the bundled table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING

from coreason_budget.errors import UnknownModelError
from coreason_budget.pricing import bundled, names
from coreason_budget.pricing.aliases import checked_aliases
from coreason_budget.pricing.hidden import why_hidden
from coreason_budget.pricing.lookup import Index, letters
from coreason_budget.pricing.price import ModelPrice
from coreason_budget.pricing.table import load_files

if TYPE_CHECKING:
    from coreason_budget.pricing.overrides import Own


class Catalog:
    """The three layers of prices. The user's is read at once, the bundled one at first use, or for aliases.

    Raises:
        ConfigError: The user's file cannot be used; starts with ``file:line``. Or an alias; names it.
    """

    def __init__(
        self,
        overrides: Mapping[str, Own],
        prices_file: str | os.PathLike[str] | None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        files = () if prices_file is None else load_files(prices_file)
        self._overrides = overrides
        self._user = Index(files)
        self._table = bundled.shared()
        self._aliases: Mapping[str, str] = {}
        given = {**{name: model for file in files for name, model in file.model_aliases.items()}, **(aliases or {})}
        self._aliases = checked_aliases(given, self.resolve, self.close_to)

    def find(self, model: str) -> ModelPrice | None:
        """Give the entry of an id in any form; None if there is none.

        Raises:
            UnknownModelError: Two providers price the bare id differently; names them.
        """
        found = self.resolve(model)
        return found and found[1]

    def resolve(self, model: str) -> tuple[str, ModelPrice] | None:
        """Give the id that one of any form means, and its entry. As `find`."""
        for reading in names.readings(model):
            name = self._aliases.get(reading, reading)
            if (entry := self.listed(name)) is not None:
                return name, entry
        for reading in names.readings(model):
            name = self._aliases.get(reading, reading)
            if (own := self._overrides.get(name)) is not None:
                return name, own.price
        return None

    def is_alias(self, model: str) -> bool:
        """Say whether an id, in any form, is the user's own name of a model."""
        return bool(self._aliases) and any(name in self._aliases for name in names.readings(model))

    def listed(self, model: str) -> ModelPrice | None:
        """Give the entry that the user's file or the table has under an id as it is written. As `find`."""
        try:
            listed = self._listed(model)
        except UnknownModelError:
            if model not in self._overrides:
                raise
            return None  # Of several providers: the user's price settles it.
        own = None if listed is None else self._own_price(model, listed)
        return listed if listed is None or own is None else own.over(listed)

    def _listed(self, model: str) -> ModelPrice | None:
        """Give the entry of the user's file, else of the table."""
        if (mine := self._user.find(model)) is not None:
            return mine
        listed = self._table.find(model)
        # The user's price of a model is also that of its snapshots.
        return listed and (self._user.find(listed.canonical) or listed)

    @cached_property
    def _meant(self) -> dict[str, tuple[str, ...]]:
        """The readings of every id that has an override."""
        return {key: tuple(names.readings(key)) for key in self._overrides}

    def _own_price(self, model: str, listed: ModelPrice) -> Own | None:
        """Give the override of the same snapshot, else of the model, under whatever name it was given."""
        found = self._overrides.get(model)
        if found is not None:
            return found
        for key, own in self._overrides.items():
            name = self._listed_name(self._meant[key], listed)
            if name is not None:
                if _tail(name, listed) == _tail(model, listed):
                    return own
                found = own if _tail(name, listed) == listed.model else found
        return found

    def _listed_name(self, meant: tuple[str, ...], listed: ModelPrice) -> str | None:
        """Give the id of this entry that an override was given for, in whatever form; None if it is another's."""
        ids = tuple(listed.ids())
        if not any(name.startswith(ids) or name.partition("/")[2].startswith(ids) for name in meant):
            return None
        for name in meant:
            try:
                found = self._listed(name)
            except UnknownModelError:  # A bare id of several providers prices none of their own forms.
                return None
            if found is not None:
                return name if found.canonical == listed.canonical else None
        return None

    def spelled(self, model: str) -> str | None:
        """Give the canonical id that one is but for case, separators and spaces around it; None if none or several."""
        if why_hidden(model) is not None:
            return None
        try:
            entry = self.find(model.strip().lower())
        except UnknownModelError:  # Of several providers.
            return None
        if entry is not None:
            return entry.canonical
        own = [name for name in (*self._overrides, *self._aliases) if letters(name) == letters(model)]
        meant = {entry.canonical for name in own if (entry := self.find(name)) is not None}
        meant |= {found for index in (self._user, self._table) if (found := index.spelled(model)) is not None}
        return meant.pop() if len(meant) == 1 else None

    def close_to(self, model: str) -> list[str]:
        """Give the known ids that are written most like this one."""
        close = get_close_matches(model, (*self._overrides, *self._aliases))
        for name in dict.fromkeys(names.readings(model)):
            close += self._user.close_to(name) + self._table.close_to(name)
        return list(dict.fromkeys(close))[:5]

    def entries(self) -> Iterator[ModelPrice]:
        """Give every entry once, as `find` gives it: the user's price instead of the table's."""
        ids = (entry.canonical for entry in (*self._table.entries(), *self._user.entries()))
        for name in dict.fromkeys((*ids, *self._overrides)):
            if (entry := self.find(name)) is not None:
                yield entry


def _tail(name: str, entry: ModelPrice) -> str:
    """Give an id of the entry without the provider."""
    tail = name if name.startswith(tuple(entry.ids())) else name.partition("/")[2]
    return tail.replace("@", "-")
