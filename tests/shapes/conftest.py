"""The table at the end of a run: what each package's cases came to."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a row a package, and the reasons for what is not booked as billed."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    found = [value for report in reports for name, value in report.user_properties if name == "shapes"]
    if not found:
        return
    terminalreporter.section("shapes")
    terminalreporter.line(
        f"{'family':20} {'cases':>5} {'wrong':>5} {'refused':>7} {'dearer':>6} {'blind':>5}  versions"
    )
    for one in sorted(found, key=lambda one: str(one["family"])):
        terminalreporter.line(_row(one))
        for (expected, why), count in Counter(_reasons(one)).items():
            terminalreporter.line(f"{'':20} {count} {expected}: {why}")


def _row(one: dict[str, Any]) -> str:
    counts = Counter(expected for expected, _ in _reasons(one))
    told = " ".join(f"{counts[name]:{width}}" for name, width in (("refused", 7), ("dearer", 6), ("blind", 5)))
    return f"{one['family']:20} {len(one['rows']):5} {one['wrong']:5} {told}  {one['versions']}"


def _reasons(one: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["expected"], row["why"]) for row in one["rows"] if row["expected"] != "equal"]
