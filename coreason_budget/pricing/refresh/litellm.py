"""Reads litellm's table: one JSON object, model id -> USD for one token by meter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.price import SIZES, STANDARD, TOKEN_METERS, ModelPrice
from coreason_budget.pricing.refresh.offer import Offer, RefusedError, Table, rate_of_one, services_of

PACKAGE_FILE = "model_prices_and_context_window_backup.json"
MODES = {mode: mode for mode in ("chat", "embedding", "rerank")} | {"completion": "chat", "responses": "chat"}
_METERS = {
    "input_cost_per_token": "input",
    "input_cost_per_token_cache_hit": "cache_read",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "input_audio",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "input_cost_per_image_token": "input_image",
    "cache_read_input_image_token_cost": "cache_read_image",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_image_token": "output_image",
    "input_cost_per_query": "per_request",
    "input_cost_per_request": "per_request",
    "google_maps_grounding_cost_per_query": "maps_grounding",
    "code_interpreter_cost_per_session": "code_interpreter",
}
_SERVICES = {
    "": STANDARD,
    "batches": "batch",
    "flex": "flex",
    "priority": "priority",
    "ultrafast": "ultrafast",
    "balanced": "balanced",
}
_BY_LENGTH = "|".join(sorted(_METERS, key=len, reverse=True))
_KEY = re.compile(
    rf"(?P<meter>{_BY_LENGTH})(?:_above_(?P<thousands>[0-9]+)k_tokens)?(?:_(?P<service>{'|'.join(_SERVICES)[1:]}))?"
)
_UPLIFTS = {
    "regional_endpoint_uplift_multiplier": "regional",
    "regional_processing_uplift_multiplier_eu": "eu",
    "regional_processing_uplift_multiplier_us": "us",
}
_GOOGLE = ("gemini", "vertex_ai", "vertex_ai-language-models")
Models = dict[str, Mapping[str, Any]]


def read_litellm(path: Path | None) -> Models:
    """Read the JSON file, of the installed package if none is given.

    Raises:
        ConfigError: It cannot be read; names the file.
    """
    try:
        found = json.loads((path or _installed()).read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path or PACKAGE_FILE}: cannot be read: {error}", field="litellm") from None
    return {key: model for key, model in found.items() if isinstance(model, dict) and model.get("mode") in MODES}


def _installed() -> Path:
    # Not imported: litellm asks the network for newer prices when it is.
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        raise ConfigError("litellm is not installed; name its JSON file with --litellm", field="litellm")
    return Path(spec.origin).with_name(PACKAGE_FILE)


def litellm_offer(provider: str, model: str, said: Mapping[str, Any], *, inclusive: bool) -> Offer:
    """Turn one entry into an offer. ``inclusive``: a tier's edge is its own first token.

    Raises:
        RefusedError: It is not priced by tokens or requests.
    """
    mode = MODES[said["mode"]]
    tables = _tables(said, inclusive)
    prices = services_of(tables, mode)
    limit = said.get("max_output_tokens")
    limit = int(limit) if mode == "chat" and isinstance(limit, int | Decimal) and limit > 0 else None
    # Google's grounding was sold by the prompt until Gemini 3, whose entries say that it is by the query.
    by_query = said.get("web_search_billing_unit") == "per_query" or said["litellm_provider"] not in _GOOGLE
    unit = "query" if by_query or "web_search" not in prices[STANDARD][0].rows[0].meters else "prompt"
    entry = ModelPrice(f"{provider}/{model}", provider, model, prices, mode=mode, max_output=limit, search_unit=unit)
    return Offer(entry)


def _tables(said: Mapping[str, Any], inclusive: bool) -> dict[str, Table]:
    if any(key in said for key in ("input_cost_per_second", "cost_per_second")):
        raise RefusedError("billed by the second of rented capacity, not by the call")
    tables: dict[str, Table] = {STANDARD: {}}
    for service, above, meter, usd in _stated(said):
        row = tables.setdefault(service, {}).setdefault(above - (inclusive and above > 0), {})
        row[meter] = max(rate_of_one(usd), row.get(meter, 0))
    base = tables[STANDARD].get(-1, {})
    for key, service in _UPLIFTS.items():
        if base and (factor := said.get(key)):
            tables[service] = {
                above: {meter: int(rate * Decimal(factor)) for meter, rate in row.items() if meter in TOKEN_METERS}
                for above, row in tables[STANDARD].items()
            }
    return tables


def _stated(said: Mapping[str, Any]) -> Iterator[tuple[str, int, str, Decimal]]:
    """Give service, edge, meter and USD of every price."""
    for key, value in said.items():
        match = _KEY.fullmatch(key)
        if match and isinstance(value, int | Decimal):
            above = int(match["thousands"]) * 1000 if match["thousands"] else -1
            yield _SERVICES[match["service"] or ""], above, _METERS[match["meter"]], Decimal(value)
    for tier in said.get("tiered_pricing") or ():
        start = int(tier["range"][0])
        for key, meter in _METERS.items():
            if key in tier:
                yield STANDARD, start or -1, meter, Decimal(tier[key])
    searches = said.get("search_context_cost_per_query") or {}
    dearest = max(map(Decimal, searches.values()), default=Decimal(0))
    if dearest:
        yield STANDARD, -1, "web_search", dearest
    for size in SIZES:
        usd = Decimal(searches.get(f"search_context_size_{size}", dearest))
        if usd != dearest:
            yield STANDARD, -1, f"web_search_{size}", usd
