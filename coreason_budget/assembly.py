"""Puts a manager's parts together, as the settings say: prices, limits, a ledger, an outbox before it, the verbs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen

from coreason_budget import costs
from coreason_budget.config import BudgetConfig
from coreason_budget.errors import ConfigError
from coreason_budget.events.hooks import Chain, Hooks
from coreason_budget.events.log import EventLog
from coreason_budget.guard import BudgetGuard, receipt_of
from coreason_budget.ledger import Backend, open_ledger
from coreason_budget.ledger.base import Clock
from coreason_budget.ledger.urls import hide_password
from coreason_budget.limits import Limit, LimitBook, LiveBook
from coreason_budget.limits.uncounted import UncountedTokens
from coreason_budget.pricing import PricingEngine
from coreason_budget.verbs import Verbs
from coreason_budget.windows import Calendar

if TYPE_CHECKING:
    from coreason_budget.outbox import Outbox, OutboxLedger

_log = logging.getLogger("coreason_budget")


@frozen
class Parts:
    """What a manager is made of.

    Attributes:
        url: The ledger's, without its password; None of a ledger of the caller's own.
        outbox: What waits before the ledger; None without one.
    """

    config: BudgetConfig
    pricing: PricingEngine
    guard: BudgetGuard
    ledger: Backend
    url: str | None
    outbox: Outbox | None
    verbs: Verbs


def assemble(config: BudgetConfig, ledger: Backend | None, clock: Clock | None, hooks: Iterable[Hooks]) -> Parts:
    """Make the parts, of a ledger of the caller's own or of the one that the settings name.

    Raises:
        ConfigError: A setting, limits file or price file that cannot be used.
    """
    if ledger is not None and clock is not None:
        raise ConfigError("clock: give it to the ledger that you pass", field="clock")
    events = Chain([EventLog(), *hooks])
    pricing = PricingEngine(config.model_price_overrides, config.prices_file, config.model_aliases)
    timezone, limits = _limits(config, pricing)
    book = LiveBook(LimitBook(limits, Calendar(timezone)))
    url = hide_password(config.url) if ledger is None else None
    ledger = ledger if ledger is not None else _ledger(config, timezone, clock or int)
    outbox = None
    if config.outbox is not None:
        ledger = with_outbox = _with_outbox(config, ledger, book, pricing, events, clock or int)
        outbox = with_outbox.outbox
    guard = BudgetGuard(
        ledger,
        book,
        ttl_s=config.reservation_ttl_s,
        on_lapse=config.on_lapse,
        required_scopes=config.required_scopes,
    )
    verbs = Verbs(pricing, guard, events, UncountedTokens(config.uncounted_tokens), config.prefer_reported_cost)
    return Parts(config, pricing, guard, ledger, url, outbox, verbs)


def _with_outbox(
    config: BudgetConfig, ledger: Backend, limits: LiveBook, pricing: PricingEngine, events: Chain, clock: Clock
) -> OutboxLedger:
    from coreason_budget.outbox import Store, open_outbox

    assert config.outbox is not None
    return open_outbox(
        Store(config.outbox, config.namespace, config.ledger_timeout_s),
        ledger,
        limits,
        pricer=partial(costs.pricer, pricing, prefer_reported=config.prefer_reported_cost),
        delivered=lambda op_id, outcome: events.booked(receipt_of(op_id, outcome)),
        clock=clock,
    )


def _ledger(config: BudgetConfig, timezone: str, clock: Clock) -> Backend:
    ledger = open_ledger(
        config.url,
        namespace=config.namespace,
        timezone=timezone,
        timeout_s=config.ledger_timeout_s,
        clock=clock,
        journal_length=config.journal_length,
        allow_eviction=config.allow_eviction,
    )
    _log.info("budgets are kept in %s", hide_password(config.url))
    return ledger


def _limits(config: BudgetConfig, pricing: PricingEngine) -> tuple[str, list[Limit]]:
    """The time zone and the limits: the file's, and the daily ones where it says nothing of them."""
    if config.limits_file is None:
        return config.timezone, list(config.daily_limits)
    from coreason_budget.limits.file import read_limits_file

    file = read_limits_file(config.limits_file, pricing.canonical, pricing.close_to_unknown)
    for odd in file.doubts:
        _log.warning("limits_file: %s", odd)
    if file.timezone and config.timezone not in (file.timezone, "UTC"):
        raise ConfigError(
            f"timezone: {config.timezone} is set, but {config.limits_file} says {file.timezone}; set one of them",
            field="timezone",
        )
    said = {limit.place for limit in file.limits}
    return file.timezone or config.timezone, [*file.limits, *(d for d in config.daily_limits if d.place not in said)]
