"""Reads YAML as nodes that know their line: the limits file, price files and the choices of a refresh.

The only importer of yaml, which is loaded at first use. Every refusal is a `ConfigError` that
starts with file and line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from datetime import date
from difflib import get_close_matches
from typing import Any, NoReturn

from coreason_budget.errors import ConfigError

MAX_FILE_BYTES = 20_000_000
MAX_DEPTH = 20
_COUNT = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WORD = re.compile(r"[^\s\x00-\x1f\x7f]+")
_FLAG = re.compile(r"true|false")


class Reader:
    """Walks the nodes of one file. Nodes rather than values, because they know their line.

    Args:
        name: The file, as errors show it.
        field: The setting that names the file.
    """

    def __init__(self, name: str, field: str) -> None:
        self.name = name
        self.field = field

    def fail(self, where: Any, problem: str) -> NoReturn:
        raise ConfigError(f"{self.name}:{line_of(where)}: {problem}", field=self.field)

    def load(self, path: str | os.PathLike[str]) -> bytes:
        """Give the bytes of a file, one more than `MAX_FILE_BYTES` at most."""
        try:
            with open(path, "rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            self.fail(1, f"cannot be read: {error}; {self.field} names it")

    def compose(self, raw: bytes) -> Any:
        """Give the root node: one document of plain text, lists and mappings, without anchors and tags."""
        import yaml

        if len(raw) > MAX_FILE_BYTES:
            self.fail(1, f"larger than {MAX_FILE_BYTES} bytes")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.fail(raw.count(b"\n", 0, error.start) + 1, "not UTF-8, so it cannot be read")
        try:
            loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
            self.check_plain(yaml.parse(text, Loader=loader))
            root = yaml.compose(text, Loader=loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.fail(mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}")
        except yaml.YAMLError as error:
            position = getattr(error, "position", 0)
            self.fail(text.count("\n", 0, position) + 1, "not YAML: a character that YAML does not allow")
        if root is None:
            self.fail(1, "the file is empty")
        return root

    def check_plain(self, events: Iterable[Any]) -> None:
        # Composing recurses in C, where too deep is a crash and not an exception. An alias may
        # loop, or grow a small file without end.
        depth = 0
        for event in events:
            kind = type(event).__name__
            depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
            if depth > MAX_DEPTH:
                self.fail(event, "nested too deeply")
            if getattr(event, "anchor", None) is not None:
                self.fail(event, "anchors and aliases are not allowed")
            if getattr(event, "tag", None) is not None:
                self.fail(event, f"tags are not allowed: {event.tag[:60]}")

    def mapping(self, node: Any, what: str, keys: Collection[str] | None = None) -> dict[str, Any]:
        allowed = "" if keys is None else ", ".join(sorted(keys))
        if node.id != "mapping":
            self.fail(node, f"{what} must be a mapping{allowed and f' with the keys {allowed}'}")
        found: dict[str, Any] = {}
        for key_node, value in node.value:
            key = self.text(key_node, f"a key of {what}")
            if key in found:
                self.fail(key_node, f"{what}: {key!r} appears twice")
            if keys is not None and key not in keys:
                self.fail(key_node, f"{what}: unknown key {key[:60]!r}{meant(key, keys)}; allowed are {allowed}")
            found[key] = value
        return found

    def sequence(self, node: Any, what: str) -> list[Any]:
        if node.id != "sequence":
            self.fail(node, f"{what} must be a list")
        return list(node.value)

    def scalar(self, node: Any, what: str) -> str:
        """Give the text of a node, whatever it holds."""
        if node.id != "scalar":
            self.fail(node, f"{what}: must be a single value, not a {node.id}")
        return str(node.value)

    def text(self, node: Any, what: str, pattern: re.Pattern[str] = _WORD, example: str = "text without spaces") -> str:
        text = self.scalar(node, what)
        if not pattern.fullmatch(text) or len(text.encode()) > 256:
            self.fail(node, f"{what}: {text[:60]!r} is not {example}")
        return text

    def flag(self, node: Any, what: str) -> bool:
        return self.text(node, what, _FLAG, "true or false") == "true"

    def count(self, node: Any, what: str) -> int:
        return int(self.text(node, what, _COUNT, "a whole number above 0"))

    def day(self, node: Any, what: str) -> date:
        text = self.text(node, what, _DATE, "a date as 2026-11-23")
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.fail(node, f"{what}: {text} is not a day of the calendar")

    def unique(self, node: Any, what: str) -> tuple[str, ...]:
        found: list[str] = []
        for item in [] if node is None else self.sequence(node, what):
            text = self.text(item, what)
            if text in found:
                self.fail(item, f"{what}: {text!r} appears twice")
            found.append(text)
        return tuple(found)

    def plain(self, node: Any, what: str = "the file") -> Any:
        """Give a node as dicts, lists and text."""
        if node.id == "mapping":
            return {key: self.plain(value, key) for key, value in self.mapping(node, what).items()}
        return [self.plain(item, what) for item in node.value] if node.id == "sequence" else node.value


def line_of(where: Any) -> int:
    """Give the line of a node or an event, counted from 1; a number is one already."""
    return where if isinstance(where, int) else where.start_mark.line + 1


def meant(word: str, known: Collection[str]) -> str:
    """Give ``, did you mean ...?`` where a known word is written nearly so, else nothing."""
    close = get_close_matches(word.lower(), known, 1)
    return f" (did you mean {close[0]}?)" if close else ""
