"""The models that have a price, each under all of its names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from coreason_budget.errors import InvalidIdError, UnknownModelError
from coreason_budget.ids import MAX_ID_BYTES
from coreason_budget.money import Usd
from coreason_budget.pricing import served
from coreason_budget.pricing.catalog import Catalog
from coreason_budget.pricing.hidden import why_hidden
from coreason_budget.pricing.price import ModelPrice

if TYPE_CHECKING:
    from coreason_budget.pricing.overrides import Own


class Cards:
    """What `PricingEngine` knows of models; its arguments are the engine's."""

    def __init__(
        self,
        overrides: Mapping[str, Mapping[str, Usd]] | None = None,
        prices_file: str | os.PathLike[str] | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._catalog = Catalog(_own(overrides), prices_file, aliases)
        self._find = lru_cache(maxsize=4096)(self._catalog.find)
        self._spelled = lru_cache(maxsize=4096)(self._catalog.spelled)
        self._priced = lru_cache(maxsize=4096)(partial(served.priced_model, self._catalog))

    def canonical(self, model: str) -> str:
        """Give the id of a price: ``openai/gpt-4o`` for ``gpt-4o-2024-08-06`` or ``openai:gpt-4o``.

        One for every form of a model that has a price, and for its aliases. The id as given where the
        table has none, or where two providers share it.

        Raises:
            InvalidIdError: Not a text of 1 to 256 bytes.
        """
        try:
            entry = self._find(_checked(model))
        except UnknownModelError:
            return model
        return model if entry is None else entry.canonical

    def budget_id(self, model: str) -> str:
        """Give the id that budgets and books use: the canonical one, also in other case or with other separators.

        ``GPT-4o`` has no price, but who tells its cost spends of the budget of ``openai/gpt-4o``.

        Raises:
            InvalidIdError: Not a text of 1 to 256 bytes.
        """
        name = self.canonical(model)
        return name if name != model else self._spelled(model) or model

    def close_to_unknown(self, model: str) -> list[str] | None:
        """Give the known ids that are written most like one that is not known; None for one that is.

        Raises:
            InvalidIdError: Not a text of 1 to 256 bytes.
        """
        try:
            known = self._find(_checked(model)) is not None
        except UnknownModelError:  # Of several providers.
            return None
        return None if known else self._catalog.close_to(model)

    def card(self, model: str) -> ModelPrice:
        """Give the entry of a model.

        Raises:
            UnknownModelError: There is none, or two providers price the bare id differently.
            InvalidIdError: Not a text of 1 to 256 bytes.
        """
        entry = self._find(_checked(model))
        if entry is None:
            why = why_hidden(model)
            close = [] if why else self._catalog.close_to(model)
            hint = f" Close: {', '.join(close)}." if close else f" {why}." if why else ""
            raise UnknownModelError(
                f"No price for model {model!r}.{hint} Give it one with MODEL_PRICE_OVERRIDES or PRICES_FILE, "
                "or that of a model with MODEL_ALIASES.",
                model=model,
            )
        return entry

    def priced_model(self, answered: str, reserved: str) -> str:
        """Give the model that prices a call: reserved for one, answered in the name of another or the same.

        The answered one at the host that was called (``azure/gpt-4o-mini`` for ``gpt-4o-mini-2024-07-18``
        from ``azure/gpt-4o``), or of a router before makers' own doors; the reserved one only where the
        answer means it: by another name, a snapshot, an alias.

        Raises:
            UnknownModelError: The answered model has no price there, and is not known to be the reserved one.
            InvalidIdError: One is not a text of 1 to 256 bytes.
        """
        return self._priced(_checked(answered), _checked(reserved))

    def same_model(self, answered: str, reserved: str) -> bool:
        """Say whether an answer's model is the reserved one, under whatever name. As `priced_model`."""
        return served.same_model(self._catalog, _checked(answered), _checked(reserved))

    def models(self, text: str = "") -> list[ModelPrice]:
        """Give the entries whose canonical id contains every word of a text, in any case, sorted by id."""
        words = text.lower().split()
        found = {entry.canonical: entry for entry in self._catalog.entries()}
        return [found[name] for name in sorted(found) if all(word in name.lower() for word in words)]


def _own(overrides: Mapping[str, Mapping[str, Usd]] | None) -> Mapping[str, Own]:
    if overrides is None or overrides == {}:
        return {}
    from coreason_budget.pricing.overrides import read_overrides

    return read_overrides(overrides)


def _checked(model: str) -> str:
    if not isinstance(model, str) or not 1 <= len(model.encode("utf-8", "surrogatepass")) <= MAX_ID_BYTES:
        raise InvalidIdError(f"model: must be text of 1 to {MAX_ID_BYTES} bytes", field="model")
    return model
