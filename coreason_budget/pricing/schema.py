"""The price files' format: its keys, its checks, and the exact rates that come of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from coreason_budget.pricing.gates import OUTRAGEOUS, gaps, problems
from coreason_budget.pricing.listing import PriceFile
from coreason_budget.pricing.price import (
    FEES,
    METER_EXPONENTS,
    SIZED,
    STANDARD,
    TOKEN_METERS,
    ModelPrice,
    Period,
    Rates,
    exact_rate,
)

if TYPE_CHECKING:
    from coreason_budget.yaml_nodes import Reader

SCHEMA = "1"
MODES = ("chat", "embedding", "rerank")
SEARCH_UNITS = ("query", "prompt")
_FILE_KEYS = {
    "schema",
    "provider",
    "aliases",
    "model_aliases",
    "source",
    "checked",
    "cached_in_input",
    "reasoning_in_output",
    "service_aliases",
    "fees",
    "models",
}
_MODEL_KEYS = {
    "mode",
    "encoding",
    "max_output",
    "snapshots",
    "also",
    "date_suffix",
    "free",
    "outrageous",
    "cheap",
    "search_unit",
    "price",
    "service",
}
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_PROVIDER = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def read_price_file(reader: Reader, root: Any, *, bundled: bool) -> PriceFile:
    """Turn the root node of a price file into its models.

    Raises:
        ConfigError: It is not a price file; starts with ``file:line``.
    """
    return _File(reader, bundled).read(root)


@attrs.frozen
class _File:
    """Reads the top of a file and its models."""

    reader: Reader
    bundled: bool

    def read(self, root: Any) -> PriceFile:
        keys = self.reader.mapping(root, "the file", _FILE_KEYS)
        required = ("schema", "provider", "models", *(("source", "checked") if self.bundled else ()))
        for key in required:
            if key not in keys:
                self.reader.fail(root, f"the file lacks {key!r}")
        if keys["schema"].value != SCHEMA:
            self.reader.fail(keys["schema"], f"schema must be {SCHEMA}")
        provider = self.reader.text(keys["provider"], "provider", _PROVIDER, "a provider's name")
        header = self.header(keys)
        fees = self.fees(keys["fees"]) if "fees" in keys else {}
        names, model_aliases = self.aliases(keys)
        models = self.reader.mapping(keys["models"], "models")
        if not models:
            self.reader.fail(keys["models"], "models is empty")
        entries = tuple(self.model(provider, model, node, header, fees) for model, node in models.items())
        self.check_ids(entries, keys["models"])
        if self.bundled:
            self.check_siblings(entries, keys["models"])
        return PriceFile(provider, names or (provider,), entries, fees, model_aliases)

    def aliases(self, keys: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, str]]:
        """Read a list of names of the provider, and a mapping of the user's names of models."""
        node = keys.get("aliases")
        is_mapping = node is not None and node.id == "mapping"
        names = () if is_mapping else self.reader.unique(node, "aliases")
        found: dict[str, str] = {}
        for key in ("aliases", "model_aliases") if is_mapping else ("model_aliases",):
            for name, model in self.reader.mapping(keys[key], key).items() if key in keys else ():
                if name in found or self.bundled:
                    self.reader.fail(model, f"{key}: {name!r}: {'a user says it' if self.bundled else 'appears twice'}")
                found[name] = self.reader.text(model, f"{key}: {name}")
        return names, found

    def header(self, keys: Mapping[str, Any]) -> dict[str, Any]:
        """Read what every model of the file shares."""
        header: dict[str, Any] = {}
        if "source" in keys:
            header["source"] = self.reader.text(keys["source"], "source")
        if "checked" in keys:
            header["checked"] = self.reader.day(keys["checked"], "checked")
        for key in ("cached_in_input", "reasoning_in_output"):
            if key in keys:
                header[key] = self.reader.flag(keys[key], key)
        if "service_aliases" in keys:
            pairs = self.reader.mapping(keys["service_aliases"], "service_aliases")
            header["service_aliases"] = {
                name: self.reader.text(node, "service_aliases") for name, node in pairs.items()
            }
        return header

    def fees(self, node: Any) -> dict[str, int]:
        """Read what tools cost with every model of the file that states no own price."""
        keys = self.reader.mapping(node, "fees", set(FEES))
        fees = {fee: exact_price(self.reader, value, fee, f"fees: {fee}") for fee, value in keys.items()}
        for fee in (fee for fee, rate in fees.items() if not rate):
            self.reader.fail(keys[fee], f"fees: {fee}: a fee of 0 is said by the models that have none")
        return fees

    def check_ids(self, entries: tuple[ModelPrice, ...], node: Any) -> None:
        seen: dict[str, str] = {}
        lines = {key.value: key for key, _ in node.value}
        for entry in entries:
            for name in entry.ids():
                if name in seen:
                    self.reader.fail(lines[entry.model], f"{name!r} is already an id of {seen[name]}")
                seen[name] = entry.model

    def check_siblings(self, entries: tuple[ModelPrice, ...], node: Any) -> None:
        lines = {key.value: key for key, _ in node.value}
        for gap in gaps(entries):
            problem = f"{gap.entry.model}: {gap.meter} is missing; its sibling {gap.sibling.model} has one"
            self.reader.fail(lines[gap.entry.model], problem)

    def model(
        self, provider: str, model: str, node: Any, header: Mapping[str, Any], fees: Mapping[str, int]
    ) -> ModelPrice:
        keys = self.reader.mapping(node, model, _MODEL_KEYS)
        if "price" not in keys:
            self.reader.fail(node, f"{model} has no price")
        mode = self.word(keys, "mode", model, MODES)
        free = "free" in keys and self.reader.flag(keys["free"], f"{model}: free")
        histories = _Histories(self.reader, model, mode, fees if mode == "chat" else {}, free)
        prices = {STANDARD: histories.history(keys["price"], f"{model}: price")}
        if "service" in keys:
            for name, value in self.reader.mapping(keys["service"], f"{model}: service").items():
                if not _NAME.fullmatch(name) or name == STANDARD:
                    self.reader.fail(value, f"{model}: service: {name!r} is not the name of a further service")
                prices[name] = histories.history(value, f"{model}: service {name}", prices[STANDARD][-1])
        entry = ModelPrice(
            canonical=f"{provider}/{model}",
            provider=provider,
            model=model,
            prices=prices,
            mode=mode,
            encoding=self.reader.text(keys["encoding"], f"{model}: encoding") if "encoding" in keys else None,
            max_output=self.reader.count(keys["max_output"], f"{model}: max_output") if "max_output" in keys else None,
            snapshots=self.reader.unique(keys.get("snapshots"), f"{model}: snapshots"),
            also=self.reader.unique(keys.get("also"), f"{model}: also"),
            date_suffix="date_suffix" in keys and self.reader.flag(keys["date_suffix"], f"{model}: date_suffix"),
            search_unit=self.word(keys, "search_unit", model, SEARCH_UNITS),
            **header,
        )
        allowed = self.allowed(keys, model)
        for problem in problems(entry, allowed) if self.bundled else ():
            self.reader.fail(node, f"{model}: {problem}")
        return entry

    def allowed(self, keys: Mapping[str, Any], model: str) -> tuple[str, ...]:
        """Read what a person said is true although a gate doubts it."""
        cheap = self.reader.unique(keys.get("cheap"), f"{model}: cheap")
        for meter in cheap:
            if meter not in TOKEN_METERS:
                self.reader.fail(keys["cheap"], f"{model}: cheap: {meter!r} is not the price of a token")
        said = "outrageous" in keys and self.reader.flag(keys["outrageous"], f"{model}: outrageous")
        return (*cheap, OUTRAGEOUS) if said else cheap

    def word(self, keys: Mapping[str, Any], key: str, model: str, known: tuple[str, ...]) -> str:
        """Read one of some words, by default the first."""
        found = self.reader.text(keys[key], f"{model}: {key}") if key in keys else known[0]
        if found not in known:
            self.reader.fail(keys[key], f"{model}: {key} {found!r} is not one of {', '.join(known)}")
        return found


@attrs.frozen
class _Histories:
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
