"""BudgetConfig: every setting, declared once. Keywords beat the environment, which beats `.env`.

A setting's environment name, documentation and line in ``coreason-budget config`` all come from
its field.
"""

import difflib
import json
import logging
import math
import os
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from stat import S_ISREG, S_IWOTH
from typing import Any, NoReturn
from urllib.parse import quote

import cattrs
from attrs import Attribute, Factory, field, fields, frozen
from dotenv import dotenv_values

from coreason_budget.errors import BudgetError, ConfigError, InvalidIdError
from coreason_budget.ids import MAX_TTL_S, MIN_TTL_S
from coreason_budget.ledger.urls import file_of, scheme_of
from coreason_budget.limits.slips import check_kind
from coreason_budget.limits.uncounted import POLICIES
from coreason_budget.model import Limit
from coreason_budget.money import Usd, to_limit_nanos, to_usd
from coreason_budget.windows import load_zone

PREFIX = "COREASON_BUDGET_"
UNLIMITED = "unlimited"
DEFAULT_FILE = "coreason-budget.db"

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_HOST = r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])?(:[0-9]{1,5})?(/[0-9]*)?"
_PLACES = dict.fromkeys(("redis", "rediss", "valkey", "valkeys"), _HOST) | dict.fromkeys(("unix", "sqlite"), "/.*")
_log = logging.getLogger("coreason_budget")

_outside: ContextVar[Mapping[str, str | None]] = ContextVar("outside")

Prices = Mapping[str, Mapping[str, Any]]
Aliases = Mapping[str, str]


def hide_password(url: str | None) -> str | None:
    """A URL as it may be shown: without user, password and options, and nothing where it is not surely one."""
    if url is None:
        return None
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in (*_PLACES, "memory"):
        return "***"
    who, at, place = rest.rpartition("@")
    # A sign of a password that is not percent-encoded: where it ends nobody knows.
    if at and (rest.count("@") > 1 or not re.fullmatch(r"[^/?#]*", who)) and not rest.startswith("/"):
        return f"{scheme}://***"
    if rest.startswith("/"):
        at, place = "", rest
    place = place.partition("?")[0]
    shape = _PLACES.get(scheme.lower(), "/*")
    return f"{scheme}://{'***@' if at else ''}{place if re.fullmatch(shape, place, re.DOTALL) else '***'}"


def environment_name(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _read(value: Any, type_: Any, name: str) -> Any:
    """Turn a keyword or a text of the environment into a setting's type."""
    try:
        return _converter.structure(value, type_)
    except BudgetError as error:
        raise ConfigError(f"{name}: {str(error).partition(': ')[2]}", field=name) from None
    except (ValueError, TypeError, cattrs.BaseValidationError) as error:
        reason = str(error) if type(error) is ValueError else f"cannot be a {type(value).__name__}"
        raise ConfigError(f"{name}: {reason}", field=name) from None


def _whole_number(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,9}", str(value), re.ASCII):
        raise ValueError(f"must be a whole number, not {repr(value)[:40]}")
    return int(value)


def _number(value: Any, _: Any) -> float:
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", str(value), re.ASCII):
        raise ValueError(f"must be a number, not {repr(value)[:40]}")
    return float(value)


def _flag(value: Any, _: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in _FLAGS:
        raise ValueError(f"must be true or false, not {repr(value)[:40]}")
    return _FLAGS[value.lower()]


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {type(value).__name__}")
    return value


def _path(value: Any, _: Any) -> Path:
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise ValueError("must be the path of a file")
    return Path(value)


def _names(value: Any, _: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(p, str) for p in parts):
        raise ValueError("must be names, in text separated by commas")
    return tuple(p.strip() for p in parts if p.strip())


def _usd_limit(value: Any, _: Any) -> Usd:
    if value is None:
        raise ValueError(f"None lifts no limit; say {UNLIMITED!r} if that is what you mean")
    if value == UNLIMITED:
        return UNLIMITED
    return to_usd(to_limit_nanos(value, "limit"))


def _prices(value: Any, _: Any) -> Prices:
    value = _from_json(value)
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise ValueError('must map models to prices, as in {"my-model": {"input_cost_per_token": "0.000001", ...}}')
    return value


def _aliases(value: Any, _: Any) -> Aliases:
    value = _from_json(value)
    if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError('must map names to models, as in {"azure/my-prod": "azure/gpt-4o"}')
    return value


def _from_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_float=str, parse_constant=_no_constant, object_pairs_hook=_once)
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:60]!r} stands in it twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


