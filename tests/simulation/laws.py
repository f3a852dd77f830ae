"""What the laws say of a state, by what the callers were told and by what the database holds."""

from __future__ import annotations

from itertools import product

from tests.simulation.client import Caller, Note, directly
from tests.simulation.scene import GLOBAL, TEAM, USER, Scene
from tests.simulation.store import NOTHING, Data, Store

# A lapse ends nothing for good: it books what was assumed, and may be corrected.
ENDS = ("settle", "release")
RAISES = ("report", "raise")
CHARGES = ("charge", *RAISES, "correct")
FOR_GOOD = {b"{coreason}:epoch", b"{coreason}:sequence", b"{coreason}:journal"}


def is_too_much(notes: tuple[Note, ...], scene: Scene) -> str:
    """Law 1: what callers hold by their own knowledge, not begun to be ended, is within the limits."""
    ending = {n[1] for n in notes if n[0] in ENDS}
    held = {n[1]: n[2] for n in notes if n[0] == "reserve" and n[3] == "admitted" and n[1] not in ending}
    if sum(held.values()) > min(scene.limits.user, scene.limits.whole) and scene.on_lapse == "charge":
        return f"over-admitted: {held} of {scene.limits}"
    return ""


def is_unbalanced(books: int | str, notes: tuple[Note, ...], scene: Scene) -> str:
    """Laws 1, 4, 6, 7 and 12: once all has lapsed, every account is what callers know, or may not know."""
    if isinstance(books, str):
        return books
    allowed = {sum(parts) for parts in product(*_contributions(notes, scene).values())}
    if books not in allowed and not scene.forgets_accounts:
        return f"booked {books}, known {sorted(allowed)}: {notes}"
    if books > min(scene.limits.user, scene.limits.whole) and not any(n[0] in CHARGES for n in notes):
        return f"booked {books} of {scene.limits} by reservations alone: {notes}"
    return _wrongly_refused(notes, scene)


def audit(data: Data, scene: Scene) -> int | str:
    """What every account holds after the last lapse, by the ledger's own reading; or what is wrong with it.

    Nothing but the namespace's own stays for good, and no account is there again after its time.
    """
    store = Store(data, scene.end_us)
    store.expire()
    directly(Caller.read, store, scene)
    left = dict(store.data)
    used = set()
    for account in (USER, TEAM, GLOBAL):
        counts = dict(left.get(b"{coreason}:a:" + account.key.encode(), NOTHING).content)
        used.add(int(counts.get(b"used", 0)))
        if int(counts.get(b"reserved", 0)):
            return f"{account.key} still reserves {counts}"
    rest = [
        name
        for name, value in left.items()
        if name.startswith(b"{coreason}:v:") or (value.until_us is None and name not in FOR_GOOD)
    ]
    if rest:
        return f"left behind: {rest}"
    return used.pop() if len(used) == 1 else f"a partial effect: {used} on three accounts"


def _contributions(notes: tuple[Note, ...], scene: Scene) -> dict[str, set[int]]:
    """What each op id may have booked in the end, by all that its callers were told."""
    possible: dict[str, set[int]] = {}
    for op_id in {n[1] for n in notes if n[0] in ("reserve", "charge", "report")}:
        mine = [n for n in notes if n[1] == op_id]
        possible[op_id] = _corrected(_booked(mine, scene), mine)
    return possible


def _booked(mine: list[Note], scene: Scene) -> set[int]:
    """What one op id may have booked, before all corrections of it."""
    amounts = {0}
    if any(n[0] in ("reserve", "charge") for n in mine):
        amount = next(n[2] for n in mine if n[0] in ("reserve", "charge"))
        booked = amount if scene.on_lapse == "charge" or mine[0][0] == "charge" else 0
        began = {n[3] for n in mine if n[0] in ("reserve", "charge")}
        amounts = {booked} if began & {"admitted", "done"} else {0}
        # An error by name says that it was admitted, and how it ended: as a lapse, unless another ended it.
        if began & {"unknown", "begun", "named error"}:
            amounts.add(booked)
        if scene.forgets_keys and mine[0][0] == "charge":
            # Sent again after its key was forgotten, it is another charge.
            amounts |= {2 * amount for amount in amounts}
        ends = [(0 if n[0] == "release" else n[2], n[3]) for n in mine if n[0] in ENDS]
        certain = {cost for cost, outcome in ends if outcome == "done"}
        amounts |= {cost for cost, outcome in ends if outcome in ("unknown", "begun")}
        amounts = certain or amounts
    return amounts


def _corrected(booked: set[int], mine: list[Note]) -> set[int]:
    """What reports and corrections may have made of it: what is lowered may be raised again, and the reverse."""
    done = {verb: {n[2] for n in mine if n[0] == verb and n[3] == "done"} for verb in CHARGES}
    maybe = {verb: {n[2] for n in mine if n[0] == verb and n[3] in ("unknown", "begun")} for verb in CHARGES}
    certain, unsure = ({n for verb in RAISES for n in told[verb]} for told in (done, maybe))
    bases = (done["correct"] or booked) | maybe["correct"]
    least = {max({base, *certain}) for base in bases}
    if done["correct"] | maybe["correct"]:
        least |= bases | {max(base, n) for base in bases for n in certain}
    return least | {max(base, n) for base in least for n in unsure}


def _wrongly_refused(notes: tuple[Note, ...], scene: Scene) -> str:
    """Law 6: one ending of what was admitted is done; another is an error only where there was one before."""
    for verb, op_id, cost, outcome in notes:
        done = {(n[0], n[2]) for n in notes if n[1] == op_id and n[0] in ENDS and n[3] == "done"}
        if len(done) > 1:
            return f"{op_id} was ended as {done}"
        others = [n for n in notes if n[1] == op_id and n[0] in ENDS and (n[0], n[2]) != (verb, cost)]
        if verb in ENDS and outcome == "named error" and not others and not scene.forgets_keys:
            return f"{verb} of {op_id} was refused without a reason: {notes}"
    return ""
