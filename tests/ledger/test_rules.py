"""The laws as tables: what is known and asked -> what is to be done."""

from __future__ import annotations

import pytest
from attrs import evolve

from coreason_budget.errors import (
    BudgetError,
    IdempotencyConflictError,
    InvalidAmountError,
    LedgerCorruptError,
    ReservationError,
)
from coreason_budget.ledger import rules
from coreason_budget.ledger.base import Charge, End, Refused, Reserve
from coreason_budget.ledger.decisions import Change, Replay
from coreason_budget.ledger.record import HOUR_US, KEEP_CALLERS_US, KEEP_MADE_US, Record
from coreason_budget.model import Account, Amounts, Entry, Memo, Scope
from coreason_budget.money import MAX_ACCOUNT

_NOW_US = 1_000_000_000_000
_DAY = Account(Scope("user", "alice"), "day", 950_400, 1_036_800, "usd")
_TOTAL = Account(Scope("global"), "total", 0, None, "usd")
_TOKENS = Account(Scope("team", "x"), "hour", 997_200, 1_000_800, "tokens")
_AMOUNTS = Amounts(10, 20, 1)
_ENTRIES = (Entry.of(_DAY, 10, 100), Entry.of(_TOKENS, 20, 50), Entry.of(_TOTAL, 10, None))
_PLAN = lambda now_us: _ENTRIES  # noqa: E731
_RESERVE = Reserve("op", "digest", _PLAN, _AMOUNTS, KEEP_MADE_US, "op", 60_000_000, "charge")
_OPEN = Record(
    "op",
    "reserve",
    "digest",
    _AMOUNTS,
    _ENTRIES,
    KEEP_MADE_US,
    "op",
    "open",
    _NOW_US + 60_000_000,
    "charge",
    memo=Memo("given"),
)
_DUE = evolve(_OPEN, lapses_us=_NOW_US)


def _ended(state: str, booked: Amounts, **more: object) -> Record:
    return evolve(_OPEN, state=state, booked=booked, **more)


_SETTLED = _ended("settled", Amounts(4, 5, 1), end_digest="end")
_RELEASED = _ended("released", Amounts(0, 0, 0), end_digest="end")
_CHARGED = _ended("lapsed", _AMOUNTS)
_FORGIVEN = evolve(_ended("lapsed", Amounts(0, 0, 0)), on_lapse="release")


def _end(verb: str, op_id: str | None = None, digest: str = "end", cost: int = 7) -> End:
    return End(verb, "op", op_id, digest, lambda model: cost, 9)


def _moves(change: object) -> dict[str, tuple[int, int]]:
    assert isinstance(change, Change)
    return {str(m.account.scope): (m.used, m.reserved) for m in change.movements}


@pytest.mark.parametrize(
    ("used", "tokens", "fits"),
    [(0, 0, True), (90, 30, True), (91, 30, False), (90, 31, False), (100, 0, False), (10**18, 0, False)],
)
def test_reserve_admits_what_keeps_within_every_limit(used: int, tokens: int, fits: bool) -> None:
    """Law 1: used + amount <= limit, on each limited account; the unlimited one is not asked."""
    standings = {_DAY.key: (used, 0), _TOKENS.key: (tokens, 0), _TOTAL.key: (MAX_ACCOUNT, 0)}
    decision = rules.reserve(_RESERVE, _NOW_US, None, _ENTRIES, standings)
    assert isinstance(decision, Change if fits else Refused)


def test_reserve_holds_on_limited_accounts_alone() -> None:
    """Law 1: what it writes is an open record and the amount, as used and as reserved."""
    change = rules.reserve(_RESERVE, _NOW_US, None, _ENTRIES, {})
    assert _moves(change) == {"user/alice": (10, 10), "team/x": (20, 20)}
    assert isinstance(change, Change)
    assert change.record == _OPEN
    assert [(m.used, m.reserved) for m in rules.undo(change.record, _NOW_US)] == [(-10, -10), (-20, -20)]


@pytest.mark.parametrize(
    ("used", "reserved", "reason"), [(100, 0, "spent"), (100, 9, "spent"), (100, 10, "busy"), (91, 91, "busy")]
)
def test_a_refusal_is_spent_or_busy(used: int, reserved: int, reason: str) -> None:
    """Spent: it would not fit without any reservation."""
    refused = rules.refusal(_ENTRIES, {_DAY.key: (used, reserved)}, _NOW_US)
    assert refused is not None
    assert (refused.reason, refused.entry.account, refused.used) == (reason, _DAY, used)


