"""A bundled price file: its ids are found by a scan of its text, its entries are read one by one when asked for.

YAML takes milliseconds for a hundred lines, and most processes want a model or two. The files are written by
ourselves: an id stands at the start of its entry, further ones in the lists ``also`` and ``snapshots``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path

from coreason_budget.pricing.price import ModelPrice
from coreason_budget.pricing.table import parse

_MODELS = "\nmodels:\n"
_HEAD = re.compile(r"^(provider|aliases|checked): (.*)$", re.MULTILINE)
_IDS = re.compile(
    r'^ *#.*|^  (?P<key>"(?:[^"\\]|\\.)*"|[^\s#"]\S*):(?=\s)|\b(?P<list>also|snapshots): \[(?P<ids>[^\]]*)\]',
    re.MULTILINE,
)


class Sheet:
    """The entries of one file. Thread safe: what two threads both read is the same.

    Attributes:
        provider: Who bills.
        aliases: What may stand before the slash of an id.
        checked: When the prices were last compared with their source.
        hosted: Which sheets are read for a bare id is decided before.
    """

    hosted = False

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._text = path.read_text(encoding="utf-8")
        self._body = self._text.index(_MODELS) + len(_MODELS)
        head = dict(_HEAD.findall(self._text, 0, self._body))
        self.provider: str = head["provider"]
        self.aliases = tuple(_words(head["aliases"].strip("[]")))
        self.checked = date.fromisoformat(head["checked"])
        self._owners, starts = self._scan()
        self._spans = dict(zip(starts, pairwise([*starts.values(), len(self._text)]), strict=True))
        self._read: dict[str, ModelPrice] = {}

    def _scan(self) -> tuple[Mapping[str, str], Mapping[str, int]]:
        """Give the model of every id, and where each model's entry starts."""
        owners: dict[str, str] = {}
        starts: dict[str, int] = {}
        model = ""
        for match in _IDS.finditer(self._text, self._body):
            if match["key"]:
                model = next(_words(match["key"]))
                starts[model] = match.start()
                owners[model] = model
            elif match["list"]:
                before = f"{model}-" if match["list"] == "snapshots" else ""
                owners |= {before + word: model for word in _words(match["ids"])}
        return owners, starts

    def ids(self) -> Iterator[str]:
        """Give every id, without the provider."""
        return iter(self._owners)

    def canonical(self, name: str) -> str:
        """Give the canonical id of one of the ids."""
        return f"{self.provider}/{self._owners[name]}"

    def entry(self, name: str) -> ModelPrice:
        """Give the entry of one of the ids."""
        model = self._owners[name]
        if model not in self._read:
            start, end = self._spans[model]
            text = self._text[: self._body] + self._text[start:end]
            (self._read[model],) = parse(text.encode(), self._name, bundled=True).models
        return self._read[model]

    def entries(self) -> tuple[ModelPrice, ...]:
        """Give every entry once. All are read together, which is quicker than one by one."""
        models = parse(self._text.encode(), self._name, bundled=True).models
        self._read = {entry.model: entry for entry in models}
        return models


def _words(text: str) -> Iterator[str]:
    """Give the words of a list as it is written: plain, or quoted as in JSON."""
    return (json.loads(word) if word.startswith('"') else word for word in map(str.strip, text.split(",")) if word)
