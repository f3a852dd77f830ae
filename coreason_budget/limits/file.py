"""The YAML limits file: more windows, single subjects, models and tags. Refused whole, with the line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from attrs import frozen

from coreason_budget.errors import BudgetError
from coreason_budget.ids import BUILT_IN_KINDS
from coreason_budget.limits.slips import check_scope, doubt, same_model
from coreason_budget.model import UNITS, WINDOWS, Limit
from coreason_budget.money import to_limit_nanos
from coreason_budget.windows import load_zone
from coreason_budget.yaml_nodes import Reader, line_of, meant

_UNLIMITED = "unlimited"
_T = TypeVar("_T")


@frozen
class LimitsFile:
    """What a limits file says: its limits, its time zone if it names one, and what of it is odd, with the line."""

    limits: tuple[Limit, ...]
    timezone: str | None
    doubts: tuple[str, ...] = ()


def read_limits_file(
    path: str | os.PathLike[str],
    canonical_model: Callable[[str], str] = lambda model: model,
    close_models: Callable[[str], list[str] | None] = lambda model: None,
) -> LimitsFile:
    """Read a limits file.

    Args:
        path: The file.
        canonical_model: A model's name -> the id its budget goes by.
        close_models: A model's name -> the known ones that are written most like it; None if it is known itself.

    Raises:
        ConfigError: The file cannot be read, or says something that is not allowed; names the line.
    """
    reader = Reader(os.fspath(path), "limits_file")
    return _File(reader, canonical_model, close_models).read(reader.compose(reader.load(path)))


@frozen
class _File:
    """Reads the nodes of a limits file, so that every complaint knows its line."""

    reader: Reader
    canonical_model: Callable[[str], str]
    close_models: Callable[[str], list[str] | None]

    def read(self, root: Any) -> LimitsFile:
        fields = self.reader.mapping(root, "a limits file", ("timezone", "limits"))
        if "limits" not in fields:
            self.reader.fail(root, "says no limits; begin with `limits:` and a list under it")
        zone = fields.get("timezone")
        if zone is not None:
            self._checked(zone, load_zone, self.reader.scalar(zone, "timezone"))
        limits = tuple(self._limits(fields["limits"]))
        return LimitsFile(limits, zone and self.reader.scalar(zone, "timezone"), tuple(self._doubts(limits)))

    def _doubts(self, limits: tuple[Limit, ...]) -> Iterator[str]:
        kinds = dict.fromkeys((*BUILT_IN_KINDS, *(limit.kind for limit in limits)))
        for limit in limits:
            odd = doubt(limit.kind, limit.id, kinds)
            if odd is None and limit.kind == "model" and limit.id is not None:
                odd = self._unknown(limit.id)
            if odd is not None:
                yield f"{limit.source}: {odd}"

    def _unknown(self, model: str) -> str | None:
        close = self.close_models(model)
        if close is None:
            return None
        known = f"; known are {', '.join(close)}" if close else ""
        return f"model {model!r} has no price here, so only calls that name it just so and tell their cost count{known}"

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
        kind, id = self._checked(node, check_scope, self.reader.scalar(node, "scope"))
        if kind != "model" or id is None:
            return kind, id
        meant = next((known for known in self.close_models(id) or () if same_model(id, known)), None)
        if meant is not None:
            self.reader.fail(
                node, f"scope: no model is called {id!r} (did you mean {meant}?); MODEL_ALIASES takes names of your own"
            )
        return kind, self.canonical_model(id)

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
