"""A limits file is read exactly, or refused whole with the line and what is allowed there."""

import subprocess
import sys

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.limits import Limit
from coreason_budget.limits.file import read_limits_file
from coreason_budget.pricing import PricingEngine

EXAMPLE = """\
limits:
  - {scope: user, window: day, usd: 10}          # every user
  - {scope: user/alice, window: day, usd: 50}    # this one instead (split at the first /)
  - {scope: user, window: month, usd: 150}       # as well: every window is checked
  - {scope: user/batch, window: day, usd: unlimited}
  - {scope: project/alpha, window: month, usd: 2000}
  - {scope: model/openai/gpt-5-pro, window: day, usd: 100}
  - {scope: user, window: minute, requests: 60}
  - {scope: team, window: day, tokens: 5000000}  # applies to calls tagged with a team
"""
USD = 10**9


@pytest.fixture
def write(tmp_path):
    """Write a limits file and give its path."""

    def write(text):
        path = tmp_path / "limits.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return path

    return write


def test_the_example_is_read(write):
    """The example of the design says what it says."""
    file = read_limits_file(write(EXAMPLE), PricingEngine().canonical)
    assert file.timezone is None
    assert file.limits == (
        Limit("user", None, "day", "usd", 10 * USD),
        Limit("user", "alice", "day", "usd", 50 * USD),
        Limit("user", None, "month", "usd", 150 * USD),
        Limit("user", "batch", "day", "usd", None),
        Limit("project", "alpha", "month", "usd", 2000 * USD),
        Limit("model", "openai/gpt-5-pro", "day", "usd", 100 * USD),
        Limit("user", None, "minute", "requests", 60),
        Limit("team", None, "day", "tokens", 5_000_000),
    )


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("limits: []", ()),
        ("\ufefflimits: []\r\n", ()),
        ("timezone: Europe/Berlin\nlimits: []", ()),
        (
            "limits:\n- scope: global\n  window: total\n  usd: 0.000000001\n",
            (Limit("global", None, "total", "usd", 1),),
        ),
        ("limits: [{scope: user/a/b, window: day, usd: 1}]", (Limit("user", "a/b", "day", "usd", USD),)),
        ("limits: [{scope: 'user/ a|b ', window: day, usd: '1'}]", (Limit("user", " a|b ", "day", "usd", USD),)),
        ("limits: [{scope: user/007, window: day, usd: 0}]", (Limit("user", "007", "day", "usd", 0),)),
        ("limits: [{scope: user/no, window: day, usd: 1e1}]", (Limit("user", "no", "day", "usd", 10 * USD),)),
        (
            "limits: [{scope: user/\u00e9, window: week, usd: 4000000000}]",
            (Limit("user", "\u00e9", "week", "usd", 4 * 10**18),),
        ),
        ("limits: [{scope: user, window: hour, requests: 0}]", (Limit("user", None, "hour", "requests", 0),)),
        ("limits: [{scope: user, window: day, tokens: unlimited}]", (Limit("user", None, "day", "tokens", None),)),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_what_is_right_is_read(write, text, limits):
    """Ids stay text whatever they look like, amounts are exact, zero and unlimited are different things."""
    assert read_limits_file(write(text)).limits == limits


def test_the_zone_of_a_file(write):
    """A file may name its time zone."""
    assert read_limits_file(write("timezone: Asia/Tokyo\nlimits: []")).timezone == "Asia/Tokyo"


def _line(text):
    return "limits:\n  - {scope: global, window: day, usd: 1}\n  - " + text


