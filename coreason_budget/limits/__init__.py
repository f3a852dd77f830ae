"""Limits: what may be spent, by whom, in which window, and where it was said."""

from coreason_budget.limits.book import LimitBook
from coreason_budget.limits.live import LiveBook
from coreason_budget.model import Limit

__all__ = ["Limit", "LimitBook", "LiveBook"]
