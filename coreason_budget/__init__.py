"""coreason-budget: an LLM application must never spend more than it may."""

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
from coreason_budget.pricing import PricingEngine

__all__ = [
    "BudgetError",
    "BudgetExceededError",
    "BudgetGuard",
    "ConfigError",
    "IdempotencyConflictError",
    "InvalidAmountError",
    "InvalidIdError",
    "LedgerCorruptError",
    "LedgerUnavailableError",
    "OutcomeUnknownError",
    "PricingEngine",
    "ReservationError",
    "ReservationNotSettledError",
    "UnknownModelError",
]

__version__ = "0.1.0"
