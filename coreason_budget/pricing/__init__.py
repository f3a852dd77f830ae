"""What a call costs: usage to exact cost, and a request to an upper bound."""

from coreason_budget.pricing.cost import Cost
from coreason_budget.pricing.engine import PricingEngine
from coreason_budget.pricing.usage import Usage

__all__ = ["Cost", "PricingEngine", "Usage"]
