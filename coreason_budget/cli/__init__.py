"""The command line: the library's verbs, the service, prices and settings."""

from coreason_budget.cli import audit, calls, prices, reservations, service
from coreason_budget.cli.base import cli

__all__ = ["audit", "calls", "cli", "prices", "reservations", "service"]
