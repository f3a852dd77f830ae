"""The commands: what they print, and the exit status a script goes by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import fields
from click.testing import CliRunner, Result

import coreason_budget
from coreason_budget import BudgetConfig, BudgetManager, LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.__main__ import main
from coreason_budget.cli import cli
from coreason_budget.settings import environment_name

ROOT = Path(coreason_budget.__file__).parents[1]


def run(*arguments: str) -> Result:
    """A command on the SQLite file of the test's own folder."""
    return CliRunner().invoke(cli, list(arguments), prog_name="coreason-budget")


def assert_nothing_booked() -> None:
    """There is no ledger, or nobody spent anything of it."""
    assert not Path("coreason-budget.db").exists() or answer("usage")["accounts"][0]["spent_usd"] == "0.00"


def answer(*arguments: str) -> Any:
    """The JSON a command prints."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_check_allows_with_0_and_refuses_with_1() -> None:
    """A script goes by the exit status, a person by the sentence."""
    allowed = run("check", "user_123", "--cost", "0.25")
    assert (allowed.exit_code, allowed.stdout) == (0, "allowed; 10.00 USD left (user/user_123)\n")
    refused = run("check", "user_123", "--cost", "11")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("coreason-budget: Budget exceeded for User user_123")


def test_check_says_how_long_an_answer_may_be() -> None:
    """With the model and its input."""
    call = ("check", "user_123", "--model", "gpt-4o", "--input", "1200")
    assert run(*call).stdout == "allowed; 10.00 USD left (user/user_123); at most 16384 output tokens\n"
    assert answer(*call)["affordable_output_tokens"] == 16384
    assert run("check", "user_123", "--input", "1200").exit_code == 2


ANSWER = {"model": "gpt-4o-2024-08-06", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}


def test_spend_and_settle_take_the_answer_from_a_file_or_stdin() -> None:
    """As the provider gave it; `--service` tells what it does not."""
    Path("answer.json").write_text(json.dumps(ANSWER))
    assert run("spend", "alice", "--usage", "answer.json").stdout == "recorded 0.0035 USD\n"
    piped = ["spend", "alice", "--usage", "-", "--service", "batch"]
    assert CliRunner().invoke(cli, piped, input=json.dumps(ANSWER)).stdout == "recorded 0.00175 USD\n"
    held = answer("reserve", "alice", "--cost", "1", "--model", "gpt-4o")["reservation_id"]
    settled = run("settle", held, "--usage", "answer.json", "--service", "batch")
    assert settled.stdout == "settled at 0.00175 USD\n"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1, ", "NaN-", '{"usage": 1E999999999999999999999}', "[" * 100_000, "{}", "5"],
    ids=lambda text: text[:12] or "nothing",
)
def test_a_usage_that_is_none_is_2(text: str) -> None:
    """One sentence, and nothing is booked."""
    refused = CliRunner().invoke(cli, ["spend", "alice", "--usage", "-"], input=text)
    assert (refused.exit_code, refused.stdout, "Traceback" in refused.stderr) == (2, "", False)
    assert run("spend", "alice", "--usage", "missing.json").exit_code == 2
    assert_nothing_booked()


def test_a_refusal_as_json_has_the_data() -> None:
    """`--json` gives a program on stdout what the service would."""
    refused = run("check", "user_123", "--cost", "11", "--json")
    problem = json.loads(refused.stdout)
    assert (refused.exit_code, problem["reason"], problem["limit_usd"]) == (1, "too_large", "10.00")


def test_spend_is_recorded_once_per_key() -> None:
    """A second run with the same key changes nothing and says so."""
    assert run("spend", "alice", "--cost", "0.25", "--key", "k").stdout == "recorded 0.25 USD\n"
    again = run("spend", "alice", "--cost", "0.25", "--key", "k")
    assert again.stdout == "recorded 0.25 USD (as before; nothing was changed)\n"
    assert answer("usage", "--user", "alice")["accounts"][0]["spent_usd"] == "0.25"
    assert run("spend", "alice", "--cost", "0.5", "--key", "k").exit_code == 2


def test_spend_prices_tokens_and_takes_scopes() -> None:
    """A model and its counts stand for a cost; project and tags are booked too."""
    call = ("--model", "gpt-4o", "--input", "1000", "--output", "100", "--project", "p", "--tag", "team=search")
    assert answer("spend", "alice", *call)["cost_usd"] == "0.0035"
    accounts = answer("usage", "--tag", "team=search", "--project", "p", "--model", "gpt-4o")["accounts"]
    assert [(a["scope"], a["spent_usd"]) for a in accounts] == [
        ("project/p", "0.0035"),
        ("model/openai/gpt-4o", "0.0035"),
        ("team/search", "0.0035"),
        ("global", "0.0035"),
    ]


def test_what_was_booked_is_corrected() -> None:
    """Told in parts, raised, lowered where that is said, and taken back."""
    part = ("spend", "user_123", "--key", "msg", "--cumulative", "--cost")
    said = [run(*part, cost).stdout for cost in ("0.02", "1.59", "0.02")]
    assert said[:2] == ["recorded 0.02 USD\n", "corrected to 1.59 USD, by 1.57 USD\n"]
    assert said[2].startswith("unchanged at 1.59 USD")
    assert run("correct", "msg", "--cost", "1").stdout == "unchanged at 1.59 USD\n"
    assert run("correct", "msg", "--cost", "1", "--lower").stdout == "corrected to 1.00 USD, by -0.59 USD\n"
    assert answer("correct", "msg", "--void", "--key", "k")["difference_usd"] == "-1.00"
    assert answer("correct", "msg", "--void", "--key", "k")["replayed"]
    assert answer("usage")["accounts"][0]["spent_usd"] == "0.00"
    unknown = run("correct", "nobody", "--cost", "1")
    assert (unknown.exit_code, "no booking" in unknown.stderr) == (2, True)
    assert run("correct", "msg", "--void", "--cost", "1").exit_code == 2


def test_reserve_settle_release() -> None:
    """The reservation's id is the last line; it ends once."""
    reserved = run("reserve", "alice", "--cost", "4", "--ttl", "60")
    assert reserved.stdout.startswith("reserved 4.00 USD until ")
    id = reserved.stdout.splitlines()[-1]
    assert run("settle", id, "--cost", "1.5").stdout == "settled at 1.50 USD\n"
    late = run("release", id)
    assert (late.exit_code, "settled" in late.stderr) == (2, True)
    other = answer("reserve", "alice", "--cost", "1")["reservation_id"]
    assert run("release", other).stdout == "released\n"
    assert answer("usage", "--user", "alice")["accounts"][0]["spent_usd"] == "1.50"


