"""The epoch of a namespace's data: its text, what counts as a loss, and what an operator's decision begins."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from coreason_budget.errors import ConfigError, LedgerCorruptError
from coreason_budget.ledger import named
from coreason_budget.ledger.epoch import Epoch, Halt, Known, halted
from coreason_budget.ledger.judge import EpochSnapshot, Judge

NOW_US = 1_795_000_000_000_000
FIRST = Epoch.begin("UTC", NOW_US)


def known(epoch: Epoch = FIRST, sequence: int = 10, now_us: int = NOW_US) -> Known:
    return Known(epoch, epoch.encode(), sequence, now_us)


@pytest.mark.parametrize(
    "epoch",
    [
        FIRST,
        Epoch("x", 1, "UTC", readable_by=1),
        FIRST.halt("why", NOW_US, NOW_US - 1),
        FIRST.accept(NOW_US),
        FIRST.halt("", 0, 0),
    ],
)
def test_an_epoch_is_read_back_as_it_was_written(epoch: Epoch) -> None:
    """Its text keeps all of it."""
    assert Epoch.decode(epoch.encode(), "here") == epoch


def test_an_early_text_without_a_moment_is_an_epoch() -> None:
    """What is not told is not known."""
    assert Epoch.decode(b'{"id":"x","schema":1,"timezone":"UTC"}', "here") == Epoch("x", 1, "UTC", readable_by=1)


@pytest.mark.parametrize(
    "text", [b"", b"nonsense", b"[]", b"{}", b"1", b'{"id":1}', b'{"id":"x","schema":1,"timezone":"UTC","halted":1}']
)
def test_what_is_no_epoch_is_corrupt(text: bytes) -> None:
    """And the error names the place."""
    with pytest.raises(LedgerCorruptError, match="here is not an epoch"):
        Epoch.decode(text, "here")


def test_two_epochs_are_never_the_same() -> None:
    """Their ids are made by chance, not by the clock."""
    assert Epoch.begin("UTC", NOW_US).id != Epoch.begin("UTC", NOW_US).id


@pytest.mark.parametrize(("sequence", "is_loss"), [(9, True), (0, True), (10, False), (11, False)])
def test_a_sequence_may_stand_or_go_on_and_never_back(sequence: int, is_loss: bool) -> None:
    """Compared with the baseline; what was learned meanwhile does not count."""
    mine = known(sequence=20)
    assert bool(mine.loss(10, FIRST, sequence)) is is_loss


def test_no_epoch_and_another_epoch_are_losses() -> None:
    """Whatever their sequence is."""
    assert "flushed" in known().loss(10, None, 10**9)
    assert "replaced" in known().loss(10, Epoch.begin("UTC", NOW_US), 10**9)


def test_only_what_was_accepted_since_is_right() -> None:
    """Later than the last healthy contact: neither at that moment nor before."""
    mine = known()
    for at_us, is_loss in ((NOW_US - 1, True), (NOW_US, True), (NOW_US + 1, False)):
        other = evolve(Epoch.begin("UTC", at_us), accepted_us=at_us)
        assert bool(mine.loss(10, other, 0)) is is_loss
    mine.note(0, NOW_US + 5)
    assert mine.loss(10, evolve(Epoch.begin("UTC", 0), accepted_us=NOW_US + 5), 0)


@pytest.mark.parametrize("clock_us", [0, NOW_US - 1, NOW_US, NOW_US + 7])
def test_what_is_accepted_is_later_than_what_anyone_knew(clock_us: int) -> None:
    """By whatever clock: who noticed follows, and nobody goes back to what was accepted before."""
    mine = known()
    second = FIRST.halt("why", clock_us, mine.seen_us).accept(clock_us)
    assert not mine.loss(10, second, 0)
    follower = known(second, 0, clock_us)
    third = second.halt("why", clock_us, follower.seen_us).accept(clock_us)
    assert not follower.loss(0, third, 0)
    assert known(third, 0, clock_us).loss(0, second, 10**9)
    assert second.halted is third.halted is None


def test_what_is_accepted_is_later_than_what_was_accepted() -> None:
    """Also where whoever noticed knew less, and the clock is behind."""
    assert FIRST.accept(NOW_US).halt("why", 0, 0).accept(0).accepted_us > NOW_US
    assert FIRST.accept(7).since_us == 7


def test_memory_never_goes_back() -> None:
    """Late notes of threads change nothing."""
    mine = known()
    mine.note(8, NOW_US - 1)
    assert (mine.sequence, mine.seen_us) == (10, NOW_US)
    mine.note(12, NOW_US + 1)
    assert (mine.sequence, mine.seen_us) == (12, NOW_US + 1)


def test_a_halt_keeps_the_epoch_and_tells_when() -> None:
    """So that what is put back is known by its id."""
    stopped = FIRST.halt("why", NOW_US + 2, NOW_US + 1)
    assert (stopped.id, stopped.halted) == (FIRST.id, Halt("why", NOW_US + 2, NOW_US + 1))
    assert "why" in str(halted("why"))


def test_another_zone_is_a_matter_of_settings() -> None:
    """The error names the setting, what is there and what was asked for."""
    FIRST.check_settings("UTC")
    with pytest.raises(ConfigError, match="in UTC, not Asia/Tokyo") as caught:
        FIRST.check_settings("Asia/Tokyo")
    assert caught.value.field == "timezone"


@pytest.mark.parametrize(
    ("schema", "readable_by", "told"),
    [
        (named.OLDEST - 1, named.OLDEST - 1, "of a format that was never released and is left behind; use another"),
        (named.SCHEMA + 9, named.SCHEMA + 1, f"readable from schema {named.SCHEMA + 1} on, and this is {named.SCHEMA}"),
        (named.SCHEMA + 9, named.SCHEMA, ""),
        (named.SCHEMA, named.READABLE_BY, ""),
    ],
)
def test_who_may_work_in_an_epoch(schema: int, readable_by: int, told: str) -> None:
    """Whoever is not older than its oldest reader, whatever the newest is that wrote there."""
    epoch = evolve(FIRST, schema=schema, readable_by=readable_by)
    if not told:
        return epoch.check_settings("UTC")
    with pytest.raises(ConfigError, match=told) as caught:
        epoch.check_settings("UTC")
    assert caught.value.field == "ledger_url"


def test_an_epoch_keeps_the_newest_that_wrote_and_the_oldest_that_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever joins raises both where it must, and lowers neither."""
    later = evolve(FIRST, schema=named.SCHEMA + 2, readable_by=named.READABLE_BY + 1)
    assert later.joined() == later
    monkeypatch.setattr(named, "SCHEMA", named.SCHEMA + 3)
    assert later.joined() == evolve(later, schema=named.SCHEMA)
    monkeypatch.setattr(named, "READABLE_BY", named.SCHEMA)
    assert later.joined() == evolve(later, schema=named.SCHEMA, readable_by=named.SCHEMA)


