"""The controls: a protocol that leaves one of its precautions out is found out by the simulation."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from attrs import evolve

from coreason_budget.errors import LedgerUnavailableError
from coreason_budget.ledger import corrections, rules
from coreason_budget.ledger.base import Outcome
from coreason_budget.ledger.redis import reaper
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.ledger.redis.packets import Writes, open_copies
from tests.simulation.acts import once, read, reserve
from tests.simulation.scene import Scene
from tests.simulation.test_protocol import SCENES
from tests.simulation.world import World

_RIVALS = evolve(SCENES["two reserve the last"], faults=1)
_SAME_KEY = Scene((reserve("a", 6), reserve("a", 6), reserve("b", 6)), faults=0)


class TrustsRecords(RedisLedger):
    """Takes a record for an admission, and never asks its copies."""

    def _is_no_admission(self, *seen: Any) -> bool:
        return False


class NeverBreaksItsWatch(RedisLedger):
    """Refuses although a transaction of its own may still be on its way."""

    def _sure(self, *seen: Any) -> bool:
        return True


class TakesMissingCopiesForRoom(RedisLedger):
    """Replays a reservation that was undone while it looked."""

    def _is_no_admission(self, link: Any, operation: Any, known: Any, now_us: int) -> bool:
        _, copies = self._reader.more(link, (), open_copies(self._keys, known))
        return self._undone(link, operation, known, copies)


class ForgetsWhatItFound(RedisLedger):
    """Says that nothing was done when the answer to a replay is lost."""

    def _replayed(self, link: Any, operation: Any, decision: Any) -> Outcome:
        operation.unsure = False
        standings, _ = self._reader.more(link, [e.account for e in decision.record.entries])
        return Outcome(decision.record, standings, replayed=True)


class UndoesBlindly(RedisLedger):
    """Undoes an over record without looking whether somebody else did."""

    def _undo(self, link: Any, operation: Any, record: Any) -> None:
        writes = Writes(self._keys, 0, {})
        reaper.undo(writes, record, 0)
        link.ask(b"*1\r\n$7\r\nUNWATCH\r\n", 1)
        operation.transact(link, writes)


class TakesSilenceForNo(RedisLedger):
    """Says that nothing was done where no answer came in time, whatever was sent before."""

    def __init__(self, *settings: Any, **more: Any) -> None:
        super().__init__(*settings, **more)
        self._operations._give_up = _unavailable  # type: ignore[method-assign]


def _unavailable(operation: Any, problem: Exception | None) -> None:
    operation.unsure = False
    raise LedgerUnavailableError(str(problem))


MUTANTS = {
    "trusts records": evolve(_RIVALS, ledger=TrustsRecords, faults=1),
    "takes missing copies for room": evolve(_SAME_KEY, ledger=TakesMissingCopiesForRoom),
    "never breaks its watch": evolve(SCENES["reserve, release and a rival"], ledger=NeverBreaksItsWatch, faults=1),
    "forgets what it found": evolve(SCENES["settle and release"], ledger=ForgetsWhatItFound, faults=2),
    "undoes blindly": evolve(_SAME_KEY, ledger=UndoesBlindly),
    "watches nothing": evolve(SCENES["one charge twice"], watches=False, faults=1),
    "takes silence for no": evolve(SCENES["two reserve the last"], ledger=TakesSilenceForNo),
    "watches nothing when a key is forgotten": evolve(SCENES["a key that is forgotten"], watches=False, faults=1),
    "watches nothing on a race": evolve(SCENES["settle and release"], watches=False, faults=0),
    "watches nothing when it is told twice": evolve(SCENES["two report one answer"], watches=False, faults=0),
    "watches nothing when it corrects": evolve(SCENES["two raise a charge"], watches=False, faults=0),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_found_out(name: str) -> None:
    """What the protocol does for a reason is missed somewhere among the states."""
    assert World(MUTANTS[name]).explore().violations


def test_a_reaper_that_charges_what_had_no_room_is_found_out() -> None:
    """A reservation that was written over the limit and left by a crash is undone, never charged."""
    scene = Scene((once("a", 6), once("b", 6), read), faults=1, ticks=1)
    with patch.object(reaper, "end", _charge):
        (violation,) = World(scene).explore().violations
    assert "by reservations alone" in violation


def test_a_late_ending_that_makes_an_account_again_is_found_out() -> None:
    """An account about to expire is left alone: a movement after that would make it again, without its past."""
    with patch.object(rules, "is_kept", lambda account, now_us: True):
        (violation,) = World(SCENES["accounts that expire"]).explore().violations
    assert "still reserves" in violation


def test_a_correction_that_leaves_the_booking_as_it_was_is_found_out() -> None:
    """Each takes its difference from what the one before it left: two of 6, to 8 and to 9, are 9 and not 11."""
    corrected = corrections._corrected
    naive = lambda record, *told: evolve(corrected(record, *told), record=record)  # noqa: E731
    with patch.object(corrections, "_corrected", naive):
        (violation,) = World(evolve(SCENES["two raise a charge"], faults=0)).explore().violations
    assert "booked 11" in violation


def test_a_key_that_would_stay_for_good_is_found_out() -> None:
    """Whatever a call leaves behind has an end."""
    with patch.dict("tests.simulation.store._COMMANDS", {b"PEXPIRE": lambda *_: 1}):
        (violation,) = World(SCENES["one charge twice"]).explore().violations
    assert "left behind" in violation


def _charge(writes: Writes, record: Any, copies: Any, now_us: int) -> None:
    change = rules.lapse(record, now_us)
    writes.move(change.movements)
    writes.close(record)
    writes.save(change.record)
