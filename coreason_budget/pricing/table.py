"""Reads YAML as nodes that know their line, and price files from them.

The only importer of yaml, which is loaded at first use. Every refusal is a `ConfigError` that
starts with file and line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.price import PriceFile
from coreason_budget.pricing.schema import read_price_file

MAX_FILE_BYTES = 20_000_000
MAX_DEPTH = 20
PRICES = Path(__file__).with_name("prices")
_COUNT = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WORD = re.compile(r"[^\s\x00-\x1f\x7f]+")
_FLAG = re.compile(r"true|false")


def load_bundled() -> tuple[PriceFile, ...]:
    """Read the makers' own files, that come with the package, in the order of their names."""
    return tuple(load_file(path, bundled=True) for path in sorted(PRICES.glob("*.yaml")))


def load_file(path: str | os.PathLike[str], *, bundled: bool = False) -> PriceFile:
    """Read one price file.

    Args:
        path: The file, UTF-8.
        bundled: Apply the sanity gates of the package's own files too: a source and a date,
            no cache read dearer than input, no outrageous price.

    Raises:
        ConfigError: It cannot be read, or is not a price file; starts with ``file:line``.
    """
    name = Path(path).name if bundled else os.fspath(path)
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name}:1: cannot be read: {error}", field="prices_file") from None
    return parse(raw, name, bundled=bundled)


def parse(raw: bytes, name: str, *, bundled: bool = False) -> PriceFile:
    """Read the bytes of a price file; ``name`` stands in errors. As `load_file`."""
    reader = Reader(name)
    return read_price_file(reader, reader.compose(raw), bundled=bundled)


class Reader:
    """Walks the nodes of one file. Nodes rather than values, because they know their line."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fail(self, where: Any, problem: str) -> NoReturn:
        line = where if isinstance(where, int) else where.start_mark.line + 1
        raise ConfigError(f"{self.name}:{line}: {problem}", field="prices_file")

    def compose(self, raw: bytes) -> Any:
        import yaml

        if len(raw) > MAX_FILE_BYTES:
            self.fail(1, f"larger than {MAX_FILE_BYTES} bytes")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.fail(raw.count(b"\n", 0, error.start) + 1, "not UTF-8")
        try:
            loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
            self.check_depth(yaml.parse(text, Loader=loader))
            root = yaml.compose(text, Loader=loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.fail(mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}")
        except yaml.YAMLError as error:
            position = getattr(error, "position", 0)
            self.fail(text.count("\n", 0, position) + 1, "not YAML: a character that YAML does not allow")
        if root is None:
            self.fail(1, "the file is empty")
        self.check_plain(root)
        return root

    def check_depth(self, events: Iterable[Any]) -> None:
        # Composing recurses in C, where too deep is a crash and not an exception.
        depth = 0
        for event in events:
            kind = type(event).__name__
            depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
            if depth > MAX_DEPTH:
                self.fail(event, "nested too deeply")

    def check_plain(self, root: Any) -> None:
        # A node met twice is an alias: it may loop, or grow a small file without end.
        seen: set[int] = set()
        todo = [root]
        while todo:
            node = todo.pop()
            if isinstance(node, tuple):
                todo.extend(node)
                continue
            if id(node) in seen:
                self.fail(node, "anchors and aliases are not allowed")
            seen.add(id(node))
            if node.tag.rpartition(":")[2] not in ("str", "seq", "map"):
                self.fail(node, f"tags are not allowed: {node.tag}")
            if not isinstance(node.value, str):
                todo.extend(node.value)

    def mapping(self, node: Any, what: str, keys: set[str] | None = None) -> dict[str, Any]:
        if node.id != "mapping":
            self.fail(node, f"{what} must be a mapping")
        found: dict[str, Any] = {}
        for key_node, value in node.value:
            key = self.text(key_node, f"a key of {what}")
            if key in found:
                self.fail(key_node, f"{what}: {key!r} appears twice")
            if keys is not None and key not in keys:
                self.fail(key_node, f"{what}: unknown key {key!r}; known: {', '.join(sorted(keys))}")
            found[key] = value
        return found

    def sequence(self, node: Any, what: str) -> list[Any]:
        if node.id != "sequence":
            self.fail(node, f"{what} must be a list")
        return list(node.value)

    def text(self, node: Any, what: str, pattern: re.Pattern[str] = _WORD, example: str = "text without spaces") -> str:
        if node.id != "scalar" or not pattern.fullmatch(node.value) or len(node.value.encode()) > 256:
            shown = node.value[:60] if node.id == "scalar" else f"a {node.id}"
            self.fail(node, f"{what}: {shown!r} is not {example}")
        return str(node.value)

    def flag(self, node: Any, what: str) -> bool:
        return self.text(node, what, _FLAG, "true or false") == "true"

    def count(self, node: Any, what: str) -> int:
        return int(self.text(node, what, _COUNT, "a whole number above 0"))

    def day(self, node: Any, what: str) -> date:
        try:
            return date.fromisoformat(self.text(node, what, _DATE, "a date as 2026-11-23"))
        except ValueError as error:
            if isinstance(error, ConfigError):
                raise
            self.fail(node, f"{what}: {node.value} is not a day of the calendar")

    def unique(self, node: Any, what: str) -> tuple[str, ...]:
        found: list[str] = []
        for item in [] if node is None else self.sequence(node, what):
            text = self.text(item, what)
            if text in found:
                self.fail(item, f"{what}: {text!r} appears twice")
            found.append(text)
        return tuple(found)
