"""What the synchronous manager gives can be awaited, as code written for 0.4.1 does: it gives itself."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator
from typing import Self

_ADVICE = (
    "BudgetManager has answered already, and held up the event loop while its ledger was asked; "
    "coreason_budget.aio.BudgetManager has the same names and does not"
)
_log = logging.getLogger("coreason_budget")
_told = False


class Awaited:
    """Gives itself where it is awaited, whatever it stands for having been done before, once."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, Self]:
        advise_aio()
        yield from ()
        return self


def advise_aio() -> None:
    """Warn once in a process that the event loop was held up. Never an error: what was booked stays booked."""
    global _told
    if _told:
        return
    _told = True
    try:
        warnings.warn(_ADVICE, stacklevel=3)
    except UserWarning:
        # Raised under -W error, it would look as if nothing had been booked, and the retry would book again.
        _log.warning(_ADVICE)
