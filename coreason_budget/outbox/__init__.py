"""The outbox: spend that could not reach the ledger, kept on disk until it can, and booked once."""

from __future__ import annotations

from pathlib import Path

from coreason_budget.ledger.base import Clock, Ledger
from coreason_budget.limits import LimitBook
from coreason_budget.outbox.delivery import Delivered, Outbox
from coreason_budget.outbox.ledger import OutboxLedger
from coreason_budget.outbox.spend import Pricer
from coreason_budget.outbox.store import Store

__all__ = ["Outbox", "OutboxLedger", "open_outbox"]

# What a call may take longer than its deadline, as a part of it, while it delivers what others left.
_SLICE = 0.25


def open_outbox(
    path: Path,
    ledger: Ledger,
    limits: LimitBook,
    *,
    namespace: str,
    timeout_s: float,
    pricer: Pricer,
    delivered: Delivered,
    clock: Clock,
) -> OutboxLedger:
    """Put an outbox before a ledger.

    Args:
        path: Its file; made if it is not there.
        ledger: The ledger.
        limits: Which accounts a charge falls under.
        namespace: Whose spend it keeps.
        timeout_s: The time one whole operation may take.
        pricer: Prices a settle that only its reservation's record could.
        delivered: Told of everything that arrived.
        clock: This host's time (microseconds) -> the time to use.

    Raises:
        ConfigError: The file cannot be read and written.
    """
    store = Store(path, namespace, timeout_s)
    outbox = Outbox(store, ledger, limits, pricer, delivered, clock)
    return OutboxLedger(ledger, outbox, _SLICE * timeout_s)
