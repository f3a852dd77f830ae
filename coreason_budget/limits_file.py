"""The YAML limits file: more windows, single subjects, models and tags. Refused whole, with the line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from attrs import frozen

from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.limits import Limit
from coreason_budget.model import BUILT_IN_KINDS, UNITS, WINDOWS, check_id, check_tag_kind
from coreason_budget.money import to_limit_nanos
from coreason_budget.windows import load_zone

_UNLIMITED = "unlimited"
_MAX_DEPTH = 20
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
    return _Reader(Path(path), canonical_model).read()


class _Reader:
    """Reads YAML as nodes of plain text, so that every complaint knows its line."""

    def __init__(self, path: Path, canonical_model: Callable[[str], str]) -> None:
        self._path = path
        self._canonical_model = canonical_model

    def read(self) -> LimitsFile:
        root = self._compose()
        fields = self._mapping(root, "a limits file", ("timezone", "limits"))
        if "limits" not in fields:
            self._fail(root, "says no limits; begin with `limits:` and a list under it")
        zone = fields.get("timezone")
        if zone is not None:
            self._checked(zone, load_zone, self._text(zone, "timezone"))
        return LimitsFile(tuple(self._limits(fields["limits"])), zone and self._text(zone, "timezone"))

    def _compose(self) -> Any:
        import yaml

        try:
            text = self._path.read_text(encoding="utf-8")
            loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
            depth = 0
            # libyaml's composer recurses on the C stack: a deep file would end the process.
            for event in yaml.parse(text, Loader=loader):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if depth > _MAX_DEPTH:
                    self._fail(event, "is nested too deeply")
            return yaml.compose(text, Loader=loader)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"limits_file: {self._path} cannot be read: {error}", field="limits_file") from error
        except yaml.YAMLError as error:
            self._fail(getattr(error, "problem_mark", None), f"is not YAML: {_problem(error)}")

    def _limits(self, node: Any) -> Iterator[Limit]:
        if node.id != "sequence":
            self._fail(node, "limits: must be a list of lines like {scope: user, window: day, usd: 10}")
        lines: dict[tuple[str, str | None, str, str], Any] = {}
        for item in node.value:
            limit = self._limit(item)
            if limit.place in lines:
                self._fail(item, f"says scope, window and unit of line {_line(lines[limit.place])} again")
            lines[limit.place] = item
            yield limit

    def _limit(self, node: Any) -> Limit:
        fields = self._mapping(node, "a limit", ("scope", "window", *UNITS))
        units = [unit for unit in UNITS if unit in fields]
        if "scope" not in fields or "window" not in fields or len(units) != 1:
            self._fail(node, "a limit needs scope, window and one of usd, tokens and requests")
        unit = units[0]
        kind, id = self._scope(fields["scope"])
        window = self._text(fields["window"], "window")
        if window not in WINDOWS:
            self._fail(fields["window"], f"unknown window {window!r}; allowed are {', '.join(WINDOWS)}")
        return Limit(kind, id, window, unit, self._amount(fields[unit], unit))

    def _scope(self, node: Any) -> tuple[str, str | None]:
        kind, slash, id = self._text(node, "scope").partition("/")
        if kind not in BUILT_IN_KINDS:
            self._checked(node, check_tag_kind, kind, "scope")
        if not slash:
            return kind, None
        if kind == "global":
            self._fail(node, "scope: global has no id")
        self._checked(node, check_id, id, "scope")
        return kind, self._canonical_model(id) if kind == "model" else id

    def _amount(self, node: Any, unit: str) -> int | None:
        text = self._text(node, unit)
        if text == _UNLIMITED:
            return None
        if unit == "usd":
            return self._checked(node, to_limit_nanos, text, "usd")
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            self._fail(node, f"{unit}: must be a whole number up to 15 digits or `{_UNLIMITED}`, not {text!r}")
        return int(text)

    def _mapping(self, node: Any, what: str, allowed: tuple[str, ...]) -> dict[str, Any]:
        if node is None or node.id != "mapping":
            self._fail(node, f"{what} must be a mapping with the keys {', '.join(allowed)}")
        fields: dict[str, Any] = {}
        for key, value in node.value:
            if key.id != "scalar" or key.value not in allowed:
                shown = repr(key.value[:40]) if key.id == "scalar" else f"of a {key.id}"
                self._fail(key, f"unknown key {shown}; allowed are {', '.join(allowed)}")
            if key.value in fields:
                self._fail(key, f"key {key.value!r} stands here twice")
            fields[key.value] = value
        return fields

    def _text(self, node: Any, field: str) -> str:
        if node.id != "scalar":
            self._fail(node, f"{field}: must be a single value")
        return str(node.value)

    def _checked(self, node: Any, check: Callable[..., _T], *values: str) -> _T:
        try:
            return check(*values)
        except BudgetError as error:
            self._fail(node, str(error))

    def _fail(self, place: Any, problem: str) -> NoReturn:
        raise ConfigError(f"{self._path}:{_line(place)}: {problem}", field="limits_file") from None


def _problem(error: Exception) -> str:
    return " ".join(str(getattr(error, "problem", None) or error).split())


def _line(place: Any) -> int:
    """The line of a YAML node or mark, counted from 1."""
    mark = getattr(place, "start_mark", place)
    return int(mark.line) + 1 if mark is not None else 1
