"""Makes the golden files of a version, once, before it is released: python -m tests.golden.make 0.7.0.

Never run it for a version that was released: what it stored is a promise.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import pytest

from coreason_budget import calls
from coreason_budget.asked import digest_of
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.outbox.spend import Kept
from coreason_budget.outbox.underway import Underway
from coreason_budget.testing import ManualClock
from tests.fake_redis import connector, fake_server
from tests.golden import scene


def make(place: Path) -> None:
    """Write every file of a version into its folder."""
    place.mkdir(exist_ok=False)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, scene.no_chance():
        path, clock = Path(folder) / "ledger.db", ManualClock()
        scene.act(SqliteLedger(path, timeout_s=30, clock=clock), clock)
        (place / "ledger.sql").write_text(scene.dump_sql(path), encoding="utf-8")
        server, clock = fake_server(patch), ManualClock()
        scene.act(RedisLedger("redis://nowhere", timeout_s=30, clock=clock, connect=connector(server)), clock)
        (place / "redis.json").write_text(scene.dump_redis(server), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, scene.no_chance():
        path = Path(folder) / "spend.outbox"
        scene.queue(path, ManualClock())
        (place / "outbox.sql").write_text(scene.dump_sql(path), encoding="utf-8")
        spend = Kept("charge", "underway", "digest", ("user/alice", "global"), 5, 0, 1)
        with Underway(path, "golden").keep(spend, 1_795_000_000_000_000):
            (file,) = Path(f"{path}.sending").iterdir()
            (place / "underway.json").write_bytes(file.read_bytes())
    digests = [[verb, content, digest_of(verb, content)] for verb, content in scene.CONTENTS]
    (place / "digests.json").write_text(json.dumps(digests, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    contents = [[name, given, getattr(calls, name)(**given).content()] for name, given in scene.CALLS]
    (place / "calls.json").write_text(json.dumps(contents, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (place / "SHA256SUMS").write_text(sums(place), encoding="utf-8")


def sums(place: Path) -> str:
    """The check sum of every file of a version, as sha256sum writes it."""
    return "".join(f"{hashlib.sha256((place / name).read_bytes()).hexdigest()}  {name}\n" for name in scene.FILES)


if __name__ == "__main__":
    make(Path(__file__).parent / sys.argv[1])
