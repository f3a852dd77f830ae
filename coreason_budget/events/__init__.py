"""What may follow a decision: `Hooks`, and the log as the first of them."""

from coreason_budget.events.hooks import Hooks

__all__ = ["Hooks"]
