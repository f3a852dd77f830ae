"""A namespace of each test's own."""

from __future__ import annotations

import secrets

import pytest


@pytest.fixture
def namespace() -> str:
    """A namespace that nobody used before."""
    return secrets.token_hex(8)
