"""Reads genai-prices' table: providers with models, USD for a million tokens, and dated prices."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.price import FEES, STANDARD, ModelPrice, Period
from coreason_budget.pricing.refresh.offer import Offer, RefusedError, Table, rate_of_one, services_of

_PER = {"kcount": 1000, "mtok": 10**6}
_METERS = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "input_image_mtok": "input_image",
    "cache_image_read_mtok": "cache_read_image",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "web_searches_kcount": "web_search",
    "storage_searches_kcount": "file_search",
    "requests_kcount": "per_request",
}
_SERVICES = {
    ("processing", "batch"): "batch",
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
    ("speed", "fast"): "fast",
}
Models = dict[str, Mapping[str, Any]]


def read_genai(path: Path | None) -> dict[str, Models]:
    """Read the published JSON file, or the installed package: provider -> model id -> model.

    Raises:
        ConfigError: It cannot be read; names the file.
    """
    try:
        providers = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal) if path else _installed()
    except ModuleNotFoundError:
        raise ConfigError("genai-prices is not installed; name its file with --genai", field="genai") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", field="genai") from None
    return {one["id"]: {model["id"]: model for model in one["models"]} for one in providers}


def _installed() -> list[dict[str, Any]]:
    from genai_prices.data import providers  # type: ignore[import-not-found, unused-ignore]

    return [_plain(provider) for provider in providers]


def _plain(value: Any) -> Any:
    """Turn the package's objects into what its JSON file holds."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "__dict__"):
        found = {key.rstrip("_"): _plain(item) for key, item in vars(value).items() if item is not None}
        return {key: item for key, item in found.items() if key and not key.startswith("_")}
    return value


def ids_of(model: Mapping[str, Any]) -> list[str]:
    """Give the ids that mean exactly this model, its own first where it is one of them."""
    exact = list(dict.fromkeys(_exact(model["match"])))
    own = model["id"]
    if own in exact:
        exact.remove(own)
    return [own, *exact] if _matches(model["match"], own) else exact


def _exact(clause: Mapping[str, Any]) -> Iterator[str]:
    if "equals" in clause:
        yield clause["equals"]
    for inner in clause.get("or", ()):
        yield from _exact(inner)


def _matches(clause: Mapping[str, Any], model: str) -> bool:
    kind, value = next(iter(clause.items()))
    if kind in ("or", "and"):
        return (any if kind == "or" else all)(_matches(inner, model) for inner in value)
    if kind == "regex":
        return re.search(value, model.lower()) is not None
    text, low = str(value).lower(), model.lower()
    return {
        "equals": low == text,
        "starts_with": low.startswith(text),
        "ends_with": low.endswith(text),
        "contains": text in low,
    }[kind]


def genai_offer(provider: str, model: Mapping[str, Any], prefix: str, today: date) -> Offer:
    """Turn one model into an offer, with its history and what will hold later.

    Raises:
        RefusedError: It has no id of its own, or is not priced by tokens or requests.
    """
    ids = [prefix + name for name in ids_of(model)]
    if not ids:
        raise RefusedError("only a pattern of ids is known")
    histories = _histories(model["prices"])
    notes = ["the dearest of the day's hours"] if _hourly(model["prices"]) else []
    started = [one for one in histories if one[0] is None or one[0] <= today]
    since, current = (started or histories[:1])[-1]
    mode = _mode(ids[0], current)
    tables = {STANDARD: _table(current)}
    for service, prices in _variants(model, today).items():
        tables[service] = _table({**current, **prices})
        for fee in FEES:
            tables[service][-1].pop(fee, None)
    # A service's price is known for as long as the standard price it was listed with.
    services = {name: (Period(since, periods[0].rows),) for name, periods in services_of(tables, mode).items()}
    standard = tuple(_periods(histories, mode, today))
    head, *others = ids
    tail = tuple(name[len(head) + 1 :] for name in others if name.startswith(f"{head}-"))
    also = tuple(name for name in others if not name.startswith(f"{head}-"))
    entry = ModelPrice(
        f"{provider}/{head}", provider, head, services | {STANDARD: standard}, mode, snapshots=tail, also=also
    )
    return Offer(entry, tuple(notes))


def _periods(histories: list[tuple[date | None, Mapping[str, Any]]], mode: str, today: date) -> Iterator[Period]:
    for since, prices in histories:
        try:
            rows = services_of({STANDARD: _table(prices)}, mode)[STANDARD][0].rows
        except RefusedError:  # Free before it was sold, mostly: a day of that time has no price.
            if since is not None and since > today:
                raise
            continue
        yield Period(since, rows)


def _mode(model: str, prices: Mapping[str, Any]) -> str:
    if "output_mtok" in prices:
        return "chat"
    return "rerank" if "rerank" in model else "embedding"


def _hourly(prices: Any) -> bool:
    return isinstance(prices, list) and any("start_time" in (one.get("constraint") or {}) for one in prices)


def _histories(prices: Any) -> list[tuple[date | None, Mapping[str, Any]]]:
    """Give the dated prices, oldest first; of the hours of a day, which came last, the dearest."""
    if not isinstance(prices, list):
        return [(None, prices)]
    if not prices:
        raise RefusedError("no price")
    found: list[tuple[date | None, Mapping[str, Any]]] = []
    hours = [one["prices"] for one in prices if _hourly([one])]
    for one in prices:
        if _hourly([one]):
            continue
        start = (one.get("constraint") or {}).get("start_date")
        found.append((date.fromisoformat(start) if isinstance(start, str) else start, one["prices"]))
    found.sort(key=lambda pair: pair[0] or date.min)
    since, last = found.pop()
    return [*found, (since, max([last, *hours], key=lambda one: _base(one.get("output_mtok", 0))))]


def _variants(model: Mapping[str, Any], today: date) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in model.get("price_variants") or ():
        service = _SERVICES.get(next(iter(one["when"].items()))) if len(one["when"]) == 1 else None
        start = (one.get("constraint") or {}).get("start_date")
        start = date.fromisoformat(start) if isinstance(start, str) else start
        if service and (start is None or start <= today):
            found[service] = {**one["prices"], **found.get(service, {})}
    return found


def _table(prices: Mapping[str, Any]) -> Table:
    """Turn one set of prices into rows by their edge."""
    table: Table = {-1: {}}
    for key, value in prices.items():
        if (meter := _METERS.get(key)) and isinstance(value, Mapping):
            for tier in value["tiers"]:
                table.setdefault(tier["start"], {})[meter] = _rate(key, tier["price"])
        if meter:
            table[-1][meter] = _rate(key, _base(value))
    return table


def _base(value: Any) -> Any:
    return value["base"] if isinstance(value, Mapping) else value


def _rate(key: str, value: Any) -> int:
    return rate_of_one(Decimal(value) / _PER[key.rpartition("_")[2]])
