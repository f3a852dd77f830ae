"""Reads price files, the package's own and the user's. Every refusal starts with file and line."""

from __future__ import annotations

import os
from pathlib import Path

from coreason_budget.pricing.listing import PriceFile
from coreason_budget.pricing.schema import read_price_file, read_price_files
from coreason_budget.yaml_nodes import Reader

PRICES = Path(__file__).with_name("prices")
_FIELD = "prices_file"


def load_bundled() -> tuple[PriceFile, ...]:
    """Read the makers' own files, that come with the package, in the order of their names."""
    return tuple(load_file(path, bundled=True) for path in sorted(PRICES.glob("*.yaml")))


def load_files(path: str | os.PathLike[str], *, bundled: bool = False) -> tuple[PriceFile, ...]:
    """Read a price file of one provider, or of several. As `load_file`."""
    name = os.fspath(path)
    return parse_files(Reader(name, _FIELD).load(path), name, bundled=bundled)


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
    return parse(Reader(name, _FIELD).load(path), name, bundled=bundled)


def parse(raw: bytes, name: str, *, bundled: bool = False) -> PriceFile:
    """Read the bytes of a price file; ``name`` stands in errors. As `load_file`."""
    reader = Reader(name, _FIELD)
    return read_price_file(reader, reader.compose(raw), bundled=bundled)


def parse_files(raw: bytes, name: str, *, bundled: bool = False) -> tuple[PriceFile, ...]:
    """Read the bytes of a price file of one provider, or of several. As `load_file`."""
    reader = Reader(name, _FIELD)
    return read_price_files(reader, reader.compose(raw), bundled=bundled)
