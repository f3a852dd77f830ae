"""Every interleaving of two and three clients, with lost and late packets, crashes, duplicates and reapers.

The clients are the real ledger; the server, the network and time are the simulation's. Each scene
is walked through to its last state, and every state is judged by the laws.
"""

from __future__ import annotations

from functools import cache
from unittest.mock import patch

import pytest
from attrs import evolve

from coreason_budget.ledger.record import HOUR_US, KEEP_CALLERS_US
from tests.scale import scaled
from tests.simulation import client
from tests.simulation.acts import charge, correct, end, in_turn, life, once, read, report, reserve
from tests.simulation.scene import ACCOUNTS_LAST_US, ANY, Limits, Scene
from tests.simulation.world import Found, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(scaled(120, 7200))]

_A, _B, _C = reserve("a", 6), reserve("b", 6), reserve("c", 4)
_HELD = once("h", 6)
_LAPSED = life("h", 6, "lapse")
_SETTLE = end("settle", "h", 3, "k")
_SETTLED = in_turn(_HELD, _SETTLE)
_CHARGED = charge("a", 6)
_LOWER = correct("a", 4, "down", only_up=False)
_SECOND_US = 1_000_000
_KEY_ENDS_US = KEEP_CALLERS_US - _SECOND_US

SCENES = {
    "two reserve the last": Scene((_A, _B), faults=scaled(2, ANY)),
    "two reserve, one limit is wider": Scene((_A, _B), faults=scaled(1, ANY), limits=Limits(12, 10)),
    "three reserve": Scene((_A, _B, _C), faults=scaled(1, 3)),
    "three for one room": Scene((_A, _B, reserve("c", 5)), faults=scaled(0, 3)),
    "the same key twice": Scene((_A, _A), faults=ANY),
    "the same key twice, and a rival": Scene((_A, _A, _B), faults=scaled(1, 4)),
    "settle and release": Scene((end("settle", "h", 3), end("release", "h")), _HELD, faults=ANY),
    "two settle by keys": Scene((_SETTLE, end("settle", "h", 4, "l")), _HELD, faults=ANY),
    "one settle twice": Scene((_SETTLE, _SETTLE), _HELD, faults=ANY),
    "settle makes room": Scene((end("settle", "h", 1), _B), _HELD, faults=ANY),
    "reserve, settle and a rival": Scene((life("a", 6, "settle", 5), _B), faults=scaled(1, ANY)),
    "reserve, release and a rival": Scene((life("a", 6, "release"), _B), faults=scaled(1, ANY)),
    "one charge twice": Scene((charge("a", 6), charge("a", 6)), faults=ANY),
    "charge and reserve": Scene((charge("a", 6), _B), faults=scaled(2, ANY)),
    "lapse and late settle": Scene((end("settle", "h", 3), read), _HELD, faults=scaled(2, ANY), ticks=1),
    "lapse and late release": Scene((end("release", "h"), read), _HELD, faults=scaled(1, ANY), ticks=1),
    "two reap": Scene((read, read), _HELD, faults=ANY, ticks=1),
    "reserve over a lapse": Scene((_A, read), _HELD, faults=ANY, ticks=1),
    "a lapse that gives back": Scene((_A, _B), _HELD, faults=scaled(1, ANY), ticks=1, on_lapse="release"),
    "settle, reserve and reap": Scene(
        (end("settle", "h", 3), _B, read), _HELD, faults=scaled(0, 3), ticks=1, on_lapse="release"
    ),
    "an over record and a reaper": Scene((once("a", 6), once("b", 6), read), faults=scaled(0, 2), ticks=1),
    "a key that is forgotten": Scene((_CHARGED, _CHARGED), _CHARGED, faults=ANY, ticks=1, age_us=_KEY_ENDS_US),
    "a lapse that is forgotten": Scene(
        (end("settle", "h", 3), end("release", "h")), _LAPSED, faults=scaled(1, ANY), ticks=1, age_us=_KEY_ENDS_US
    ),
    "a settle that is forgotten": Scene((_SETTLE, _SETTLE), _SETTLED, faults=ANY, ticks=1, age_us=_KEY_ENDS_US),
    "accounts that are to expire": Scene(
        (end("settle", "h", 3), read),
        _HELD,
        faults=scaled(0, ANY),
        ticks=1,
        age_us=ACCOUNTS_LAST_US - HOUR_US - _SECOND_US,
    ),
    "accounts that expire": Scene(
        (end("settle", "h", 3), read), _HELD, faults=scaled(1, ANY), ticks=1, age_us=ACCOUNTS_LAST_US - _SECOND_US
    ),
    "two report one answer": Scene((report("a", 2), report("a", 9)), faults=ANY),
    "three report one answer": Scene((report("a", 2), report("a", 2), report("a", 9)), faults=scaled(1, 3)),
    "two reports in turn and a third": Scene(
        (in_turn(report("a", 2), report("a", 9)), report("a", 5)), faults=scaled(1, ANY)
    ),
    "a report and a rival": Scene((report("a", 6), _B), report("a", 2), faults=scaled(1, ANY)),
    "two raise a charge": Scene((correct("a", 8, "k"), correct("a", 9, "l")), _CHARGED, faults=ANY),
    "one correction twice": Scene((_LOWER, _LOWER), _CHARGED, faults=ANY),
    "raise and lower": Scene((correct("a", 9, "k"), _LOWER), _CHARGED, faults=ANY),
    "settle and correct": Scene(
        (in_turn(_SETTLE, correct("h", 2, "m", False, "k")), correct("h", 5, "l", True, "secret.h")),
        _HELD,
        faults=scaled(1, 3),
    ),
    "a charge that is forgotten": Scene(
        (correct("a", 8, "k"), _LOWER), _CHARGED, faults=scaled(1, ANY), ticks=1, age_us=_KEY_ENDS_US
    ),
    "three with a settle": Scene((end("settle", "h", 1), _A, _B), _HELD, faults=scaled(1, 3)),
}
# The server may serve others between any two commands of a packet, its transactions apart.
SPLIT = {
    "two reserve the last": scaled(1, 2),
    "the same key twice": scaled(1, 4),
    "settle and release": scaled(1, 4),
}


