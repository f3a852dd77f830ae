"""A server that can forget."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.servers import SnapshotServer


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SnapshotServer]:
    """Each server in turn, keeping snapshots only when it is told to."""
    if request.param == "redis":
        request.getfixturevalue("redis_url")  # Skips or fails where there is none.
    made = SnapshotServer(tmp_path, shutil.which("redis-server") if request.param == "redis" else None)
    made.start()
    yield made
    made.stop()
