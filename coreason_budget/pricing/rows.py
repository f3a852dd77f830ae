"""The prices of one model as a file states them: rows, their tiers, and their history."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import frozen

from coreason_budget.pricing.price import METER_EXPONENTS, SIZED, TOKEN_METERS, Period, Rates, exact_rate

if TYPE_CHECKING:
    from coreason_budget.yaml_nodes import Reader

_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


@frozen
class Histories:
    """Reads the prices of one model: rows, their tiers, and their history."""

    reader: Reader
    model: str
    mode: str
    fees: Mapping[str, int]
    free: bool

    def history(self, node: Any, what: str, standard: Period | None = None) -> tuple[Period, ...]:
        rows = node.value if node.id == "sequence" else [node]
        if not rows:
            self.reader.fail(node, f"{what} is empty")
        periods: list[Period] = []
        for row in rows:
            period = self.period(row, what, standard)
            if periods and period.since is None:
                self.reader.fail(row, f"{what}: every row but the first needs 'from'")
            if periods and periods[-1].since and period.since and period.since <= periods[-1].since:
                self.reader.fail(row, f"{what}: 'from' must ascend, newest last")
            periods.append(period)
        return tuple(periods)

    def period(self, node: Any, what: str, standard: Period | None) -> Period:
        keys = self.reader.mapping(node, what, {"from", "tiers", *METER_EXPONENTS})
        since = self.reader.day(keys.pop("from"), f"{what}: from") if "from" in keys else None
        tier_node = keys.pop("tiers", None)
        base = self.meters(node, keys, what)
        for fee, rate in self.fees.items() if standard is None else ():
            base.setdefault(fee, rate)
        if standard is not None:
            self.inherit(node, base, standard.rows[0].meters, what)
        rows = [Rates(-1, base)]
        if tier_node is not None:
            rows.extend(self.tiers(tier_node, base, what))
        return Period(since, tuple(rows))

    def inherit(self, node: Any, base: dict[str, int], standard: Mapping[str, int], what: str) -> None:
        # Tools and requests cost the same in every service. A meter that is dearer than its
        # fall-back must be stated again, or an hour's cache write would pass for 5 minutes'.
        without = Rates(-1, {meter: rate for meter, rate in standard.items() if meter in base})
        for meter, rate in standard.items():
            if meter not in TOKEN_METERS:
                base.setdefault(meter, rate)
            elif meter not in base and rate > (without.rate(meter) or 0):
                self.reader.fail(node, f"{what}: {meter} is missing; the standard price has one")

    def tiers(self, node: Any, base: Mapping[str, int], what: str) -> Iterator[Rates]:
        last = -1
        for item in self.reader.sequence(node, f"{what}: tiers"):
            keys = self.reader.mapping(item, f"{what}: tier", {"above", "inclusive", *TOKEN_METERS})
            if "above" not in keys:
                self.reader.fail(item, f"{what}: a tier needs 'above'")
            above = self.reader.count(keys.pop("above"), f"{what}: above")
            if "inclusive" in keys and self.reader.flag(keys.pop("inclusive"), f"{what}: inclusive"):
                above -= 1
            if above <= last:
                self.reader.fail(item, f"{what}: tiers must ascend")
            meters = self.meters(item, keys, f"{what}: tier")
            missing = [meter for meter in base if meter in TOKEN_METERS and meter not in meters]
            if missing:
                self.reader.fail(item, f"{what}: the tier lacks {', '.join(missing)}")
            last = above
            yield Rates(above, {**base, **meters})

    def meters(self, node: Any, keys: Mapping[str, Any], what: str) -> dict[str, int]:
        # Where a request has a price, tokens that cost nothing are no gift.
        by_request = self.mode != "chat" and "per_request" in keys
        found = {meter: self.rate(value, meter, f"{what}: {meter}", by_request) for meter, value in keys.items()}
        for needed in ("input", "output") if self.mode == "chat" else () if by_request else ("input",):
            if needed not in found:
                self.reader.fail(node, f"{what}: a {self.mode} model needs a price for {needed}")
        self.check_sizes(keys, found, what)
        return found

    def check_sizes(self, keys: Mapping[str, Any], found: Mapping[str, int], what: str) -> None:
        # Where nobody tells the size of a search, the plain price must be no less than any.
        for meter, plain in SIZED.items():
            if meter in found and found[meter] > found.get(plain, 0):
                self.reader.fail(keys[meter], f"{what}: {meter} needs a {plain} that is no less")

    def rate(self, node: Any, meter: str, what: str, by_request: bool) -> int:
        rate = exact_price(self.reader, node, meter, what)
        if rate == 0 and not self.free and not (by_request and meter == "input"):
            self.reader.fail(node, f"{what}: a price of 0 needs 'free: true'")
        return rate


def exact_price(reader: Reader, node: Any, meter: str, what: str) -> int:
    """Read a price in USD for one unit of its meter."""
    if node.id == "scalar" and node.value.startswith("-"):
        reader.fail(node, f"{what}: {node.value[:60]} is negative")
    text = reader.text(node, what, _NUMBER, "a plain number of USD, as 2.50")
    rate = exact_rate(Decimal(text), METER_EXPONENTS[meter])
    if rate is None:
        reader.fail(node, f"{what}: {text} is finer than 1e-15 USD for one unit")
    return rate
