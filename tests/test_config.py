"""Settings: keywords beat the environment, which beats `.env`; each wrong value is named; no secret shows."""

import logging
import os
import re
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import NOTHING, fields

from coreason_budget import settings
from coreason_budget.config import BudgetConfig, describe
from coreason_budget.errors import ConfigError
from coreason_budget.ledger import open_ledger
from coreason_budget.ledger.urls import hide_password
from coreason_budget.limits import Limit
from coreason_budget.settings import environment_name
from coreason_budget.testing.fork import in_fork

FIELDS = tuple(field.name for field in fields(BudgetConfig))
# For each setting: text for the outside, and the value it gives; another text, and its value.
VALUES = {
    "redis_url": ("redis://one/0", "redis://one/0", "redis://two/0", "redis://two/0"),
    "ledger_url": ("memory://", "memory://", "sqlite:///b.db", "sqlite:///b.db"),
    "daily_user_limit_usd": ("1.5", Decimal("1.50"), "unlimited", "unlimited"),
    "daily_project_limit_usd": ("0", Decimal("0.00"), "7", Decimal("7.00")),
    "daily_global_limit_usd": ("4000000000", Decimal("4000000000.00"), "0.000000001", Decimal("1E-9")),
    "limits_file": ("a.yaml", Path("a.yaml"), "b.yaml", Path("b.yaml")),
    "required_scopes": ("project", ("project",), "project, team ,", ("project", "team")),
    "model_price_overrides": (
        '{"m": {"input_cost_per_token": 0.1}}',
        {"m": {"input_cost_per_token": "0.1"}},
        '{"n": {}}',
        {"n": {}},
    ),
    "prices_file": ("a.yaml", Path("a.yaml"), "b.yaml", Path("b.yaml")),
    "model_aliases": ('{"prod": "gpt-4o"}', {"prod": "gpt-4o"}, "{}", {}),
    "prefer_reported_cost": ("true", True, "FALSE", False),
    "timezone": ("Europe/Berlin", "Europe/Berlin", "Asia/Tokyo", "Asia/Tokyo"),
    "namespace": ("a.b-c_9", "a.b-c_9", "A" * 64, "A" * 64),
    "reservation_ttl_s": ("0.5", 0.5, "86400", 86400.0),
    "on_lapse": ("release", "release", "charge", "charge"),
    "uncounted_tokens": ("warn", "warn", "allow", "allow"),
    "ledger_timeout_s": ("0.25", 0.25, "60", 60.0),
    "journal_length": ("0", 0, "100000000", 10**8),
    "outbox": ("a.outbox", Path("a.outbox"), "b.outbox", Path("b.outbox")),
    "allow_eviction": ("yes", True, "False", False),
    "host": ("0.0.0.0", "0.0.0.0", "::1", "::1"),
    "port": ("1", 1, "65535", 65535),
    "workers": ("1", 1, "8", 8),
    "threads": ("1", 1, "8", 8),
    "worker_timeout_s": ("1", 1, "60", 60),
    "graceful_timeout_s": ("1", 1, "60", 60),
    "api_keys": ("one", ("one",), "one,two", ("one", "two")),
    "log_path": ("a.log", Path("a.log"), "b.log", Path("b.log")),
}
DEFAULTS = {
    "redis_url": None,
    "ledger_url": None,
    "daily_user_limit_usd": Decimal("10.00"),
    "daily_project_limit_usd": Decimal("500.00"),
    "daily_global_limit_usd": Decimal("5000.00"),
    "limits_file": None,
    "required_scopes": (),
    "model_price_overrides": {},
    "prices_file": None,
    "model_aliases": {},
    "prefer_reported_cost": False,
    "timezone": "UTC",
    "namespace": "coreason",
    "reservation_ttl_s": 600.0,
    "on_lapse": "charge",
    "uncounted_tokens": "refuse",
    "ledger_timeout_s": 1.0,
    "journal_length": 100_000,
    "outbox": None,
    "allow_eviction": False,
    "host": "127.0.0.1",
    "port": 8000,
    "workers": 2,
    "threads": 4,
    "worker_timeout_s": 30,
    "graceful_timeout_s": 30,
    "api_keys": (),
    "log_path": Path("logs/app.log"),
}
each_setting = pytest.mark.parametrize("name", FIELDS)