@pytest.mark.parametrize("id", ["-abc", "--abc", "-hj", "-1"])
@pytest.mark.parametrize("command", [("settle", "--cost", "1"), ("release",)])
def test_a_reservation_id_may_begin_with_a_dash(command: tuple[str, ...], id: str) -> None:
    """It is taken as the id that it is, not as an option."""
    result = run(*command, id)
    assert (result.exit_code, f"reservation '{id}' is not known" in result.stderr) == (2, True)


def test_usage_is_a_table_a_person_can_read() -> None:
    """One line an account, amounts to the right."""
    run("spend", "alice", "--cost", "0.25")
    lines = run("usage", "--user", "alice").stdout.splitlines()
    assert lines[0].split() == [
        "SCOPE",
        "WINDOW",
        "UNIT",
        "LIMIT",
        "SPENT",
        "RESERVED",
        "REMAINING",
        "RESETS",
        "AT",
        "LIMIT",
        "OF",
    ]
    assert lines[1].split()[:7] == ["user/alice", "day", "usd", "10.00", "0.25", "0.00", "9.75"]
    assert lines[2].split()[:4] == ["global", "day", "usd", "5000.00"]


def test_price() -> None:
    """What a call costs, by the table."""
    assert run("price", "gpt-4o", "--input", "1000", "--output", "100").stdout == "0.0035 USD\n"
    cached = answer("price", "gpt-4o", "--input", "1000", "--cached", "400", "--output", "100")
    assert (cached["model"], cached["cost_usd"]) == ("openai/gpt-4o", "0.003")
    unknown = run("price", "no-such-model", "--input", "1")
    assert (unknown.exit_code, "no-such-model" in unknown.stderr) == (2, True)