_converter = cattrs.Converter(detailed_validation=False)
_converter.register_structure_hook(int, _whole_number)
_converter.register_structure_hook(bool, _flag)
_converter.register_structure_hook(float, _number)
_converter.register_structure_hook(str, _text)
_converter.register_structure_hook(Path, _path)
_converter.register_structure_hook_func(lambda wanted: wanted == tuple[str, ...], _names)
_converter.register_structure_hook_func(lambda wanted: wanted == Usd, _usd_limit)
_converter.register_structure_hook_func(lambda wanted: wanted == Prices, _prices)
_converter.register_structure_hook_func(lambda wanted: wanted == Aliases, _aliases)


def _from_environment(name: str, type_: Any, default: Any) -> Any:
    variable = environment_name(name)
    text = _environment().get(variable)
    return default if not text else _read(text, type_, variable)


def _environment() -> Mapping[str, str | None]:
    """What is set outside, as it was when the configuration in question was begun."""
    return _outside.get()


def _look_outside() -> None:
    """Read `.env` and the environment, once for all settings."""
    _outside.set({**_dotenv(), **{name: text for name, text in os.environ.items() if text}})


def _dotenv() -> Mapping[str, str | None]:
    path = Path(".env")
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        reason = f"the working directory may not be entered, so that nobody knows what it says ({error.strerror})"
        raise ConfigError(f".env: {reason}: start in another folder", field=".env") from None
    if not S_ISREG(status.st_mode):
        return {}
    if os.name == "posix" and status.st_mode & S_IWOTH:
        reason = f"{path.absolute()} may be written by everybody: chmod o-w .env"
        raise ConfigError(f".env: {reason}", field=".env")
    try:
        return dotenv_values(path, interpolate=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f".env: {path.absolute()} cannot be read: {type(error).__name__}", field=".env") from None


def _wired(_: type, attributes: "list[Attribute[Any]]") -> "list[Attribute[Any]]":
    """Give every field its environment variable as default, and its type as converter."""
    return [
        a.evolve(
            default=Factory(partial(_from_environment, a.name, a.type, a.default)),
            converter=partial(_read, type_=a.type, name=a.name),
        )
        for a in attributes
    ]


def _between(least: float, most: float) -> Callable[[Any, "Attribute[Any]", float], None]:
    def check(_: Any, attribute: "Attribute[Any]", value: float) -> None:
        if not least <= value <= most:
            raise ConfigError(f"{attribute.name}: must be from {least} to {most}, not {value}", field=attribute.name)

    return check


def _one_of(*allowed: str) -> Callable[[Any, "Attribute[Any]", str], None]:
    def check(_: Any, attribute: "Attribute[Any]", value: str) -> None:
        if value not in allowed:
            reason = f"must be {' or '.join(allowed)}, not {value[:40]!r}"
            raise ConfigError(f"{attribute.name}: {reason}", field=attribute.name)

    return check


def _known_zone(_: Any, attribute: "Attribute[Any]", value: str) -> None:
    load_zone(value)


def _plain_name(_: Any, attribute: "Attribute[Any]", value: str) -> None:
    if not _NAMESPACE.fullmatch(value):
        raise ConfigError("namespace: must match [A-Za-z0-9_.-]{1,64}", field="namespace")


def _scope_kinds(_: Any, attribute: "Attribute[Any]", value: tuple[str, ...]) -> None:
    for kind in value:
        try:
            check_kind(kind, attribute.name)
        except InvalidIdError as error:
            raise ConfigError(str(error), field=attribute.name) from None


