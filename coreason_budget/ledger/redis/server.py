"""What kind of server this is: its version, whether it may evict or forget, and what that means."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.codec import Command, pack

OLDEST_SERVER = (6, 2)
NO_EVICTION = "noeviction"

_EVICTION = "maxmemory_policy"

_log = logging.getLogger("coreason_budget")
_INFO: Command = (b"INFO",)
_POLICY: Command = (b"CONFIG", b"GET", b"maxmemory-policy")
_CONFIG: tuple[Command, ...] = ((b"CONFIG", b"GET", b"appendfsync"), (b"CONFIG", b"GET", b"save"))

Facts = Mapping[str, str]
"""What a server says of itself, by the names of INFO and CONFIG; what it does not say is left out."""


def read_facts(link: Link, *, with_config: bool = False) -> Facts:
    """Ask a server about itself. Not every user may ask everything: what is refused is left out."""
    info, *config = link.try_ask(*_packet(_INFO, *(_CONFIG if with_config else ())))
    facts = dict(_parse_info(info))
    if _EVICTION not in facts:
        config += link.try_ask(*_packet(_POLICY))
    for reply in config:
        if isinstance(reply, list) and len(reply) == 2:
            facts[_EVICTION if reply[0] == _POLICY[-1] else _text(reply[0])] = _text(reply[1])
    return facts


def name_of(facts: Facts) -> str:
    """The server and its version, as far as it tells."""
    name = facts.get("server_name") or "redis"
    version = facts.get(f"{name}_version") or facts.get("redis_version") or ""
    return f"{name} {version}".strip()


def check_facts(facts: Facts, allow_eviction: bool) -> None:
    """Refuse a server that cannot keep budgets.

    Raises:
        ConfigError: It is too old, or evicts keys when its memory is full, or does not say.
    """
    version = facts.get("redis_version", "")
    if version and tuple(int(n) for n in version.split(".")[:2] if n.isdigit()) < OLDEST_SERVER:
        raise ConfigError(f"ledger_url: Redis {version} is too old; 6.2 or newer is needed", field="ledger_url")
    policy = facts.get(_EVICTION)
    if policy == NO_EVICTION or allow_eviction:
        return
    evicts = (
        "Redis does not say whether it evicts keys when its memory is full: let its user ask (+info or +config|get)"
        if policy is None
        else f"Redis evicts keys when its memory is full (maxmemory-policy {policy}), and with them what was spent: "
        f"set maxmemory-policy {NO_EVICTION}"
    )
    raise ConfigError(
        f"allow_eviction: {evicts}, or allow it by COREASON_BUDGET_ALLOW_EVICTION=true", field="allow_eviction"
    )


def say(facts: Facts) -> None:
    """Log how the server keeps what it is told."""
    if not facts:
        _log.warning("Redis does not say whether it may evict or forget budgets: its user may not ask")
        return
    policy, aof = facts.get(_EVICTION, "unknown"), facts.get("aof_enabled", "")
    kept = {"1": "on", "0": "off"}.get(aof, "unknown")
    _log.info("budgets are kept by %s: append-only file %s, maxmemory-policy %s", name_of(facts), kept, policy)
    if policy not in (NO_EVICTION, "unknown"):
        _log.warning("Redis may evict budgets (maxmemory-policy %s), as allow_eviction allows", policy)
    if aof == "0":
        _log.warning("Redis keeps no append-only file: a restart may forget what was spent (appendonly yes)")


def _packet(*commands: Command) -> tuple[bytes, int]:
    return pack(commands), len(commands)


def _parse_info(reply: Any) -> dict[str, str]:
    lines = reply.decode(errors="replace").splitlines() if isinstance(reply, bytes) else ()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
