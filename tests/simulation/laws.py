"""What the laws say of a state, by what the callers were told and by what the database holds."""

from __future__ import annotations

from itertools import product

from tests.simulation.client import GLOBAL, NOW_US, TEAM, TTL_US, USER, Caller, Limits, Note, directly
from tests.simulation.store import Data, Store

ENDS = ("settle", "release", "lapse")


def is_too_much(notes: tuple[Note, ...], limits: Limits, on_lapse: str) -> str:
    """Law 1: what callers hold by their own knowledge, not begun to be ended, is within the limits."""
    ending = {n[1] for n in notes if n[0] in ENDS}
    held = {n[1]: n[2] for n in notes if n[0] == "reserve" and n[3] == "admitted" and n[1] not in ending}
    if sum(held.values()) > min(limits.user, limits.whole) and on_lapse == "charge":
        return f"over-admitted: {held} of {limits}"
    return ""


def is_unbalanced(books: int | str, notes: tuple[Note, ...], limits: Limits, on_lapse: str) -> str:
    """Laws 1, 4, 6, 7 and 12: once all has lapsed, every account is what callers know, or may not know."""
    if isinstance(books, str):
        return books
    allowed = {sum(parts) for parts in product(*_contributions(notes, on_lapse).values())}
    if books not in allowed:
        return f"booked {books}, known {sorted(allowed)}: {notes}"
    if books > min(limits.user, limits.whole) and not any(n[0] == "charge" for n in notes):
        return f"booked {books} of {limits} by reservations alone: {notes}"
    return _wrongly_refused(notes)


def audit(data: Data, limits: Limits) -> int | str:
    """What every account holds after the last lapse, by the ledger's own reading; or what is wrong with it."""
    store = Store(data, NOW_US + 10 * TTL_US)
    directly(Caller.read, store, limits)
    left = dict(store.data)
    used = set()
    for account in (USER, TEAM, GLOBAL):
        counts = dict(left.get(b"{coreason}:a:" + account.key.encode(), ("hash", ()))[1])
        used.add(int(counts.get(b"used", 0)))
        if int(counts.get(b"reserved", 0)):
            return f"{account.key} still reserves {counts}"
    rest = [name for name in left if name.startswith((b"{coreason}:v:", b"{coreason}:open"))]
    if rest:
        return f"left behind: {rest}"
    return used.pop() if len(used) == 1 else f"a partial effect: {used} on three accounts"


def _contributions(notes: tuple[Note, ...], on_lapse: str) -> dict[str, set[int]]:
    """What each op id may have booked in the end, by all that its callers were told."""
    possible: dict[str, set[int]] = {}
    for op_id in {n[1] for n in notes if n[0] in ("reserve", "charge")}:
        mine = [n for n in notes if n[1] == op_id]
        amount = next(n[2] for n in mine if n[0] in ("reserve", "charge"))
        booked = amount if on_lapse == "charge" or mine[0][0] == "charge" else 0
        began = {n[3] for n in mine if n[0] in ("reserve", "charge")}
        amounts = {booked} if began & {"admitted", "done"} else {0}
        # An error by name says that it was admitted, and how it ended: as a lapse, unless another ended it.
        if began & {"unknown", "begun", "named error"}:
            amounts.add(booked)
        ends = [(0 if n[0] == "release" else booked if n[0] == "lapse" else n[2], n[3]) for n in mine if n[0] in ENDS]
        certain = {cost for cost, outcome in ends if outcome == "done"}
        amounts |= {cost for cost, outcome in ends if outcome in ("unknown", "begun")}
        possible[op_id] = certain or amounts
    return possible


def _wrongly_refused(notes: tuple[Note, ...]) -> str:
    """Law 6: one ending of what was admitted is done; another is an error only where there was one before."""
    for verb, op_id, cost, outcome in notes:
        done = {(n[0], n[2]) for n in notes if n[1] == op_id and n[0] in ENDS and n[3] == "done"}
        if len(done) > 1:
            return f"{op_id} was ended as {done}"
        others = [n for n in notes if n[1] == op_id and n[0] in ENDS and (n[0], n[2]) != (verb, cost)]
        if verb in ENDS and outcome == "named error" and not others:
            return f"{verb} of {op_id} was refused without a reason: {notes}"
    return ""
