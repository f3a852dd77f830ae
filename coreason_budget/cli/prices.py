"""Prices as commands."""

from __future__ import annotations

from typing import Any

import click

from coreason_budget.cli.base import Command, budget, command
from coreason_budget.server import answers


def _count(option: str, name: str, help: str) -> Command:
    return click.option(option, name, type=int, default=0, metavar="N", help=help)


@command
@click.argument("model")
@_count("--input", "input_tokens", "Input tokens.")
@_count("--output", "output_tokens", "Output tokens.")
@_count("--cached", "cached_tokens", "Input tokens read from a cache.")
@_count("--cache-write", "cache_write_tokens", "Input tokens written to a cache.")
@_count("--cache-write-1h", "cache_write_1h_tokens", "Input tokens written to a cache for an hour.")
@_count("--reasoning", "reasoning_tokens", "Reasoning tokens.")
@click.option("--service", default="standard", show_default=True, help="standard, batch, flex, priority, ...")
def price(model: str, **counts: Any) -> tuple[Any, str]:
    """Tell what a call of MODEL costs."""
    pricing = budget().pricing
    cost = str(answers.money(pricing.calculate(model, **counts)))
    return {"model": pricing.canonical(model), "cost_usd": cost}, f"{cost} USD"
