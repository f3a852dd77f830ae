"""Runs the real service in a process of its own, and speaks HTTP with it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import coreason_budget

ROOT = Path(coreason_budget.__file__).parents[1]
JSON = {"Content-Type": "application/json"}

SERVE = (sys.executable, "-m", "coreason_budget", "serve")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """A service in `folder`. A context manager that waits until it answers and stops it at the end."""

    def __init__(self, folder: Path, command: Sequence[str] = SERVE, **settings: str | int) -> None:
        self.port = free_port()
        self.folder = folder
        self._command = command
        self._settings = {"ledger_timeout_s": 20, "workers": 2, "port": self.port, **settings}
        self.process: subprocess.Popen[bytes]

    def start(self) -> Service:
        """Start it, and do not wait."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COREASON_BUDGET_")}
        environment["PYTHONPATH"] = str(ROOT)
        environment |= {f"COREASON_BUDGET_{name.upper()}": str(value) for name, value in self._settings.items()}
        with (self.folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(self._command, cwd=self.folder, env=environment, stderr=stderr)
        return self

    def __enter__(self) -> Service:
        self.start()
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s and self.process.poll() is None:
            try:
                self.request("GET", "/health")
                return self
            except OSError:
                time.sleep(0.05)
        self.process.kill()
        raise AssertionError(f"the service did not start: {self.stderr}")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    @property
    def stderr(self) -> str:
        """What it wrote to stderr so far."""
        return (self.folder / "stderr").read_text()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its log file, a JSON object a line."""
        return [json.loads(line) for line in (self.folder / "logs" / "app.log").read_text().splitlines()]

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request on a connection of its own: status and JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {**JSON, **headers})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def wait_for(self, message: str) -> None:
        """Return once the log has an event whose message starts so."""
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s:
            if any(event["message"].startswith(message) for event in self.events):
                return
            time.sleep(0.02)
        raise AssertionError(f"no {message!r} in the log: {self.stderr}")
