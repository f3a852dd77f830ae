"""Reader: one strictness for every YAML file, and every refusal with file, line and setting."""

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.yaml_nodes import Reader, line_of, meant


def compose(text):
    return Reader("a.yaml", "some_file").compose(text.encode() if isinstance(text, str) else text)


REFUSED = {
    "empty": ("", 1, "the file is empty"),
    "only a comment": ("# nothing\n", 1, "the file is empty"),
    "an anchor that nobody uses": ("a:\n  &x 1", 2, "anchors and aliases"),
    "an anchor on a list": ("a:\n  &x [1]", 2, "anchors and aliases"),
    "an alias of nothing": ("a:\n  *x", 2, "anchors and aliases"),
    "a tag": ("a:\n- !!int 1", 2, "tags are not allowed"),
    "a tag on a mapping": ("!!python/dict {a: 1}", 1, "tags are not allowed"),
    "two documents": ("a: 1\n---\na: 2", 2, "not YAML"),
    "a list of lists of lists": ("a:\n  " + "[" * 20 + "]" * 20, 2, "nested too deeply"),
    "a tab": ("a:\n\tb: 1", 2, "not YAML"),
    "a control character": ("a: 1\nb: \x07", 2, "not YAML"),
    "not UTF-8": (b"a: 1\nb: \xff", 2, "not UTF-8"),
    "too large": (b"#" * 20_000_001, 1, "larger than"),
}


@pytest.mark.parametrize(("text", "line", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_plain_is_refused_with_its_line(text, line, words):
    """One document of plain text, lists and mappings; the error names the setting."""
    with pytest.raises(ConfigError, match=words) as caught:
        compose(text)
    assert str(caught.value).startswith(f"a.yaml:{line}: ")
    assert caught.value.field == "some_file"


def test_what_is_plain_is_read_as_text():
    """Whatever it looks like."""
    reader = Reader("a.yaml", "some_file")
    root = compose("\ufeffa: [1, no, 2026-01-01]\n'b c': {d: ~}\n")
    with pytest.raises(ConfigError, match="'b c' is not text without spaces"):
        reader.plain(root)
    assert reader.plain(compose("a: [1, no, 2026-01-01]\nb: {c: ~, d: }")) == {
        "a": ["1", "no", "2026-01-01"],
        "b": {"c": "~", "d": ""},
    }
    assert compose("a: " + "[" * 17 + "]" * 17).id == "mapping"


def test_a_key_twice_and_an_unknown_key_are_refused():
    """The closest that is allowed is named, and all that are."""
    reader = Reader("a.yaml", "some_file")
    with pytest.raises(ConfigError, match=r"^a.yaml:2: the file: 'a' appears twice"):
        reader.plain(compose("a: 1\na: 2"))
    with pytest.raises(ConfigError, match=r"^a.yaml:1: it: unknown key 'Windo' \(did you mean window\?\); allowed are"):
        reader.mapping(compose("Windo: 1"), "it", ("usd", "window"))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """Missing, a folder, or no path at all."""
    for path in (tmp_path / "none.yaml", tmp_path, "a\0b"):
        with pytest.raises(ConfigError, match=r"a.yaml:1: cannot be read: .*; some_file names it"):
            Reader("a.yaml", "some_file").load(path)


def test_lines_are_counted_from_one_and_words_are_compared_in_any_case():
    """Nodes know their line; what is far from everything is close to nothing."""
    assert line_of(compose("\n\na: 1")) == 3
    assert line_of(7) == 7
    assert meant("USER", ("user", "project")) == " (did you mean user?)"
    assert meant("xyz", ("user", "project")) == ""
