"""Tokenizers: download their ranks on purpose, so that estimates count instead of bounding."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from coreason_budget.cli.base import cli, command
from coreason_budget.pricing import ranks


@cli.group()
def tokens() -> None:
    """Count tokens exactly where a tokenizer is public."""


@partial(command, group=tokens)
@click.argument("encodings", nargs=-1, metavar="[ENCODING]...")
@click.option("--url", default=ranks.URL, show_default=True, help="Where to download from.")
@click.option("--timeout", "timeout_s", type=float, default=60, show_default=True, help="Seconds for each file.")
def fetch(encodings: Sequence[str], url: str, timeout_s: float) -> tuple[Any, str]:
    """Download the ranks of tiktoken's ENCODINGs to where it looks for them; all of them if none is named.

    That is TIKTOKEN_CACHE_DIR, else a folder of its own among the temporary files.
    """
    answer, lines = [], []
    for encoding in dict.fromkeys(encodings or ranks.FETCHED):
        there = ranks.on_disk(encoding)
        if there is None:
            with click.progressbar(length=ranks.size(encoding), label=encoding, file=sys.stderr) as bar:
                path = ranks.fetch(encoding, url=url, timeout_s=timeout_s, progress=bar.update)
        else:
            path = there
        answer.append({"encoding": encoding, "path": str(path), "downloaded": there is None})
        lines.append(f"{encoding}: {path}" + ("" if there is None else " (was there)"))
    return {"encodings": answer}, "\n".join(lines)