def _dotenv(**values):
    Path(".env").write_text("".join(f"{environment_name(name)}='{text}'\n" for name, text in values.items()))


@each_setting
def test_every_setting_is_declared_once_and_whole(name):
    """Type, default and a sentence of help; a variable; a row below and in `describe`."""
    field = getattr(fields(BudgetConfig), name)
    assert field.type is not None
    assert field.default is not NOTHING
    assert field.metadata["help"].endswith(".")
    assert 15 < len(field.metadata["help"]) < 200
    assert name in VALUES
    assert name in DEFAULTS
    shown = {setting.name: setting for setting in describe(BudgetConfig())}
    assert shown[name].variable == f"COREASON_BUDGET_{name.upper()}"
    assert shown[name].help == field.metadata["help"]


@each_setting
def test_the_default_holds_where_nothing_is_set(name):
    """The defaults are those of the design."""
    assert getattr(BudgetConfig(), name) == DEFAULTS[name]
    assert _described(BudgetConfig(), name).source == "default"


@each_setting
def test_keywords_beat_the_environment_which_beats_dotenv(name, monkeypatch):
    """Each setting can come from each place, and says from which it came."""
    one, one_value, two, two_value = VALUES[name]
    _dotenv(**{name: one})
    assert getattr(BudgetConfig(), name) == one_value
    monkeypatch.setenv(environment_name(name), two)
    assert getattr(BudgetConfig(), name) == two_value
    assert getattr(BudgetConfig(**{name: one}), name) == one_value
    assert _described(BudgetConfig(**{name: one}), name).source == "keyword"


@pytest.mark.parametrize("name", [name for name in FIELDS if VALUES[name][1] != DEFAULTS[name]])
def test_describe_says_where_a_value_came_from(name, monkeypatch):
    """`.env` and environment are told apart."""
    _dotenv(**{name: VALUES[name][0]})
    assert _described(BudgetConfig(), name).source == ".env"
    monkeypatch.setenv(environment_name(name), VALUES[name][0])
    assert _described(BudgetConfig(), name).source == "environment"


@each_setting
def test_an_empty_variable_counts_as_unset(name, monkeypatch):
    """An empty variable neither sets anything nor hides the `.env` behind it."""
    monkeypatch.setenv(environment_name(name), "")
    assert getattr(BudgetConfig(), name) == DEFAULTS[name]
    assert _described(BudgetConfig(), name).source == "default"
    _dotenv(**{name: VALUES[name][0]})
    assert getattr(BudgetConfig(), name) == VALUES[name][1]
    _dotenv(**{name: ""})
    assert getattr(BudgetConfig(), name) == DEFAULTS[name]


