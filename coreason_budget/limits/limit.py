"""One limit: an amount per window, for every scope of a kind or for one of them."""

from __future__ import annotations

from attrs import frozen


@frozen
class Limit:
    """An amount per window: for every scope of a kind, or for one (``id``) instead.

    ``amount`` is in the unit's own whole units (nanos for usd); None lifts the limit.
    """

    kind: str
    id: str | None
    window: str
    unit: str
    amount: int | None

    @property
    def place(self) -> tuple[str, str | None, str, str]:
        """What two limits may not both speak about."""
        return self.kind, self.id, self.window, self.unit
