"""Patterns that are compiled when they are first needed: most processes never meet an id that needs them."""

from __future__ import annotations

import re
from functools import cache


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of ASCII, once."""
    return re.compile(pattern, re.ASCII)


def match_all(pattern: str, text: str) -> re.Match[str] | None:
    """Match the whole of a text."""
    return compiled(pattern).fullmatch(text)
