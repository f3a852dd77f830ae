"""The price files' format: what is read, and that nothing doubtful is."""

from pathlib import Path

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.listing import PriceFile
from coreason_budget.pricing.price import BUCKETS
from coreason_budget.pricing.table import load_file, parse

HEAD = "schema: 1\nprovider: p\nmodels:\n"  # three lines: a model begins on the fourth
BUNDLED = "schema: 1\nprovider: p\nsource: https://example.com\nchecked: 2026-11-23\nmodels:\n"


def read(text: str, *, bundled: bool = False) -> PriceFile:
    return parse(text.encode(), "p.yaml", bundled=bundled)


def test_text_becomes_exact_nanos_per_million() -> None:
    """2.50 USD a million tokens are 2,500,000,000 nanos; an exponent is taken where it is exact."""
    file = read(HEAD + "  m: {price: {input: 2.50, output: 1e-9, web_search: 10, per_request: 0.01}}")
    (rates,) = file.models[0].prices["standard"][0].rows
    assert rates.meters == {
        "input": 2_500_000_000,
        "output": 1,
        "web_search": 10 * 10**12,
        "per_request": 10**13,
    }


def test_price_of_a_request_is_charged_once_a_call(tmp_path: Path) -> None:
    """per_request is USD for a call, added before the one rounding."""
    from coreason_budget.pricing import PricingEngine

    path = tmp_path / "p.yaml"
    path.write_text(HEAD + "  m: {max_output: 5, price: {input: 1, output: 2, per_request: 0.005}}")
    engine = PricingEngine(prices_file=path)
    assert engine.calculate_nanos("m", 3) == 5_000_000 + 3_000
    assert engine.estimate_nanos("m", input_tokens=3) == 5_000_000 + 3_000 + 10_000


