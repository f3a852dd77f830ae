"""The pages as a new user takes them: what they show is what happens."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docutils.core
import pytest
from attrs import fields

from coreason_budget import BudgetManager
from coreason_budget.config import BudgetConfig, describe
from coreason_budget.limits.file import read_limits_file
from coreason_budget.server.table import ROUTES
from coreason_budget.settings import PREFIX
from tests.aio.kit import until_background_is_done
from tests.server.service import Service
from tests.shapes.fake.anthropic import message, messages
from tests.shapes.fake.gemini import contents
from tests.shapes.fake.openai import CHAT_USAGE, RESPONSE_USAGE, chat, response, responses
from tests.shapes.fake.server import provider

ROOT = Path(__file__).parent.parent
FOLDERS = ("", "coreason_budget", "coreason_budget/server", "coreason_budget/limits", "coreason_budget/pricing",
           "coreason_budget/ledger", "coreason_budget/integrations", "deploy", "tests")  # fmt: skip
PAGES = {folder: (ROOT / folder / "README.rst").read_text(encoding="utf-8") for folder in FOLDERS}
README = PAGES[""]
CHANGING = {"op_id", "reservation_id", "lapses_at", "resets_at", "retry_after_s"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
every_page = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder or "top")


def blocks(language: str, page: str) -> list[str]:
    """The code blocks of a language, without their indentation."""
    found = re.findall(rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", page, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def literal_after(words: str, page: str) -> str:
    """The literal block that follows a paragraph."""
    block = page.split(words, 1)[1].split("::\n\n", 1)[1]
    return textwrap.dedent(re.match(r"((?:    .*\n|\n)+)", block)[1]).strip()  # type: ignore[index]


def printed(example: str) -> str:
    """What an example prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(example, "README.rst", "exec"), {"__name__": "example"})
    return out.getvalue().strip()


@pytest.fixture(scope="module")
def providers() -> Iterator[str]:
    """Where the examples' SDKs are answered."""
    answers = {
        "/chat/completions": chat("gpt-4o", CHAT_USAGE),
        "/responses": responses(response("gpt-4o", RESPONSE_USAGE)),
        **contents("gemini-2.5-flash", {"promptTokenCount": 12, "candidatesTokenCount": 3, "totalTokenCount": 15}),
        "/v1/messages": messages(message("claude-sonnet-5", {"input_tokens": 12, "output_tokens": 3})),
    }
    with provider(answers) as url:
        yield url


@every_page
def test_it_is_sound_restructured_text(folder: str) -> None:
    """No warning, so that it shows on a forge and on a package index."""
    docutils.core.publish_string(PAGES[folder], writer="null", settings_overrides={"halt_level": 2, "report_level": 2})


def test_the_first_page_is_short_and_leads_to_the_others() -> None:
    """What is guaranteed stands in its first third; every page is named with its folder, and none is left out."""
    lines = README.splitlines()
    assert len(lines) <= 200
    assert lines.index("What is guaranteed") < len(lines) / 3
    named = set(re.findall(r"``((?:\w+/)*README\.rst)``", README.split("Where to read on")[1]))
    assert named == {f"{folder}/README.rst" for folder in FOLDERS if folder}


def test_every_page_that_is_there_is_read_here() -> None:
    """A new page is a tested one."""
    tracked = subprocess.run(["git", "ls-files", "*README.rst"], cwd=ROOT, capture_output=True, text=True)
    found = set(tracked.stdout.split()) or {f"{folder}/README.rst".lstrip("/") for folder in FOLDERS}
    assert found <= {f"{folder}/README.rst".lstrip("/") for folder in FOLDERS}


def test_nothing_is_installed_from_the_index() -> None:
    """There the name belongs to another project."""
    sources = [
        *PAGES.values(),
        *(path.read_text(encoding="utf-8") for path in (ROOT / "coreason_budget").rglob("*.py")),
    ]
    assert [re.findall(r"pip install [^\n]*", text) for text in PAGES.values()] != []
    for text in sources:
        assert not re.search(r"pip install (-\S+ )*['\"]?coreason", text)


def test_its_test_command_is_the_one_of_ci() -> None:
    """CI runs what a new user is told to run, to the letter."""
    command = literal_after("Pass the tests", README)
    assert f"bash -c '{command}'\n" in (ROOT / ".ci" / "run").read_text()