WRONG = (
    ("redis_url", 1),
    ("ledger_url", b"memory://"),
    ("daily_user_limit_usd", "ten"),
    ("daily_user_limit_usd", -1),
    ("daily_user_limit_usd", float("nan")),
    ("daily_user_limit_usd", True),
    ("daily_project_limit_usd", "1e-10"),
    ("daily_global_limit_usd", "4000000001"),
    ("daily_global_limit_usd", "Unlimited"),
    ("outbox", 7),
    ("outbox", ""),
    ("limits_file", 7),
    ("limits_file", ""),
    ("required_scopes", "Project"),
    ("required_scopes", "project;team"),
    ("required_scopes", 5),
    ("required_scopes", (1,)),
    ("model_price_overrides", "{"),
    ("model_price_overrides", "[]"),
    ("model_price_overrides", '{"m": 1}'),
    ("model_price_overrides", '{"m": {"input_cost_per_token": NaN}}'),
    ("model_price_overrides", [1]),
    ("model_price_overrides", '{"m": {"input_cost_per_token": 1, "input_cost_per_token": 2}}'),
    ("prices_file", ""),
    ("model_aliases", '["gpt-4o"]'),
    ("model_aliases", '{"prod": 4}'),
    ("model_aliases", '{"prod": "gpt-4o", "prod": "gpt-5-pro"}'),
    ("model_aliases", "prod=gpt-4o"),
    ("model_aliases", 5),
    ("timezone", "Mars/Olympus"),
    ("timezone", "../etc/passwd"),
    ("timezone", 1),
    ("namespace", "a/b"),
    ("namespace", "{a}"),
    ("namespace", "a" * 65),
    ("namespace", "a\n"),
    ("namespace", "\u00e9"),
    ("reservation_ttl_s", "0"),
    ("reservation_ttl_s", 86401),
    ("reservation_ttl_s", float("nan")),
    ("reservation_ttl_s", float("inf")),
    ("reservation_ttl_s", True),
    ("reservation_ttl_s", "ten"),
    ("reservation_ttl_s", "\u0661"),
    ("on_lapse", "Charge"),
    ("on_lapse", "forget"),
    ("uncounted_tokens", "Refuse"),
    ("uncounted_tokens", "ignore"),
    ("ledger_timeout_s", "0"),
    ("ledger_timeout_s", "-1"),
    ("ledger_timeout_s", "61"),
    ("ledger_timeout_s", None),
    ("journal_length", "-1"),
    ("journal_length", 10**8 + 1),
    ("journal_length", "1e5"),
    ("allow_eviction", "on"),
    ("allow_eviction", "tru"),
    ("allow_eviction", "2"),
    ("allow_eviction", 1),
    ("allow_eviction", None),
    ("host", 127),
    ("prefer_reported_cost", "on"),
    ("prefer_reported_cost", 1),
    ("port", "0"),
    ("port", 65536),
    ("port", "80.5"),
    ("port", 80.0),
    ("port", True),
    ("port", "1" * 5000),
    ("port", 10**5000),
    ("workers", "0"),
    ("workers", "two"),
    ("threads", "-1"),
    ("worker_timeout_s", "0"),
    ("graceful_timeout_s", "3601"),
    ("api_keys", 5),
    ("log_path", ""),
    ("log_path", 3),
)


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{n}-{i}" for i, (n, _) in enumerate(WRONG)])
def test_a_wrong_keyword_is_named(name, value):
    """The error names the setting and is short enough to read."""
    with pytest.raises(ConfigError) as caught:
        BudgetConfig(**{name: value})
    assert caught.value.field == name
    assert str(caught.value).startswith(f"{name}: ")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, value) for name, value in WRONG if isinstance(value, str) and value],
    ids=lambda value: ascii(value)[:30],
)
def test_a_wrong_variable_is_named(name, text, monkeypatch):
    """The error names the variable, or the setting that it stands for."""
    monkeypatch.setenv(environment_name(name), text)
    with pytest.raises(ConfigError) as caught:
        BudgetConfig()
    assert caught.value.field in (name, environment_name(name))
    assert str(caught.value).startswith(f"{caught.value.field}: ")


def test_every_setting_has_a_wrong_value():
    """No setting takes whatever it is given."""
    assert {name for name, _ in WRONG} == set(FIELDS)


@pytest.mark.parametrize("value", [0.1 + 0.2, 1 / 3, 2 / 3, 0.001, 600, "600", "0.5"])
def test_seconds_may_be_any_number(value):
    """A float of 17 digits is a number of seconds as well."""
    assert BudgetConfig(reservation_ttl_s=value).reservation_ttl_s == float(value)


def test_an_unknown_keyword_is_a_type_error():
    """As for any Python call."""
    with pytest.raises(TypeError, match="daily_limit"):
        BudgetConfig(daily_limit=1)


