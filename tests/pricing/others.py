"""What litellm, genai-prices and models.dev say a call costs, beside ours: the rows of the comparison."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.resources import files
from typing import Any

from attrs import frozen

from coreason_budget.errors import UnknownModelError
from coreason_budget.money import to_nanos
from coreason_budget.pricing.buckets import Usage
from coreason_budget.pricing.bundled import Bundled
from coreason_budget.pricing.refresh.choices import FileChoice, read_choices
from coreason_budget.pricing.refresh.genai import ids_of, read_genai
from coreason_budget.pricing.refresh.litellm import MODES, read_litellm

# Prompt, of it read from a cache, and answer: an ordinary call, a cached one, and one in a long-context tier.
CALLS = ((1000, 0, 100), (1000, 600, 100), (300_001, 0, 100))
TABLE = Bundled()


@frozen
class Row:
    """One id and one call: our nanos, or None where the table has no price, and theirs."""

    provider: str
    model: str
    call: tuple[int, int, int]
    ours: int | None
    litellm: int | None
    genai: int | None

    def is_ours(self, theirs: int | None) -> bool:
        """Within a nano of one of the others."""
        return self.ours is not None and theirs is not None and abs(self.ours - theirs) <= 1

    @property
    def agreed(self) -> int | None:
        """What both of the others say, where they agree."""
        if self.litellm is None or self.genai is None or abs(self.litellm - self.genai) > 1:
            return None
        return self.litellm


def rows(at: date) -> Iterator[Row]:
    """Give every text model of either, for every call that it can answer."""
    litellm, genai = read_litellm(None), read_genai(None)
    for file in read_choices().files:
        names: dict[str, str] = {}
        for key, said in litellm.items():
            if said["litellm_provider"] in file.litellm and file.holds(bare := file.bare(key)):
                names[bare] = key
        others: dict[str, tuple[str, str]] = {}
        for provider, prefix in file.genai.items():
            for said in genai.get(provider, {}).values():
                ids = ids_of(said)
                others |= {prefix + one: (provider, one) for one in ids if file.bare(one) not in set(ids) - {one}}
        others = {model: known for model, known in others.items() if file.holds(model)}
        for model in sorted({*names, *others}):
            yield from _rows(file, model, names.get(model), others.get(model), litellm, at)


def _rows(
    file: FileChoice, model: str, key: str | None, other: tuple[str, str] | None, litellm: dict[str, Any], at: date
) -> Iterator[Row]:
    said = litellm[key] if key else {}
    for call in CALLS:
        answer = 0 if MODES.get(said.get("mode", "chat")) != "chat" else call[2]
        asked = (call[0], call[1], answer)
        yield Row(
            file.provider,
            f"{file.provider}/{model}",
            call,
            ours(f"{file.provider}/{model}", asked, at),
            by_litellm(key, said["litellm_provider"], asked) if key else None,
            by_genai(*(other or (next(iter(file.genai), None), model)), asked, at),
        )


def ours(model: str, call: tuple[int, int, int], at: date) -> int | None:
    """Give our nanos; None where there is no price."""
    try:
        entry = TABLE.find(model)
        if entry is None:
            return None
        prompt, cached, answer = call
        answer = answer if entry.mode == "chat" else 0
        # The others leave out that some models search with every request.
        fees = 0 if "-search-" in entry.model else None
        used = Usage(input=prompt - cached, cache_read=cached, output=answer, per_request=fees)
        return entry.period("standard", at).rates(prompt).cost(used.counts)
    except (UnknownModelError, KeyError):
        return None


def by_litellm(key: str, provider: str, call: tuple[int, int, int]) -> int | None:
    """Give litellm's nanos; None where it has no price, or 0."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # Or it asks the network at import.
    import litellm

    prompt, cached, answer = call
    try:
        parts = litellm.cost_per_token(
            model=key,
            custom_llm_provider=provider.partition("-")[0]
            if provider.startswith(("vertex_ai-", "fireworks"))
            else provider,
            prompt_tokens=prompt,
            completion_tokens=answer,
            cache_read_input_tokens=cached,
        )
    except Exception:
        return None
    return _nanos(sum(map(_meant, parts)))


def _name(provider: str) -> str:
    # litellm's table divides some providers by kinds of model that its code does not know.
    return provider.partition("-")[0] if provider.startswith(("vertex_ai-", "fireworks_ai-")) else provider


def by_genai(provider: str | None, model: str, call: tuple[int, int, int], at: date) -> int | None:
    """Give genai-prices' nanos; None where it has no price, or 0."""
    import genai_prices

    if provider is None:
        return None
    prompt, cached, answer = call
    usage = genai_prices.Usage(input_tokens=prompt, cache_read_tokens=cached or None, output_tokens=answer)
    when = datetime.combine(at, time(2, 0), UTC)
    try:
        found = genai_prices.calc_price(usage, model, provider_id=provider, genai_request_timestamp=when)
    except (LookupError, ValueError):
        return None
    return _nanos(found.total_price)


def _meant(usd: float) -> Decimal:
    return Decimal(format(usd, ".12g"))


def _nanos(usd: Decimal) -> int | None:
    return to_nanos(usd, "cost") or None


@frozen
class ThirdRow:
    """One id and one call: our nanos, and those of models.dev."""

    model: str
    call: tuple[int, int, int]
    ours: int | None
    models_dev: int

    def is_ours(self, theirs: int) -> bool:
        """Within a nano of it."""
        return self.ours is not None and abs(self.ours - theirs) <= 1


# The names of makers at models.dev, and in our table.
MAKERS = {"google": "gemini", "moonshotai": "moonshot", "alibaba": "dashscope", "xiaomi": "xiaomi_mimo"}
MAKERS |= {
    name: name for name in ("ai21", "anthropic", "cohere", "deepseek", "inception", "meta", "minimax", "mistral")
}
MAKERS |= {name: name for name in ("openai", "perplexity", "xai", "zai")}


def third_rows(at: date) -> Iterator[ThirdRow]:
    """Give the makers' own text models of models.dev that our table has too, for every call."""
    import model_prices

    when = datetime.combine(at, time(2, 0), UTC)
    listed = json.loads(files(model_prices).joinpath("snapshot.json").read_text(encoding="utf-8"))["prices"]
    for name, maker in MAKERS.items():
        for model in listed[name]:
            entry = TABLE.find(f"{maker}/{model}")
            rates = model_prices.rates(model, when, name)
            if entry is None or entry.mode != "chat" or rates is None or not rates.input:
                continue
            for prompt, cached, answer in CALLS:
                asked = {"input_tokens": prompt - cached, "cache_read_tokens": cached, "output_tokens": answer}
                usd = model_prices.cost(model, **asked, at=when, provider=name)
                if usd and (nanos := _nanos(_meant(usd))) is not None:
                    yield ThirdRow(
                        f"{maker}/{model}",
                        (prompt, cached, answer),
                        ours(f"{maker}/{model}", (prompt, cached, answer), at),
                        nanos,
                    )
