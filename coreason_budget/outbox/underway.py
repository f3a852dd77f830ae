"""Spend on its way to the ledger: on disk before it is sent, so that who dies in between leaves it to others."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ledger import named
from coreason_budget.outbox.spend import Kept, fields_of, read_fields
from coreason_budget.outbox.store import OutboxBrokenError

try:
    import fcntl
except ImportError:  # Windows: nobody could tell whose sender is gone, so nothing is written.
    fcntl = None  # type: ignore[assignment]

# No namespace has it in its name.
_MARK = "~"

_log = logging.getLogger("coreason_budget")


class _File(FileIO):
    """A file that is closed with the last reference to it: an interrupt may fall before any block is entered."""

    # Not a function of ours: that could be interrupted too.
    __del__ = FileIO.close


class Underway:
    """A folder with one small file for each charge or settle that is being sent.

    Its sender holds a lock on the file, which the system frees when the sender dies. The file is not
    forced to the disk: it outlives its process, not a power cut.

    Args:
        path: The outbox: the folder is beside it, and made when it is needed.
        namespace: Whose spend.
    """

    def __init__(self, path: Path, namespace: str) -> None:
        self._folder = f"{path}.sending"
        self._prefix = namespace + _MARK

    @contextmanager
    def keep(self, spend: Kept, now_us: int) -> Iterator[None]:
        """Keep spend during the block. Left by an interrupt, it stays: its outcome is not known to anybody."""
        try:
            file = self._write(spend, now_us)
        except OSError as error:
            _log.error("the outbox cannot keep op id %s while it is sent: %s", spend.op_id, error)
            file = None
        if file is None:
            yield
            return
        with file:
            try:
                yield
            except Exception:
                _remove(str(file.name))
                raise
            except BaseException:
                # A child that was forked meanwhile has the lock too; closing ours would not free it.
                fcntl.flock(file, fcntl.LOCK_UN)
                raise
            _remove(str(file.name))

    def orphans(self) -> Iterator[tuple[Kept, int]]:
        """Spend whose sender is gone, and since when it may be booked; gone from here once the next is asked for.

        Raises:
            OutboxBrokenError: The folder cannot be read.
        """
        try:
            names = [name for name in os.listdir(self._folder) if name.startswith(self._prefix)]
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutboxBrokenError(f"the outbox's folder cannot be read: {error}") from error
        for path in (os.path.join(self._folder, name) for name in names):
            with _abandoned(path) as file:
                if file is None:
                    continue
                try:
                    yield _read(file)
                except LedgerCorruptError as error:
                    # It was killed while writing, so nothing of it was sent.
                    _log.warning("outbox: %s", error)
                _remove(path)

    def _write(self, spend: Kept, now_us: int) -> _File | None:
        if fcntl is None:
            return None
        file = self._create()
        try:
            # Who looks for orphans has it for a moment, and leaves it, for it is empty.
            fcntl.flock(file, fcntl.LOCK_EX)
            text = named.encode({"at_us": now_us, "op_id": spend.op_id, "spend": fields_of(spend)}).encode()
            if file.write(text) != len(text):
                raise OSError("no space left")
        except BaseException:
            _remove(str(file.name))
            file.close()
            raise
        return file

    def _create(self) -> _File:
        path = os.path.join(self._folder, self._prefix + secrets.token_hex(8))
        try:
            return _File(path, "x")
        except FileNotFoundError:
            os.makedirs(self._folder, exist_ok=True)
            return _File(path, "x")


@contextmanager
def _abandoned(path: str) -> Iterator[_File | None]:
    """The file, if it was written and its sender is gone, locked during the block."""
    try:
        file = _File(path, "r+")
    except OSError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        facts = os.fstat(file.fileno())
        yield file if facts.st_nlink and facts.st_size else None
        fcntl.flock(file, fcntl.LOCK_UN)


def _read(file: _File) -> tuple[Kept, int]:
    """What was kept, and when.

    Raises:
        LedgerCorruptError: It was not written to its end.
    """
    try:
        fields = json.loads(file.read())
        return read_fields(named.text(fields["op_id"]), fields["spend"]), named.whole(fields["at_us"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerCorruptError(f"what a process was writing when it died is no spend: {error}") from error


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
