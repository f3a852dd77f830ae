"""Output limits from further tables: of the same model, and never too low."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.price import ModelPrice
from coreason_budget.pricing.refresh.limits import read_limits, shared_limits, with_limit
from coreason_budget.pricing.table import parse

MODELS_DEV = {
    "acme-ai": {
        "id": "acme-ai",
        "models": {
            "acme-large-2026-01-02": {"limit": {"context": 200000, "output": 4096}},
            "acme-none": {"limit": {"context": 200000}},
            "acme-zero": {"limit": {"output": 0}},
        },
    }
}
LITELLM = {
    "acme/acme-large": {"litellm_provider": "acme", "max_output_tokens": 8192},
    "bare": {"litellm_provider": "acme", "max_output_tokens": 100, "max_tokens": 5},
    "odd": {"litellm_provider": "acme", "max_output_tokens": "4096"},
}


def read(provider: str, *models: str) -> list[ModelPrice]:
    """Entries as a file of the table says them."""
    text = "".join(f"  {model}\n" for model in models)
    return list(parse(f"schema: 1\nprovider: {provider}\nmodels:\n{text}".encode(), "p.yaml").models)


PRICE = "price: {input: 1, output: 2}"


def test_tables_of_two_kinds_are_read(tmp_path: Path) -> None:
    """By provider and family; of two limits the higher; what is no limit is none."""
    paths = [tmp_path / "models_dev.json", tmp_path / "litellm.json"]
    for path, said in zip(paths, (MODELS_DEV, LITELLM), strict=True):
        path.write_text(json.dumps(said))
    assert read_limits(paths) == {"acme-ai/acme-large": 4096, "acme/acme-large": 8192, "acme/bare": 100}
    (entry,) = read("acme", f"acme-large: {{{PRICE}}}")
    assert with_limit(entry, ("acme", "acme-ai"), read_limits(paths), None).max_output == 8192
    assert with_limit(entry, ("acme-ai",), read_limits(paths), None).max_output == 4096
    assert with_limit(entry, ("other",), read_limits(paths), None) == entry


@pytest.mark.parametrize("text", ["[1", "[1]", '{"a": 1}', '{"a": {"models": {"m": 3}}}'])
def test_what_is_no_table_is_refused_by_name(text: str, tmp_path: Path) -> None:
    """A maintainer reads which file."""
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.json: cannot be read"):
        read_limits([path])


@pytest.mark.parametrize(
    ("provider", "maker", "limit"),
    [
        ("anthropic", "claude-opus-9", 64000),
        ("openai", "gpt-9", 64000),
        ("openai", "gpt-oss-9b", None),  # open weights: a host may serve longer answers
        ("gemini", "gemma-9", None),
        ("mistral", "mistral-large-9", None),
    ],
)
def test_a_closed_models_limit_is_its_makers_everywhere(provider: str, maker: str, limit: int | None) -> None:
    """An estimate by it stays an upper bound."""
    (known,) = read(provider, f"{maker}: {{max_output: 64000, {PRICE}}}")
    (entry,) = read("host", f"{provider}/{maker}: {{{PRICE}}}")
    assert with_limit(entry, (), {}, known).max_output == limit


def test_siblings_share_the_highest_limit() -> None:
    """But a rolling name, which means another model by now, takes none; nor does an embedding."""
    entries = read(
        "p",
        f"m: {{{PRICE}}}",
        f"m-2026-01-02: {{max_output: 100, {PRICE}}}",
        f"m-2026-03-04: {{max_output: 200, {PRICE}}}",
        f"m-latest: {{{PRICE}}}",
        "m-20260102: {mode: embedding, price: {input: 1}}",
        f"n: {{{PRICE}}}",
    )
    assert [(entry.model, entry.max_output) for entry in shared_limits(entries)] == [("m", 200)]
