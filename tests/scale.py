"""How much a proof does: enough for every commit, or (with ``SOAK=1``, ``tox -e soak``) for a long night."""

from __future__ import annotations

import os
from typing import TypeVar

IS_SOAK = bool(os.environ.get("SOAK"))
T = TypeVar("T")


def scaled(quick: T, soak: T) -> T:
    """The quick number, or the long one in a soak."""
    return soak if IS_SOAK else quick
