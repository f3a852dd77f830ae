"""What only the SQLite ledger meets: files, schemas, locks, and strangers' databases."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from coreason_budget.errors import (
    BudgetError,
    ConfigError,
    LedgerCorruptError,
    LedgerUnavailableError,
    OutcomeUnknownError,
)
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.journal import PAGE
from coreason_budget.ledger.named import SCHEMA
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.ledger.sqlite.tables import _LAPSED_ONES, _OPEN_ONES
from coreason_budget.model import Amounts
from coreason_budget.storage import sqlite_file
from coreason_budget.storage.sqlite_file import JOURNAL_MODE
from coreason_budget.testing import ManualClock
from coreason_budget.testing.fork import in_fork
from coreason_budget.testing.kit import ALICE, BOB, DAY_S, USD, books, guard_on, limit, standing
from tests.ledger.verbs import VERBS, every_verb

_LIMITS = (limit("user", USD),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "budget.db"


def _guard(path: Path, timeout_s: float = 0.2, **options: Any) -> BudgetGuard:
    return guard_on(SqliteLedger(path, timeout_s=timeout_s, **options), *_LIMITS)


def _run(path: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [row for statement in statements for row in connection.execute(statement).fetchall()]


@every_verb
def test_a_file_that_only_newer_readers_may_use_is_refused(path: Path, verb: str) -> None:
    """By whoever opens it, and by whoever has it open; what is there stays."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(5))
    _run(path, f"INSERT INTO migration VALUES ('later', {SCHEMA + 1})")
    for each in (guard, _guard(path)):
        with pytest.raises(ConfigError, match=f"for readers of schema {SCHEMA + 1} on, and this is {SCHEMA}") as caught:
            VERBS[verb](each)
        assert caught.value.field == "ledger_url"
    assert _run(path, "SELECT DISTINCT used FROM account") == [(5,)]