def test_tier_may_include_its_edge() -> None:
    """`inclusive: true` makes `above` the first token of the tier."""
    period = (
        read(HEAD + "  m: {price: {input: 1, output: 1, tiers: [{above: 10, inclusive: true, input: 2, output: 2}]}}")
        .models[0]
        .prices["standard"][0]
    )
    assert [period.rates(n).meters["input"] // 10**9 for n in (9, 10, 11)] == [1, 2, 2]


PRICE = "price: {input: 1, output: 2}"
FEES = HEAD.replace("models", "fees: {file_search: 2.50, code_interpreter: 0.03}\nmodels")


def test_fees_of_a_file_hold_for_all_its_chat_models_that_state_no_own() -> None:
    """In every service and tier; a thousand calls, or one session. Embeddings call no tools."""
    file = read(
        FEES + "  own: {price: {input: 1, output: 2, file_search: 4}}\n"
        "  none: {price: {input: 1, output: 2, tiers: [{above: 9, input: 2, output: 3}]},"
        " service: {batch: {input: 1, output: 1}}}\n"
        "  e: {mode: embedding, price: {input: 1}}\n"
    )
    own, none, embedding = file.models
    assert file.fees == {"file_search": 25 * 10**11, "code_interpreter": 3 * 10**13}
    assert own.rates_usd()["file_search"] == 4
    for row in (*none.prices["standard"][0].rows, *none.prices["batch"][0].rows):
        assert {meter: row.meters[meter] for meter in file.fees} == file.fees
    assert set(embedding.rates_usd()) == {"input"}


def test_a_fee_by_the_size_of_the_search_is_the_dearest_where_nobody_tells_it() -> None:
    """`low` and `medium` beside the plain price, which is that of `high`; another size has none."""
    price = "{input: 1, output: 2, per_request: 0.012, per_request_low: 0.005, web_search: 9, web_search_medium: 8}"
    (row,) = read(HEAD + f"  m: {{price: {price}}}").models[0].prices["standard"][0].rows
    found = {size: row.of_size(size) for size in (None, "low", "medium", "high")}
    fees = {size: (rates.rate("per_request"), rates.rate("web_search")) for size, rates in found.items()}
    dear, cheap = 12 * 10**12, 5 * 10**12
    assert fees == {
        None: (dear, 9 * 10**12),
        "low": (cheap, 9 * 10**12),
        "medium": (dear, 8 * 10**12),
        "high": fees[None],
    }
    with pytest.raises(KeyError, match="'huge'"):
        row.of_size("huge")


def test_sizes_mean_nothing_where_no_fee_goes_by_them() -> None:
    """An answer may tell any of them."""
    (row,) = read(HEAD + f"  m: {{{PRICE}}}").models[0].prices["standard"][0].rows
    assert row.of_size("huge") is row


BROKEN = {
    "fee of a token": (HEAD.replace("models", "fees: {input: 1}\nmodels") + f"  m: {{{PRICE}}}", 3, "unknown key"),
    "fee of nothing": (HEAD.replace("models", "fees: {x_search: 0}\nmodels") + f"  m: {{{PRICE}}}", 3, "a fee of 0"),
    "size without a plain price": (HEAD + "  m: {price: {input: 1, output: 1, web_search_low: 1}}", 4, "web_search"),
    "size above the plain price": (
        HEAD + "  m: {price: {input: 1, output: 1, per_request: 1, per_request_low: 2}}",
        4,
        "per_request that is no less",
    ),
    "unit of a search": (HEAD + f"  m: {{search_unit: page, {PRICE}}}", 4, "query, prompt"),
    "empty file": ("", 1, "empty"),
    "not a mapping": ("- a", 1, "mapping"),
    "not YAML": ("schema: 1\nmodels: ]\n", 2, "not YAML"),
    "tab": ("schema: 1\n\tprovider: p", 2, "not YAML"),
    "two documents": ("schema: 1\n---\nschema: 1", 2, "document"),
    "control character": ("schema: 1\nprovider: \x07", 2, "not YAML"),
    "nested too deeply": ("schema: 1\nmodels: " + "[" * 50_000, 2, "nest"),
    "wrong schema": (f"schema: 2\nprovider: p\nmodels:\n  m: {{{PRICE}}}", 1, "schema must be 1"),
    "no schema": (f"provider: p\nmodels:\n  m: {{{PRICE}}}", 1, "lacks 'schema'"),
    "no models": ("schema: 1\nprovider: p", 1, "lacks 'models'"),
    "models empty": ("schema: 1\nprovider: p\nmodels: {}", 3, "empty"),
    "unknown key of the file": ("schema: 1\ncurrency: EUR", 2, "currency"),
    "provider with a slash": ("schema: 1\nprovider: a/b\nmodels: {}", 2, "provider"),
    "duplicate key": ("schema: 1\nprovider: p\nprovider: q", 3, "twice"),
    "duplicate model": (HEAD + f"  m: {{{PRICE}}}\n  m: {{{PRICE}}}", 5, "twice"),
    "duplicate id by snapshot": (
        HEAD + f"  m-v1: {{{PRICE}}}\n  m:\n    snapshots: [v1]\n    {PRICE}",
        5,
        "'m-v1' is already an id of m-v1",
    ),
    "duplicate snapshot": (HEAD + f"  m:\n    snapshots: [v1,\n      v1]\n    {PRICE}", 6, "twice"),
    "duplicate id by another name": (
        HEAD + f"  m: {{{PRICE}}}\n  n:\n    also: [x, m]\n    {PRICE}",
        5,
        "'m' is already an id of m",
    ),
    "a model's own id as another name": (HEAD + f"  m:\n    also: [m]\n    {PRICE}", 4, "already an id of m"),
    "duplicate other name": (HEAD + f"  m:\n    also: [n,\n      n]\n    {PRICE}", 6, "twice"),
    "other name with a space": (HEAD + f"  m:\n    also: [a b]\n    {PRICE}", 5, "without spaces"),
    "duplicate alias": (f"schema: 1\nprovider: p\naliases: [a, a]\nmodels:\n  m: {{{PRICE}}}", 3, "twice"),
    "unknown key of a model": (HEAD + f"  m:\n    {PRICE}\n    prices: 1", 6, "unknown key 'prices'"),
    "unknown meter": (HEAD + "  m:\n    price: {input: 1,\n      outptu: 1}", 6, "outptu"),
    "no price": (HEAD + "  m:\n    max_output: 5", 5, "no price"),
    "no input": (HEAD + "  m: {price: {output: 1}}", 4, "needs a price for input"),
    "no output of a chat model": (HEAD + "  m: {price: {input: 1}}", 4, "needs a price for output"),
    "negative": (HEAD + "  m: {price: {input: -1, output: 1}}", 4, "negative"),
    "sexagesimal": (HEAD + "  m: {price: {input: 10:00, output: 1}}", 4, "10:00"),
    "not a number": (HEAD + "  m: {price: {input: .nan, output: 1}}", 4, "nan"),
    "infinite": (HEAD + "  m: {price: {input: 1, output: inf}}", 4, "inf"),
    "boolean": (HEAD + "  m: {price: {input: yes, output: 1}}", 4, "yes"),
    "hexadecimal": (HEAD + "  m: {price: {input: 0x10, output: 1}}", 4, "0x10"),
    "underscores": (HEAD + "  m: {price: {input: 1_000, output: 1}}", 4, "1_000"),
    "comma": (HEAD + '  m: {price: {input: "1,5", output: 1}}', 4, "1,5"),
    "foreign digits": (HEAD + "  m: {price: {input: ٣, output: 1}}", 4, "plain number"),
    "leading zero": (HEAD + "  m: {price: {input: 010, output: 1}}", 4, "010"),
    "empty number": (HEAD + "  m:\n    price:\n      input:\n      output: 1", 6, "input"),
    "too fine": (HEAD + "  m: {price: {input: 1e-10, output: 1}}", 4, "finer"),
    "list for a number": (HEAD + "  m: {price: {input: [1], output: 1}}", 4, "sequence"),
    "zero not marked free": (HEAD + "  m: {price: {input: 0, output: 1}}", 4, "free: true"),
    "zero cache price": (HEAD + "  m: {price: {input: 1, cache_read: 0.00, output: 1}}", 4, "free: true"),
    "zero input of a chat sold by the request": (
        HEAD + "  m: {price: {input: 0, output: 1, per_request: 0.01}}",
        4,
        "free: true",
    ),
    "zero request": (HEAD + "  m: {mode: rerank, price: {per_request: 0}}", 4, "free: true"),
    "rerank without a price": (HEAD + "  m: {mode: rerank, price: {output: 1}}", 4, "needs a price for input"),
    "embedding sold by the second": (HEAD + "  m: {mode: embedding, price: {per_second: 1}}", 4, "a price for input"),
    "plus sign": (HEAD + "  m: {price: {input: +1, output: 1}}", 4, "plain number"),
    "no digit before the point": (HEAD + "  m: {price: {input: .5, output: 1}}", 4, "plain number"),
    "no digit after the point": (HEAD + "  m: {price: {input: 5., output: 1}}", 4, "plain number"),
    "exponent without digits": (HEAD + "  m: {price: {input: 5e, output: 1}}", 4, "plain number"),
    "free is not a flag": (HEAD + f"  m: {{free: 1, {PRICE}}}", 4, "true or false"),
    "unknown mode": (HEAD + f"  m: {{mode: video, {PRICE}}}", 4, "mode"),
    "max_output of 0": (HEAD + f"  m: {{max_output: 0, {PRICE}}}", 4, "max_output"),
    "no such day": (HEAD + "  m:\n    price:\n      - {from: 2026-02-30, input: 1, output: 1}", 6, "calendar"),
    "date with a time": (
        HEAD + "  m:\n    price:\n      - {from: 2026-02-01T00, input: 1, output: 1}",
        6,
        "date",
    ),
    "checked on no day": (f"schema: 1\nprovider: p\nchecked: 2026-13-01\nmodels:\n  m: {{{PRICE}}}", 3, "calendar"),
    "odd date": (HEAD + "  m:\n    price:\n      - {from: 23.11.2026, input: 1, output: 1}", 6, "date"),
    "history not ascending": (
        HEAD + "  m:\n    price:\n      - {from: 2026-02-01, input: 1, output: 1}\n"
        "      - {from: 2026-02-01, input: 2, output: 1}",
        7,
        "ascend",
    ),
    "history without a date": (
        HEAD + "  m:\n    price:\n      - {from: 2026-02-01, input: 1, output: 1}\n      - {input: 2, output: 1}",
        7,
        "needs 'from'",
    ),
    "empty history": (HEAD + "  m: {price: []}", 4, "empty"),
    "tiers out of order": (
        HEAD + "  m:\n    price: {input: 1, output: 1, tiers: [\n      {above: 9, input: 2, output: 2},\n"
        "      {above: 8, input: 3, output: 3}]}",
        7,
        "ascend",
    ),
    "tier without an edge": (HEAD + "  m: {price: {input: 1, output: 1, tiers: [{input: 2, output: 2}]}}", 4, "above"),
    "tier without a meter of the base": (
        HEAD + "  m: {price: {input: 1, cache_read: 1, output: 1, tiers: [{above: 9, input: 2, output: 2}]}}",
        4,
        "lacks cache_read",
    ),
    "service without a dearer meter": (
        HEAD + "  m:\n    price: {input: 1, cache_write: 2, cache_write_1h: 3, output: 1}\n"
        "    service:\n      batch: {input: 1, cache_write: 1, output: 1}",
        7,
        "cache_write_1h is missing",
    ),
    "service named standard": (
        HEAD + f"  m:\n    {PRICE}\n    service:\n      standard: {{input: 1, output: 1}}",
        7,
        "standard",
    ),
    "anchor": (HEAD + "  m: {price: &p {input: 1, output: 1}}\n  n: {price: *p}", 4, "aliases"),
    "alias loop": (HEAD + "  m: &m {price: *m}", 4, "aliases"),
    "tag": (HEAD + "  m: !!python/object:os.system {price: 1}", 4, "tags"),
    "merge key": (HEAD + "  m: {<<: {input: 1}, price: {input: 1, output: 1}}", 4, "unknown key '<<'"),
    "id with a space": (HEAD + f"  a b: {{{PRICE}}}", 4, "without spaces"),
    "id too long": (HEAD + f"  ? {'x' * 257}\n  : {{{PRICE}}}", 4, "without spaces"),
}


@pytest.mark.parametrize(("text", "line", "words"), BROKEN.values(), ids=BROKEN)
def test_broken_file_is_refused_with_file_and_line(text: str, line: int, words: str) -> None:
    """Whatever is not plainly meant is an error that says where."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith(f"p.yaml:{line}: ")
    assert words in str(caught.value)
    assert caught.value.field == "prices_file"


GATES = {
    "cache read dearer than input": ("  m: {price: {input: 1, cache_read: 2, output: 1}}", 6, "dearer"),
    "outrageous input": ("  m: {price: {input: 200.01, output: 1}}", 6, "outrageous"),
    "outrageous output": ("  m: {price: {input: 1, output: 3200}}", 6, "outrageous"),
    "outrageous fee": ("  m: {price: {input: 1, output: 1, web_search: 201}}", 6, "outrageous"),
    "outrageous request": ("  m: {price: {input: 1, output: 1, per_request: 5.01}}", 6, "outrageous"),
    "cached price under cache_write": (
        "  m: {price: {input: 1, cache_write: 0.5, output: 1}}",
        6,
        "cache_write is cheap",
    ),
    "an hour cheaper than five minutes": (
        "  m: {price: {input: 1, cache_write: 2, cache_write_1h: 1.5, output: 1}}",
        6,
        "cache_write_1h is cheaper than cache_write",
    ),
    "cached audio dearer than audio": (
        "  m: {price: {input: 1, output: 1, input_audio: 3, cache_read_audio: 4}}",
        6,
        "cache_read_audio is dearer than input_audio",
    ),
    "images cheaper than text": ("  m: {price: {input: 2, input_image: 1, output: 2}}", 6, "input_image is cheaper"),
    "cheaper images of a tier": (
        "  m: {price: {input: 1, input_image: 1, output: 1, tiers: [{above: 9, input: 2, input_image: 1, output: 2}]}}",
        6,
        "above 9: input_image is cheaper than input",
    ),
    "tier cheaper than below it": (
        "  m: {price: {input: 2, output: 2, tiers: [{above: 9, input: 1, output: 2}]}}",
        6,
        "above 9: input is cheaper than below it",
    ),
    "dear batch": (
        "  m: {price: {input: 1, output: 2}, service: {batch: {input: 1, output: 3}}}",
        6,
        "service batch: output is dearer than standard",
    ),
    "alias without the audio of its sibling": (
        "  m: {price: {input: 1, output: 2}}\n  m-2026-01-02: {price: {input: 1, output: 2, input_audio: 3}}",
        6,
        "m: input_audio is missing; its sibling m-2026-01-02 has one",
    ),
    "region without an hour of its sibling": (
        "  us.m-v1:0: {price: {input: 1, cache_write: 2, output: 2}}\n"
        "  eu.m-v1:0: {price: {input: 1, cache_write: 2, cache_write_1h: 3, output: 2}}",
        6,
        "us.m-v1:0: cache_write_1h is missing",
    ),
    "latest without the fee of its sibling": (
        "  m-latest: {price: {input: 1, output: 2}}\n  m: {price: {input: 1, output: 2, web_search: 5}}",
        6,
        "m-latest: web_search is missing",
    ),
}


@pytest.mark.parametrize(("text", "line", "words"), GATES.values(), ids=GATES)
def test_bundled_files_have_to_pass_the_sanity_gates(text: str, line: int, words: str) -> None:
    """What is nearly always a slip needs an explicit word in our files; a user may have odd prices."""
    with pytest.raises(ConfigError, match=words) as caught:
        read(BUNDLED + text, bundled=True)
    assert str(caught.value).startswith(f"p.yaml:{line}: ")
    assert read(BUNDLED + text).models


MEANT = {
    "outrageous": "  m: {outrageous: true, price: {input: 500, output: 900, web_search: 300}}",
    "cheap write": "  m: {cheap: [cache_write], price: {input: 1, cache_write: 0.5, output: 1}}",
    "discounts of a sibling": (
        "  m: {price: {input: 1, output: 2}}\n"
        "  m-2026-01-02: {price: {input: 1, cache_read: 0.5, output: 2}}"  # no discount is no gift
    ),
    "another price of text": (
        "  m: {price: {input: 1, output: 2}}\n  m-2026-01-02: {price: {input: 2, output: 2, input_audio: 3}}"
    ),
    "another model": "  m-4: {price: {input: 1, output: 2}}\n  m-5: {price: {input: 1, output: 2, input_audio: 3}}",
    "a dear priority": "  m: {price: {input: 1, output: 2}, service: {priority: {input: 3, output: 4}}}",
}


@pytest.mark.parametrize("text", MEANT.values(), ids=MEANT)
def test_what_is_meant_passes_the_gates(text: str) -> None:
    """Said as an exception, or no fault: the gates refuse no more than slips."""
    assert read(BUNDLED + text, bundled=True).models


@pytest.mark.parametrize("cheap", ["web_search", "outrageous"])
def test_only_prices_of_tokens_are_said_to_be_cheap(cheap: str) -> None:
    """A word that lists no exception would hide one."""
    with pytest.raises(ConfigError, match=f"cheap: '{cheap}' is not the price of a token"):
        read(BUNDLED + f"  m: {{cheap: [{cheap}], {PRICE}}}", bundled=True)


def test_rerank_is_sold_by_the_request() -> None:
    """Tokens that cost nothing are no gift where every request has a price; the tokens may be left out too."""
    for price in ("{input: 0, per_request: 0.002}", "{per_request: 0.002}"):
        (entry,) = read(BUNDLED + f"  m: {{mode: rerank, price: {price}}}", bundled=True).models
        assert entry.mode == "rerank"
        assert entry.prices["standard"][0].rows[0].cost((*(0,) * (len(BUCKETS) - 1), None)) == 2_000_000


@pytest.mark.parametrize("missing", ["source: https://example.com\n", "checked: 2026-11-23\n"])
def test_bundled_files_say_where_and_when(missing: str) -> None:
    """A price of ours has a source and a date; a user's file needs neither."""
    text = BUNDLED.replace(missing, "") + f"  m: {{{PRICE}}}"
    with pytest.raises(ConfigError, match=missing[:6]):
        read(text, bundled=True)
    assert read(text).models


def test_file_that_is_not_utf8_is_refused_with_its_line() -> None:
    """The line of the first bad byte."""
    with pytest.raises(ConfigError, match=r"^p\.yaml:2: not UTF-8"):
        parse(b"schema: 1\nprovider: \xff", "p.yaml")


def test_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    """A missing file and a directory are errors of the setting, at construction."""
    from coreason_budget.pricing import PricingEngine

    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            PricingEngine(prices_file=path)
        with pytest.raises(ConfigError, match="cannot be read"):
            load_file(path)
