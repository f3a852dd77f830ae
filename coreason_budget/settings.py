"""What a setting is: read from a keyword, the environment or `.env`, in this order, as its type, and checked.

Every error names the setting or its variable.
"""

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from stat import S_ISREG, S_IWOTH
from typing import Any, NoReturn

import cattrs
from attrs import Attribute, Factory, field
from dotenv import dotenv_values

from coreason_budget.errors import BudgetError, ConfigError, InvalidIdError
from coreason_budget.ledger.urls import hide_password
from coreason_budget.limits.slips import check_kind
from coreason_budget.money import Usd, to_limit_nanos, to_usd
from coreason_budget.windows import load_zone

PREFIX = "COREASON_BUDGET_"
UNLIMITED = "unlimited"

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

_outside: ContextVar[Mapping[str, str | None]] = ContextVar("outside")

Prices = Mapping[str, Mapping[str, Any]]
Aliases = Mapping[str, str]


def environment_name(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def read(value: Any, type_: Any, name: str) -> Any:
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
    text = outside().get(variable)
    return default if not text else read(text, type_, variable)


def outside() -> Mapping[str, str | None]:
    """What is set outside, as it was when the configuration in question was begun."""
    return _outside.get()


def look_outside() -> None:
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


def wired(_: type, attributes: "list[Attribute[Any]]") -> "list[Attribute[Any]]":
    """Give every field its environment variable as default, and its type as converter."""
    return [
        a.evolve(
            default=Factory(partial(_from_environment, a.name, a.type, a.default)),
            converter=partial(read, type_=a.type, name=a.name),
        )
        for a in attributes
    ]


def between(least: float, most: float) -> Callable[[Any, "Attribute[Any]", float], None]:
    def check(_: Any, attribute: "Attribute[Any]", value: float) -> None:
        if not least <= value <= most:
            raise ConfigError(f"{attribute.name}: must be from {least} to {most}, not {value}", field=attribute.name)

    return check


def one_of(*allowed: str) -> Callable[[Any, "Attribute[Any]", str], None]:
    def check(_: Any, attribute: "Attribute[Any]", value: str) -> None:
        if value not in allowed:
            reason = f"must be {' or '.join(allowed)}, not {value[:40]!r}"
            raise ConfigError(f"{attribute.name}: {reason}", field=attribute.name)

    return check


def known_zone(_: Any, attribute: "Attribute[Any]", value: str) -> None:
    load_zone(value)


def plain_name(_: Any, attribute: "Attribute[Any]", value: str) -> None:
    if not _NAMESPACE.fullmatch(value):
        raise ConfigError("namespace: must match [A-Za-z0-9_.-]{1,64}", field="namespace")


def scope_kinds(_: Any, attribute: "Attribute[Any]", value: tuple[str, ...]) -> None:
    for kind in value:
        try:
            check_kind(kind, attribute.name)
        except InvalidIdError as error:
            raise ConfigError(str(error), field=attribute.name) from None


def setting(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": help}, **more)


def secret_url(help: str) -> Any:
    return setting(None, help, repr=lambda url: repr(hide_password(url)) if url else "")


def hidden(value: tuple[str, ...]) -> str:
    return f"({len(value)} hidden)" if value else ""