def test_a_number_that_anyone_wrote_means_nothing(path: Path) -> None:
    """Files go by the names of their steps: an older process may write its number back."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(5))
    for version in (0, SCHEMA - 1, SCHEMA + 7):
        _run(path, f"PRAGMA user_version={version}")
        again = _guard(path)
        for each in (guard, again):
            each.charge(ALICE, Amounts(1))
            each.usage(ALICE)
            each.ledger.ping()
        assert _run(path, "PRAGMA user_version") == [(version,)]
    assert standing(guard, ALICE, "user") == (11, 0)


@every_verb
def test_a_strangers_database_is_refused(path: Path, verb: str) -> None:
    """A file with other tables is somebody else's, and stays as it is."""
    _run(path, "CREATE TABLE invoice (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(ConfigError):
        VERBS[verb](_guard(path))
    assert path.read_bytes() == before


def test_another_time_zone_is_refused(path: Path) -> None:
    """Its days would be other days; another namespace may have its own."""
    _guard(path, timezone="Europe/Berlin").charge(ALICE, Amounts(1))
    for options in ({}, {"timezone": "UTC"}):
        with pytest.raises(ConfigError, match="Europe/Berlin") as caught:
            _guard(path, **options).charge(ALICE, Amounts(1))
        assert caught.value.field == "timezone"
    for options in ({}, {"timezone": "UTC"}):
        _guard(path, **options, namespace="other").charge(ALICE, Amounts(1))


def test_namespaces_share_a_file_and_nothing_in_it(path: Path) -> None:
    """Same users, same keys, same lapses: apart."""
    one, two = _guard(path, namespace="one"), _guard(path, namespace="two")
    one.charge(ALICE, Amounts(USD), idempotency_key="k")
    hold = two.reserve(ALICE, Amounts(USD), idempotency_key="k")
    assert standing(one, ALICE, "user") == (USD, 0)
    with pytest.raises(BudgetError, match="not known"):
        one.settle(hold.reservation_id, 1)
    assert standing(two, ALICE, "user") == (USD, USD)


@every_verb
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_that_vanished_is_unavailable(path: Path, verb: str, how: str) -> None:
    """It must not look like nothing spent: unavailable, in this process, until it is back."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(USD))
    path.rename(path.with_name("away.db"))
    if how == "replaced":
        _guard(path).charge(BOB, Amounts(1))
    with pytest.raises(LedgerUnavailableError, match=f"{how}.* while in use"):
        VERBS[verb](guard)
    path.with_name("away.db").rename(path)
    assert standing(guard, ALICE, "user") == (USD, 0)


@every_verb
def test_what_is_not_a_database_is_a_named_error(path: Path, verb: str) -> None:
    """A text file in its place is refused, and not overwritten."""
    path.write_text("my diary, " * 1000)
    with pytest.raises(LedgerCorruptError):
        VERBS[verb](_guard(path))
    assert path.read_text() == "my diary, " * 1000


def test_a_folder_that_is_not_there_is_a_setting(tmp_path: Path) -> None:
    """Told when it is set up, not at the first call."""
    with pytest.raises(ConfigError, match="folder") as caught:
        SqliteLedger(tmp_path / "nowhere" / "budget.db")
    assert caught.value.field == "ledger_url"


def test_a_folder_in_its_place_is_unavailable(path: Path) -> None:
    """What cannot be opened admits nothing."""
    path.mkdir()
    with pytest.raises(LedgerUnavailableError):
        _guard(path).reserve(ALICE, Amounts(1))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no other users to be")
@every_verb
def test_a_read_only_file_is_unavailable(verb: str) -> None:
    """What cannot be booked must not be checked either."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "budget.db")
        _guard(path).charge(ALICE, Amounts(1))
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        with in_fork(lambda: _is_unavailable_to_others(path, verb)):
            pass
        Path(folder).chmod(0o755)


def _is_unavailable_to_others(path: Path, verb: str) -> None:
    if os.geteuid() == 0:
        # Root may write everywhere.
        os.setuid(65534)
    with pytest.raises(LedgerUnavailableError):
        VERBS[verb](_guard(path))


def test_a_disk_that_takes_no_more_is_unavailable_and_changes_nothing(path: Path) -> None:
    """A full disk in the middle of a transaction: all of it is undone."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(1))
    before = books(guard, ALICE)
    connection = guard.ledger._file._local.opened.connection  # type: ignore[attr-defined]
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LedgerUnavailableError):
        _charge_nothing_often(guard)
    connection.execute("PRAGMA max_page_count=1000000")
    assert books(guard, ALICE) == before
    guard.charge(ALICE, Amounts(1))


def _charge_nothing_often(guard: BudgetGuard) -> None:
    for number in range(1000):
        guard.charge(ALICE, Amounts(0), idempotency_key=f"{number}{'k' * 200}")


@pytest.mark.parametrize("verb", ["reserve", "check"])
def test_many_lapses_are_ended_by_several_calls(path: Path, verb: str) -> None:
    """Law 8: ending them all may take longer than one call has, and must not keep others out meanwhile."""
    clock = ManualClock()
    limits = limit("user", 1000), limit("global", 101, window="total")
    guard = guard_on(SqliteLedger(path, timeout_s=30, clock=clock), *limits, on_lapse="release")
    for _ in range(101):
        guard.reserve(BOB, Amounts(1))
    clock.advance(seconds=DAY_S)
    hasty = guard_on(SqliteLedger(path, timeout_s=0, clock=clock), *limits)
    with pytest.raises(LedgerUnavailableError, match="lapsed"):
        VERBS[verb](hasty)
    assert guard.ledger.status().open_reservations == 1
    VERBS[verb](guard)
    assert guard.usage(BOB)[-1].used_units == (1 if verb == "reserve" else 0)


class _BreakingDisk(sqlite3.Connection):
    """A disk that fails in the next commit, just before or just after it is done."""

    breaks = ""

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement != "COMMIT" or not self.breaks:
            return super().execute(statement, *values)
        if self.breaks == "after":
            super().execute(statement)
        self.breaks = ""
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error


@pytest.fixture
def disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BudgetGuard]:
    """A guard whose disk can be broken."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=_BreakingDisk))
    guard = _guard(path, timeout_s=30, clock=ManualClock())
    guard.ledger.ping()
    with closing(guard.ledger):
        yield guard


def _break(guard: BudgetGuard, when: str) -> None:
    guard.ledger._file._local.opened.connection.breaks = when  # type: ignore[attr-defined]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("key", [None, "own"])
@pytest.mark.parametrize("verb", ["reserve", "charge", "settle", "release"])
def test_a_commit_that_the_disk_breaks_is_unknown_and_its_key_finds_out(
    disk: BudgetGuard, verb: str, key: str | None, when: str
) -> None:
    """Law 8: the error carries the op id, and the same call with it is booked once."""
    hold = disk.reserve(ALICE, Amounts(5), idempotency_key="job")
    call: dict[str, Callable[..., Any]] = {
        "reserve": partial(disk.reserve, ALICE, Amounts(2)),
        "charge": partial(disk.charge, ALICE, Amounts(2)),
        "settle": partial(disk.settle, hold.reservation_id, 2),
        "release": partial(disk.release, hold.reservation_id),
    }
    _break(disk, when)
    with pytest.raises(OutcomeUnknownError) as caught:
        call[verb](idempotency_key=key)
    if verb in ("settle", "release") or key:
        assert caught.value.op_id == (key or "job")
    again = call[verb](idempotency_key=caught.value.op_id)
    assert again.replayed is (when == "after")
    expected = {"reserve": (7, 7), "charge": (7, 5), "settle": (2, 0), "release": (0, 0)}
    assert standing(disk, ALICE, "user") == expected[verb]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("verb", ["usage", "check", "ping"])
def test_a_read_that_the_disk_breaks_is_unavailable_and_no_call_of_its_own(
    disk: BudgetGuard, verb: str, when: str
) -> None:
    """Law 8: what lapsed is ended by whoever looks; there is no key that could find out, and nothing to find."""
    disk.reserve(ALICE, Amounts(5), ttl_s=1)
    disk.ledger._clock.advance(seconds=1)  # type: ignore[attr-defined]
    _break(disk, when)
    with pytest.raises(LedgerUnavailableError) as caught:
        VERBS[verb](disk)
    assert type(caught.value) is LedgerUnavailableError
    assert standing(disk, ALICE, "user") == (5, 0)


@pytest.mark.parametrize("verb", ["reserve", "charge", "settle", "ping"])
def test_a_locked_file_is_unavailable_in_time(path: Path, verb: str) -> None:
    """Law 8: the wait for another writer ends at the time-out; when the lock is gone, it works again."""
    guard = _guard(path, timeout_s=0.15)
    guard.charge(BOB, Amounts(1))
    begun_s = time.monotonic()
    with _locked(path), pytest.raises(LedgerUnavailableError, match="locked"):
        VERBS[verb](guard)
    assert 0.1 < time.monotonic() - begun_s < 1.5
    guard.charge(ALICE, Amounts(1))


def test_a_file_locked_at_the_first_contact_is_unavailable_in_time(path: Path) -> None:
    """Law 8: opening is part of the operation."""
    _guard(path).charge(BOB, Amounts(1))
    begun_s = time.monotonic()
    with _locked(path), pytest.raises(LedgerUnavailableError):
        _guard(path, timeout_s=0.1).charge(ALICE, Amounts(1))
    assert time.monotonic() - begun_s < 1.5


@pytest.mark.skipif(JOURNAL_MODE == "wal", reason="a WAL lets others read while one commits")
@pytest.mark.parametrize("verb", ["reserve", "charge"])
def test_a_commit_that_readers_hold_up_is_unavailable_in_time(path: Path, verb: str) -> None:
    """Law 8: nothing was done, and that is known; once they are gone, it works again."""
    guard = _guard(path, timeout_s=0.15)
    guard.charge(BOB, Amounts(1))
    begun_s = time.monotonic()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM account").fetchone()
        with pytest.raises(LedgerUnavailableError, match="locked") as caught:
            VERBS[verb](guard)
    assert type(caught.value) is LedgerUnavailableError
    assert time.monotonic() - begun_s < 1.5
    assert standing(guard, ALICE, "user") == (0, 0)
    VERBS[verb](guard)


def test_a_short_lock_is_waited_for(path: Path) -> None:
    """Within the time-out another writer is no reason to refuse."""
    guard = _guard(path, timeout_s=30)
    guard.charge(BOB, Amounts(1))
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(0.1, other.execute, ["COMMIT"]).start()
        guard.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == (1, 0)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE account SET used = -1",
        "UPDATE account SET reserved = used + 1",
        f"UPDATE account SET used = {2**63 - 1}, reserved = -1",
    ],
)
def test_a_standing_that_cannot_be_is_corrupt(path: Path, damage: str) -> None:
    """Nothing is admitted on it, and nothing is written."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(5))
    _run(path, damage)
    before = _run(path, "SELECT * FROM account", "SELECT * FROM record")
    for verb in ("reserve", "charge", "check", "usage"):
        with pytest.raises(LedgerCorruptError):
            VERBS[verb](guard)
    assert _run(path, "SELECT * FROM account", "SELECT * FROM record") == before


def test_an_overflow_is_refused_whole(path: Path) -> None:
    """STRICT tables: a sum past 64 bits is an error, never a float, and the other accounts keep theirs."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(5))
    _run(path, f"UPDATE account SET used = {2**63 - 1} WHERE key LIKE '%global'")
    before = _run(path, "SELECT key, used, typeof(used) FROM account")
    with pytest.raises(BudgetError):
        guard.charge(ALICE, Amounts(5))
    assert _run(path, "SELECT key, used, typeof(used) FROM account") == before