def test_config_shows_every_setting_and_hides_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting with its value and source; no password and no key."""
    monkeypatch.setenv("COREASON_BUDGET_REDIS_URL", "redis://me:hunter2@localhost:6379/0")
    monkeypatch.setenv("COREASON_BUDGET_API_KEYS", "hunter2,hunter3")
    Path(".env").write_text("COREASON_BUDGET_PORT=8001\n")
    for shown in (run("config"), run("config", "--json")):
        assert shown.exit_code == 0
        assert "hunter" not in shown.stdout
        for setting in fields(BudgetConfig):
            assert environment_name(setting.name) in shown.stdout
    settings = {s["name"]: s for s in answer("config")["settings"]}
    assert (settings["port"]["value"], settings["port"]["source"]) == ("8001", ".env")
    assert (settings["redis_url"]["value"], settings["redis_url"]["source"]) == (
        "redis://***@localhost:6379/0",
        "environment",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", ""),
        ("check", "a\nb"),
        ("check", "alice", "--cost", "abc"),
        ("check", "alice", "--cost", "-1"),
        ("check", "alice", "--cost", "NaN"),
        ("check", "alice", "--nonsense"),
        ("check", "alice", "--tag", "team"),
        ("check", "alice", "--tag", "team=a", "--tag", "team=b"),
        ("check", "alice", "--tag", "user=a"),
        ("spend", "alice"),
        ("spend", "alice", "--model", "gpt-4o"),
        ("spend", "alice", "--input", "1"),
        ("spend", "alice", "--model", "gpt-4o", "--input", "-1"),
        ("spend", "alice", "--model", "gpt-4o", "--input", "1.5"),
        ("spend", "alice", "--cost", "1", "--key", ""),
        ("reserve", "alice"),
        ("reserve", "alice", "--cost", "1", "--ttl", "nan"),
        ("reserve", "alice", "--cost", "1", "--ttl", "0"),
        ("settle", "nope", "--cost", "1"),
        ("settle", "nope"),
        ("release", "nope"),
        ("price", "gpt-4o", "--input", "-1"),
        ("price", "gpt-4o", "--service", "no-such-service"),
        ("nonsense",),
        ("serve", "--port", "eighty"),
        ("serve", "--port", "0"),
        ("serve", "--workers", "-1"),
    ],
)
def test_wrong_input_is_2_and_one_sentence(arguments: tuple[str, ...]) -> None:
    """Nothing is booked, and there is no traceback."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert_nothing_booked()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "eighty"), ("LEDGER_URL", "ftp://x"), ("TIMEZONE", "Mars/Olympus"), ("LIMITS_FILE", "missing.yaml")],
)
def test_wrong_settings_are_2(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """The sentence names the setting."""
    monkeypatch.setenv(f"COREASON_BUDGET_{variable}", value)
    result = run("check", "alice")
    assert result.exit_code == 2
    assert result.stderr.startswith("coreason-budget: ")
    assert variable.lower() in result.stderr.lower()


@pytest.mark.parametrize("error", [LedgerUnavailableError("gone"), OutcomeUnknownError("gone", op_id="op-1")])
def test_an_unavailable_ledger_is_3(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """No answer is never an allowance, and not a refusal either."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(BudgetManager, "perform", fail)
    result = run("spend", "alice", "--cost", "1", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout).get("op_id") == getattr(error, "op_id", None)


def test_a_ledger_that_cannot_be_opened_is_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A real one: the SQLite file is a folder."""
    monkeypatch.setenv("COREASON_BUDGET_LEDGER_URL", f"sqlite:///{tmp_path}")
    result = run("check", "alice")
    assert (result.exit_code, "Traceback" in result.stderr) == (3, False)


def test_help_has_examples_and_the_exit_status() -> None:
    """Every command is listed with a sentence, and every option of it explained."""
    shown = run("--help").stdout
    assert "coreason-budget check user_123 --cost 0.25" in shown
    assert "Exit status" in shown
    for name, command in cli.commands.items():
        assert name in shown
        assert command.help
        for option in command.params:
            assert not isinstance(option, click.Option) or option.help, (name, option.name)


def test_serve_takes_its_help_from_the_settings() -> None:
    """Each option of serve is a setting, and names its variable."""
    names = {setting.name for setting in fields(BudgetConfig)}
    for option in cli.commands["serve"].params:
        assert option.name in names
        assert environment_name(str(option.name)) in str(getattr(option, "help", ""))


def test_version() -> None:
    """The package's own."""
    assert run("--version").stdout == f"coreason-budget, version {coreason_budget.__version__}\n"


def python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=30)


def test_python_m_is_the_command() -> None:
    """`python -m coreason_budget` needs no script on the path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "coreason_budget", "--version"], env=environment, capture_output=True, text=True
    )
    assert done.stdout == f"coreason-budget, version {coreason_budget.__version__}\n"


def test_without_click_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The library installs no command line; the command says what does."""
    monkeypatch.setitem(sys.modules, "click", None)
    for name in [name for name in sys.modules if name.startswith("coreason_budget.cli")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "pip install '.[server]' in the clone" in capsys.readouterr().err


def test_only_serve_needs_flask_and_gunicorn() -> None:
    """The other commands start without them, and serve says what is missing."""
    hidden = "import sys; sys.modules['flask'] = sys.modules['gunicorn'] = None; from coreason_budget.cli import cli; "
    assert python(hidden + "cli(['check', 'alice'])").returncode == 0
    refused = python(hidden + "cli(['serve'])")
    assert refused.returncode == 2
    assert "pip install '.[server]' in the clone" in refused.stderr


READING = ("usage", "reservations", "audit", "export", "ledger status", "ledger accept --yes", "outbox")


@pytest.mark.parametrize("command", READING)
def test_reading_makes_no_ledger(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In another folder it is not the one that was meant: named, and status 3."""
    monkeypatch.setenv("COREASON_BUDGET_OUTBOX", "box.db")
    result = run(*command.split())
    file, variable = ("box.db", "OUTBOX") if command == "outbox" else ("coreason-budget.db", "LEDGER_URL")
    assert result.exit_code == 3
    assert f"at {tmp_path / file}" in result.stderr
    assert f"COREASON_BUDGET_{variable}" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", READING)
def test_whoever_reads_is_told_which_ledger(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On stderr, so that answers for programs stay what they are; absolute, and without a password."""
    monkeypatch.setenv("COREASON_BUDGET_OUTBOX", "box.db")
    assert run("spend", "alice", "--cost", "1").exit_code == 0
    result = run(*command.split())
    assert result.exit_code == 0, result.stderr
    assert f"ledger: sqlite:///{tmp_path}/coreason-budget.db\n" in result.stderr
    monkeypatch.setenv("COREASON_BUDGET_LEDGER_URL", "redis://:zqxj@127.0.0.1:1/0")
    told = run(*command.split()).stderr
    assert "ledger: redis://***@127.0.0.1:1/0\n" in told
    assert "zqxj" not in told
