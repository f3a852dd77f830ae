"""The maintainer's command: two tables in, one out, and nothing lost, guessed or overwritten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.price import TOKEN_METERS, ModelPrice
from coreason_budget.pricing.refresh.__main__ import main, refresh
from coreason_budget.pricing.refresh.choices import Choices, read_choices
from coreason_budget.pricing.refresh.genai import ids_of, read_genai
from coreason_budget.pricing.refresh.group import Sources
from coreason_budget.pricing.refresh.litellm import litellm_offer, read_litellm
from coreason_budget.pricing.refresh.report import Report
from coreason_budget.pricing.refresh.update import read_blocks
from coreason_budget.pricing.refresh.write import entry_text, usd_text
from coreason_budget.pricing.table import PRICES, load_file, parse

HERE = Path(__file__).parent
TODAY = date(2026, 11, 24)
LATER = date(2026, 12, 1)


def litellm(change: Callable[[dict[str, Any]], object] = lambda said: None) -> dict[str, Any]:
    said: dict[str, Any] = dict(read_litellm(HERE / "litellm.json"))
    said = {key: dict(model) for key, model in said.items()}
    change(said)
    return said


def run(
    folder: Path,
    *,
    said: dict[str, Any] | None = None,
    today: date = TODAY,
    choices: Choices | None = None,
) -> Report:
    sources = Sources(litellm() if said is None else said, read_genai(HERE / "genai.json"))
    return refresh(sources, choices or read_choices(HERE / "choices.yaml"), folder, today, write=True)


def entry(folder: Path, model: str, file: str = "acme.yaml") -> ModelPrice:
    return next(one for one in load_file(folder / file, bundled=True).models if model in one.ids())


def usd(entry: ModelPrice, service: str = "standard", at: date = TODAY) -> dict[str, str]:
    return {meter: format(rate, "f") for meter, rate in entry.rates_usd(service, at).items()}


def test_running_again_changes_nothing(tmp_path: Path) -> None:
    """On the same sources and day, to the byte; and the files pass the strict checks."""
    first = run(tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*.yaml")}
    assert {path.relative_to(tmp_path).as_posix() for path in files} == {"acme.yaml", "hosts/acme.yaml"}
    second = run(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.yaml")} == files
    assert len(first.found["added"]) > 5
    assert second.found["added"] == second.found["changed"] == second.found["gone"] == {}


def test_the_bundled_files_are_kept_to_the_letter() -> None:
    """What is read from a file of ours and put together again is that file."""
    for path in PRICES.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        head, models, _ = text.partition("\nmodels:\n")
        assert head + models + "".join(block.text for block in read_blocks(text, path.name)) == text


@pytest.mark.slow
def test_written_text_reads_as_the_same_price() -> None:
    """Every entry of the table, written anew, has the same prices: tiers, services and histories too."""
    head = "schema: 1\nprovider: p\nsource: https://example.com\nchecked: 2026-11-24\nmodels:\n"
    for path in PRICES.rglob("*.yaml"):
        for one in load_file(path, bundled=True).models:
            text = entry_text(one, outrageous=True, cheap=TOKEN_METERS)
            (again,) = parse((head + text).encode(), path.name, bundled=True).models
            assert again.prices == one.prices
            assert list(again.ids()) == list(one.ids())


def test_what_both_say_has_all_ids_of_both(tmp_path: Path) -> None:
    """One model, priced alike: genai-prices' other name and litellm's date lead to it."""
    run(tmp_path)
    large = entry(tmp_path, "acme-large")
    assert list(large.ids()) == ["acme-large", "acme-big", "acme-large-2026-01-02"]
    assert large.max_output == 8192
    searches = {"web_search": "20", "web_search_low": "10"}
    assert usd(large) == {"input": "2.5", "cache_read": "1.65", "output": "10", **searches}
    assert usd(large, "batch") == {"input": "1.25", "output": "5", **searches}
    (base, tier) = large.period("standard", TODAY).rows
    assert (base.above, tier.above) == (-1, 200_000)
    assert tier.meters["cache_read"] == 3_300_000_000


def test_of_two_prices_the_dearer_is_taken_and_said(tmp_path: Path) -> None:
    """Meter by meter, with a comment above the entry and a line in the report."""
    report = run(
        tmp_path, said=litellm(lambda said: said["acme/acme-small"].update(input_cost_per_token=Decimal("3e-7")))
    )
    assert usd(entry(tmp_path, "acme-small"))["input"] == "0.3"
    comment = "input: litellm 0.30, genai-prices 0.10; the dearer taken"
    assert f"  # {comment}\n" in (tmp_path / "acme.yaml").read_text()
    assert comment in report.found["disagreed"]["acme/acme-small"]


def test_a_person_may_choose_the_source(tmp_path: Path) -> None:
    """With the reason as the comment."""
    choices = read_choices(HERE / "choices.yaml")
    choices.rules["take"]["acme/acme-small"] = "genai-prices: read on the price list"  # type: ignore[index]
    run(tmp_path, said=litellm(lambda said: said["acme/acme-small"].update(input_cost_per_token=1)), choices=choices)
    assert usd(entry(tmp_path, "acme-small"))["input"] == "0.1"
    assert "# genai-prices taken: read on the price list" in (tmp_path / "acme.yaml").read_text()


def test_dated_prices_become_a_history(tmp_path: Path) -> None:
    """What was, what is and what will be."""
    run(tmp_path)
    small = entry(tmp_path, "acme-small")
    days = (date(2026, 5, 31), date(2026, 6, 1), date(2026, 12, 31), date(2027, 1, 1))
    assert [usd(small, at=day)["input"] for day in days] == ["0.2", "0.1", "0.1", "0.05"]


def test_a_changed_price_is_appended_with_its_day(tmp_path: Path) -> None:
    """Never overwritten: yesterday's call keeps yesterday's price, and a third run changes nothing."""
    run(tmp_path)
    dearer = litellm(lambda said: said["acme/acme-mini"].update(output_cost_per_token=Decimal("9e-7")))
    report = run(tmp_path, said=dearer, today=LATER)
    mini = entry(tmp_path, "acme-mini")
    assert [period.since for period in mini.prices["standard"]] == [None, LATER]
    assert usd(mini, at=TODAY)["output"] == "0.6"
    assert usd(mini, at=LATER)["output"] == "0.9"
    assert report.found["changed"] == {"acme/acme-mini": "standard output 0.60 -> 0.90"}
    text = (tmp_path / "acme.yaml").read_bytes()
    assert run(tmp_path, said=dearer, today=LATER).found["changed"] == {}
    assert (tmp_path / "acme.yaml").read_bytes() == text


def test_a_changed_tier_is_appended_too(tmp_path: Path) -> None:
    """A tier that goes away is a change: the report says which."""
    run(tmp_path)

    def flat(said: dict[str, Any]) -> None:
        for model in ("acme-large", "acme/acme-large-2026-01-02"):
            said[model] |= {"input_cost_per_token_batches": Decimal("1e-6")}

    report = run(tmp_path, said=litellm(flat), today=LATER)
    assert report.found["changed"] == {"acme/acme-large": "batch input 1.25 -> 1.00"}
    large = entry(tmp_path, "acme-large")
    assert [period.since for period in large.prices["batch"]] == [None, LATER]
    assert [period.since for period in large.prices["standard"]] == [None]


def test_a_fee_that_was_not_known_is_no_change_of_price(tmp_path: Path) -> None:
    """Calls of it were refused before: it is put into the price that stands, and reported as added."""
    run(tmp_path)
    key = "code_interpreter_cost_per_session"
    fee = litellm(lambda said: said["acme/acme-mini"].update({key: Decimal("0.03")}))
    report = run(tmp_path, said=fee, today=LATER)
    mini = entry(tmp_path, "acme-mini")
    assert [period.since for period in mini.prices["standard"]] == [None]
    assert usd(mini)["code_interpreter"] == "0.03"
    assert report.found["added"] == {"acme/acme-mini": "standard code_interpreter - -> 0.03"}
    assert report.found["changed"] == {}
    assert run(tmp_path, said=fee, today=LATER).found["added"] == {}


def test_fees_of_the_head_stay_there(tmp_path: Path) -> None:
    """A refresh neither takes them for a change nor writes them out with every model."""
    run(tmp_path)
    path = tmp_path / "acme.yaml"
    path.write_text(path.read_text().replace("\nmodels:\n", "\nfees: {file_search: 2.50}\nmodels:\n"))
    dearer = litellm(lambda said: said["acme/acme-mini"].update(output_cost_per_token=Decimal("9e-7")))
    report = run(tmp_path, said=dearer, today=LATER)
    assert list(report.found["changed"]) == ["acme/acme-mini"]
    assert path.read_text().count("file_search") == 1
    assert usd(entry(tmp_path, "acme-mini"))["file_search"] == "2.5"


def test_a_held_price_learns_fees_that_it_had_none_of(tmp_path: Path) -> None:
    """The choice is about what is stated; a call of the tool was refused so far."""
    run(tmp_path)
    choices = read_choices(HERE / "choices.yaml")
    choices.rules["hold"]["acme/acme-mini"] = "the list says so"  # type: ignore[index]
    new = {"google_maps_grounding_cost_per_query": Decimal("0.014"), "output_cost_per_token": Decimal("9e-7")}
    run(tmp_path, said=litellm(lambda said: said["acme/acme-mini"].update(new)), today=LATER, choices=choices)
    assert usd(entry(tmp_path, "acme-mini"), at=LATER) == {"input": "0.3", "output": "0.6", "maps_grounding": "14"}


def test_a_limit_that_was_not_known_is_learnt(tmp_path: Path) -> None:
    """Without a word about prices; one that is known stays."""
    run(tmp_path)
    known = litellm(lambda said: said["acme/acme-mini"].update(max_output_tokens=4096))
    report = run(tmp_path, said=known, today=LATER)
    assert report.found["bounded"] == {"acme/acme-mini": "max_output 4096"}
    assert report.found["changed"] == {}
    mini = entry(tmp_path, "acme-mini")
    assert (mini.max_output, len(mini.prices["standard"])) == (4096, 1)
    longer = litellm(lambda said: said["acme/acme-mini"].update(max_output_tokens=9999))
    assert run(tmp_path, said=longer, today=LATER).found["bounded"] == {}


def test_fees_of_the_standard_price_are_not_written_with_each_service(tmp_path: Path) -> None:
    """They hold there too; only another one is stated."""
    run(tmp_path)
    text = (tmp_path / "acme.yaml").read_text()
    assert text.count("web_search") == 2 + text.count("web_search for")  # the price and its low, once
    assert usd(entry(tmp_path, "acme-large"), "batch")["web_search"] == "20"


def test_a_long_prompt_without_a_price_of_text_has_none_of_its_own() -> None:
    """litellm lists one of sounds above 200,000 tokens for models that cost the same at any length."""
    said = {
        "litellm_provider": "vertex_ai",
        "mode": "chat",
        "input_cost_per_token": Decimal("3e-7"),
        "output_cost_per_token": Decimal("2e-6"),
        "input_cost_per_audio_token": Decimal("1e-6"),
        "input_cost_per_audio_token_above_200k_tokens": Decimal("3e-7"),
    }
    offer = litellm_offer("p", "m", said, inclusive=False)
    assert [row.above for row in offer.entry.prices["standard"][0].rows] == [-1]
    said["output_cost_per_token_above_200k_tokens"] = Decimal("3e-6")
    offer = litellm_offer("p", "m", said, inclusive=False)
    assert [row.above for row in offer.entry.prices["standard"][0].rows] == [-1, 200_000]


def test_googles_searches_are_by_the_prompt_unless_said_by_the_query() -> None:
    """litellm says nothing of Gemini 2, where one prompt is one fee however often it searched."""
    said = {
        "litellm_provider": "gemini",
        "mode": "chat",
        "input_cost_per_token": Decimal("1e-6"),
        "output_cost_per_token": Decimal("1e-6"),
        "search_context_cost_per_query": {"search_context_size_medium": Decimal("0.035")},
    }
    query = {"web_search_billing_unit": "per_query"}
    other = {"litellm_provider": "openai"}
    offers = [litellm_offer("p", "m", {**said, **more}, inclusive=False) for more in ({}, query, other)]
    assert [offer.entry.search_unit for offer in offers] == ["prompt", "query", "query"]


def test_hand_made_text_stays(tmp_path: Path) -> None:
    """A comment and an encoding that no source knows survive a refresh that changes another entry."""
    run(tmp_path)
    path = tmp_path / "acme.yaml"
    old, new = "  acme-large:\n", "  # a word of a person\n  acme-large:\n    encoding: o200k_base\n"
    path.write_text(path.read_text().replace(old, new))
    run(tmp_path, said=litellm(lambda said: said["acme/acme-mini"].update(output_cost_per_token=1)), today=LATER)
    assert new in path.read_text()


def test_held_price_stays_and_is_reported(tmp_path: Path) -> None:
    """What a person decided beats the sources until the choice is taken back."""
    run(tmp_path)
    choices = read_choices(HERE / "choices.yaml")
    choices.rules["hold"]["acme/acme-mini"] = "the list says so"  # type: ignore[index]
    dearer = litellm(lambda said: said["acme/acme-mini"].update(output_cost_per_token=Decimal("9e-7")))
    report = run(tmp_path, said=dearer, today=LATER, choices=choices)
    assert report.found["held"] == {"acme/acme-mini": "the list says so"}
    assert usd(entry(tmp_path, "acme-mini"), at=LATER)["output"] == "0.6"


def test_a_model_that_both_dropped_stays(tmp_path: Path) -> None:
    """Its calls may still be billed; the report says so."""
    run(tmp_path)
    report = run(tmp_path, said=litellm(lambda said: said.pop("acme/acme-mini")), today=LATER)
    assert report.found["gone"] == {"acme/acme-mini": "in neither source any more; kept"}
    assert usd(entry(tmp_path, "acme-mini"))["input"] == "0.3"


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("acme-zero", "no price for input or output that is not 0"),
        ("acme-slip", "outrageous"),
        ("acme-dear-cache", "cache_read is dearer than input"),
        ("acme-rented", "billed by the second"),
    ],
)
def test_what_fails_a_gate_is_refused(model: str, why: str, tmp_path: Path) -> None:
    """It is not written, and the report says why."""
    report = run(tmp_path)
    assert why in report.found["refused"][f"acme/{model}"]
    assert model not in {one for entry in load_file(tmp_path / "acme.yaml").models for one in entry.ids()}


def test_choices_decide_about_gates(tmp_path: Path) -> None:
    """Free and outrageous are true only where a person said so, and left out is no longer refused."""
    choices = read_choices(HERE / "choices.yaml")
    choices.rules["outrageous"]["acme/acme-slip"] = "it is true"  # type: ignore[index]
    choices.rules["leave_out"]["acme/acme-zero"] = "nobody sells it"  # type: ignore[index]
    report = run(tmp_path, choices=choices)
    assert usd(entry(tmp_path, "acme-slip"))["input"] == "3200"
    assert usd(entry(tmp_path, "acme-gift")) == {"input": "0", "output": "0"}
    assert report.found["left out"]["acme/acme-zero"] == "nobody sells it"
    assert "acme/acme-zero" not in report.found["refused"]


def test_modes_and_other_meters(tmp_path: Path) -> None:
    """Embeddings need no output, a rerank is priced by the request, and pictures are left alone."""
    run(tmp_path)
    assert usd(entry(tmp_path, "acme-embed")) == {"input": "0.02"}
    assert usd(entry(tmp_path, "acme-rerank")) == {"input": "0", "per_request": "0.002"}
    assert usd(entry(tmp_path, "acme-hours")) == {"input": "4", "output": "8"}
    assert "acme-paint" not in (tmp_path / "acme.yaml").read_text()
    assert usd(entry(tmp_path, "hosted/other", "hosts/acme.yaml")) == {"input": "1", "output": "2"}


def test_a_pattern_of_ids_is_no_id() -> None:
    """genai-prices finds models by patterns; only ids that it names exactly count."""
    models = read_genai(HERE / "genai.json")["acme-ai"]
    assert ids_of(models["acme-large"]) == ["acme-large", "acme-big"]
    assert ids_of(models["acme-tiny"]) == ["acme-tiny"]
    assert ids_of(models["acme-any"]) == []


@pytest.mark.parametrize(
    ("rate", "meter", "text"),
    [
        (2_500_000_000, "input", "2.50"),
        (1, "input", "0.000000001"),
        (10**13, "web_search", "10.00"),
        (2 * 10**12, "per_request", "0.002"),
    ],
)
def test_usd_is_written_exactly(rate: int, meter: str, text: str) -> None:
    """All digits, two at least."""
    assert usd_text(rate, meter) == text


def test_the_command_reports_and_writes(tmp_path: Path) -> None:
    """A dry run writes nothing; the report counts, and --all lists."""
    sources = [f"--{name}={HERE / name}.json" for name in ("litellm", "genai")]
    given = [*sources, f"--choices={HERE / 'choices.yaml'}", f"--prices={tmp_path}", "--checked=2026-11-24"]
    dry = CliRunner().invoke(main, [*given, "--dry-run"])
    assert dry.exit_code == 0
    assert not list(tmp_path.rglob("*.yaml"))
    done = CliRunner().invoke(main, [*given, "--all"])
    assert done.exit_code == 0
    assert "refused: 4" in done.output
    assert "acme/acme-slip: " in done.output
    assert "checked: 2026-11-24\n" in (tmp_path / "acme.yaml").read_text()
    assert "added: 0" in CliRunner().invoke(main, given).output


@pytest.mark.parametrize("option", ["litellm", "genai", "choices"])
def test_a_source_that_is_not_one_is_refused_by_name(option: str, tmp_path: Path) -> None:
    """Exit status 1 and the file's name; no trace."""
    bad = tmp_path / "bad.file"
    bad.write_text("[1, 2" if option != "choices" else "files: 3")
    given = {
        "litellm": HERE / "litellm.json",
        "genai": HERE / "genai.json",
        "choices": HERE / "choices.yaml",
        option: bad,
    }
    done = CliRunner().invoke(main, [*(f"--{name}={path}" for name, path in given.items()), f"--prices={tmp_path}"])
    assert done.exit_code == 1
    assert "bad.file" in done.output


def test_every_choice_says_why_and_is_of_a_file() -> None:
    """The package's own choices: no rule without a reason, no provider that no file has."""
    choices = read_choices()
    providers = {file.provider for file in choices.files}
    for rule, reasons in choices.rules.items():
        for pattern, why in reasons.items():
            assert len(why) > 8, (rule, pattern)
            assert pattern.partition("/")[0] in {*providers, "*"}
    for rule, source in choices.rules["take"].items():
        assert source.partition(": ")[0] in ("litellm", "genai-prices"), rule


def test_sources_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is a dependency: without them, the command asks for files."""
    monkeypatch.setattr("coreason_budget.pricing.refresh.litellm.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="--litellm"):
        read_litellm(None)
    monkeypatch.setitem(__import__("sys").modules, "genai_prices.data", None)
    with pytest.raises(ConfigError, match="--genai"):
        read_genai(None)