def test_settings_do_not_change_once_made():
    """A configuration is frozen."""
    with pytest.raises(AttributeError):
        BudgetConfig().port = 1


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("COREASON_BUDGET_DAILY_USER_LIMIT", "COREASON_BUDGET_DAILY_USER_LIMIT_USD"),
        ("COREASON_BUDGET_REDIS_URI", "COREASON_BUDGET_REDIS_URL"),
        ("COREASON_BUDGET_TIME_ZONE", "COREASON_BUDGET_TIMEZONE"),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_misspelt_variable_is_warned_about(variable, hint, place, monkeypatch, caplog):
    """The warning names it and the closest setting, and never its value."""
    if place == ".env":
        Path(".env").write_text(f"{variable}=hunter2\n")
    else:
        monkeypatch.setenv(variable, "hunter2")
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        BudgetConfig()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"{variable} is not a setting and is ignored; did you mean {hint}?" in record.getMessage()
    assert "hunter2" not in caplog.text


def test_known_and_foreign_variables_are_not_warned_about(monkeypatch, caplog):
    """Only what begins with our prefix and is no setting."""
    monkeypatch.setenv("COREASON_BUDGET_PORT", "81")
    monkeypatch.setenv("COREASON_OTHER", "x")
    BudgetConfig()
    assert not caplog.records


@pytest.mark.parametrize("content", [b"COREASON_BUDGET_NAMESPACE=\xff\xfe\n", b"\x80"])
def test_a_dotenv_that_is_no_text_is_a_config_error(content):
    """An unreadable `.env` is named; settings are not silently left out."""
    Path(".env").write_bytes(content)
    with pytest.raises(ConfigError, match=r"\.env.*cannot be read"):
        BudgetConfig()


@pytest.mark.skipif(os.name != "posix", reason="this system has no rights of others")
def test_a_dotenv_that_everybody_may_write_is_refused():
    """Whoever may log in would set the limits."""
    _dotenv(port="81")
    Path(".env").chmod(0o666)
    with pytest.raises(ConfigError, match=r"\.env: .*may be written by everybody: chmod o-w"):
        BudgetConfig()
    Path(".env").chmod(0o664)
    assert BudgetConfig().port == 81


@pytest.mark.parametrize("quotes", ["{}", "'{}'", '"{}"'])
def test_a_dotenv_is_taken_as_it_is_written(quotes, monkeypatch):
    """A dollar sign in a key is one, in every kind of quotes; nothing is filled in."""
    monkeypatch.setenv("NAME", "value")
    Path(".env").write_text(f"COREASON_BUDGET_API_KEYS={quotes.format('a${NAME}b$NAME')}\n")
    assert BudgetConfig().api_keys == ("a${NAME}b$NAME",)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_folder_that_may_not_be_entered_is_named(tmp_path, monkeypatch):
    """Not the file, which may not even be there: as where `sudo -u` starts a service in the home of root."""
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.chdir(closed)
    closed.chmod(0)

    def child():
        if os.geteuid() == 0:
            os.setuid(65534)
        with pytest.raises(ConfigError, match=r"\.env: the working directory may not be entered.*another folder"):
            BudgetConfig()

    try:
        with in_fork(child):
            pass
    finally:
        closed.chmod(0o700)


def test_a_dotenv_is_read_once(monkeypatch):
    """For all settings of a configuration, and again for the next; listing them reads once more."""
    _dotenv(port="81")
    read, times = settings.dotenv_values, []
    monkeypatch.setattr(settings, "dotenv_values", lambda *args, **more: times.append(1) or read(*args, **more))
    made = BudgetConfig()
    assert len(times) == 1
    describe(made)
    assert len(times) == 2
    _dotenv(port="82")
    assert BudgetConfig().port == 82


def test_a_folder_named_dotenv_is_no_settings_file():
    """Some tools keep a virtual environment there."""
    Path(".env").mkdir()
    assert BudgetConfig().port == 8000