# What is wrong, the file, the line it must name, and what its message must say.
WRONG = (
    (
        "unknown key",
        _line("{scope: user, window: day, usd: 1, color: red}"),
        3,
        "unknown key 'color'; allowed are requests, scope, tokens, usd, window",
    ),
    (
        "misspelt unit",
        _line("{scope: user, window: day, usdd: 1}"),
        3,
        "unknown key 'usdd' (did you mean usd?); allowed are",
    ),
    (
        "unknown key at the top",
        "limit: []",
        1,
        "unknown key 'limit' (did you mean limits?); allowed are",
    ),
    (
        "unknown window",
        _line("{scope: user, window: daily, usd: 1}"),
        3,
        "unknown window 'daily' (did you mean day?); allowed are minute, hour",
    ),
    (
        "window year",
        _line("{scope: user, window: year, usd: 1}"),
        3,
        "allowed are minute, hour, day, week, month, total",
    ),
    ("window in capitals", _line("{scope: user, window: Day, usd: 1}"), 3, "unknown window 'Day'"),
    ("no window", _line("{scope: user, usd: 1}"), 3, "needs scope, window and one of usd, tokens and requests"),
    ("no scope", _line("{window: day, usd: 1}"), 3, "needs scope, window and one of"),
    ("no unit", _line("{scope: user, window: day}"), 3, "needs scope, window and one of"),
    ("two units", _line("{scope: user, window: day, usd: 1, tokens: 1}"), 3, "needs scope, window and one of"),
    ("unknown zone", "limits: []\ntimezone: Mars/Olympus\n", 2, "unknown zone 'Mars/Olympus'; allowed is an IANA name"),
    ("zone as path", "timezone: ../etc/passwd\nlimits: []\n", 1, "unknown zone"),
    ("empty zone", "timezone:\nlimits: []\n", 1, "unknown zone"),
    ("zone as list", "timezone: [UTC]\nlimits: []\n", 1, "timezone: must be a single value"),
    (
        "negative usd",
        _line("{scope: user, window: day, usd: -1}"),
        3,
        "usd: '-1' is not an amount; allowed is a number",
    ),
    ("negative tokens", _line("{scope: user, window: day, tokens: -1}"), 3, "tokens: must be a whole number"),
    ("fraction of a token", _line("{scope: user, window: day, tokens: 1.5}"), 3, "tokens: must be a whole number"),
    ("tokens with underscore", _line("{scope: user, window: day, tokens: 1_000}"), 3, "must be a whole number"),
    ("tokens, exponent", _line("{scope: user, window: day, tokens: 1e6}"), 3, "must be a whole number"),
    ("tokens, 16 digits", _line("{scope: user, window: day, tokens: 1000000000000000}"), 3, "up to 15 digits"),
    ("tokens, other digits", _line("{scope: user, window: day, tokens: \u0661\u0662}"), 3, "must be a whole number"),
    ("usd finer than a nano", _line("{scope: user, window: day, usd: 1e-10}"), 3, "more than 9 decimals"),
    ("usd too large", _line("{scope: user, window: day, usd: 4000000001}"), 3, "too large"),
    ("usd no", _line("{scope: user, window: day, usd: no}"), 3, "'no' is not an amount"),
    ("usd true", _line("{scope: user, window: day, usd: true}"), 3, "'true' is not an amount"),
    ("usd null", _line("{scope: user, window: day, usd: null}"), 3, "'null' is not an amount"),
    ("usd sexagesimal", _line("{scope: user, window: day, usd: 10:00}"), 3, "'10:00' is not an amount"),
    ("usd octal", _line("{scope: user, window: day, usd: 0o17}"), 3, "'0o17' is not an amount"),
    ("usd nan", _line("{scope: user, window: day, usd: .nan}"), 3, "'.nan' is not an amount"),
    ("usd inf", _line("{scope: user, window: day, usd: .inf}"), 3, "'.inf' is not an amount"),
    ("usd with underscore", _line("{scope: user, window: day, usd: 1_000}"), 3, "'1_000' is not an amount"),
    ("usd with sign", _line("{scope: user, window: day, usd: $10}"), 3, "'$10' is not an amount"),
    ("usd empty", _line("{scope: user, window: day, usd: }"), 3, "'' is not an amount"),
    ("Unlimited in capitals", _line("{scope: user, window: day, usd: Unlimited}"), 3, "unlimited"),
    ("nested amount", _line("{scope: user, window: day, usd: {max: 1}}"), 3, "usd: must be a single value"),
    ("amount as list", _line("{scope: user, window: day, usd: [1]}"), 3, "usd: must be a single value"),
    ("scope as list", _line("{scope: [user], window: day, usd: 1}"), 3, "scope: must be a single value"),
    ("window as mapping", _line("{scope: user, window: {a: b}, usd: 1}"), 3, "window: must be a single value"),
    ("limit as text", _line("user day 10"), 3, "a limit must be a mapping with the keys requests, scope"),
    ("limit as list", _line("[user, day, 10]"), 3, "a limit must be a mapping"),
    ("limits as mapping", "limits:\n  user: {day: 10}\n", 2, "limits: must be a list"),
    ("limits empty", "limits:\n", 1, "limits: must be a list"),
    ("limits as text", "limits: none\n", 1, "limits: must be a list"),
    ("only a zone", "timezone: UTC\n", 1, "says no limits"),
    ("scope empty", _line("{scope: '', window: day, usd: 1}"), 3, "scope: a kind must match [a-z]"),
    ("scope in capitals", _line("{scope: User, window: day, usd: 1}"), 3, "scope: a kind must match [a-z]"),
    ("scope of a number", _line("{scope: 1, window: day, usd: 1}"), 3, "scope: a kind must match [a-z]"),
    ("scope without its id", _line("{scope: user/, window: day, usd: 1}"), 3, "scope: must be 1 to 256 bytes"),
    ("scope, id too long", _line("{scope: user/" + "a" * 257 + ", window: day, usd: 1}"), 3, "at most 256"),
    ("scope, control in id", _line('{scope: "user/a\\x07", window: day, usd: 1}'), 3, "without control characters"),
    ("scope, next line in id", _line('{scope: "user/a\\N", window: day, usd: 1}'), 3, "without control characters"),
    ("global with an id", _line("{scope: global/x, window: day, usd: 1}"), 3, "global has no id"),
    ("the same line again", _line("{scope: global, window: day, usd: 2}"), 3, "scope, window and unit of line 2 again"),
    (
        "the same on one line",
        "limits: [{scope: user, window: day, usd: 1}, {scope: user, window: day, usd: 2}]",
        1,
        "of line 1 again",
    ),
    ("the same, once unlimited", _line("{scope: global, window: day, usd: unlimited}"), 3, "of line 2 again"),
    (
        "the same model by two names",
        "limits:\n- {scope: model/gpt-4o, window: day, usd: 1}\n- {scope: model/openai/gpt-4o, window: day, usd: 2}",
        3,
        "of line 2 again",
    ),
    (
        "the same by an alias",
        "limits:\n- &a {scope: user, window: day, usd: 1}\n- *a\n",
        2,
        "anchors and aliases",
    ),
    ("a key twice", _line("{scope: user, window: day, usd: 1, usd: 2}"), 3, "'usd' appears twice"),
    ("limits twice", "limits: []\nlimits: []\n", 2, "'limits' appears twice"),
    (
        "a list at the top",
        "- {scope: user, window: day, usd: 1}\n",
        1,
        "a limits file must be a mapping with the keys limits, timezone",
    ),
    ("text at the top", "unlimited\n", 1, "a limits file must be a mapping"),
    ("empty file", "", 1, "the file is empty"),
    ("only a comment", "# nothing yet\n", 1, "the file is empty"),
    ("only a null", "--- null\n", 1, "a limits file must be a mapping"),
    ("two documents", "limits: []\n---\nlimits: []\n", 2, "not YAML"),
    ("unclosed", "limits:\n  - {scope: user\n", 3, "not YAML"),
    ("tab as indentation", "limits:\n\t- {scope: user, window: day, usd: 1}\n", 2, "not YAML"),
    ("unknown alias", "limits:\n  - *nobody\n", 2, "anchors and aliases"),
    ("quote left open", 'limits: "\n\n', 3, "not YAML"),
    ("NUL", "limits: \x00", 1, "not YAML"),
    ("a list that holds itself", "limits: &a [*a]\n", 1, "anchors and aliases"),
    (
        "a mapping that holds itself",
        "limits:\n- &a {scope: *a, window: day, usd: 1}\n",
        2,
        "anchors and aliases",
    ),
    ("a key that is a list", "? [a]\n: 1\n", 1, "a key of a limits file: must be a single value, not a sequence"),
    (
        "merge key",
        "limits:\n- {scope: user, window: day, usd: 1}\n- {<<: {window: day}, usd: 2}\n",
        3,
        "unknown key '<<'",
    ),
    ("Python object", "!!python/object/apply:os.getcwd []\n", 1, "tags are not allowed"),
    ("JSON of another kind", '{"user": {"day": 10}}', 1, "unknown key 'user'; allowed are limits, timezone"),
    ("nested 100,000 deep", "limits: " + "[" * 100_000, 1, "nest"),
    ("nested 100,000 deep by indentation", "limits:\n  " + "- " * 100_000, 2, "nest"),
)