def test_what_a_later_version_wrote_in_an_epoch_is_kept() -> None:
    """Through a halt and what is accepted after it."""
    text = '{"id":"x","schema":9,"readable_by":3,"timezone":"UTC","leases":{"of":[1]}}'
    epoch = Epoch.decode(text, "here").halt("why", 1, 0).accept(2).joined()
    assert json.loads(epoch.encode())["leases"] == {"of": [1]}
    assert (epoch.schema, epoch.readable_by) == (9, 3)


def test_whoever_works_in_an_epoch_goes_on_where_its_words_changed_alone() -> None:
    """Another version joined: nothing is lost, and nothing accepted. One that it may not read, it leaves."""
    judge = Judge("UTC")
    judge.enter(EpochSnapshot("a", FIRST, 5, NOW_US), None)
    baseline = judge.baseline
    other = evolve(FIRST, schema=named.SCHEMA + 1)
    assert not judge.is_as_known("b", 6, NOW_US, baseline)
    assert not judge.has_lost(EpochSnapshot("b", other, 6, NOW_US), baseline)
    judge.enter(EpochSnapshot("b", other, 6, NOW_US - 9), baseline)
    assert judge.is_as_known("b", 6, NOW_US, judge.baseline)
    assert judge.baseline is not None
    assert (judge.baseline.sequence, judge.baseline.known.seen_us) == (6, NOW_US)
    with pytest.raises(ConfigError, match="upgrade"):
        judge.enter(EpochSnapshot("c", evolve(other, readable_by=named.SCHEMA + 1), 7, NOW_US), judge.baseline)