def test_a_corrupt_record_is_named(path: Path) -> None:
    """Its op id is in the error, and no call with its key goes ahead."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(5), idempotency_key="job-1")
    _run(path, "UPDATE record SET body = '{}'")
    with pytest.raises(LedgerCorruptError, match="job-1"):
        guard.charge(ALICE, Amounts(5), idempotency_key="job-1")


def test_what_is_acknowledged_is_on_the_disk(path: Path) -> None:
    """Rollback journal (or a WAL where it is safe), synced in full."""
    ledger = SqliteLedger(path)
    ledger.ping()
    execute = ledger._file._local.opened.connection.execute
    wal = sqlite3.sqlite_version_info >= (3, 51, 3)
    assert execute("PRAGMA journal_mode").fetchone() == ("wal" if wal else "truncate",)
    assert execute("PRAGMA synchronous").fetchone() == (2,)


def test_what_is_forgotten_leaves_the_file(path: Path) -> None:
    """Records and accounts that expired are deleted as others are written."""
    clock = ManualClock()
    guard = guard_on(SqliteLedger(path, clock=clock), *_LIMITS)
    for _ in range(20):
        guard.charge(ALICE, Amounts(1))
        clock.advance(seconds=DAY_S)
    ((records,), (accounts,)) = _run(path, "SELECT count(*) FROM record", "SELECT count(*) FROM account")
    assert (records, accounts) == (1, 8 * 4)


@pytest.mark.parametrize("name", ["with space.db", "ünïcödé-🙂.db", "per%20cent.db", "question?mode=ro.db", "#.db"])
def test_any_file_name_is_a_file_name(tmp_path: Path, name: str) -> None:
    """A path is a path, and no URL."""
    _guard(tmp_path / name).charge(ALICE, Amounts(1))
    assert (tmp_path / name).stat().st_size > 0


def test_a_file_that_is_replaced_while_it_is_opened_is_opened_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening may wait for others, and what it has open by then may be another file than the one in place."""
    _guard(path).charge(ALICE, Amounts(1))
    wait = sqlite_file._wait

    def replace_and_wait(connection: sqlite3.Connection, statement: str, *rest: Any) -> list[tuple[Any, ...]]:
        if statement == "BEGIN IMMEDIATE":
            monkeypatch.undo()
            shutil.copy(path, path.with_suffix(".copy"))
            path.with_suffix(".copy").replace(path)
        return wait(connection, statement, *rest)

    guard = _guard(path)
    monkeypatch.setattr(sqlite_file, "_wait", replace_and_wait)
    with suppress(LedgerUnavailableError):
        guard.check(ALICE, Amounts(1))
    guard.charge(ALICE, Amounts(1))
    assert standing(_guard(path), ALICE, "user") == (2, 0)