PASSWORDS = (
    "hunter2",
    "hun@ter2",
    "hun:ter2",
    "hun/ter2",
    "hun?ter2",
    "hun#ter2",
    "hun%40ter2",
    "h@u:n/t?e#r2",
    "://hunter2",
)
FORMS = (
    "redis://:{}@db.example:6379/0",
    "redis://app:{}@db.example:6379/0",
    "rediss://app:{}@db.example:6379/0?ssl_cert_reqs=none",
    "unix://:{}@/run/redis.sock?db=1",
    ":{}@db.example:6379",
    "redis:{}@db.example",
)
SECRET_URLS = (
    *((form.format(password), password) for password in PASSWORDS for form in FORMS),
    ("redis://db.example/0?password=hunter2", "hunter2"),
    ("redis://db.example/0?username=app&password=hun@ter2", "hun@ter2"),
    ("redis://db.example?password=hunter2", "hunter2"),
    ("hunter2@redis://db.example", "hunter2"),
)


@pytest.mark.parametrize(("url", "password"), SECRET_URLS, ids=[url for url, _ in SECRET_URLS])
@pytest.mark.parametrize("name", ["redis_url", "ledger_url"])
def test_no_url_shows_its_password(name, url, password, monkeypatch):
    """Neither `repr`, `str`, `describe` nor `hide_password` shows it, also where the scheme was forgotten."""
    monkeypatch.setenv(environment_name(name), url)
    for config in (BudgetConfig(), BudgetConfig(**{name: url})):
        shown = [repr(config), str(config), hide_password(url), *map(repr, describe(config))]
        for text in shown:
            assert password not in text
            assert "ter2" not in text
        assert getattr(config, name) == url, "the ledger still gets all of it"


@pytest.mark.parametrize("url", [":hunter2@db:6379", "hunter2@db", "redis:hunter2@db", "hunter2", "hunter2://db"])
def test_the_error_for_a_ledger_url_shows_no_password(url):
    """What stands before `@` is not repeated where the scheme is missing."""
    with pytest.raises(ConfigError, match="allowed are redis://") as caught:
        open_ledger(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+sentinel://h:26379/mymaster", "Redis Sentinel is not supported yet: name one server"),
        ("rediss+sentinel://h", "Redis Sentinel is not supported yet"),
        ("sentinel://h1;sentinel://h2", "Redis Sentinel is not supported yet"),
        ("redis+cluster://h1,h2", "Redis Cluster is not supported yet: name one server"),
        ("redsi://h", "did you mean redis://?"),
        ("sqlite3:///b.db", "did you mean sqlite://?"),
        ("postgresql://h", "unknown scheme; allowed are redis://"),
        ("localhost:6379", "unknown scheme; allowed are redis://"),
    ],
)
def test_a_scheme_that_is_none_says_what_is_meant(url, why):
    """And what is allowed, valkey:// among it."""
    with pytest.raises(ConfigError, match=re.escape(why)) as caught:
        open_ledger(url)
    assert "valkey://" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("REDIS://h", "redis"),
        ("valkey://h", "redis"),
        ("Valkeys://h", "redis"),
        ("SQLite:///b.db", "sqlite"),
        ("MEMORY://", "memory"),
    ],
)
def test_a_scheme_has_no_case(url, backend):
    """As everywhere; and the rest of the URL keeps its own."""
    with closing(open_ledger(url)) as ledger:
        assert ledger.name == backend
    with closing(open_ledger(BudgetConfig(ledger_url=url).url)) as ledger:
        assert ledger.name == backend
    assert BudgetConfig(ledger_url="UNIX:///Run/R.sock").url == "unix:///Run/R.sock"


@pytest.mark.parametrize("host", ["a..b", ".", "x" * 64])
def test_a_host_that_cannot_be_one_is_an_error_of_the_settings(host):
    """Told before anything is connected."""
    with pytest.raises(ConfigError, match="is not a Redis URL"):
        open_ledger(f"redis://{host}:6379")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://app:secret@db:6379/0", "redis://***@db:6379/0"),
        ("sqlite:////data/budget.db", "sqlite:////data/budget.db"),
        ("memory://", "memory://"),
        (None, None),
    ],
)
def test_the_rest_of_a_url_is_shown(url, shown):
    """Scheme, host and path help; they are kept."""
    assert hide_password(url) == shown


