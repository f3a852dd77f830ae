"""The YAML limits file: more windows, single subjects, models and tags. Refused whole, with the line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from attrs import frozen

from coreason_budget.errors import BudgetError
from coreason_budget.model import BUILT_IN_KINDS, UNITS, WINDOWS, Limit, check_id, check_tag_kind
from coreason_budget.money import to_limit_nanos
from coreason_budget.windows import load_zone
from coreason_budget.yaml_nodes import Reader, line_of, meant

_UNLIMITED = "unlimited"
_T = TypeVar("_T")


@frozen
class LimitsFile:
    """What a limits file says: its limits, and its time zone if it names one."""

    limits: tuple[Limit, ...]
    timezone: str | None


def read_limits_file(
    path: str | os.PathLike[str], canonical_model: Callable[[str], str] = lambda model: model
) -> LimitsFile:
    """Read a limits file.

    Args:
        path: The file.
        canonical_model: A model's name -> the id its budget goes by.

    Raises:
        ConfigError: The file cannot be read, or says something that is not allowed; names the line.
    """
    reader = Reader(os.fspath(path), "limits_file")
    return _File(reader, canonical_model).read(reader.compose(reader.load(path)))


@frozen
class _File:
    """Reads the nodes of a limits file, so that every complaint knows its line."""

    reader: Reader
    canonical_model: Callable[[str], str]

    def read(self, root: Any) -> LimitsFile:
        fields = self.reader.mapping(root, "a limits file", ("timezone", "limits"))
        if "limits" not in fields:
            self.reader.fail(root, "says no limits; begin with `limits:` and a list under it")
        zone = fields.get("timezone")
        if zone is not None:
            self._checked(zone, load_zone, self.reader.scalar(zone, "timezone"))
        return LimitsFile(tuple(self._limits(fields["limits"])), zone and self.reader.scalar(zone, "timezone"))

    def _limits(self, node: Any) -> Iterator[Limit]:
        lines: dict[tuple[str, str | None, str, str], Any] = {}
        for item in self.reader.sequence(node, "limits:"):
            limit = self._limit(item)
            if limit.place in lines:
                line = line_of(lines[limit.place])
                self.reader.fail(item, f"says scope, window and unit of line {line} again")
            lines[limit.place] = item
            yield limit

    def _limit(self, node: Any) -> Limit:
        fields = self.reader.mapping(node, "a limit", ("scope", "window", *UNITS))
        units = [unit for unit in UNITS if unit in fields]
        if "scope" not in fields or "window" not in fields or len(units) != 1:
            self.reader.fail(node, "a limit needs scope, window and one of usd, tokens and requests")
        unit = units[0]
        kind, id = self._scope(fields["scope"])
        window = self.reader.scalar(fields["window"], "window")
        if window not in WINDOWS:
            allowed = ", ".join(WINDOWS)
            self.reader.fail(
                fields["window"], f"unknown window {window!r}{meant(window, WINDOWS)}; allowed are {allowed}"
            )
        return Limit(kind, id, window, unit, self._amount(fields[unit], unit), self._source(node))

    def _source(self, node: Any) -> str:
        return f"{os.path.basename(self.reader.name)}:{line_of(node)}"

    def _scope(self, node: Any) -> tuple[str, str | None]:
        kind, slash, id = self.reader.scalar(node, "scope").partition("/")
        if kind not in BUILT_IN_KINDS:
            self._checked(node, check_tag_kind, kind, "scope")
        if not slash:
            return kind, None
        if kind == "global":
            self.reader.fail(node, "scope: global has no id")
        self._checked(node, check_id, id, "scope")
        return kind, self.canonical_model(id) if kind == "model" else id

    def _amount(self, node: Any, unit: str) -> int | None:
        text = self.reader.scalar(node, unit)
        if text == _UNLIMITED:
            return None
        if unit == "usd":
            return self._checked(node, to_limit_nanos, text, "usd")
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            self.reader.fail(node, f"{unit}: must be a whole number up to 15 digits or `{_UNLIMITED}`, not {text!r}")
        return int(text)

    def _checked(self, node: Any, check: Callable[..., _T], *values: str) -> _T:
        try:
            return check(*values)
        except BudgetError as error:
            self.reader.fail(node, str(error))
