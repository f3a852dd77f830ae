"""The price cards that providers on loopback bill by: the bundled ones, and a few of their own."""

from __future__ import annotations

from pathlib import Path

from coreason_budget.pricing import PricingEngine

# Hosts whose prices the table does not have, and models that a user hosts.
_OWN = {
    "palmyra-x5": {"input_cost_per_token": "0.0000006", "output_cost_per_token": "0.000006"},
    "llama3.2": {"input_cost_per_token": "0.0000001", "output_cost_per_token": "0.0000002"},
}
PRICES = PricingEngine(overrides=_OWN, prices_file=Path(__file__).with_name("prices.yaml"))
