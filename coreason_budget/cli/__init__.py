"""The command line: the library's verbs, the service, prices and settings."""

from __future__ import annotations

# First, so that an installation without it fails here and says what is missing.
import click  # noqa: F401

from coreason_budget.cli import audit, calls, ledger, outbox, prices, reservations, service, tokens
from coreason_budget.cli.base import cli

__all__ = ["audit", "calls", "cli", "ledger", "outbox", "prices", "reservations", "service", "tokens"]
