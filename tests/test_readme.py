"""The README as a new user takes it: what it shows is what happens."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docutils.core
import pytest
from attrs import fields

from coreason_budget.config import PREFIX, BudgetConfig, describe
from coreason_budget.limits.file import read_limits_file
from tests.server.service import Service

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.rst").read_text(encoding="utf-8")
CHANGING = {"op_id", "reservation_id", "lapses_at", "resets_at", "retry_after_s"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


def blocks(language: str) -> list[str]:
    """The code blocks of a language, without their indentation."""
    found = re.findall(rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", README, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]


def literal_after(words: str) -> str:
    """The literal block that follows a paragraph."""
    block = README.split(words, 1)[1].split("::\n\n", 1)[1]
    return re.match(r"((?:    .*\n|\n)+)", block)[1].replace("    ", "", 1).strip()  # type: ignore[index]


def test_it_is_sound_restructured_text() -> None:
    """No warning, so that it shows on a package index."""
    docutils.core.publish_string(README, writer="null", settings_overrides={"halt_level": 2, "report_level": 2})


def test_its_test_command_is_the_one_of_ci() -> None:
    """CI runs what a new user is told to run, to the letter."""
    command = literal_after("Pass the tests")
    assert f"bash -c '{command}'\n" in (ROOT / ".ci" / "run").read_text()


def test_the_library_example_prints_what_it_says() -> None:
    """The ten lines run as they stand, on the default ledger."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(blocks("python")[0], "README.rst", "exec"), {})
    expected = re.sub(r"^ +", "", literal_after("This prints"), flags=re.MULTILINE)
    assert out.getvalue().strip() == expected
    assert Path("coreason-budget.db").exists()


def test_the_pricing_example_answers_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ranks on disk, as a new user has none."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(blocks("python")[1], "README.rst", "exec"), {})
    expected = re.sub(r"^    ", "", literal_after("It answers"), flags=re.MULTILINE)
    # The day on which the table was last compared with its source.
    dated = re.compile(r"price of \d{4}-\d\d-\d\d")
    assert dated.sub("price of DAY", out.getvalue().strip()) == dated.sub("price of DAY", expected)


def test_the_other_python_examples_run() -> None:
    """The blueprint and the ledger of one's own, as they stand."""
    from flask import Flask

    from coreason_budget import BudgetManager

    app = Flask("example")
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
    exec(literal_after("In a Flask application of your own").replace("    ", ""), {"app": app, "budget": budget})
    assert app.test_client().get("/budget/health").status_code == 200
    names: dict[str, Any] = {"__name__": "example"}
    exec(blocks("python")[2], names)
    assert any(name.startswith("test_") for name in dir(names["TestMyLedger"]))


def test_the_limits_file_is_read(tmp_path: Path) -> None:
    """Every line of it is a limit."""
    path = tmp_path / "limits.yaml"
    path.write_text(blocks("yaml")[0])
    file = read_limits_file(path)
    assert file.timezone == "Europe/Berlin"
    assert len(file.limits) == 8


def test_the_price_override_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable works as it is written."""
    from coreason_budget import BudgetManager

    line = next(line for line in README.splitlines() if line.strip().startswith(f"{PREFIX}MODEL_PRICE_OVERRIDES="))
    name, _, value = shlex.split(line)[0].partition("=")
    monkeypatch.setenv(name, value)
    assert BudgetManager().pricing.calculate("my-model", 1_000_000, 1_000_000) == 5


def test_every_setting_is_listed_with_its_default() -> None:
    """The table is what the fields say."""
    rows = re.findall(r"   \* - (.*)\n     -(.*)\n     - (.*)\n", README.split("Settings\n----")[1])
    listed = [(name.strip("`"), default.strip(" `"), meaning.replace("``", "`")) for name, default, meaning in rows[1:]]
    assert listed == [(s.variable.removeprefix(PREFIX), s.value, s.help) for s in describe(BudgetConfig())]
    assert len(listed) == len(fields(BudgetConfig))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """The service as the first command runs it, on a free port."""
    with Service(tmp_path) as service:
        yield f"http://127.0.0.1:{service.port}"


@pytest.mark.service
def test_the_curl_examples_answer_what_is_printed(service: str) -> None:
    """Ids and moments aside, every answer is the one that stands there."""
    made: dict[str, str] = {}
    seen = 0
    for block in blocks("console"):
        for command, answer in re.findall(r"^\$ (curl .*)\n((?:[^$\n].*\n)+)", block, re.MULTILINE):
            for written, real in made.items():
                command = command.replace(written, real)
            compare(json.loads(answer), curl(command.replace("http://127.0.0.1:8000", service)), made)
            seen += 1
    assert seen == 7


def curl(command: str) -> Any:
    """What curl would print."""
    words = shlex.split(command)[1:]
    headers, data, url = {}, None, ""
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = words.pop(0).encode()
        else:
            url = word
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)


def compare(written: Any, real: Any, made: dict[str, str], name: str = "") -> None:
    """Equal, but for what changes from run to run."""
    if isinstance(written, dict):
        assert list(written) == list(real)
        for key in written:
            compare(written[key], real[key], made, key)
    elif isinstance(written, list):
        assert len(written) == len(real)
        for one, other in zip(written, real, strict=True):
            compare(one, other, made)
    elif name in CHANGING:
        assert type(written) is type(real)
        made[str(written)] = str(real)
    else:
        assert MOMENT.sub("MOMENT", str(written)) == MOMENT.sub("MOMENT", str(real))


def test_the_command_line_examples_work() -> None:
    """The commands that need no ledger set up run and exit with 0."""
    for block in blocks("console"):
        for line in re.findall(r"^\$ coreason-budget (.*)$", block, re.MULTILINE):
            done = subprocess.run([sys.executable, "-m", "coreason_budget", *shlex.split(line)], capture_output=True)
            assert done.returncode == 0, done.stderr
