"""How fast: `pytest tests/benchmarks`. Compare rows of one run; no time is asserted."""
