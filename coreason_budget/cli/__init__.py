"""The command line: the library's verbs, the service, prices and settings."""

from coreason_budget.cli import calls, ledger, prices, service
from coreason_budget.cli.base import cli

__all__ = ["calls", "cli", "ledger", "prices", "service"]
