"""Limits: what may be spent, by whom, in which window, and where it was said."""

from coreason_budget.limits.book import LimitBook
from coreason_budget.limits.limit import Limit

__all__ = ["Limit", "LimitBook"]
