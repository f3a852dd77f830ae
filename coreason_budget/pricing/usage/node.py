"""One level of a usage, by key or by attribute, whoever made it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import check_count
from coreason_budget.pricing.price import STANDARD

# Names under which providers report that a call ran at the standard price.
_SERVICES = {
    "default": STANDARD,
    "on_demand": STANDARD,
    "on_demand_priority": "priority",
    "on_demand_flex": "flex",
}
_PLAIN = ("", STANDARD, "global", "not_available")
_TIERS = ("service_tier", "serviceTier", "traffic_type", "trafficType")


class Node:
    """One level of a usage; ``outer`` is the answer around it, ``service`` what to bill if none is told."""

    def __init__(self, value: object, outer: Node | None = None, service: str = STANDARD) -> None:
        self.value: Any = value
        self.outer = outer
        self._keyed = isinstance(value, Mapping)
        self._service: str = service if outer is None else outer._service

    def get(self, name: str) -> Any:
        """Give what stands under a name, None if nothing does."""
        value = self.value.get(name) if self._keyed else getattr(self.value, name, None)
        # Mistral's package has an object for what is absent.
        return None if value is not None and type(value).__name__ == "Unset" else value

    def has(self, name: str) -> bool:
        """Tell whether the name is there, whatever stands under it."""
        return name in self.value if self._keyed else hasattr(self.value, name)

    def count(self, *names: str, required: bool = False) -> int:
        """Give the first of the names that is there; 0 if none is and none must be."""
        for name in names:
            if (value := self.get(name)) is not None:
                return check_count(value, name)
        if required:
            raise InvalidAmountError(f"{names[0]}: missing", field=names[0])
        return 0

    def whole(self, name: str) -> int:
        """Give a count that may be written as a whole fraction: Cohere's ``5.0``."""
        value = self.get(name)
        if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
            value = int(value)
        return 0 if value is None else check_count(value, name)

    def child(self, *names: str) -> Node:
        """Give the level under the first of the names that is there, else one without anything."""
        for name in names:
            if (value := self.get(name)) is not None:
                return Node(value)
        return _NOTHING

    def items(self, name: str) -> Iterator[Node]:
        """Give the levels of a list, none where there is no list."""
        value = self.get(name) or ()
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise InvalidAmountError(f"{name}: not a list", field=name)
        return map(Node, value)

    def word(self, name: str) -> str:
        """Give a name in lower case, of text or an enumeration; empty if there is none."""
        value = self.get(name)
        value = value.value if isinstance(value, Enum) else value
        if value is not None and not isinstance(value, str):
            raise InvalidAmountError(f"usage: {type(value).__name__} where a name should be", field="usage")
        return (value or "").lower()

    def service(self) -> str:
        """Give the granted service. Fast mode and a region are prices of their own: ``fast``, ``batch_us``."""
        tier = next((tier for tier in self._tiers() if tier), self._service)
        parts = [_SERVICES.get(tier, tier), self.word("speed"), self.word("inference_geo")]
        return "_".join(part for part in parts if part not in _PLAIN) or STANDARD

    def _tiers(self) -> Iterator[str]:
        # Of the usage, else of the answer around it. Bedrock writes {"type": "flex"}.
        for node in filter(None, (self, self.outer)):
            for name in _TIERS:
                inner = Node(node.get(name))
                yield node.word(name) if inner.get("type") is None else inner.word("type")


_NOTHING = Node(None)
