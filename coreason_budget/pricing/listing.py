"""Price files as a look-up sees them: ids, each with its entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from attrs import Factory, field, frozen

from coreason_budget.pricing.price import ModelPrice


class Listing(Protocol):
    """One price file, read or yet to be read."""

    @property
    def provider(self) -> str:
        """Who bills."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """What may stand before the slash of an id, beside the provider."""

    @property
    def hosted(self) -> bool:
        """Whether its ids are known with the provider before them only."""

    def ids(self) -> Iterator[str]:
        """Give every id, without the provider."""

    def canonical(self, name: str) -> str:
        """Give the canonical id of one of the ids."""

    def entry(self, name: str) -> ModelPrice:
        """Give the entry of one of the ids."""


@frozen(eq=False)
class PriceFile:
    """One provider's prices, and its fees that hold for all of its models that state no own. A `Listing`.

    A user's file may name models of any provider otherwise: ``model_aliases``. The ids of a ``hosted``
    one are known with the provider before them only.
    """

    provider: str
    aliases: tuple[str, ...]
    models: tuple[ModelPrice, ...]
    fees: Mapping[str, int] = Factory(dict)
    model_aliases: Mapping[str, str] = Factory(dict)
    hosted: bool = False
    _entries: Mapping[str, ModelPrice] = field(init=False, repr=False)

    @_entries.default
    def _by_id(self) -> Mapping[str, ModelPrice]:
        return {name: entry for entry in self.models for name in entry.ids()}

    def ids(self) -> Iterator[str]:
        """Give every id, without the provider."""
        return iter(self._entries)

    def canonical(self, name: str) -> str:
        """Give the canonical id of one of the ids."""
        return self._entries[name].canonical

    def entry(self, name: str) -> ModelPrice:
        """Give the entry of one of the ids."""
        return self._entries[name]
