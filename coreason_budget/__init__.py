"""coreason-budget: an LLM application must never spend more than it may."""

from typing import TYPE_CHECKING

from coreason_budget.config import BudgetConfig
from coreason_budget.errors import (
    BudgetError,
    BudgetExceededError,
    ConfigError,
    IdempotencyConflictError,
    InvalidAmountError,
    InvalidIdError,
    LedgerCorruptError,
    LedgerUnavailableError,
    OutcomeUnknownError,
    ReservationError,
    ReservationNotSettledError,
    UnknownModelError,
)
from coreason_budget.guard import BudgetGuard
from coreason_budget.manager import BudgetManager
from coreason_budget.pricing import PricingEngine
from coreason_budget.reservation import Reservation

if not TYPE_CHECKING:  # A checker would take every misspelt import for one that is there.
    from coreason_budget.former import refuse_import as __getattr__  # noqa: F401

__all__ = [
    "BudgetConfig",
    "BudgetError",
    "BudgetExceededError",
    "BudgetGuard",
    "BudgetManager",
    "ConfigError",
    "IdempotencyConflictError",
    "InvalidAmountError",
    "InvalidIdError",
    "LedgerCorruptError",
    "LedgerUnavailableError",
    "OutcomeUnknownError",
    "PricingEngine",
    "Reservation",
    "ReservationError",
    "ReservationNotSettledError",
    "UnknownModelError",
]

__version__ = "0.6.0.dev0"