def _setting(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": help}, **more)


def _secret_url(help: str) -> Any:
    return _setting(None, help, repr=lambda url: repr(hide_password(url)) if url else "")


def _hidden(value: tuple[str, ...]) -> str:
    return f"({len(value)} hidden)" if value else ""


@frozen(kw_only=True, field_transformer=_wired)
class BudgetConfig:
    """The settings of a budget. Each is a keyword here and ``COREASON_BUDGET_<NAME>`` outside.

    Raises:
        ConfigError: A value that is not allowed. Names the setting or its variable.
    """

    redis_url: str | None = _secret_url("Redis to keep budgets in. Without it and LEDGER_URL: an SQLite file.")
    ledger_url: str | None = _secret_url(
        "Where budgets are kept: redis://, rediss://, valkey://, valkeys://, unix://, sqlite:///path or memory://. "
        "Beats REDIS_URL. Left out: coreason-budget.db in the working directory."
    )
    daily_user_limit_usd: Usd = _setting("10.00", "What every user may spend a day; `unlimited` lifts it.")
    daily_project_limit_usd: Usd = _setting("500.00", "What every project may spend a day.")
    daily_global_limit_usd: Usd = _setting("5000.00", "What all calls together may spend a day.")
    limits_file: Path | None = _setting(None, "YAML file with more windows, single subjects, models and tags.")
    required_scopes: tuple[str, ...] = _setting(
        (), "Scopes that every call must name, for example `project,team`.", validator=_scope_kinds
    )
    model_price_overrides: Prices = _setting({}, "Prices of your own, as JSON: USD per token by model.")
    prices_file: Path | None = _setting(None, "YAML file with prices of your own, in the bundled table's format.")
    model_aliases: Aliases = _setting(
        {}, 'Names of your own for models that have a price, as JSON: `{"azure/my-prod": "azure/gpt-4o"}`.'
    )
    prefer_reported_cost: bool = _setting(
        False, "Book the cost that a provider itself reports (OpenRouter, xAI, Perplexity) instead of the table's."
    )
    timezone: str = _setting("UTC", "IANA time zone whose calendar the windows follow.", validator=_known_zone)
    namespace: str = _setting("coreason", "Keeps budgets apart that share a ledger.", validator=_plain_name)
    reservation_ttl_s: float = _setting(
        600, "Seconds until an unsettled reservation lapses.", validator=_between(MIN_TTL_S, MAX_TTL_S)
    )
    on_lapse: str = _setting(
        "charge", "What a lapsed reservation counts as: `charge` or `release`.", validator=_one_of("charge", "release")
    )
    uncounted_tokens: str = _setting(
        "refuse",
        "What becomes of a reservation that names no tokens where a limit in tokens applies: `refuse`, `warn` or "
        "`allow`. Spend is always booked, and warned of unless it is `allow`.",
        validator=_one_of(*POLICIES),
    )
    ledger_timeout_s: float = _setting(
        1.0, "Seconds one whole ledger operation may take, retries within it.", validator=_between(0.01, 60)
    )
    journal_length: int = _setting(
        100_000, "Entries that the journal of bookings keeps; 0 keeps none.", validator=_between(0, 10**8)
    )
    outbox: Path | None = _setting(
        None, "SQLite file that keeps spend while the ledger is out of reach, and books it later, once. Left out: none."
    )
    allow_eviction: bool = _setting(
        False, "Whether a Redis may be used that evicts keys, and with them spend, when its memory is full."
    )
    host: str = _setting("127.0.0.1", "Address the service listens on.")
    port: int = _setting(8000, "Port the service listens on.", validator=_between(1, 65535))
    workers: int = _setting(2, "Worker processes of the service.", validator=_between(1, 512))
    threads: int = _setting(4, "Threads of each worker.", validator=_between(1, 512))
    worker_timeout_s: int = _setting(
        30, "Seconds after which a worker that hangs is replaced.", validator=_between(1, 3600)
    )
    graceful_timeout_s: int = _setting(
        30, "Seconds that requests in flight have to finish at a stop.", validator=_between(1, 3600)
    )
    api_keys: tuple[str, ...] = _setting(
        (), "Keys the service accepts as `Authorization: Bearer KEY`. Left out: it asks for none.", repr=_hidden
    )
    log_path: Path = _setting(
        Path("logs/app.log"), "Where the service writes its log, beside stderr; `none` for nowhere."
    )

    def __attrs_pre_init__(self) -> None:
        _look_outside()

    def __attrs_post_init__(self) -> None:
        known = {environment_name(f.name) for f in fields(BudgetConfig)}
        for variable in sorted(_environment()):
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
    _look_outside()
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
        outside = _read(attribute.default.factory(), attribute.type, attribute.name)  # type: ignore[union-attr]
    except ConfigError:
        return "keyword"
    if getattr(config, attribute.name) != outside:
        return "keyword"
    if os.environ.get(variable):
        return "environment"
    return ".env" if _environment().get(variable) else "default"


def _show(attribute: "Attribute[Any]", value: Any) -> str:
    if callable(attribute.repr):
        return attribute.repr(value).strip("'")
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else json.dumps(value) if isinstance(value, dict) else str(value)