@cache
def explored(scene: Scene) -> Found:
    """What there is to see in a scene."""
    return World(scene).explore()


@pytest.mark.parametrize("name", SCENES)
def test_no_state_breaks_a_law(name: str) -> None:
    """Laws 1, 4, 6, 7 and 12: never over the limit, never twice, never by halves, never lost, and all is cleaned up."""
    found = explored(SCENES[name])
    assert found.violations == ()
    assert found.ends > 0


@pytest.mark.parametrize("name", SPLIT)
def test_no_state_breaks_a_law_where_packets_are_served_in_parts(name: str) -> None:
    """The same where a packet is not one moment to the server."""
    found = World(evolve(SCENES[name], split=True, faults=SPLIT[name])).explore()
    assert found.violations == ()


@pytest.mark.parametrize("name", ["settle and release", "reserve, release and a rival", "accounts that expire"])
def test_what_is_taken_for_alike_comes_to_the_same(name: str) -> None:
    """Clients that begin an attempt knowing the same are one to the simulation: it loses no end and no answer."""
    scene = evolve(SCENES[name], faults=1)
    found = explored(scene)
    with patch.object(client, "_knowledge", lambda *_: None):
        every = World(scene).explore()
    assert every.states > found.states
    assert (every.ends, every.outcomes) == (found.ends, found.outcomes)


@pytest.mark.parametrize("name", ["two raise a charge", "one correction twice", "raise and lower"])
def test_what_is_booked_can_be_corrected_whatever_happens(name: str) -> None:
    """No correction of it is refused: its record is there, and one that meets another starts again."""
    assert {o for verb, o in explored(SCENES[name]).outcomes if verb in ("raise", "correct")} == {
        "begun", "done", "unavailable", "unknown",
    }  # fmt: skip


def test_the_scenes_are_many_and_see_every_outcome() -> None:
    """Tens of thousands of states, and in them each answer that a caller can get."""
    found = [explored(evolve(scene, faults=min(scene.faults, 1))) for scene in list(SCENES.values())[:12]]
    assert sum(f.states for f in found) > 8_000
    outcomes = {outcome for f in found for _, outcome in f.outcomes}
    assert outcomes == {"admitted", "refused", "done", "unknown", "unavailable", "named error", "begun"}
