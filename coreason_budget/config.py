"""BudgetConfig: every setting, declared once. Keywords beat the environment, which beats `.env`.

A setting's environment name, documentation and line in ``coreason-budget config`` all come from
its field.
"""

import difflib
import json
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import Attribute, fields, frozen

from coreason_budget.errors import ConfigError
from coreason_budget.ids import MAX_TTL_S, MIN_TTL_S
from coreason_budget.ledger.urls import file_of, hide_password, scheme_of
from coreason_budget.limits.uncounted import POLICIES
from coreason_budget.model import Limit
from coreason_budget.money import Usd, to_limit_nanos
from coreason_budget.settings import (
    PREFIX,
    UNLIMITED,
    Aliases,
    Prices,
    between,
    environment_name,
    hidden,
    known_zone,
    look_outside,
    one_of,
    outside,
    plain_name,
    read,
    scope_kinds,
    secret_url,
    setting,
    wired,
)  # fmt: skip

DEFAULT_FILE = "coreason-budget.db"
_log = logging.getLogger("coreason_budget")


@frozen(kw_only=True, field_transformer=wired)
class BudgetConfig:
    """The settings of a budget. Each is a keyword here and ``COREASON_BUDGET_<NAME>`` outside.

    Raises:
        ConfigError: A value that is not allowed. Names the setting or its variable.
    """

    redis_url: str | None = secret_url("Redis to keep budgets in. Without it and LEDGER_URL: an SQLite file.")
    ledger_url: str | None = secret_url(
        "Where budgets are kept: redis://, rediss://, valkey://, valkeys://, unix://, sqlite:///path or memory://. "
        "Beats REDIS_URL. Left out: coreason-budget.db in the working directory."
    )
    daily_user_limit_usd: Usd = setting("10.00", "What every user may spend a day; `unlimited` lifts it.")
    daily_project_limit_usd: Usd = setting("500.00", "What every project may spend a day.")
    daily_global_limit_usd: Usd = setting("5000.00", "What all calls together may spend a day.")
    limits_file: Path | None = setting(None, "YAML file with more windows, single subjects, models and tags.")
    required_scopes: tuple[str, ...] = setting(
        (), "Scopes that every call must name, for example `project,team`.", validator=scope_kinds
    )
    model_price_overrides: Prices = setting({}, "Prices of your own, as JSON: USD per token by model.")
    prices_file: Path | None = setting(None, "YAML file with prices of your own, in the bundled table's format.")
    model_aliases: Aliases = setting(
        {}, 'Names of your own for models that have a price, as JSON: `{"azure/my-prod": "azure/gpt-4o"}`.'
    )
    prefer_reported_cost: bool = setting(
        False, "Book the cost that a provider itself reports (OpenRouter, xAI, Perplexity) instead of the table's."
    )
    timezone: str = setting("UTC", "IANA time zone whose calendar the windows follow.", validator=known_zone)
    namespace: str = setting("coreason", "Keeps budgets apart that share a ledger.", validator=plain_name)
    reservation_ttl_s: float = setting(
        600, "Seconds until an unsettled reservation lapses.", validator=between(MIN_TTL_S, MAX_TTL_S)
    )
    on_lapse: str = setting(
        "charge", "What a lapsed reservation counts as: `charge` or `release`.", validator=one_of("charge", "release")
    )
    uncounted_tokens: str = setting(
        "refuse",
        "What becomes of a reservation that names no tokens where a limit in tokens applies: `refuse`, `warn` or "
        "`allow`. Spend is always booked, and warned of unless it is `allow`.",
        validator=one_of(*POLICIES),
    )
    ledger_timeout_s: float = setting(
        1.0, "Seconds one whole ledger operation may take, retries within it.", validator=between(0.01, 60)
    )
    journal_length: int = setting(
        100_000, "Entries that the journal of bookings keeps; 0 keeps none.", validator=between(0, 10**8)
    )
    outbox: Path | None = setting(
        None, "SQLite file that keeps spend while the ledger is out of reach, and books it later, once. Left out: none."
    )
    allow_eviction: bool = setting(
        False, "Whether a Redis may be used that evicts keys, and with them spend, when its memory is full."
    )
    host: str = setting("127.0.0.1", "Address the service listens on.")
    port: int = setting(8000, "Port the service listens on.", validator=between(1, 65535))
    workers: int = setting(2, "Worker processes of the service.", validator=between(1, 512))
    threads: int = setting(4, "Threads of each worker.", validator=between(1, 512))
    worker_timeout_s: int = setting(
        30, "Seconds after which a worker that hangs is replaced.", validator=between(1, 3600)
    )
    graceful_timeout_s: int = setting(
        30, "Seconds that requests in flight have to finish at a stop.", validator=between(1, 3600)
    )
    api_keys: tuple[str, ...] = setting(
        (), "Keys the service accepts as `Authorization: Bearer KEY`. Left out: it asks for none.", repr=hidden
    )
    log_path: Path = setting(
        Path("logs/app.log"), "Where the service writes its log, beside stderr; `none` for nowhere."
    )

    def __attrs_pre_init__(self) -> None:
        look_outside()

    def __attrs_post_init__(self) -> None:
        known = {environment_name(f.name) for f in fields(BudgetConfig)}
        for variable in sorted(outside()):
            if variable.startswith(PREFIX) and variable not in known:
                close = difflib.get_close_matches(variable, known, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                _log.warning("%s is not a setting and is ignored%s", variable, hint)

    @property
    def url(self) -> str:
        """The ledger's URL, the default filled in."""
        url = self.ledger_url or self.redis_url or f"sqlite:///{quote(str(Path(DEFAULT_FILE).absolute()))}"
        scheme, separator, rest = url.partition("://")
        return f"{scheme.lower()}{separator}{rest}"

    @property
    def ledger_file(self) -> Path | None:
        """The SQLite file that budgets are kept in, None where it is none.

        Raises:
            ConfigError: A URL of no ledger.
        """
        return file_of(self.url)

    @property
    def shown_url(self) -> str:
        """The ledger's URL as a person finds it again: absolute, and without password and options."""
        file = self.ledger_file
        return f"sqlite:///{file}" if file is not None else str(hide_password(self.url))

    @property
    def is_shared(self) -> bool:
        """Whether the ledger's budgets are those of every process with these settings.

        Raises:
            ConfigError: A URL that names no ledger.
        """
        return scheme_of(self.url).is_shared

    @property
    def daily_limits(self) -> tuple[Limit, ...]:
        """The three daily limits."""
        return tuple(
            Limit(
                kind,
                None,
                "day",
                "usd",
                None if amount == UNLIMITED else to_limit_nanos(amount),
                f"daily_{kind}_limit_usd",
            )
            for kind, amount in (
                ("user", self.daily_user_limit_usd),
                ("project", self.daily_project_limit_usd),
                ("global", self.daily_global_limit_usd),
            )
        )


@frozen
class Setting:
    """One setting as a person reads it: its value as text (secrets hidden) and where it came from."""

    name: str
    variable: str
    value: str
    source: str
    help: str


def describe(config: BudgetConfig) -> list[Setting]:
    """Every setting of a configuration, in the order of declaration."""
    look_outside()
    return [
        Setting(
            f.name, environment_name(f.name), _show(f, getattr(config, f.name)), _source(config, f), f.metadata["help"]
        )
        for f in fields(BudgetConfig)
    ]


def source_of(config: BudgetConfig, name: str) -> str:
    """Where a setting came from: ``keyword``, ``environment``, ``.env`` or ``default``."""
    return next(setting.source for setting in describe(config) if setting.name == name)


def _source(config: BudgetConfig, attribute: "Attribute[Any]") -> str:
    variable = environment_name(attribute.name)
    try:
        said = read(attribute.default.factory(), attribute.type, attribute.name)  # type: ignore[union-attr]
    except ConfigError:
        return "keyword"
    if getattr(config, attribute.name) != said:
        return "keyword"
    if os.environ.get(variable):
        return "environment"
    return ".env" if outside().get(variable) else "default"


def _show(attribute: "Attribute[Any]", value: Any) -> str:
    if callable(attribute.repr):
        return attribute.repr(value).strip("'")
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else json.dumps(value) if isinstance(value, dict) else str(value)