def test_a_thread_that_ends_closes_its_connection(path: Path) -> None:
    """A server with a thread for each request does not run out of files."""
    guard = _guard(path, timeout_s=30)
    open_files = Path("/proc/self/fd")
    if not open_files.is_dir():
        pytest.skip("this system does not list a process's open files")
    guard.charge(ALICE, Amounts(1))
    before = len(list(open_files.iterdir()))
    for _ in range(20):
        thread = threading.Thread(target=guard.charge, args=(ALICE, Amounts(1)))
        thread.start()
        thread.join()
    assert len(list(open_files.iterdir())) <= before + 1


def _plan(path: Path, statement: str) -> str:
    """How SQLite would find the rows of a statement."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", (1,) * statement.count("?")).fetchall()
    return "; ".join(row[3] for row in rows)


@pytest.mark.parametrize(("statement", "index"), [(_OPEN_ONES, "record_open"), (_LAPSED_ONES, "record_lapsed")])
def test_reservations_are_found_by_index(path: Path, statement: str, index: str) -> None:
    """However many calls are remembered beside them: each page begins where the last one ended, and sorts nothing."""
    _guard(path).charge(ALICE, Amounts(1))
    assert f"USING INDEX {index} (namespace=? AND (" in _plan(path, statement)
    assert "TEMP B-TREE" not in _plan(path, statement)
    naive = statement.replace("ORDER BY", "ORDER BY body,").replace(" IS NOT NULL", " IS NOT 0")
    assert "TEMP B-TREE" in _plan(path, naive), "the control"


@pytest.mark.slow
def test_reservations_come_once_each_over_pages_of_one_moment(path: Path) -> None:
    """Many that lapse at the same time are told apart by their op ids, those that lapsed after those that are open."""
    clock = ManualClock()
    guard = _guard(path, clock=clock, timeout_s=30)
    made = [guard.reserve(ALICE, Amounts(1), ttl_s=60).op_id for _ in range(PAGE + 7)]
    clock.advance(seconds=61)
    guard.usage(ALICE)
    still = [guard.reserve(ALICE, Amounts(1), ttl_s=60).op_id for _ in range(PAGE + 3)]
    found = [(record.state, record.op_id) for record in guard.ledger.reservations()]  # type: ignore[attr-defined]
    assert found == [("open", op_id) for op_id in sorted(still)] + [("lapsed", op_id) for op_id in sorted(made)]
