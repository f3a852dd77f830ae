"""A database that forgot, for the quick loop: halted for all by whoever notices, until it is back.

The proof on real servers is in tests/faults/amnesia.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from fakeredis import FakeRedis, FakeServer

from coreason_budget.errors import LedgerUnavailableError
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.model import Amounts
from coreason_budget.testing.kit import ALICE, standing
from tests.ledger.redis_copies import EPOCH, SEQUENCE, charged, copy_of, guard_at, put_back
from tests.ledger.verbs import VERBS, assert_halted, every_verb, why


@every_verb
def test_an_older_copy_is_halted(server: FakeServer, verb: str) -> None:
    """The same epoch, and fewer transactions than this process knows of: for it and for everybody."""
    guard, old = charged(server, 3)
    put_back(server, old)
    assert "went back from 4 to 1" in guard.ledger.status().trouble
    assert "went back from 4 to 1" in why(lambda: VERBS[verb](guard))
    assert_halted(guard)
    assert_halted(guard_at(server))
    assert "went back from 4 to 1" in why(lambda: VERBS[verb](guard_at(server)))


@every_verb
@pytest.mark.parametrize("anew", [False, True])
def test_a_flushed_database_is_halted(server: FakeServer, verb: str, anew: bool, caplog: Any) -> None:
    """Also where somebody who knew nothing began anew; it is logged once that it is halted for everybody."""
    guard, _ = charged(server, 0)
    FakeRedis(server=server).flushall()
    if anew:
        guard_at(server).charge(ALICE, Amounts(1))
    assert "was flushed" in why(lambda: VERBS[verb](guard))
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert [text.partition(": the")[0] for text in said] == ["the ledger is halted for everybody"]
    assert "was flushed" in said[0]
    assert guard.ledger.status().since_us is not None
    assert_halted(guard)
    assert_halted(guard_at(server))


def test_a_read_is_no_transaction(server: FakeServer) -> None:
    """The sequence counts what was written; what is seen of others is remembered, too."""
    guard, old = charged(server, 0)
    for verb in ("check", "usage", "ping", "page"):
        VERBS[verb](guard)
    assert guard.ledger.status().sequence == 1
    guard_at(server).charge(ALICE, Amounts(1))
    guard.check(ALICE, Amounts(1))
    put_back(server, old)
    assert "went back from 2 to 1" in why(lambda: guard.check(ALICE, Amounts(1)))


def test_what_is_put_back_is_trusted_again(server: FakeServer) -> None:
    """Nobody restarts, and the halt is gone with the wrong data."""
    guard, old = charged(server, 2)
    right = copy_of(server)
    for wrong in ({}, old):
        put_back(server, wrong)
        assert_halted(guard)
        put_back(server, right)
        guard.check(ALICE, Amounts(1))
    guard.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == standing(guard_at(server), ALICE, "user") == (4, 0)


def test_an_epoch_is_known_by_its_id_and_not_by_its_text(server: FakeServer) -> None:
    """Another hand may have written it again, with blanks; what was seen then counts as well."""
    guard, old = charged(server, 1)
    client = FakeRedis(server=server)
    client.set(EPOCH, json.dumps(json.loads(client.get(EPOCH)), indent=1))  # type: ignore[arg-type]
    for verb in ("check", "charge", "reserve", "page"):
        VERBS[verb](guard)
    guard_at(server).charge(ALICE, Amounts(1))
    guard.check(ALICE, Amounts(1))
    put_back(server, old)
    assert "went back from 5 to 1" in why(lambda: guard.check(ALICE, Amounts(1)))


def test_a_server_that_refuses_the_halt_admits_nothing(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever notices says why, and nothing is said of everybody."""
    guard, old = charged(server, 1)
    put_back(server, old)

    def refused(self: RedisEpoch, *args: Any) -> bool:
        raise LedgerUnavailableError("READONLY")

    monkeypatch.setattr(RedisEpoch, "write", refused)
    assert "went back from 2 to 1" in why(lambda: guard.charge(ALICE, Amounts(1)))
    assert copy_of(server).keys() == old.keys()


def test_two_that_halt_at_once_give_one_reason(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second tells what the first wrote."""
    first, second = guard_at(server), guard_at(server)
    for guard in (first, second, first):
        guard.charge(ALICE, Amounts(1))
    second.check(ALICE, Amounts(1))
    first.charge(ALICE, Amounts(1))
    FakeRedis(server=server).set(SEQUENCE, 0)
    watch = RedisEpoch.watch

    def overtaken(self: RedisEpoch, link: Link) -> Any:
        monkeypatch.setattr(RedisEpoch, "watch", watch)
        assert "from 4 to 0" in why(lambda: first.check(ALICE, Amounts(1)))
        return watch(self, link)

    monkeypatch.setattr(RedisEpoch, "watch", overtaken)
    assert "from 4 to 0" in why(lambda: second.check(ALICE, Amounts(1)))


def test_data_that_is_put_back_before_the_halt_is_not_halted(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who noticed looks again; the call is refused, and the next goes on."""
    guard, old = charged(server, 2)
    right = copy_of(server)
    put_back(server, old)
    watch = RedisEpoch.watch

    def overtaken(self: RedisEpoch, link: Link) -> Any:
        monkeypatch.setattr(RedisEpoch, "watch", watch)
        put_back(server, right)
        return watch(self, link)

    monkeypatch.setattr(RedisEpoch, "watch", overtaken)
    assert "try again" in why(lambda: guard.charge(ALICE, Amounts(1)))
    guard.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == (4, 0)
