"""What a ledger's URL means: one table, which errors, settings and pages agree with."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import fields_dict

from coreason_budget.config import BudgetConfig
from coreason_budget.errors import ConfigError
from coreason_budget.ledger import open_ledger
from coreason_budget.ledger.urls import SCHEMES, allowed, scheme_of

WRITTEN = {
    "redis": ("redis://localhost:1/0", "redis"),
    "rediss": ("rediss://localhost:1", "redis"),
    "valkey": ("valkey://localhost:1/0", "redis"),
    "valkeys": ("valkeys://localhost:1", "redis"),
    "unix": ("unix:///nowhere/redis.sock", "redis"),
    "sqlite": ("sqlite:///{}/budget.db", "sqlite"),
    "memory": ("memory://", "memory"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_opens_its_backend(scheme: str, tmp_path: Path) -> None:
    """With the options of every ledger, and connects nothing yet."""
    url, name = WRITTEN[scheme]
    assert open_ledger(url.format(tmp_path), namespace="n", timezone="UTC", allow_eviction=True).name == name


@pytest.mark.parametrize("scheme", SCHEMES)
def test_settings_name_every_scheme(scheme: str) -> None:
    """So does the error for a URL of none."""
    assert SCHEMES[scheme].shown in fields_dict(BudgetConfig)["ledger_url"].metadata["help"]
    assert SCHEMES[scheme].shown in allowed()


def test_only_memory_is_not_shared_between_processes() -> None:
    """Whoever starts several asks the settings."""
    assert [name for name, scheme in SCHEMES.items() if not scheme.is_shared] == ["memory"]
    assert not BudgetConfig(ledger_url="memory://").is_shared
    assert BudgetConfig(ledger_url="sqlite:///a.db").is_shared


@pytest.mark.parametrize("url", ["", "redis", "redis:", "memory:x", "memory", "postgres://db", "sqlite:a.db", "://"])
def test_other_urls_are_errors_of_the_settings(url: str) -> None:
    """They name what is allowed."""
    with pytest.raises(ConfigError, match="allowed are redis://") as caught:
        scheme_of(url)
    assert caught.value.field == "ledger_url"


@pytest.mark.parametrize("url", ["memory://x", "memory://x/"])
def test_memory_has_no_address(url: str) -> None:
    """Nobody shares it by a name."""
    with pytest.raises(ConfigError, match="write memory://"):
        open_ledger(url)
