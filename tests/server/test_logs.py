"""The service's log: JSON lines, whole ones, from several processes, in a file of bounded size."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coreason_budget import ConfigError
from coreason_budget.server import logs
from tests.server.service import ROOT

# 200 events with a long text, in a file that is rotated at 40 kB.
WRITER = """
import logging, sys
from pathlib import Path
from coreason_budget.server import logs
logs.MAX_FILE_BYTES, logs.OLD_FILES = 40_000, 50
logs.configure(Path(sys.argv[1]))
for i in range(200):
    logging.getLogger("coreason_budget").info("event", extra={"writer": sys.argv[2], "number": i, "text": "x" * 300})
"""


@pytest.fixture
def _own_logging() -> Iterator[None]:
    """Put the handlers of the test run back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_own_logging")
def test_events_are_json_with_their_fields(tmp_path: Path) -> None:
    """The folder is made; text of any kind stays on its line."""
    path = tmp_path / "new" / "folder" / "app.log"
    logs.configure(path)
    logging.getLogger("coreason_budget").info("one\ntwo \ud800", extra={"user_id": "\u00e9\n"})
    logging.getLogger("some.library").info("not ours")
    (line,) = path.read_text().splitlines()
    event = json.loads(line)
    assert (event["message"], event["user_id"], event["level"]) == ("one\ntwo \ud800", "\u00e9\n", "INFO")
    assert event["timestamp"].endswith("+00:00")


@pytest.mark.usefixtures("_own_logging")
def test_a_traceback_is_one_line(tmp_path: Path) -> None:
    """An exception is a field of its event."""
    logs.configure(tmp_path / "app.log")
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logging.getLogger("coreason_budget").exception("failed")
    (line,) = (tmp_path / "app.log").read_text().splitlines()
    assert "RuntimeError: boom" in json.loads(line)["exc_info"]


@pytest.mark.parametrize("path", ["file/app.log", "folder", "bad\x00name"])
def test_a_path_that_cannot_be_written_is_a_config_error(tmp_path: Path, path: str) -> None:
    """Known at start; it names the setting and the path."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="log_path: ") as error:
        logs.configure(tmp_path / path)
    assert error.value.field == "log_path"


@pytest.mark.slow
@pytest.mark.processes
def test_several_processes_rotate_one_file_and_lose_nothing(tmp_path: Path) -> None:
    """Every event of 4 writers is there once and whole, over all rotations."""
    path = tmp_path / "app.log"
    command = [sys.executable, "-c", WRITER, str(path)]
    environment = {"PYTHONPATH": str(ROOT)}
    writers = [subprocess.Popen([*command, str(n)], env=environment, stderr=subprocess.DEVNULL) for n in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    files = list(tmp_path.glob("app.log*"))
    assert len(files) > 2
    events = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert sorted((e["writer"], e["number"]) for e in events) == [(str(n), i) for n in range(4) for i in range(200)]
