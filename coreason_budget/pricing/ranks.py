"""The ranks of tiktoken's encodings: where it looks for them, and how they get there on purpose.

tiktoken itself downloads what is missing while a call waits, without a time-out. Here nothing is
ever downloaded but by `fetch`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from attrs import frozen

from coreason_budget.errors import ConfigError

URL = "https://openaipublic.blob.core.windows.net/encodings/"
FETCHED = ("o200k_base", "cl100k_base")
_CHUNK_BYTES = 64 * 1024
_SILENCE_S = 10.0


@frozen
class _File:
    """A file of ranks, as tiktoken expects it."""

    name: str
    sha256: str
    size: int


_CL100K = _File("cl100k_base.tiktoken", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7", 1_681_126)
_O200K = _File("o200k_base.tiktoken", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d", 3_613_922)
_FILES = {"o200k_base": _O200K, "o200k_harmony": _O200K, "cl100k_base": _CL100K}


def cache_dir() -> str:
    """Give the directory that tiktoken reads from; empty where it is switched off."""
    default = os.path.join(tempfile.gettempdir(), "data-gym-cache")
    return os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR", default))


def size(encoding: str) -> int:
    """Give how many bytes an encoding's ranks have. Raises as `fetch`."""
    return _file(encoding).size


def on_disk(encoding: str, directory: str | None = None) -> Path | None:
    """Give where the official ranks of an encoding lie; None if they are not there, or others are."""
    directory = cache_dir() if directory is None else directory
    file = _FILES.get(encoding)
    if file is None or not directory:
        return None
    path = _path(file, directory)
    try:
        # tiktoken would delete and download a file whose hash is wrong.
        return path if hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256 else None
    except (OSError, ValueError):
        return None


def fetch(
    encoding: str, *, url: str = URL, timeout_s: float = 60, progress: Callable[[int], object] = lambda _: None
) -> Path:
    """Download the ranks of an encoding to where tiktoken looks for them.

    Nothing is left behind unless it is the official file, whole.

    Args:
        encoding: ``o200k_base``, ``cl100k_base`` or ``o200k_harmony``.
        url: The folder to download from.
        timeout_s: Seconds for the whole download.
        progress: Told of every few bytes that arrived.

    Raises:
        ConfigError: No such encoding, no place for it, or it did not arrive as it should.
    """
    # With all of email behind them: not for whoever only imports the package.
    import http.client
    import urllib.error

    file = _file(encoding)
    directory = cache_dir()
    if not directory:
        _fail("TIKTOKEN_CACHE_DIR is empty, which tells tiktoken to keep nothing; set it to a folder")
    if not 0 < timeout_s <= 3600:
        _fail("the time-out must be from 0 to 3600 seconds")
    source = url.rstrip("/") + "/" + file.name
    try:
        data = b"".join(_download(source, file.size, time.monotonic() + timeout_s, progress))
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        _fail(f"{source} could not be downloaded: {getattr(error, 'reason', None) or error or type(error).__name__}")
    if hashlib.sha256(data).hexdigest() != file.sha256:
        _fail(f"{source} is not the official file: its sha256 differs; nothing was kept")
    path = _path(file, directory)
    try:
        _write(path, data)
    except OSError as error:
        _fail(f"{path} could not be written: {error.strerror}; set TIKTOKEN_CACHE_DIR to another folder")
    return path


def _download(source: str, size: int, deadline: float, progress: Callable[[int], object]) -> Iterator[bytes]:
    """Give the file in chunks; more bytes than it has are not read."""
    import urllib.request

    silence_s = min(_SILENCE_S, deadline - time.monotonic())
    with urllib.request.urlopen(source, timeout=silence_s) as response:
        left = size + 1
        while left > 0 and (chunk := response.read1(min(_CHUNK_BYTES, left))):
            if time.monotonic() > deadline:
                raise TimeoutError("it took too long")
            left -= len(chunk)
            progress(len(chunk))
            yield chunk


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Renamed when it is whole: another process may be reading.
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        try:
            part.write(data)
            part.close()
            os.replace(part.name, path)
        except BaseException:
            os.unlink(part.name)
            raise


def _path(file: _File, directory: str) -> Path:
    # tiktoken names its copy by the official address, wherever it came from.
    return Path(directory, hashlib.sha1((URL + file.name).encode(), usedforsecurity=False).hexdigest())


def _file(encoding: str) -> _File:
    if encoding not in _FILES:
        _fail(f"{encoding!r} is not one of {', '.join(_FILES)}")
    return _FILES[encoding]


def _fail(problem: str) -> NoReturn:
    raise ConfigError(f"tokens: {problem}", field="tokens")
