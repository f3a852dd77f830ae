"""Whose price counts: the user's overrides, then the user's file, then the bundled table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

import attrs

from coreason_budget.errors import UnknownModelError
from coreason_budget.pricing import bundled
from coreason_budget.pricing.lookup import Index
from coreason_budget.pricing.price import ModelPrice
from coreason_budget.pricing.table import load_file


class Catalog:
    """The three layers of prices. The user's is read at once, the bundled one at first use.

    Raises:
        ConfigError: The user's file cannot be used; starts with ``file:line``.
    """

    def __init__(self, overrides: Mapping[str, ModelPrice], prices_file: str | os.PathLike[str] | None) -> None:
        self._overrides = overrides
        self._user = Index([] if prices_file is None else [load_file(prices_file)])
        self._table = bundled.shared()

    def find(self, model: str) -> ModelPrice | None:
        """Give the entry of an id; None if there is none.

        Raises:
            UnknownModelError: Two providers price the bare id differently; names them.
        """
        own = self._overrides.get(model)
        try:
            listed = self._listed(model)
        except UnknownModelError:
            if own is None:
                raise
            listed = None  # Of several providers: the user's price settles it.
        if listed is None:
            return own
        own = own or self._own_price(model, listed)
        return listed if own is None else _overridden(own, listed)

    def _listed(self, model: str) -> ModelPrice | None:
        """Give the entry of the user's file, else of the table."""
        if (mine := self._user.find(model)) is not None:
            return mine
        listed = self._table.find(model)
        # The user's price of a model is also that of its snapshots.
        return listed and (self._user.find(listed.canonical) or listed)

    def _own_price(self, model: str, listed: ModelPrice) -> ModelPrice | None:
        """Give the override of the same snapshot, else of the model, under whatever name it was given."""
        found = None
        names = tuple(listed.ids())
        for key, own in self._overrides.items():
            if not key.startswith(names) and not key.partition("/")[2].startswith(names):
                continue
            try:
                other = self._listed(key)
            except UnknownModelError:  # A bare id of several providers prices none of their own forms.
                continue
            if other is not None and other.canonical == listed.canonical:
                if _tail(key, listed) == _tail(model, listed):
                    return own
                found = own if _tail(key, listed) == listed.model else found
        return found

    def close_to(self, model: str) -> list[str]:
        """Give the known ids that are written most like this one."""
        close = get_close_matches(model, self._overrides)
        return list(dict.fromkeys(close + self._user.close_to(model) + self._table.close_to(model)))

    def entries(self) -> Iterator[ModelPrice]:
        """Give every entry once, as `find` gives it: the user's price instead of the table's."""
        listed = (entry for file in bundled.load_all() for entry in file.models)
        names = (entry.canonical for entry in (*listed, *self._user.entries()))
        for name in dict.fromkeys((*names, *self._overrides)):
            if (entry := self.find(name)) is not None:
                yield entry


def _tail(name: str, entry: ModelPrice) -> str:
    """Give an id of the entry without the provider."""
    tail = name if name.startswith(tuple(entry.ids())) else name.partition("/")[2]
    return tail.replace("@", "-")


def _overridden(own: ModelPrice, listed: ModelPrice) -> ModelPrice:
    limit = own.max_output or listed.max_output
    return attrs.evolve(listed, prices=own.prices, mode=own.mode, max_output=limit, source=own.source, checked=None)
