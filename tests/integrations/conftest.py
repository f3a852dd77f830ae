"""What all matrices share: no ranks on disk, no wait between tries, quick collections."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.0)


@pytest.fixture(autouse=True, scope="module")
def _quick_collections() -> Iterator[None]:
    """What the SDKs have loaded is not looked at again by each collection."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
