"""A loss that an operator accepts, for the quick loop: everybody goes on with what is there."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from fakeredis import FakeRedis, FakeServer

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.redis.client import Link, LinkLostError
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.model import Amounts
from coreason_budget.testing.kit import ALICE, standing
from tests.ledger.redis_copies import charged, copy_of, guard_at, ledger_on, put_back
from tests.ledger.verbs import VERBS, assert_halted, every_verb, why


def test_once_accepted_all_go_on(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    """Those that knew the old one, those that halt it and new ones; each that follows says so once."""
    guard, other = guard_at(server), guard_at(server)
    for each in (guard, other):
        each.charge(ALICE, Amounts(5))
    before = guard.ledger.status()
    assert abs((before.since_us or 0) / 1e6 - time.time()) < 60
    FakeRedis(server=server).flushall()
    assert_halted(guard)
    assert_halted(other)
    operator = ledger_on(server)
    assert operator.accept() is True
    assert operator.accept() is False
    after = operator.status()
    assert (after.trouble, after.epoch != before.epoch, after.since_us is not None) == ("", True, True)
    caplog.clear()
    for each in (guard, other, guard_at(server)):
        each.charge(ALICE, Amounts(1))
        each.check(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == (3, 0)
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "follows" in r.getMessage()]
    assert len(said) == 2
    assert all(before.epoch in text and after.epoch in text for text in said)


def test_who_followed_notices_the_next_loss(server: FakeServer) -> None:
    """From its first contact with the new epoch it knows how far that was."""
    guard, other = guard_at(server), guard_at(server)
    for each in (guard, other):
        each.charge(ALICE, Amounts(1))
    FakeRedis(server=server).flushall()
    assert_halted(guard)
    assert guard.ledger.accept()
    guard.charge(ALICE, Amounts(1))
    old = copy_of(server)
    guard.charge(ALICE, Amounts(1))
    other.check(ALICE, Amounts(1))
    put_back(server, old)
    assert "went back from 2 to 1" in why(lambda: other.check(ALICE, Amounts(1)))


def test_what_was_accepted_before_all_was_found_in_order_is_no_news(server: FakeServer) -> None:
    """An operator accepted a loss, then put the right data back: the accepted copy is an old one since."""
    guard, _ = charged(server, 1)
    right = copy_of(server)
    FakeRedis(server=server).flushall()
    noticing = guard_at(server)
    noticing.charge(ALICE, Amounts(1))
    FakeRedis(server=server).flushall()
    assert noticing.ledger.accept()
    accepted = copy_of(server)
    put_back(server, right)
    guard.check(ALICE, Amounts(1))
    put_back(server, accepted)
    assert "it is in epoch" in why(lambda: guard.check(ALICE, Amounts(1)))


@every_verb
def test_whoever_noticed_may_accept_and_every_verb_follows(server: FakeServer, verb: str) -> None:
    """Without a halt that anybody wrote, too: what this process knows is enough."""
    guard, _ = charged(server, 1)
    FakeRedis(server=server).flushall()
    assert guard.ledger.accept()
    if verb in ("settle", "release"):
        with pytest.raises(Exception, match="not known"):
            VERBS[verb](guard)
    else:
        VERBS[verb](guard)


def test_an_old_copy_that_once_was_accepted_does_not_pass(server: FakeServer) -> None:
    """What was accepted before a process last found all in order is no news to it."""
    guard, old = charged(server, 1)
    copies = []
    for _ in range(2):
        put_back(server, old)
        assert_halted(guard)
        assert guard.ledger.accept()
        guard.charge(ALICE, Amounts(1))
        copies.append(copy_of(server))
    put_back(server, copies[0])
    assert "it is in epoch" in why(lambda: guard.charge(ALICE, Amounts(1)))


def test_a_clock_that_is_behind_locks_nobody_out(server: FakeServer) -> None:
    """What an operator accepts is later than whatever anybody knew, by whatever clock."""
    guard, _ = charged(server, 1)
    guard.ledger._epoch._known.seen_us += 3600 * 1_000_000  # type: ignore[attr-defined]
    FakeRedis(server=server).flushall()
    assert_halted(guard)
    assert ledger_on(server).accept()
    guard.charge(ALICE, Amounts(1))
    FakeRedis(server=server).flushall()
    guard.ledger._epoch._known.seen_us += 3600 * 1_000_000  # type: ignore[attr-defined]
    assert guard.ledger.accept(), "its own knowledge counts as well, where no halt tells it"
    guard.charge(ALICE, Amounts(1))


def test_nothing_to_accept_writes_nothing(server: FakeServer) -> None:
    """On a healthy namespace, and on an empty one; asking how it stands writes nothing either."""
    ledger = ledger_on(server)
    assert not ledger.accept()
    status = ledger.status()
    assert (status.trouble, status.epoch, status.since_us, status.sequence) == ("", "", None, 0)
    assert status.kept == {"server": "redis", "maxmemory_policy": "noeviction"}
    assert copy_of(server) == {}
    charged(server, 1)
    before = copy_of(server)
    assert not ledger.accept()
    assert ledger.status().sequence == 2
    assert copy_of(server) == before


@pytest.mark.parametrize("options", [{"timezone": "Asia/Tokyo"}, {}])
def test_a_loss_is_accepted_in_its_own_settings_only(
    server: FakeServer, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator with others would begin an epoch that no process could work in."""
    guard, _ = charged(server, 1)
    FakeRedis(server=server).flushall()
    assert_halted(guard)
    before = copy_of(server)
    with monkeypatch.context() as patch:
        if not options:
            patch.setattr("coreason_budget.ledger.named.SCHEMA", 2)
        with pytest.raises(ConfigError):
            ledger_on(server, **options).accept()
    assert copy_of(server) == before
    assert guard.ledger.accept()


def test_who_follows_into_another_zone_does_not_go_on(server: FakeServer) -> None:
    """The database was begun anew in it, and accepted there."""
    guard, _ = charged(server, 1)
    FakeRedis(server=server).flushall()
    other = guard_at(server, timezone="Asia/Tokyo")
    other.charge(ALICE, Amounts(1))
    assert "was flushed" in why(lambda: guard.charge(ALICE, Amounts(1)))
    assert other.ledger.accept()
    for _ in range(2):
        with pytest.raises(ConfigError, match="Asia/Tokyo"):
            guard.charge(ALICE, Amounts(1))


def test_an_acceptance_whose_answer_is_lost_finds_out(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made again, and counts as done by this very call."""
    guard, _ = charged(server, 1)
    FakeRedis(server=server).flushall()
    transact = Link.transact

    def lost(link: Link, packet: bytes, commands: int) -> Any:
        monkeypatch.setattr(Link, "transact", transact)
        transact(link, packet, commands)
        raise LinkLostError("gone")

    monkeypatch.setattr(Link, "transact", lost)
    assert guard.ledger.accept() is True
    guard.charge(ALICE, Amounts(1))
    assert guard.ledger.accept() is False


def test_an_acceptance_that_is_overtaken_is_no_second_one(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another operator was first: its WATCH stops this one, who then finds nothing to accept."""
    guard, _ = charged(server, 1)
    FakeRedis(server=server).flushall()
    assert_halted(guard)
    write = RedisEpoch.write

    def overtaken(self: RedisEpoch, *args: Any) -> bool:
        monkeypatch.setattr(RedisEpoch, "write", write)
        assert ledger_on(server).accept()
        return write(self, *args)

    monkeypatch.setattr(RedisEpoch, "write", overtaken)
    assert guard.ledger.accept() is False
    guard.charge(ALICE, Amounts(1))
