"""The user's own prices, as the setting MODEL_PRICE_OVERRIDES gives them: USD for one token or unit.

The keys are litellm's, so that an entry of its table can be taken as it is: what is known to be no price is
passed over, and what is not known is refused, for it may be money.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from attrs import evolve, field, frozen

from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.money import Usd, to_nanos
from coreason_budget.pricing.gates import ceiling
from coreason_budget.pricing.patterns import compiled, match_all
from coreason_budget.pricing.price import (
    STANDARD,
    TOKEN_METERS,
    ModelPrice,
    Period,
    Rates,
    exact_rate,
)

_METERS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "input_cost_per_token_cache_hit": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "input_audio",
    "input_cost_per_image_token": "input_image",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "cache_read_input_image_token_cost": "cache_read_image",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_image_token": "output_image",
    "web_search_cost_per_query": "web_search",
    "x_search_cost_per_query": "x_search",
    "google_maps_grounding_cost_per_query": "maps_grounding",
    "file_search_cost_per_1k_calls": "file_search",
    "code_interpreter_cost_per_session": "code_interpreter",
    "code_execution_cost_per_call": "code_execution",
    "input_cost_per_image": "per_image",
    "input_cost_per_second": "per_second",
    "input_cost_per_query": "per_request",
    "input_cost_per_request": "per_request",
}
_KEYS = {meter: key for key, meter in reversed(_METERS.items())}
_SERVICES = {"batches": "batch", "flex": "flex", "priority": "priority", "balanced": "balanced"}
_SERVICES |= {"ultrafast": "ultrafast"}
_BY_LENGTH = "|".join(sorted(_METERS, key=len, reverse=True))
_PRICE = (
    rf"(?P<key>{_BY_LENGTH})(?:_above_(?P<thousands>[1-9][0-9]{{0,5}})k_tokens)?"
    rf"(?:_(?P<service>{'|'.join(_SERVICES)}))?"
)
_SIZED = "search_context_cost_per_query"
_SIZES = {"search_context_size_low": "web_search_low", "search_context_size_medium": "web_search_medium"}
_SIZES |= {"search_context_size_high": "web_search"}
_MODES = {mode: mode for mode in ("chat", "embedding", "rerank")} | {"completion": "chat", "responses": "chat"}
_FLAGS = ("free", "outrageous", "cached_in_input", "reasoning_in_output")
_OTHERS = ("mode", "max_output_tokens", "litellm_provider", "web_search_billing_unit", *_FLAGS)
# What litellm says of a model beside its prices.
_NO_PRICE = (
    r"(?:supports|supported|deprecation|token_count|bedrock|thinking|reasoning)_\w+|max_tokens|max_input_tokens|source"
    r"|comment|metadata|rpm|tpm|rules|alias_of|successor_model|output_vector_size|prompt_cache_min_tokens"
    r"|default_reasoning_effort|search_free_requests|use_openai_responses_path|uses_embed_content"
    r"|tool_use_system_prompt_tokens"
)
_MONEY = r"cost|price|pricing|multiplier|fee|usd"
_PER_UNIT_EXPONENT = 15
_PER_THOUSAND = ("file_search",)
_log = logging.getLogger("coreason_budget")

# How providers count, by litellm's names and the table's: cached tokens in the input, reasoning in the output.
_BESIDE_INPUT = ("anthropic", "bedrock", "bedrock_converse", "aws", "vertex_ai-anthropic_models")
_BESIDE_OUTPUT = ("gemini", "google", "vertex_ai", "vertex", "vertex_ai-language-models", "xai", "x-ai")
_CLAUDES = ("azure_ai", "vertex_ai", "vertex")


@frozen
class Own:
    """What the user says of one model: its price, as an entry of its own, and how it counts, where that was said."""

    price: ModelPrice
    counting: Mapping[str, bool]

    def over(self, listed: ModelPrice) -> ModelPrice:
        """Give a listed entry with the user's price, and all else that the user said."""
        return evolve(
            listed,
            prices=self.price.prices,
            mode=self.price.mode,
            max_output=self.price.max_output or listed.max_output,
            cached_in_input=self.counting.get("cached_in_input", listed.cached_in_input),
            reasoning_in_output=self.counting.get("reasoning_in_output", listed.reasoning_in_output),
            source=self.price.source,
            checked=None,
        )


