"""A Redis without a server."""

from __future__ import annotations

import pytest
from fakeredis import FakeServer

from tests.fake_redis import fake_server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """An empty one."""
    return fake_server(monkeypatch)
