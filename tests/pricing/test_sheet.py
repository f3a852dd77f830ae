"""Entries read one by one are those of the whole file."""

from pathlib import Path

import pytest

from coreason_budget.pricing.bundled import PRICES
from coreason_budget.pricing.sheet import Sheet
from coreason_budget.pricing.table import load_file

HEAD = """\
schema: 1
provider: acme
aliases: [acme, acme-ai]
source: https://example.com
checked: 2026-11-27
models:
"""
BODY = """\
  # also: [not-an-id]
  "@cf/a:b":
    snapshots: [one, "two:2"]
    also:
      - in-lines
    price: {input: 1, output: 2}
  ft:c:o::d: {also: [e, f:g], price: {input: 3, output: 4}}
"""


@pytest.mark.parametrize("path", sorted(PRICES.rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_id_has_the_entry_of_the_whole_file(path: Path) -> None:
    """The same ids, and for each the same entry under the same canonical id."""
    whole, sheet = load_file(path, bundled=True), Sheet(path)
    assert (sheet.provider, sheet.aliases) == (whole.provider, whole.aliases)
    assert sorted(sheet.ids()) == sorted(whole.ids())
    for name in whole.ids():
        assert sheet.entry(name) == whole.entry(name)
        assert sheet.canonical(name) == whole.canonical(name)
    assert Sheet(path).entries() == whole.models


def test_ids_are_found_as_they_are_written(tmp_path: Path) -> None:
    """Quoted ones, and such with colons; a comment names none. A list in the other style is not ours, and is missed."""
    path = tmp_path / "acme.yaml"
    path.write_text(HEAD + BODY)
    whole, sheet = load_file(path, bundled=True), Sheet(path)
    assert set(sheet.ids()) == {"@cf/a:b", "@cf/a:b-one", "@cf/a:b-two:2", "ft:c:o::d", "e", "f:g"}
    assert set(whole.ids()) == {*sheet.ids(), "in-lines"}
    for name in sheet.ids():
        assert sheet.entry(name) == whole.entry(name)


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    """An entry that cannot be read troubles nobody who wants another."""
    path = tmp_path / "acme.yaml"
    path.write_text(HEAD + "  bad: {price: {input: 1}}\n  good: {price: {input: 1, output: 2}}\n")
    sheet = Sheet(path)
    assert sheet.entry("good").canonical == "acme/good"
    with pytest.raises(ValueError, match="bad: price: a chat model needs a price for output"):
        sheet.entry("bad")