@pytest.mark.parametrize(("text", "line", "message"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_refused_with_its_line(write, text, line, message):
    """Nothing of a wrong file is used; the error begins `file:line:` and says what is allowed."""
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        read_limits_file(path, PricingEngine().canonical)
    assert caught.value.field == "limits_file"
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 300


def test_a_billion_laughs_are_not_read_out(write):
    """Aliases of aliases are refused without being unfolded."""
    lines = ["limits: []", "a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    with pytest.raises(ConfigError, match=r"limits.yaml:2: anchors and aliases"):
        read_limits_file(write("\n".join(lines)))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", b"limits: \x80", bytes(range(256)), b"PK\x03\x04\xe9"])
def test_a_binary_file_is_refused(write, content):
    """Bytes that are no UTF-8 are no limits file; the error names it and the line."""
    path = write(content)
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_limits_file(path)
    assert str(path) in str(caught.value)
    assert caught.value.field == "limits_file"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """Missing, or a folder: an error that names it, never a budget without limits."""
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(ConfigError, match=r"cannot be read: .*; limits_file names it") as caught:
            read_limits_file(path)
        assert str(path) in str(caught.value)


def test_a_deep_file_does_not_end_the_process(write):
    """Before PyYAML 6.0.4 libyaml's composer alone kills the interpreter on this file; since then it refuses too."""
    path = write("limits: " + "[" * 100_000)
    naive = "import sys, yaml; yaml.compose(open(sys.argv[1]).read(), Loader=yaml.CBaseLoader)"
    ours = "import sys; from coreason_budget.limits.file import read_limits_file; read_limits_file(sys.argv[1])"
    if not hasattr(__import__("yaml"), "CBaseLoader"):
        pytest.skip("PyYAML was built without libyaml here")
    assert subprocess.run([sys.executable, "-c", naive, path], capture_output=True).returncode != 0
    done = subprocess.run([sys.executable, "-c", ours, path], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ConfigError" in done.stderr
