"""The files of deploy/: what can be checked of them without a container."""

from __future__ import annotations

import configparser
import re

import pytest
import yaml
from attrs import fields

from coreason_budget import BudgetConfig
from coreason_budget.settings import environment_name
from tests.server.service import ROOT

DEPLOY = ROOT / "deploy"
KNOWN = {environment_name(setting.name) for setting in fields(BudgetConfig)}


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yml", "coreason-budget.service"])
def test_only_settings_that_exist_are_set(name: str) -> None:
    """A variable with a typo would be ignored by the service."""
    used = set(re.findall(r"COREASON_BUDGET_[A-Z_]*[A-Z]", (DEPLOY / name).read_text()))
    assert used
    assert used <= KNOWN


def test_compose_keeps_what_redis_acknowledged() -> None:
    """Append-only, nothing evicted, on a volume; the service waits until Redis is well."""
    compose = yaml.safe_load((DEPLOY / "compose.yml").read_text())
    redis, budget = compose["services"]["redis"], compose["services"]["budget"]
    command = " ".join(redis["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert redis["volumes"] == ["redis:/data"]
    assert redis["healthcheck"]
    assert budget["depends_on"]["redis"]["condition"] == "service_healthy"
    assert (DEPLOY / budget["build"]["context"]).resolve() == ROOT
    assert (ROOT / budget["build"]["dockerfile"]).is_file()


def test_the_image_has_its_own_user_and_a_health_check() -> None:
    """Not root, and /health decides."""
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^USER (?!root)", text, re.MULTILINE)
    assert re.search(r"HEALTHCHECK.*/health", text, re.DOTALL)
    assert "[server,fast,tokens]" in text


def test_the_unit_is_read_and_stops_gently() -> None:
    """Longer than requests in flight may take; only the master is told."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DEPLOY / "coreason-budget.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith("coreason-budget serve")
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) > BudgetConfig().graceful_timeout_s