def test_the_account_that_resets_last_refuses() -> None:
    """Of several: total before day before hour, whatever their order."""
    entries = (Entry.of(_TOTAL, 10, 0), *_ENTRIES[:2])
    full = {_DAY.key: (100, 0), _TOKENS.key: (50, 0)}
    for some in (entries, entries[::-1]):
        named = [
            rules.refusal(some[:], full, _NOW_US),
            rules.refusal([e for e in some if e.limit_units], full, _NOW_US),
        ]
        assert [r and r.entry.account for r in named] == [_TOTAL, _DAY]


@pytest.mark.parametrize(
    ("known", "reason"),
    [(_SETTLED, "settled"), (_RELEASED, "released"), (_CHARGED, "lapsed"), (_DUE, "lapsed")],
)
def test_a_reserve_that_ended_is_not_replayed(known: Record, reason: str) -> None:
    """Law 4: a job that runs again is told how its reservation ended."""
    with pytest.raises(ReservationError) as error:
        rules.reserve(_RESERVE, _NOW_US, known, _ENTRIES, {})
    assert error.value.reason == reason


def test_an_open_reserve_is_replayed_whatever_stands() -> None:
    """Law 4: it was admitted; nothing is asked again."""
    full = {_DAY.key: (10**6, 0)}
    assert rules.reserve(_RESERVE, _NOW_US, _OPEN, _ENTRIES, full) == Replay(_OPEN)


@pytest.mark.parametrize("known", [evolve(_OPEN, digest="other"), evolve(_OPEN, verb="charge"), _SETTLED])
def test_other_content_is_a_conflict(known: Record) -> None:
    """Law 4: another digest or another verb under the same op id."""
    known = evolve(known, digest="other") if known is _SETTLED else known
    for ask in (
        lambda: rules.reserve(_RESERVE, _NOW_US, known, _ENTRIES, {}),
        lambda: rules.charge(Charge("op", "d", _PLAN, _AMOUNTS, KEEP_MADE_US), _NOW_US, known, _ENTRIES),
        lambda: rules.end(_end("settle", "op"), _NOW_US, known, _OPEN),
    ):
        with pytest.raises(IdempotencyConflictError) as error:
            ask()
        assert error.value.idempotency_key == "op"


def test_charge_books_every_account_in_full() -> None:
    """Law 2: limits are not asked."""
    change = rules.charge(Charge("op", "d", _PLAN, _AMOUNTS, KEEP_MADE_US), _NOW_US, None, _ENTRIES)
    assert _moves(change) == {"user/alice": (10, 0), "team/x": (20, 0), "global": (10, 0)}


@pytest.mark.parametrize(("used", "fits"), [(MAX_ACCOUNT - 10, True), (MAX_ACCOUNT - 9, False)])
def test_an_account_counts_to_4e18(used: int, fits: bool) -> None:
    """Law 10: the last unit fits, the next is refused by name."""
    movements = (rules.Movement(_DAY, 10, 0),)
    if fits:
        rules.check_room(movements, {_DAY.key: (used, 0)})
        return
    with pytest.raises(InvalidAmountError):
        rules.check_room(movements, {_DAY.key: (used, 0)})


def test_what_is_given_back_always_has_room() -> None:
    """Law 10: an account that is too full may still be relieved."""
    rules.check_room([rules.Movement(_DAY, -10, -10)], {_DAY.key: (MAX_ACCOUNT + 100, 10)})


_HELD = {"user/alice": (-10, -10), "team/x": (-20, -20)}


