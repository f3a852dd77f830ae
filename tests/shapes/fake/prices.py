"""The price cards that providers on loopback bill by: the bundled ones, and a few of their own."""

from __future__ import annotations

from pathlib import Path

from coreason_budget.pricing import PricingEngine

PRICES = PricingEngine(prices_file=Path(__file__).with_name("prices.yaml"))