@every_page
def test_the_python_examples_run(folder: str, monkeypatch: pytest.MonkeyPatch, providers: str) -> None:
    """As they stand, each by itself, without ranks on disk, as a new user has none; the SDKs reach providers here."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    monkeypatch.setenv("OPENAI_BASE_URL", providers)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", providers)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", providers)
    monkeypatch.setenv("GEMINI_API_KEY", "none")
    for example in blocks("python", PAGES[folder]):
        printed(example)


def test_the_library_example_prints_what_it_says() -> None:
    """On the default ledger."""
    assert printed(blocks("python", README)[0]) == literal_after("This prints", README)
    assert Path("coreason-budget.db").exists()


def test_the_pricing_example_answers_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day on which the table was last compared with its source aside."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    page, dated = PAGES["coreason_budget/pricing"], re.compile(r"price of \d{4}-\d\d-\d\d")
    expected = literal_after("It answers", page)
    assert dated.sub("price of DAY", printed(blocks("python", page)[0])) == dated.sub("price of DAY", expected)


def test_the_blueprint_serves() -> None:
    """In an application of one's own."""
    from flask import Flask

    app = Flask("example")
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
    page = PAGES["coreason_budget/server"]
    exec(literal_after("A Flask application takes the same calls", page), {"app": app, "budget": budget})
    assert app.test_client().get("/budget/health").status_code == 200


def test_the_contract_of_a_ledger_of_ones_own_is_there() -> None:
    """The class of the example has its tests."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(blocks("python", PAGES["coreason_budget/ledger"])[0], names)
    assert any(name.startswith("test_") for name in dir(names["TestMyLedger"]))


def test_the_recipe_for_a_stream_settles_with_its_last_usage() -> None:
    """On a client that streams as OpenAI's does: the usage comes with the last chunk, and only if it is asked for."""

    def create(*, stream: bool, stream_options: dict[str, bool], **call: Any) -> Iterator[Any]:
        assert stream
        assert stream_options == {"include_usage": True}
        for text in ("Hel", "lo"):
            yield SimpleNamespace(text=text, usage=None)
        counts = {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}
        yield SimpleNamespace(text="", usage=counts, model="gpt-4o")

    recipe = textwrap.indent(literal_after("Pass it on through its reservation", PAGES["coreason_budget"]), "    ")
    client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
    names: dict[str, Any] = {"budget": budget, "client": client, "user": "alice", "n": 1200, "messages": []}
    exec(f"def chunks():\n{recipe}", names)
    assert "".join(chunk.text for chunk in names["chunks"]()) == "Hello"
    assert {b.scope: (str(b.spent), b.reserved) for b in budget.usage("alice")}["user/alice"] == ("0.006", 0)
    reader = names["chunks"]()
    next(reader)
    reader.close()
    until_background_is_done()
    (account,) = [b for b in budget.usage("alice") if b.scope == "user/alice"]
    assert Decimal("0.009") < account.spent < Decimal("0.0091"), "the input and what was read"
    assert account.reserved == 0


def test_the_limits_files_are_read(tmp_path: Path) -> None:
    """Every line of them is a limit."""
    path, counts = tmp_path / "limits.yaml", []
    for example in blocks("yaml", PAGES["coreason_budget/limits"]):
        path.write_text(example)
        counts.append(len(read_limits_file(path).limits))
        assert counts[-1] == example.count("{scope: ")
    assert counts[0] == 8


def test_the_price_override_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable works as it is written."""
    page = PAGES["coreason_budget/pricing"]
    line = next(line for line in page.splitlines() if line.strip().startswith(f"{PREFIX}MODEL_PRICE_OVERRIDES="))
    name, _, value = shlex.split(line)[0].partition("=")
    monkeypatch.setenv(name, value)
    assert BudgetManager().pricing.calculate("my-model", 1_000_000, 1_000_000) == 5


def test_every_setting_is_listed_with_its_default() -> None:
    """The table is what the fields say."""
    rows = re.findall(r"   \* - (.*)\n     -(.*)\n     - (.*)\n", PAGES["deploy"].split("Settings\n----")[1])
    listed = [(name.strip("`"), default.strip(" `"), meaning.replace("``", "`")) for name, default, meaning in rows[1:]]
    assert listed == [(s.variable.removeprefix(PREFIX), s.value, s.help) for s in describe(BudgetConfig())]
    assert len(listed) == len(fields(BudgetConfig))


def test_the_page_of_the_service_names_every_call() -> None:
    """And none that is not there."""
    rows = re.findall(r"^``([A-Z]+ /\S+)``", PAGES["coreason_budget/server"], re.MULTILINE)
    assert set(rows) == {f"{route.method} {route.path}" for route in ROUTES.values()}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """The service as the first command runs it, on a free port."""
    with Service(tmp_path) as service:
        yield f"http://127.0.0.1:{service.port}"


@pytest.mark.service
def test_the_curl_examples_answer_what_is_printed(service: str) -> None:
    """Ids and moments aside, every answer is the one that stands there, page after page."""
    made: dict[str, str] = {}
    seen = 0
    for block in [block for page in PAGES.values() for block in blocks("console", page)]:
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


@pytest.mark.slow
def test_the_command_line_examples_work() -> None:
    """On a ledger that somebody has used, they run and exit with 0."""
    BudgetManager().record_spend("user_123", 1)
    for block in [block for page in PAGES.values() for block in blocks("console", page)]:
        for line in re.findall(r"^\$ coreason-budget (.*)$", block, re.MULTILINE):
            done = subprocess.run([sys.executable, "-m", "coreason_budget", *shlex.split(line)], capture_output=True)
            assert done.returncode == 0, done.stderr
