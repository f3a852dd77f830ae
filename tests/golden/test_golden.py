"""What a version stored, every later one works on: golden files, one of each stored format, never edited."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from fakeredis import FakeRedis

from coreason_budget import calls
from coreason_budget.asked import digest_of
from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.ledger.base import Backend
from coreason_budget.ledger.journal import decode_entry, encode_entry
from coreason_budget.ledger.record import decode, encode
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.outbox.store import Store
from coreason_budget.outbox.underway import Underway
from coreason_budget.testing import ManualClock
from tests.fake_redis import connector, fake_server
from tests.golden import scene
from tests.golden.make import make, sums

GOLDEN = Path(__file__).parent
VERSIONS = sorted(place for place in GOLDEN.iterdir() if (place / "SHA256SUMS").is_file())
every_version = pytest.mark.parametrize("place", VERSIONS, ids=lambda place: place.name)


def clock_after() -> ManualClock:
    """A little later than where the scene ended."""
    clock = ManualClock()
    clock.advance(seconds=90)
    return clock


def text(place: Path, name: str) -> str:
    """One of the files."""
    return (place / name).read_text(encoding="utf-8")


def on_redis(place: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """The stored namespace, opened by this version."""
    server = fake_server(monkeypatch)
    scene.load_redis(server, text(place, "redis.json"))
    return RedisLedger("redis://nowhere", timeout_s=30, clock=clock_after(), connect=connector(server))


def on_sqlite(place: Path, path: Path) -> Backend:
    """The stored file, opened by this version."""
    scene.load_sql(path, text(place, "ledger.sql"))
    return SqliteLedger(path, timeout_s=30, clock=clock_after())


@every_version
def test_golden_files_are_never_edited(place: Path) -> None:
    """They are what that version wrote."""
    assert text(place, "SHA256SUMS") == sums(place)


@every_version
def test_a_namespace_in_redis_goes_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replays, open reservations, what lapsed, journal and books."""
    scene.check(on_redis(place, monkeypatch))


@every_version
def test_a_ledgers_file_goes_on(place: Path, tmp_path: Path) -> None:
    """The same on SQLite."""
    scene.check(on_sqlite(place, tmp_path / "ledger.db"))


@every_version
def test_what_waits_in_an_outbox_is_booked_once(place: Path, tmp_path: Path) -> None:
    """Charges and settles, also those that only the reservation's record can price."""
    path = tmp_path / "spend.outbox"
    scene.load_sql(path, text(place, "outbox.sql"))
    scene.check_queue(path, clock_after())


@pytest.mark.skipif(os.name == "nt", reason="nothing is kept underway there")
@every_version
def test_what_was_being_sent_is_found(place: Path, tmp_path: Path) -> None:
    """By whoever comes after its sender died."""
    folder = tmp_path / "spend.outbox.sending"
    folder.mkdir()
    (folder / "golden~1").write_text(text(place, "underway.json"))
    ((spend, at_us),) = Underway(tmp_path / "spend.outbox", "golden").orphans()
    assert (spend.op_id, spend.digest, spend.scopes) == ("underway", "digest", ("user/alice", "global"))
    assert (spend.usd_nanos, spend.tokens, spend.requests, at_us) == (5, 0, 1, 1_795_000_000_000_000)


@every_version
def test_digests_are_what_they_were(place: Path) -> None:
    """A retry across an upgrade is the same call; so it is where a field was added and is left out."""
    for verb, content, digest in json.loads(text(place, "digests.json")):
        assert digest_of(verb, content) == digest
        assert digest_of(verb, {**content, "added later": None}) == digest
        assert digest_of(verb, {**content, "added later": 1}) != digest


@every_version
def test_the_content_of_calls_is_what_it_was(place: Path) -> None:
    """By name, and what is left out is left out: digests and outboxes are made from it."""
    for name, given, content in json.loads(text(place, "calls.json")):
        assert json.loads(json.dumps(getattr(calls, name)(**given).content())) == content


@every_version
def test_records_and_entries_are_written_as_they_were_read(place: Path) -> None:
    """Byte for byte, so that a version which is older loses nothing of them."""
    for key, told in json.loads(text(place, "redis.json")).items():
        if ":r:" in key:
            assert encode(decode(key.partition(":r:")[2], told["value"])) == told["value"]
        if told["type"] == "stream":
            for _, fields in told["value"]:
                assert encode_entry(decode_entry(fields["e"])) == fields["e"]


def test_the_newest_files_are_what_this_version_writes(tmp_path: Path) -> None:
    """A change of what is stored shows here: it takes a schema number, and new files beside the old."""
    place = tmp_path / "now"
    make(place)
    assert [name for name in scene.FILES if _stable(place, name) != _stable(VERSIONS[-1], name)] == []


def _stable(place: Path, name: str) -> object:
    """A file without what a clock of its own put there."""
    if name != "redis.json":
        return [line for line in text(place, name).splitlines() if "since_us" not in line]
    found = json.loads(text(place, name))
    found = {key: told for key, told in found.items() if not key.endswith(":epoch")}
    for told in found.values():
        if told["type"] == "stream":
            told["value"] = [fields for _, fields in told["value"]]
    return found


def refused(open: Callable[[], object]) -> str:
    """The sentence of a refusal."""
    with pytest.raises(ConfigError) as caught:
        open()
    return str(caught.value)


def test_formats_that_were_never_released_are_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The namespace in Redis, a ledger's file and an outbox; each stays as it is."""
    place, told = GOLDEN / "0.5.0", "of a format that was never released and is left behind; use another"
    server = fake_server(monkeypatch)
    FakeRedis(server=server).set("{coreason}:epoch", text(place, "epoch.json").strip())
    ledger = RedisLedger("redis://nowhere", timeout_s=30, connect=connector(server))
    assert told in refused(ledger.ping)
    assert told in ledger.status().trouble
    assert FakeRedis(server=server).get("{coreason}:epoch").decode() == text(place, "epoch.json").strip()
    for name, open_file in (("ledger", lambda path: SqliteLedger(path).ping()), ("outbox", lambda p: Store(p, "n", 1))):
        path = tmp_path / name
        scene.load_sql(path, text(place, f"{name}.sql"))
        before = path.read_bytes()
        assert told in refused(lambda path=path, open_file=open_file: open_file(path))  # type: ignore[misc]
        assert path.read_bytes() == before


def test_the_check_fails_where_a_field_goes_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive control: a version whose digest goes by position takes a retry across the upgrade for another call."""
    monkeypatch.setattr(
        "coreason_budget.guard.digest_of", lambda verb, content: digest_of(verb, {"": [*content.values(), None]})
    )
    with pytest.raises(BudgetError):
        scene.check(on_sqlite(VERSIONS[-1], tmp_path / "ledger.db"))


def test_the_check_fails_where_schemas_must_be_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive control: a version that knows no oldest reader refuses what another wrote."""
    from coreason_budget.ledger.epoch import Epoch

    monkeypatch.setattr(Epoch, "joined", lambda self: evolve(self, schema=99, readable_by=99))
    with pytest.raises(ConfigError):
        scene.check(on_sqlite(VERSIONS[-1], tmp_path / "ledger.db"))