def test_no_api_key_is_shown(monkeypatch):
    """Keys are counted, not printed."""
    monkeypatch.setenv("COREASON_BUDGET_API_KEYS", "hunter2,swordfish")
    config = BudgetConfig()
    assert config.api_keys == ("hunter2", "swordfish")
    for text in (repr(config), *map(repr, describe(config))):
        assert "hunter2" not in text
        assert "swordfish" not in text
    assert "2" in _described(config, "api_keys").value


@pytest.mark.parametrize(
    ("keywords", "url"),
    [
        ({"redis_url": "redis://a"}, "redis://a"),
        ({"redis_url": "redis://a", "ledger_url": "memory://"}, "memory://"),
        ({"ledger_url": "sqlite:///x.db"}, "sqlite:///x.db"),
    ],
)
def test_ledger_url_beats_redis_url(keywords, url):
    """The more general setting wins."""
    assert BudgetConfig(**keywords).url == url


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("YES", True), ("no", False), ("0", False)])
def test_a_flag_is_one_of_six_words(text, value, monkeypatch):
    """In any case; shown as `true` or `false`."""
    monkeypatch.setenv("COREASON_BUDGET_ALLOW_EVICTION", text)
    assert BudgetConfig().allow_eviction is value
    assert _described(BudgetConfig(), "allow_eviction").value == str(value).lower()


def test_the_default_ledger_is_a_file_in_the_working_directory(tmp_path, monkeypatch):
    """Made absolute, whatever characters the folder's name has."""
    odd = tmp_path / "a b@c?d#e%41"
    odd.mkdir()
    monkeypatch.chdir(odd)
    url = BudgetConfig().url
    assert url.startswith("sqlite:////")
    assert open_ledger(url).path == odd / "coreason-budget.db"


def test_the_three_daily_limits():
    """What the settings say, exact in nanos; unlimited lifts one."""
    config = BudgetConfig(daily_user_limit_usd=0.1 + 0.2, daily_project_limit_usd="unlimited", daily_global_limit_usd=5)
    assert config.daily_limits == (
        Limit("user", None, "day", "usd", 300_000_000),
        Limit("project", None, "day", "usd", None),
        Limit("global", None, "day", "usd", 5_000_000_000),
    )


def test_none_lifts_no_limit():
    """A look-up that found nothing must not open the budget: only the word does."""
    with pytest.raises(ConfigError, match="daily_user_limit_usd: None lifts no limit; say 'unlimited'"):
        BudgetConfig(daily_user_limit_usd=None)


def test_describe_shows_values_as_they_are_written():
    """The text of a value could be set again."""
    config = BudgetConfig(
        daily_user_limit_usd="unlimited",
        required_scopes=("project", "team"),
        model_price_overrides={"m": {}},
        limits_file="a.yaml",
    )
    shown = {setting.name: setting.value for setting in describe(config)}
    assert shown["daily_user_limit_usd"] == "unlimited"
    assert shown["daily_project_limit_usd"] == "500.00"
    assert shown["required_scopes"] == "project,team"
    assert shown["model_price_overrides"] == '{"m": {}}'
    assert shown["limits_file"] == "a.yaml"
    assert shown["redis_url"] == ""


def _described(config, name):
    return next(setting for setting in describe(config) if setting.name == name)


def test_the_environment_is_read_anew_for_every_configuration(monkeypatch):
    """Nothing is remembered from import time."""
    assert BudgetConfig().port == 8000
    monkeypatch.setenv("COREASON_BUDGET_PORT", "81")
    assert BudgetConfig().port == 81
    assert os.environ["COREASON_BUDGET_PORT"] == "81"
