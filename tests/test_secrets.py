"""A password of a ledger's URL is shown nowhere, whatever its characters, and however the URL was spoilt."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from coreason_budget.cli import cli
from coreason_budget.config import BudgetConfig, describe
from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.ledger import open_ledger
from coreason_budget.ledger.urls import hide_password

# Of no URL, host, message or exception; the digits are too many for a port.
WORDS = ("zqxj1", "vwkq2", "ЖдЯж", "77889901", "QZQZ")
FORMS = (
    "redis://:{}@127.0.0.1:1/0",
    "redis://app:{}@127.0.0.1:1",
    "rediss://app:{}@127.0.0.1:1/0?ssl_cert_reqs=none",
    "valkey://:{}@127.0.0.1:1",
    "unix://:{}@/run/none.sock?db=1",
)
characters = st.one_of(
    st.sampled_from("?#/@%:[]&=+ ;,\\\"'\n\t"), st.characters(exclude_categories=("Cs",), exclude_characters="\0")
)
passwords = st.builds(
    lambda words, between, end: "".join(map("".join, zip(words, between, strict=False))) + end,
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=4),
    st.lists(st.text(characters, max_size=3), min_size=4, max_size=4),
    st.sampled_from(("", *WORDS)),
)
many = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def assert_silent(text: str) -> None:
    """No word of the password is in it, in plain or encoded."""
    for word in WORDS:
        for form in (word, quote(word, safe="")):
            assert form not in text, text


def everything_said(url: str, caplog: pytest.LogCaptureFixture) -> str:
    """All that a user can get to see of a URL: settings, logs, errors of opening it and of a call."""
    caplog.clear()
    config = BudgetConfig(ledger_url=url)
    said = [repr(config), str(config), str(hide_password(url)), *map(repr, describe(config))]
    try:
        ledger = open_ledger(url, timeout_s=0.05)
        said.append(repr(ledger))
        ledger.ping()
    except (BudgetError, OSError) as error:
        cause: BaseException | None = error
        while cause is not None:
            said += [str(cause), repr(cause), repr(getattr(cause, "__dict__", ""))]
            cause = cause.__cause__
    return "\n".join([*said, caplog.text])


@many
@given(password=passwords, form=st.sampled_from(FORMS), is_encoded=st.booleans())
@example(password="zqxj1?vwkq2", form=FORMS[0], is_encoded=False)
@example(password="zqxj1#vwkq2", form=FORMS[1], is_encoded=False)
@example(password="77889901/QZQZ", form=FORMS[1], is_encoded=False)
def test_a_password_is_shown_nowhere(
    password: str, form: str, is_encoded: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither as it must be written, nor raw."""
    caplog.set_level(logging.DEBUG)
    assert_silent(everything_said(form.format(quote(password, safe="") if is_encoded else password), caplog))


@pytest.mark.parametrize("path", ["/:zqxj1@/run/none.sock", "/app:zqxj1@run/none.sock", "/run/zqxj1@none.sock"])
def test_a_password_in_the_path_of_a_socket_is_refused_unseen(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """A slash too many makes it a part of the path. A path that has an @ of its own is percent-encoded."""
    assert_silent(everything_said(f"unix://{path}", caplog))
    with pytest.raises(ConfigError, match="percent-encode the password"):
        open_ledger(f"unix://{path}")
    from coreason_budget.ledger.redis.url import read_url

    assert read_url("unix:///run/a%40b.sock").settings == {"path": "/run/a@b.sock"}
    assert hide_password("unix:///run/a%40b.sock") == "unix:///run/a%40b.sock"


@many
@given(password=passwords, form=st.sampled_from(FORMS), data=st.data())
def test_no_slip_of_the_pen_shows_it(
    password: str, form: str, data: st.DataObject, caplog: pytest.LogCaptureFixture
) -> None:
    """A character of the URL lost, doubled or replaced."""
    url = form.format(quote(password, safe=""))
    place = data.draw(st.integers(0, len(url) - 1))
    instead = data.draw(st.one_of(st.just(""), st.just(2 * url[place]), characters))
    caplog.set_level(logging.DEBUG)
    assert_silent(everything_said(url[:place] + instead + url[place + 1 :], caplog))


@pytest.mark.parametrize("character", "?#/@")
def test_a_password_that_is_not_encoded_is_told_how(character: str) -> None:
    """What stands for something else in a URL."""
    for form in FORMS:
        with pytest.raises(ConfigError, match="percent-encode the password") as caught:
            open_ledger(form.format(f"zqxj1{character}vwkq2"))
        assert_silent(str(caught.value))


@pytest.mark.parametrize("password", ["50%", "50%off", "%zz"])
def test_a_bare_percent_sign_is_told_how(password: str) -> None:
    """It begins an escape, and here it does not."""
    with pytest.raises(ConfigError, match="% is %25"):
        open_ledger(f"redis://:{password}@127.0.0.1")


@given(password=passwords)
def test_an_encoded_password_arrives_as_it_is(password: str) -> None:
    """Whatever its characters."""
    from coreason_budget.ledger.redis.url import read_url

    settings = read_url(f"redis://app:{quote(password, safe='')}@db.example:7000/3").settings
    assert settings == {"username": "app", "password": password, "host": "db.example", "port": 7000, "db": 3}


def test_the_command_line_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing the settings, and failing to reach the ledger."""
    for password in ("zqxj1?vwkq2", "zqxj1%23vwkq2", "zqxj1@vwkq2"):
        monkeypatch.setenv("COREASON_BUDGET_LEDGER_URL", f"redis://:{password}@127.0.0.1:1/0")
        for command in ("config", "config --json", "usage", "usage --json", "ledger status", "check alice"):
            result = CliRunner().invoke(cli, command.split())
            assert_silent(result.output)
            assert result.exit_code == (0 if "config" in command else 2 if re.search("[?@]", password) else 3)


def test_the_control_finds_a_password() -> None:
    """The check is none that finds nothing: the URL itself does not pass it, nor what a naive hiding leaves."""
    url = "redis://:zqxj1?vwkq2@127.0.0.1"
    for text in (url, url.partition("?")[2], re.sub(r":[^:@?]*", ":***", url), quote("ЖдЯж")):
        with pytest.raises(AssertionError):
            assert_silent(text)


def test_a_password_is_not_kept_in_a_log(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Which ledger is used is logged; who asks is not."""
    from coreason_budget import BudgetManager

    with caplog.at_level(logging.DEBUG):
        BudgetManager(BudgetConfig(ledger_url="redis://app:zqxj1@127.0.0.1:1/0")).close()
    assert "redis://***@127.0.0.1:1/0" in caplog.text
    assert_silent(caplog.text)