@pytest.mark.parametrize(
    ("record", "verb", "moves", "late"),
    [
        (_OPEN, "settle", {"user/alice": (-3, -10), "team/x": (-11, -20), "global": (7, 0)}, False),
        (_OPEN, "release", _HELD, False),
        (_OPEN, "lapse", {"user/alice": (0, -10), "team/x": (0, -20), "global": (10, 0)}, False),
        (evolve(_OPEN, on_lapse="release"), "lapse", _HELD, False),
        (_DUE, "settle", {"user/alice": (-3, -10), "team/x": (-11, -20), "global": (7, 0)}, True),
        (_DUE, "release", _HELD, True),
        (_CHARGED, "settle", {"user/alice": (-3, 0), "team/x": (-11, 0), "global": (-3, 0)}, True),
        (_CHARGED, "release", {"user/alice": (-10, 0), "team/x": (-20, 0), "global": (-10, 0)}, True),
        (_FORGIVEN, "settle", {"user/alice": (7, 0), "team/x": (9, 0), "global": (7, 0)}, True),
        (_FORGIVEN, "release", {}, True),
    ],
)
def test_an_ending_moves_from_what_stands_to_what_is_booked(
    record: Record, verb: str, moves: dict[str, tuple[int, int]], late: bool
) -> None:
    """Laws 2, 5 and 7: the difference between what the reservation has put on an account, and what it shall leave."""
    change = rules.end(_end(verb), _NOW_US, None, record)
    assert _moves(change) == moves
    assert isinstance(change, Change)
    assert (change.record.state, change.record.late) == (rules.ENDED_BY[verb], late)
    assert change.marker is None


@pytest.mark.parametrize(
    ("record", "verb", "reason"),
    [
        (None, "settle", "unknown"),
        (evolve(_OPEN, reservation_id="secret.op"), "settle", "unknown"),
        (evolve(_OPEN, verb="charge"), "release", "unknown"),
        (_SETTLED, "release", "settled"),
        (_SETTLED, "settle", "settled"),
        (_SETTLED, "lapse", "settled"),
        (_RELEASED, "settle", "released"),
        (_CHARGED, "lapse", "lapsed"),
    ],
)
def test_a_reservation_ends_at_most_once(record: Record | None, verb: str, reason: str) -> None:
    """Law 6: unknown, or ended another way: a named error."""
    with pytest.raises(ReservationError) as error:
        rules.end(_end(verb, digest="another"), _NOW_US, None, record)
    assert error.value.reason == reason


def test_an_ending_with_a_key_leaves_a_marker_that_replays() -> None:
    """Law 4: the key of an ending is remembered beside the reservation."""
    change = rules.end(_end("settle", "key"), _NOW_US, None, _OPEN)
    assert isinstance(change, Change)
    marker = change.marker
    assert marker is not None
    assert (marker.op_id, marker.verb, marker.booked) == ("key", "settle", Amounts(7, 9, 1))
    assert rules.end(_end("settle", "key"), _NOW_US, marker, change.record) == Replay(marker)
    assert rules.end(_end("settle", "key"), _NOW_US, None, change.record) == Replay(change.record)


def test_what_the_cost_raises_comes_through() -> None:
    """A cost that cannot be told decides nothing."""

    def unknown(model: str | None) -> int:
        raise BudgetError("no price")

    with pytest.raises(BudgetError, match="no price"):
        rules.end(evolve(_end("settle"), cost=unknown), _NOW_US, None, _OPEN)


@pytest.mark.parametrize(("before_us", "moved"), [(HOUR_US + 1, True), (HOUR_US, False), (0, False), (-1, False)])
def test_an_account_about_to_expire_is_left_alone(before_us: int, moved: bool) -> None:
    """A movement after its expiry would make it again, without its past."""
    expires_us = _DAY.expires_us
    assert expires_us is not None
    change = rules.lapse(_DUE, expires_us - before_us)
    assert ("user/alice" in _moves(change), "global" in _moves(change)) == (moved, True)


@pytest.mark.parametrize(
    ("used", "reserved", "sound"),
    [(0, 0, True), (5, 5, True), (8 * 10**18, 0, True), (8 * 10**18 + 1, 0, False), (4, 5, False), (-1, -1, False)],
)
def test_a_standing_is_checked_before_it_is_used(used: int, reserved: int, sound: bool) -> None:
    """What this library cannot have written is corrupt."""
    if sound:
        assert rules.check_sound("key", used, reserved) == (used, reserved)
        return
    with pytest.raises(LedgerCorruptError):
        rules.check_sound("key", used, reserved)


