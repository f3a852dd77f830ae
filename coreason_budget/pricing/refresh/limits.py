"""Output limits for entries that state none: of a table that lists them, of a closed model's maker, of a sibling.

A maker's limit holds at every host of a model that only the maker runs; the weights of an open one may be
served with any, so that its estimate would be no upper bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.gates import family
from coreason_budget.pricing.price import ModelPrice

_OPEN = ("gpt-oss", "gemma")
_CLOSED = ("anthropic", "gemini", "openai", "xai")
Limits = Mapping[str, int]


def read_limits(paths: Iterable[Path]) -> dict[str, int]:
    """Read tables of limits, by ``provider/family``: models.dev's JSON, or such as litellm's (tokencost has one).

    Raises:
        ConfigError: One cannot be read; names the file.
    """
    found: dict[str, int] = {}
    for path in paths:
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            rows = list(_rows(said))
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}", field="limits") from None
        for name, limit in rows:
            found[name] = max(limit, found.get(name, 0))  # Of two the higher is the safer one.
    return found


def _rows(said: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for name, one in said.items():
        if "models" in one:
            provider = name
            stated = {model: (about.get("limit") or {}).get("output") for model, about in one["models"].items()}
        else:
            provider = one.get("litellm_provider", "")
            stated = {name.removeprefix(f"{provider}/"): one.get("max_output_tokens")}
        for model, limit in stated.items():
            if type(limit) is int and limit > 0:
                yield f"{provider}/{family(model)}", limit


def with_limit(entry: ModelPrice, names: Iterable[str], limits: Limits, maker: ModelPrice | None) -> ModelPrice:
    """Give an entry its limit: what a table lists under one of the provider's names, else that of a closed model."""
    if not _lacks(entry):
        return entry
    wanted = [f"{name}/{family(one)}" for name in names for one in entry.ids()]
    listed = [limits[name] for name in wanted if name in limits]
    if not listed and maker is not None and maker.max_output is not None and _is_closed(maker):
        listed = [maker.max_output]
    return evolve(entry, max_output=max(listed)) if listed else entry


def _is_closed(maker: ModelPrice) -> bool:
    return maker.provider in _CLOSED and not maker.model.startswith(_OPEN)


def shared_limits(entries: Iterable[ModelPrice]) -> Iterator[ModelPrice]:
    """Give the entries without a limit whose snapshots, aliases or regions have one: with the highest."""
    families: dict[str, list[ModelPrice]] = {}
    for entry in entries:
        families.setdefault(family(entry.model), []).append(entry)
    for members in families.values():
        highest = max(entry.max_output or 0 for entry in members)
        yield from (evolve(one, max_output=highest) for one in members if highest and _lacks(one))


def _lacks(entry: ModelPrice) -> bool:
    # A rolling name is of the family of its namesake of years ago, whose answers were shorter.
    return entry.max_output is None and entry.mode == "chat" and "latest" not in entry.model
