"""What an answer told of its usage, before a price: counts by role and name, ready to be kept and read again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import evolve, frozen

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage
from coreason_budget.pricing.price import BUCKETS, STANDARD
from coreason_budget.pricing.usage.disjoint import disjoint
from coreason_budget.pricing.usage.habits import Habits, Maker

_MAY_BE_UNTOLD = ("per_second", "per_request")
_BUCKETS = "buckets"
"""The family of a `Usage`: its counts are buckets already."""


@frozen
class Part:
    """What one model did for an answer.

    Attributes:
        family: Who made the shape; its habits turn the counts into buckets.
        counts: By role; 0 is told, what is left out is not.
        names: The field that told each role, for errors.
        service: What was billed.
        model: Another model than the answer's, as an advisor's; None is the answer's.
        requests: Over how many requests the counts are a sum; None is a sum of nobody knows how many.
        reported_nanos: What the provider says that it cost.
    """

    family: str
    counts: Mapping[str, Any]
    names: Mapping[str, str]
    service: str = STANDARD
    model: str | None = None
    requests: int | None = 1
    reported_nanos: int | None = None

    def usage(self, habits: Mapping[str, Habits], maker: Maker | None) -> Usage:
        """Give the buckets, as the family and the maker of the model count.

        Raises:
            InvalidAmountError: The counts do not add up; names the field.
        """
        if self.family == _BUCKETS:
            used = Usage(**self.counts, service=self.service)
        else:
            used = disjoint(self.counts, self.names, habits[self.family], maker, self.service)
        return used if self.reported_nanos is None else evolve(used, reported_nanos=self.reported_nanos)

    def content(self) -> dict[str, object]:
        """Give the part as JSON values by name, defaults left out."""
        counts = {role: _plain(count) for role, count in self.counts.items()}
        others = {
            "service": (self.service, STANDARD),
            "model": (self.model, None),
            "requests": (self.requests, 1),
            "reported_nanos": (self.reported_nanos, None),
        }
        told = {name: value for name, (value, default) in others.items() if value != default}
        return {"family": self.family, "counts": counts, **told}


@frozen
class Report:
    """What an answer told: one part, or several where several requests or models were at work.

    Attributes:
        parts: At least one.
        model: The model that the answer names, None if it names none.
    """

    parts: tuple[Part, ...]
    model: str | None = None

    @property
    def reported_nanos(self) -> int | None:
        """What the provider says that all of it cost, None if it does not say."""
        told = [part.reported_nanos for part in self.parts if part.reported_nanos is not None]
        return sum(told) if told else None

    def content(self) -> dict[str, object]:
        """Give the report as JSON values by name; `from_content` reads them."""
        told: dict[str, object] = {"parts": [part.content() for part in self.parts]}
        return told if self.model is None else {**told, "model": self.model}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Report:
        """Read what `content` gave, in this version or an older one.

        Raises:
            InvalidAmountError: It is of a family that this version does not know.
        """
        return cls(tuple(_part(part) for part in content["parts"]), content.get("model"))

    @classmethod
    def of(cls, usage: Usage) -> Report:
        """Give the report of a usage that its caller has put into buckets."""
        counts = {
            name: count
            for name, count in zip(BUCKETS, usage.counts, strict=True)
            if count or (count is not None and name in _MAY_BE_UNTOLD)
        }
        if usage.search_context is not None:
            counts["search_context"] = usage.search_context  # type: ignore[assignment]
        return cls((Part(_BUCKETS, counts, {}, usage.service, reported_nanos=usage.reported_nanos),))


def _part(content: Mapping[str, Any]) -> Part:
    if not isinstance(content.get("counts"), Mapping):
        raise InvalidAmountError("usage: not the content of a report", field="usage")
    counts = dict(content["counts"])
    if isinstance(counts.get("per_second"), str):
        counts["per_second"] = Decimal(counts["per_second"])
    return Part(
        content["family"],
        counts,
        {},
        content.get("service", STANDARD),
        content.get("model"),
        content.get("requests", 1),
        content.get("reported_nanos"),
    )


def _plain(count: object) -> object:
    return str(count) if isinstance(count, Decimal) else count
