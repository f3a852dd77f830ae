"""Ranks are downloaded on purpose alone, whole and official, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.pricing import ranks

CONTENT = b"IQ== 0\nIg== 1\n" * 20_000


class Files(BaseHTTPRequestHandler):
    """Serves the ranks, wrong ranks, too many, too few, or nothing for a long time."""

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        if kind == "gone":
            self.send_error(404)
            return
        content = {"good": CONTENT, "wrong": CONTENT[::-1], "long": CONTENT + b"more", "short": CONTENT[:-1]}.get(kind)
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT if kind in ("cut", "silent") else content or b"")))
        self.end_headers()
        if kind == "silent":
            self.server.stopping.wait(30)  # type: ignore[attr-defined]
        elif kind == "cut":
            self.wfile.write(CONTENT[:1000])
        else:
            self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server on this host: the tests ask nobody else."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as made:
        made.stopping = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.stopping.set()  # type: ignore[attr-defined]
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a small file to be fetched."""
    file = ranks._File("o200k_base.tiktoken", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    monkeypatch.setattr(ranks, "_FILES", {"o200k_base": file, "o200k_harmony": file})
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "new" / "cache"))
    return tmp_path / "new" / "cache"


def test_ranks_arrive_where_tiktoken_looks(server: str, cache: Path) -> None:
    """Under the name that tiktoken gives its copy, whoever it came from."""
    assert ranks.on_disk("o200k_base") is None
    seen: list[int] = []
    path = ranks.fetch("o200k_base", url=f"{server}/good/", progress=seen.append)
    assert path == cache / hashlib.sha1((ranks.URL + "o200k_base.tiktoken").encode()).hexdigest()
    assert path.read_bytes() == CONTENT
    assert sum(seen) == ranks.size("o200k_base") == len(CONTENT)
    assert ranks.on_disk("o200k_base") == ranks.on_disk("o200k_harmony") == path
    assert [item.name for item in cache.iterdir()] == [path.name]


def test_official_files_are_those_that_tiktoken_expects() -> None:
    """The official names and sums, as tiktoken's own source has them."""
    registry = pytest.importorskip("tiktoken_ext.openai_public")
    source = Path(registry.__file__).read_text()
    for file in (ranks._O200K, ranks._CL100K):
        assert ranks.URL + file.name in source
        assert file.sha256 in source


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("gone", "could not be downloaded: Not Found"),
        ("wrong", "not the official file"),
        ("long", "not the official file"),
        ("short", "not the official file"),
        ("cut", "not the official file|could not be downloaded"),
        ("silent", "could not be downloaded: timed out"),
    ],
)
def test_a_failed_download_leaves_nothing(server: str, cache: Path, kind: str, words: str) -> None:
    """Neither a part of a file, nor another one, nor a wait without end."""
    with pytest.raises(ConfigError, match=words):
        ranks.fetch("o200k_base", url=f"{server}/{kind}", timeout_s=0.3 if kind == "silent" else 30)
    assert not cache.exists()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "", "ftp://", "http://[", "http://127.0.0.1:x"])
def test_a_server_that_is_not_there_is_named(cache: Path, url: str) -> None:
    """One sentence, whatever the network or the address is like."""
    with pytest.raises(ConfigError, match="could not be downloaded"):
        ranks.fetch("o200k_base", url=url, timeout_s=5)


def test_it_may_not_take_for_ever(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends a little now and then is given up on as well."""
    clock = iter(range(0, 1000, 100))
    monkeypatch.setattr(ranks.time, "monotonic", lambda: next(clock))
    with pytest.raises(ConfigError, match="it took too long"):
        ranks.fetch("o200k_base", url=f"{server}/good", timeout_s=150)


def test_what_cannot_be_fetched_is_said(server: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown encoding, no place to keep it, a place that cannot be written, a nonsense time-out."""
    with pytest.raises(ConfigError, match="'p50k_base' is not one of o200k_base"):
        ranks.fetch("p50k_base")
    with pytest.raises(ConfigError, match="time-out"):
        ranks.fetch("o200k_base", timeout_s=0)
    cache.parent.write_text("a file")
    with pytest.raises(ConfigError, match="set TIKTOKEN_CACHE_DIR to another folder"):
        ranks.fetch("o200k_base", url=f"{server}/good")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    with pytest.raises(ConfigError, match="TIKTOKEN_CACHE_DIR is empty"):
        ranks.fetch("o200k_base", url=f"{server}/good")
