"""The user's own prices, as the setting MODEL_PRICE_OVERRIDES gives them: USD for one token or unit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.money import Usd, to_nanos
from coreason_budget.pricing.price import STANDARD, TOKEN_METERS, ModelPrice, Period, Rates, exact_rate

_METERS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "input_audio",
    "input_cost_per_image_token": "input_image",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_image_token": "output_image",
    "web_search_cost_per_query": "web_search",
    "input_cost_per_image": "per_image",
    "input_cost_per_second": "per_second",
    "input_cost_per_query": "per_request",
}
_SERVICES = {"": STANDARD, "_batches": "batch", "_flex": "flex", "_priority": "priority"}
_PRICES = {key + suffix: (service, meter) for key, meter in _METERS.items() for suffix, service in _SERVICES.items()}
_OTHERS = ("max_output_tokens", "free", "mode")
_PER_UNIT_EXPONENT = 15


def read_overrides(overrides: Mapping[str, Mapping[str, Usd]]) -> dict[str, ModelPrice]:
    """Check the overrides and turn them into entries, by the id they were given for.

    Raises:
        ConfigError: Names the model and the key.
    """
    if not isinstance(overrides, Mapping):
        raise ConfigError("model_price_overrides must be a mapping of models", field="model_price_overrides")
    return {model: _entry(model, values) for model, values in overrides.items()}


def _fail(model: object, problem: str) -> NoReturn:
    raise ConfigError(f"model_price_overrides: {model!r}: {problem}", field="model_price_overrides")


def _entry(model: str, values: Mapping[str, Any]) -> ModelPrice:
    mode, free, limit = _others(model, values)
    services: dict[str, dict[str, int]] = {STANDARD: {}}
    for key, value in values.items():
        if key in _PRICES:
            service, meter = _PRICES[key]
            services.setdefault(service, {})[meter] = _rate(model, key, value, free)
        elif key not in _OTHERS:
            _fail(model, f"unknown key {key!r}; known: {', '.join((*_METERS, *_OTHERS))}")
    for service, meters in services.items():
        # Tools and requests cost the same in every service.
        meters.update({m: r for m, r in services[STANDARD].items() if m not in TOKEN_METERS and m not in meters})
        for meter in ("input", "output") if mode == "chat" else ("input",):
            if meter not in meters:
                _fail(model, f"{meter}_cost_per_token is missing for service {service}")
    prices = {service: (Period(None, (Rates(-1, meters),)),) for service, meters in services.items()}
    return ModelPrice(model, "custom", model, prices, mode=mode, max_output=limit, source="model_price_overrides")


def _others(model: str, values: Mapping[str, Any]) -> tuple[str, bool, int | None]:
    """Check all but the prices: mode, free, and the output limit."""
    if not isinstance(model, str) or not 1 <= len(model.encode("utf-8", "replace")) <= 256:
        _fail(model, "a model's id is text of 1 to 256 bytes")
    if not isinstance(values, Mapping):
        _fail(model, "must be a mapping of prices")
    mode, free, limit = values.get("mode", "chat"), values.get("free", False), values.get("max_output_tokens")
    if mode not in ("chat", "embedding"):
        _fail(model, f"mode: {mode!r} is not 'chat' or 'embedding'")
    if not isinstance(free, bool):
        _fail(model, f"free: {free!r} is not true or false")
    if limit is not None and (type(limit) is not int or not 0 < limit < 10**12):
        _fail(model, f"max_output_tokens: {limit!r} is not a whole number above 0")
    return mode, free, limit


def _rate(model: str, key: str, value: Any, free: bool) -> int:
    rate = exact_rate(_decimal(model, key, value), _PER_UNIT_EXPONENT)
    if rate is None:
        _fail(model, f"{key}: {value!r} is finer than 1e-15 USD")
    if rate == 0 and not free:
        _fail(model, f"{key}: a price of 0 needs 'free': true")
    return rate


def _decimal(model: str, key: str, value: Any) -> Decimal:
    try:
        to_nanos(value, key)
    except BudgetError as error:
        _fail(model, str(error))
    return Decimal(format(value, ".15g") if isinstance(value, float) else value)
