"""The outbox: spend that could not reach the ledger, kept on disk until it can, and booked once."""

from __future__ import annotations

from coreason_budget.ledger.base import Backend, Clock
from coreason_budget.limits import LiveBook
from coreason_budget.outbox.delivery import Delivered, Outbox
from coreason_budget.outbox.ledger import OutboxLedger
from coreason_budget.outbox.spend import Pricer
from coreason_budget.outbox.store import Store

__all__ = ["Outbox", "OutboxLedger", "Store", "open_outbox"]

# What a call may take longer than its deadline, as a part of it, while it delivers what others left.
_SLICE = 0.25


def open_outbox(
    store: Store,
    ledger: Backend,
    limits: LiveBook,
    *,
    pricer: Pricer,
    delivered: Delivered,
    clock: Clock,
) -> OutboxLedger:
    """Put an outbox before a ledger.

    Args:
        store: Where it is kept.
        ledger: The ledger.
        limits: Which accounts a charge falls under.
        pricer: Prices a settle that only its reservation's record could.
        delivered: Told of everything that arrived.
        clock: This host's time (microseconds) -> the time to use.
    """
    outbox = Outbox(store, ledger, limits, pricer, delivered, clock)
    return OutboxLedger(ledger, outbox, _SLICE * store.timeout_s)
