"""Time is the server's: a client whose clock is wrong books where all others do."""

from __future__ import annotations

import secrets
import time
from types import SimpleNamespace

import pytest

from coreason_budget.ledger.redis import packets
from coreason_budget.model import Amounts
from tests.faults.conftest import CALL, USD, make_guard

pytestmark = pytest.mark.redis

DAY_NS = 24 * 3600 * 10**9


@pytest.mark.parametrize("days", [-3, 3])
def test_a_wrong_clock_moves_no_window(days: int, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off by days: the same windows, the same lapses, and one round trip more only the first time."""
    namespace = secrets.token_hex(6)
    right = make_guard(valkey_url, namespace)
    right.charge(CALL, Amounts(USD // 10))
    wrong = SimpleNamespace(**{name: getattr(time, name) for name in dir(time) if not name.startswith("_")})
    wrong.time_ns = lambda: time.time_ns() + days * DAY_NS
    monkeypatch.setattr(packets, "time", wrong)
    off = make_guard(valkey_url, namespace)
    off.charge(CALL, Amounts(USD // 10))
    hold = off.reserve(CALL, Amounts(USD // 10), ttl_s=600)
    assert abs(hold.lapses_us / 1e6 - time.time() - 600) < 60
    assert {b.used_units for b in off.usage(CALL)} == {3 * USD // 10, 2 * USD // 10}
    monkeypatch.undo()
    assert right.usage(CALL) == off.usage(CALL)