def read_overrides(overrides: Mapping[str, Mapping[str, Usd]]) -> dict[str, Own]:
    """Check the overrides and turn them into entries, by the id they were given for.

    Raises:
        ConfigError: Names the model and the keys.
    """
    if not isinstance(overrides, Mapping):
        raise ConfigError("model_price_overrides must be a mapping of models", field="model_price_overrides")
    return {model: _entry(model, values) for model, values in overrides.items()}


def counting_of(model: str, provider: str | None) -> tuple[bool, bool]:
    """Say how a model's provider counts: cached tokens in the input, and reasoning in the output.

    Told by litellm's name of the provider, else by what stands before the slash of the id.
    """
    host = provider or model.partition("/")[0]
    claude = host in _BESIDE_INPUT or (host in _CLAUDES and "claude" in model)
    return not claude, claude or host not in _BESIDE_OUTPUT


def _fail(model: object, problem: str) -> NoReturn:
    raise ConfigError(f"model_price_overrides: {model!r}: {problem}", field="model_price_overrides")


def _entry(model: str, values: Mapping[str, Any]) -> Own:
    if not isinstance(model, str) or not 1 <= len(model.encode("utf-8", "replace")) <= 256:
        _fail(model, "a model's id is text of 1 to 256 bytes")
    if not isinstance(values, Mapping):
        _fail(model, "must be a mapping of prices")
    return _Override(model, values).own()


