"""Reads `choices.yaml`: which files there are, and what a person decided about single models."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from attrs import field, frozen

from coreason_budget.errors import ConfigError
from coreason_budget.yaml_nodes import Reader

BUNDLED = Path(__file__).with_name("choices.yaml")
DEFAULT_SOURCE = "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json"
_RULES = ("hold", "take", "free", "outrageous", "cheap", "on_top", "leave_out")


@frozen
class FileChoice:
    """One price file: where it comes from, and its head."""

    name: str
    title: str
    provider: str
    aliases: tuple[str, ...]
    source: str = DEFAULT_SOURCE
    core: tuple[str, ...] = ()
    litellm: tuple[str, ...] = ()
    genai: Mapping[str, str] = field(factory=dict)
    models_dev: tuple[str, ...] = ()
    only: tuple[str, ...] = ("*",)
    skip: tuple[str, ...] = ()
    cached_in_input: bool = True
    reasoning_in_output: bool = True
    inclusive_tiers: bool = False

    @property
    def alone(self) -> bool:
        """Only one of the sources knows the provider."""
        return not (self.litellm and self.genai)

    def bare(self, model: str) -> str:
        """Take the provider's own name off an id."""
        prefix, slash, rest = model.partition("/")
        return rest if slash and prefix in {*self.aliases, *self.litellm} else model

    def holds(self, model: str) -> bool:
        """Say whether an id belongs in this file."""
        return _any(model, self.only) and not _any(model, self.skip)

    def is_core(self, model: str) -> bool:
        """Say whether the maker sells the model itself."""
        return _any(model, self.core)


@frozen
class Choices:
    """All files, and the rules for single models: pattern of ``provider/id`` -> why."""

    files: tuple[FileChoice, ...]
    rules: Mapping[str, Mapping[str, str]]

    def why(self, rule: str, canonical: str) -> str | None:
        """Give the reason of the first pattern that fits; None if there is none."""
        reasons = self.rules[rule]
        if canonical in reasons:
            return reasons[canonical]
        return next((why for pattern, why in reasons.items() if fnmatchcase(canonical, pattern)), None)


def read_choices(path: Path | None = None) -> Choices:
    """Read the choices, by default those of the package.

    Raises:
        ConfigError: They cannot be used; names the file.
    """
    path = path or BUNDLED
    reader = Reader(str(path), "choices")
    root = reader.compose(reader.load(path))
    try:
        found = reader.plain(root)
        files = tuple(_file(name, keys) for name, keys in found["files"].items())
        return Choices(files, {rule: dict(found.get(rule) or {}) for rule in _RULES})
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: cannot be used: {error}", field="choices") from None


def _file(name: str, keys: Mapping[str, Any]) -> FileChoice:
    provider = keys.get("provider", name)
    lists = {key: tuple(keys[key]) for key in ("core", "models_dev", "only", "skip") if key in keys}
    flags = {key: keys[key] == "true" for key in _FLAGS if key in keys}
    others: dict[str, Any] = {key: value for key, value in keys.items() if key not in {*lists, *flags, *_GIVEN}}
    aliases, litellm = tuple(keys.get("aliases", [provider])), tuple(keys.get("litellm", [name]))
    others |= lists | flags | {"provider": provider, "aliases": aliases, "litellm": litellm}
    return FileChoice(name, **others)


_FLAGS = ("cached_in_input", "reasoning_in_output", "inclusive_tiers")
_GIVEN = ("provider", "aliases", "litellm")


def _any(model: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns)
