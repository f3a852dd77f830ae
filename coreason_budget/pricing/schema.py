"""The price files' format: its keys, its checks, and the exact rates that come of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from coreason_budget.pricing.gates import OUTRAGEOUS, gaps, problems
from coreason_budget.pricing.listing import PriceFile
from coreason_budget.pricing.price import (
    FEES,
    STANDARD,
    TOKEN_METERS,
    ModelPrice,
)
from coreason_budget.pricing.rows import Histories, exact_price

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
    "hosted",
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
_PROVIDER = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def read_price_file(reader: Reader, root: Any, *, bundled: bool) -> PriceFile:
    """Turn the root node of a price file into its models.

    Raises:
        ConfigError: It is not a price file; starts with ``file:line``.
    """
    return _File(reader, bundled).read(root)


def read_price_files(reader: Reader, root: Any, *, bundled: bool) -> tuple[PriceFile, ...]:
    """Turn the root node of a price file into those of its providers: one, or a list of them under ``files``.

    Raises:
        ConfigError: It is not a price file; starts with ``file:line``.
    """
    if root.id != "mapping" or "files" not in (key.value for key, _ in root.value):
        return (read_price_file(reader, root, bundled=bundled),)
    keys = reader.mapping(root, "the file", {"schema", "files"})
    if "schema" not in keys:
        reader.fail(root, "the file lacks 'schema'")
    file = _File(reader, bundled)
    return tuple(file.of(node, keys["schema"]) for node in reader.sequence(keys["files"], "files"))


@frozen
class _File:
    """Reads the top of a file and its models."""

    reader: Reader
    bundled: bool

    def read(self, root: Any) -> PriceFile:
        return self.of(root)

    def of(self, root: Any, schema: Any = None) -> PriceFile:
        """Read one provider, with the schema that stands above it where there are several."""
        keys = self.reader.mapping(root, "the file", _FILE_KEYS - ({"schema"} if schema else set()))
        keys |= {"schema": schema} if schema else {}
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
        hosted = "hosted" in keys and self.reader.flag(keys["hosted"], "hosted")
        return PriceFile(provider, names or (provider,), entries, fees, model_aliases, hosted)

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
        histories = Histories(self.reader, model, mode, fees if mode == "chat" else {}, free)
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