@pytest.mark.parametrize(
    ("record", "kept_us"),
    [
        (_OPEN, None),
        (_SETTLED, KEEP_CALLERS_US),
        (_CHARGED, KEEP_CALLERS_US),
        (Record("op", "charge", "d", _AMOUNTS, _ENTRIES, KEEP_MADE_US), KEEP_MADE_US),
        (Record("op", "charge", "d", _AMOUNTS, _ENTRIES, KEEP_CALLERS_US), KEEP_CALLERS_US),
    ],
)
def test_how_long_a_record_is_kept(record: Record, kept_us: int | None) -> None:
    """Law 4: 1 h for made keys, 24 h for callers' and for ended reservations, for good while open."""
    assert record.kept_us == kept_us


def test_an_undo_takes_back_the_hold_where_the_account_is_kept() -> None:
    """Account by account; one about to expire is left alone."""
    held = rules.hold(_OPEN)
    assert rules.undo(_OPEN, _NOW_US) == tuple(rules.Movement(m.account, -m.used, -m.reserved) for m in held)
    assert [m.account for m in rules.undo(_OPEN, _DAY.expires_us or 0)] == []


@pytest.mark.parametrize(
    ("used", "refusing"),
    [
        ([100, 50], None),
        ([10, 20], None),
        ([101, 50], _DAY),
        ([100, 51], _TOKENS),
        ([101, 51], _DAY),
        ([None, 50], None),
        ([None, 51], _TOKENS),
        ([101, None], _DAY),
        ([None, None], None),
    ],
)
def test_the_copies_tell_whether_there_was_room(used: list[int | None], refusing: Account | None) -> None:
    """Law 1: each limited account as it stood just after the hold is within its limit; the unlimited has no copy."""
    over = rules.overrun(_OPEN, used, _NOW_US)
    assert (over and over.entry.account) == refusing
    if over is not None:
        amount = over.entry.amount
        assert (over.used, over.reserved, over.now_us) == (used[0 if refusing is _DAY else 1] - amount, 0, _NOW_US)  # type: ignore[operator]


def test_the_copies_are_all_or_it_is_a_mistake() -> None:
    """One for each limited account, no more and no less."""
    for used in ([], [1], [1, 2, 3]):
        with pytest.raises(ValueError, match="zip"):
            rules.overrun(_OPEN, used, _NOW_US)


def test_a_conflict_says_what_to_do() -> None:
    """Which key, for what it stands, and the two ways on."""
    with pytest.raises(IdempotencyConflictError) as error:
        rules.reserve(_RESERVE, _NOW_US, evolve(_OPEN, verb="charge"), _ENTRIES, {})
    assert str(error.value) == (
        "idempotency key 'op' was used before for another charge; "
        "use a new key for a new call, and repeat a call unchanged"
    )


def test_an_account_that_is_not_there_is_empty() -> None:
    """Nothing used, nothing reserved: the whole limit fits, and one more does not."""
    assert rules.refusal([Entry.of(_DAY, 100, 100)], {}, _NOW_US) is None
    refused = rules.refusal([Entry.of(_DAY, 101, 100)], {}, _NOW_US)
    assert refused is not None
    assert (refused.used, refused.reserved) == (0, 0)
    rules.check_room([rules.Movement(_DAY, MAX_ACCOUNT, 0)], {})


def test_what_does_not_fit_an_account_names_it() -> None:
    """Whose, in which unit, and the field; what adds nothing always fits."""
    full = {_DAY.key: (MAX_ACCOUNT + 1, 0), _TOKENS.key: (MAX_ACCOUNT, 0)}
    rules.check_room([rules.Movement(_DAY, 0, -1)], full)
    with pytest.raises(InvalidAmountError) as error:
        rules.check_room([rules.Movement(_TOKENS, 1, 0)], full)
    assert (str(error.value), error.value.field) == ("cost: Team x would pass 4*10**18 tokens units", "cost")


def test_a_settle_keeps_the_requests_that_were_reserved() -> None:
    """A call is one request however much it cost; a batch is what it was."""
    change = rules.end(_end("settle"), _NOW_US, None, evolve(_OPEN, amounts=Amounts(10, 20, 3)))
    assert isinstance(change, Change)
    assert change.record.booked == Amounts(7, 9, 3)


def test_a_standing_that_cannot_be_is_shown() -> None:
    """Which account, and what it holds."""
    with pytest.raises(LedgerCorruptError, match=r"^account 'key' holds used=4, reserved=5; nothing was written$"):
        rules.check_sound("key", 4, 5)