@frozen
class _Override:
    """Reads what the user says of one model."""

    model: str
    values: Mapping[str, Any]
    tables: dict[str, dict[int, dict[str, int]]] = field(factory=lambda: {STANDARD: {-1: {}}})

    def own(self) -> Own:
        self.check_keys()
        for key in _FLAGS:
            self.flag(key, False)
        counting = {
            key: self.flag(key, True) for key in ("cached_in_input", "reasoning_in_output") if key in self.values
        }
        return Own(self.entry(counting), counting)

    def entry(self, counting: Mapping[str, bool]) -> ModelPrice:
        mode = self.one_of("mode", "chat", _MODES)
        limit = self.values.get("max_output_tokens")
        if limit is not None and (type(limit) is not int or not 0 < limit < 10**12):
            self.fail(f"max_output_tokens: {limit!r} is not a whole number above 0")
        cached_in_input, reasoning_in_output = counting_of(self.model, self.text("litellm_provider"))
        unit = self.one_of("web_search_billing_unit", "per_query", {"per_query": "query", "per_prompt": "prompt"})
        return ModelPrice(
            self.model,
            "custom",
            self.model,
            self.prices(mode),
            mode=mode,
            max_output=limit if mode == "chat" else None,
            cached_in_input=counting.get("cached_in_input", cached_in_input),
            reasoning_in_output=counting.get("reasoning_in_output", reasoning_in_output),
            search_unit=unit,
            source="model_price_overrides",
        )

    def check_keys(self) -> None:
        """Pass over what is no price, and refuse everything that is not known, all at once."""
        rest = [key for key in self.values if key not in _OTHERS and key != _SIZED]
        rest = [key for key in rest if not isinstance(key, str) or not match_all(_PRICE, key)]
        passed = [
            key
            for key in rest
            if isinstance(key, str) and match_all(_NO_PRICE, key) and not compiled(_MONEY).search(key)
        ]
        unknown = [str(key)[:60] for key in rest if key not in passed]
        if unknown:
            known = ", ".join((*_METERS, _SIZED, *_OTHERS))
            self.fail(f"unknown keys, leave them out or write them as known: {', '.join(unknown)}; known: {known}")
        if passed:
            _log.debug("model_price_overrides: %r: passed over, no prices: %s", self.model, ", ".join(passed))

    def prices(self, mode: str) -> dict[str, tuple[Period, ...]]:
        self.read_prices(mode)
        standard = self.tables[STANDARD]
        return {
            service: (Period(None, self.rows(mode, service, self.completed(table, standard))),)
            for service, table in self.tables.items()
        }

    def read_prices(self, mode: str) -> None:
        # Where a request has a price, tokens that cost nothing are no gift; and a vector is no output.
        by_request = any(key in self.values for key, meter in _METERS.items() if meter == "per_request")
        free = () if mode == "chat" else ("input", "output") if by_request else ("output",)
        for key, value in self.values.items():
            if (match := match_all(_PRICE, key)) is not None:
                meter = _METERS[match["key"]]
                rate = self.rate(key, value, meter, meter in free)
                if rate or meter not in free or meter == "input":
                    above = int(match["thousands"]) * 1000 if match["thousands"] else -1
                    self.put(_SERVICES.get(match["service"], STANDARD), above, meter, rate)
        for key, meter in _SIZES.items() if _SIZED in self.values else ():
            said = self.values[_SIZED]
            if not isinstance(said, Mapping) or set(said) != set(_SIZES):
                self.fail(f"{_SIZED}: must say {', '.join(_SIZES)}")
            self.put(STANDARD, -1, meter, self.rate(f"{_SIZED}: {key}", said[key], meter, False))

    def put(self, service: str, above: int, meter: str, rate: int) -> None:
        row = self.tables.setdefault(service, {-1: {}}).setdefault(above, {})
        row[meter] = max(rate, row.get(meter, 0))

    def completed(
        self, table: dict[int, dict[str, int]], standard: dict[int, dict[str, int]]
    ) -> dict[int, dict[str, int]]:
        """Give the table of a service with what the standard one has and it does not state, but no discount.

        Tools cost the same in every service, and so does a tier, or a meter that is dearer than its fall-back.
        """
        own = Rates(-1, table[-1])
        more = {
            meter: rate
            for meter, rate in standard[-1].items()
            if meter not in TOKEN_METERS or rate > (rate if (known := own.rate(meter)) is None else known)
        }
        tiers = standard if len(table) == 1 else {}
        return {**tiers, **table, -1: {**more, **table[-1]}}

    def rows(self, mode: str, service: str, table: Mapping[int, Mapping[str, int]]) -> tuple[Rates, ...]:
        base = table[-1]
        needed: Iterable[str] = ("input", "output") if mode == "chat" else () if "per_request" in base else ("input",)
        if missing := [_KEYS[meter] for meter in needed if meter not in base]:
            self.fail(f"{', '.join(missing)} is missing for service {service}")
        tiers = sorted(above for above in table if above >= 0)
        return (Rates(-1, base), *(Rates(above, _tier(base, table[above])) for above in tiers))

    def rate(self, key: str, value: Any, meter: str, may_be_free: bool) -> int:
        usd = self.decimal(key, value)
        rate = exact_rate(usd / 1000 if meter in _PER_THOUSAND else usd, _PER_UNIT_EXPONENT)
        if rate is None:
            self.fail(f"{key}: {value!r} is finer than 1e-15 USD")
        if rate == 0 and not may_be_free and not self.flag("free", False):
            self.fail(f"{key}: a price of 0 needs 'free': true")
        if rate > ceiling(meter) and not self.flag("outrageous", False):
            per_token = f"per token, not per million: {format((usd / 10**6).normalize(), 'f')}? "
            hint = f"{per_token if meter in TOKEN_METERS else ''}If it is true, say 'outrageous': true"
            self.fail(f"{key}: {value!r} is outrageous; {hint}")
        return rate

    def decimal(self, key: str, value: Any) -> Decimal:
        try:
            to_nanos(value, key)
        except BudgetError as error:
            self.fail(str(error))
        return Decimal(format(value, ".15g") if isinstance(value, float) else value)

    def flag(self, key: str, default: bool) -> bool:
        found = self.values.get(key, default)
        if not isinstance(found, bool):
            self.fail(f"{key}: {found!r} is not true or false")
        return found

    def text(self, key: str) -> str | None:
        found = self.values.get(key)
        if found is not None and not isinstance(found, str):
            self.fail(f"{key}: {found!r} is not text")
        return found

    def one_of(self, key: str, default: str, known: Mapping[str, str]) -> str:
        found = self.values.get(key, default)
        if not isinstance(found, str) or found not in known:
            self.fail(f"{key}: {found!r} is not one of {', '.join(known)}")
        return known[found]

    def fail(self, problem: str) -> NoReturn:
        _fail(self.model, problem)


def _tier(base: Mapping[str, int], stated: Mapping[str, int]) -> dict[str, int]:
    """Give the prices of a tier: what it does not state costs what it did, and no less than what it falls back to."""
    row = Rates(-1, stated)
    return {**{meter: max(rate, row.rate(meter) or 0) for meter, rate in base.items()}, **stated}
