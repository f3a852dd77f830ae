"""The newest packages: every usage they hand out is booked as their provider bills it: `tox -e shapes`."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.shapes import environment
from tests.shapes.environment import SCRIPTS, read_header, run

_PACKAGES = [path for path in sorted(SCRIPTS.glob("*.py")) if not path.name.startswith("_")]


_INSTALLS = pytest.mark.skipif(not os.environ.get("SHAPES"), reason="installs the newest packages; tox -e shapes does")


@_INSTALLS
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("script", _PACKAGES, ids=lambda path: path.stem)
def test_what_a_package_hands_out_is_booked_as_billed(
    script: Path, record_property: Callable[[str, object], None]
) -> None:
    """To the nano; or refused, or booked dearer, only where the script says what the package lost."""
    done = run(script)
    wrong = [said for row in done.rows if (said := mismatch(row))]
    record_property(
        "shapes", {"family": script.stem, "versions": done.versions, "rows": done.rows, "wrong": len(wrong)}
    )
    assert done.rows, "the script has no case"
    assert not wrong, f"{len(wrong)} of {len(done.rows)}:\n" + "\n".join(wrong)


@_INSTALLS
def test_a_package_that_cannot_be_installed_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not left out: a family that went unproved would look proved."""
    monkeypatch.setattr(environment, "_KEPT", tmp_path / "packages")
    script = tmp_path / "absent.py"
    script.write_text('# /// script\n# dependencies = ["absent @ file:///no/such/folder"]\n# ///\n', encoding="utf-8")
    with pytest.raises(RuntimeError, match="no/such/folder"):
        run(script)


def mismatch(row: dict[str, str]) -> str | None:
    """Tell what is wrong with a case, None if nothing is."""
    booked = Decimal(row["booked_usd"]) if "booked_usd" in row else None
    billed = Decimal(row["billed_usd"])
    right = {
        "equal": booked == billed,
        "refused": "refused" in row,
        "dearer": booked is not None and booked > billed,
        "blind": booked is not None and booked < billed,
    }[row["expected"]]
    said = row.get("booked_usd") or row.get("refused") or row.get("crashed")
    expected = "" if row["expected"] == "equal" else f" (expected: {row['expected']}, {row['why']})"
    return None if right else f"{row['case']} [{row['model']}]: {said}; billed {row['billed_usd']}{expected}"


@pytest.mark.parametrize(
    ("row", "is_right"),
    [
        ({"booked_usd": "0.1", "expected": "equal"}, True),
        ({"booked_usd": "0.100000001", "expected": "equal"}, False),
        ({"refused": "output_tokens: missing", "expected": "equal"}, False),
        ({"crashed": "KeyError()", "expected": "refused"}, False),
        ({"refused": "output_tokens: missing", "expected": "refused"}, True),
        ({"booked_usd": "0.1", "expected": "refused"}, False),
        ({"booked_usd": "0.2", "expected": "dearer"}, True),
        ({"booked_usd": "0.1", "expected": "dearer"}, False),
        ({"booked_usd": "0.01", "expected": "blind"}, True),
        ({"booked_usd": "0.1", "expected": "blind"}, False),
    ],
)
def test_only_what_a_script_expects_passes(row: dict[str, str], is_right: bool) -> None:
    """The control: a nano beside the bill is wrong, and a crash is never expected."""
    whole = {"case": "a", "model": "m", "billed_usd": "0.1", "why": "", **row}
    assert (mismatch(whole) is None) == is_right


def test_a_header_tells_what_a_script_needs() -> None:
    """Packages of Python as PEP 723 has them, packages of npm in a table of ours; none is an error."""
    header = read_header(
        '# /// script\n# dependencies = ["a[b]", "c-d>=1"]\n# [tool.shapes]\n# npm = ["ai@6"]\n# ///\n'
    )
    assert (header.names, header.npm) == (["a", "c-d"], ["ai@6"])
    with pytest.raises(ValueError, match="no '# /// script' header"):
        read_header("import json\n")


@pytest.mark.parametrize("script", _PACKAGES, ids=lambda path: path.stem)
def test_every_script_asks_for_the_newest(script: Path) -> None:
    """A pinned version would hide what a new release changes."""
    header = read_header(script.read_text(encoding="utf-8"))
    assert header.dependencies
    assert not [one for one in header.dependencies if any(mark in one for mark in "=<>~")]
