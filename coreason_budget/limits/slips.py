"""Lines that could never bite: a word that is a slip of another, a wildcard, two scopes in one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from coreason_budget.errors import InvalidIdError
from coreason_budget.ids import BUILT_IN_KINDS, check_id, check_tag_kind
from coreason_budget.model import WINDOWS

_ENDING = re.compile(r"(?<=...)(ids?|names?|s)\Z")
_OTHER_SEPARATOR = re.compile(r"(?P<kind>[A-Za-z]\w*)\s*[:=.|\\>, -]+\s*(?P<id>\S.*)", re.ASCII)
_WILDCARD = re.compile(r".*\*.*|[^\w\s]+|\^.*", re.DOTALL)
_PLACEHOLDER = re.compile(r"\$\w+|[$%#]?\{.*\}|%\w|<.*>|:\w+", re.ASCII | re.DOTALL)
_EVERYBODY = frozenset(("all", "any", "anyone", "each", "every", "everybody", "everyone"))
_ALIKE = 0.85


def check_kind(kind: str, field: str) -> str:
    """Give ``kind`` back if it is a built-in kind, or one that can be meant as a tag.

    Raises:
        InvalidIdError: It is neither; names ``field`` and the built-in kind that was meant.
    """
    if kind in BUILT_IN_KINDS:
        return kind
    close = slip_of(kind, BUILT_IN_KINDS)
    try:
        check_tag_kind(kind, field)
    except InvalidIdError as error:
        raise InvalidIdError(f"{error}{_hint(kind, close)}", field=field) from None
    if close is not None:
        raise InvalidIdError(f"{field}: no call has the kind {kind!r} (did you mean {close}?)", field=field)
    return kind


def check_scope(text: str) -> tuple[str, str | None]:
    """Read a scope of the limits file: a kind, or ``kind/id`` for one of them.

    Raises:
        InvalidIdError: No call can fall under it.
    """
    kind, slash, id = text.partition("/")
    if set("*?%") & set(kind) or kind in _EVERYBODY:
        raise InvalidIdError(
            f"scope: {text!r} is no scope; write `global` for all calls together, `user` for every user"
        )
    check_kind(kind, "scope")
    if not slash:
        return kind, None
    if kind == "global":
        raise InvalidIdError("scope: global has no id")
    check_id(id, "scope")
    if _WILDCARD.fullmatch(id):
        raise InvalidIdError(
            f"scope: {text!r} is no pattern: ids stand for themselves; write `{kind}` for every {kind}"
        )
    _check_one(kind, id)
    return kind, id


def _check_one(kind: str, id: str) -> None:
    # An id may hold slashes, but one that goes on with a kind and an id of that kind was meant as two scopes.
    parts = id.split("/")
    for at, part in enumerate(parts[1:-1], 1):
        if part in BUILT_IN_KINDS:
            other = f"{part}/{'/'.join(parts[at + 1 :])}"
            raise InvalidIdError(
                f"scope: '{kind}/{id}' is one scope with an id of {len(parts)} parts; a limit is of one scope, "
                f"so write a line for {kind}/{'/'.join(parts[:at])} or for {other}"
            )


def doubt(kind: str, id: str | None, kinds: Iterable[str]) -> str | None:
    """What is odd about a scope that may be meant all the same, None if nothing is.

    ``kinds`` are those of the whole file.
    """
    close = None if kind in BUILT_IN_KINDS else slip_of(kind, kinds)
    if close is not None:
        return f"the kinds {kind!r} and {close!r} are two; is one of them meant?"
    if id is None:
        return None
    whole = f"'{kind}/{id}'"
    if id.lower() in _EVERYBODY:
        return f"{whole} is the one {kind} that is called so; write `{kind}` for every {kind}"
    if _PLACEHOLDER.fullmatch(id) or re.search(r"\?|\.\+|\[.-.\]", id):
        return f"{whole} stands for itself: nothing is filled in, and it is no pattern"
    if id != id.strip() or id[0] in "/'\"" or id[-1] in "/'\"":
        return f"spaces, quotes and slashes at an end of {whole} are part of the id"
    parts = id.split("/")[1:]
    if kind != "model" and parts and (parts[-1] in (*WINDOWS, "global") or set(parts[:-1]) & set(kinds)):
        return f"{whole} is one scope, and {id!r} its id; a limit is of one scope, and its window stands beside it"
    return None


def slip_of(word: str, known: Iterable[str]) -> str | None:
    """The known word that another is a slip of: its plural, in other case, letters swapped, lost or doubled."""
    return next((other for other in known if other != word and _is_slip(_bare(word), _bare(other))), None)


def same_model(model: str, known: str) -> bool:
    """Whether a model that has no price is a slip of one that has: never of another version, by its digits."""
    provider, _, name = model.rpartition("/")
    others, _, other = known.rpartition("/")
    if provider and _alike(_bare(provider), _bare(others)) < _ALIKE - 0.1:
        return False
    name, other = _plain(name), _plain(other)
    return re.sub(r"\D", "", name) == re.sub(r"\D", "", other) and _is_slip(name, other)


def _hint(kind: str, close: str | None) -> str:
    if close is not None:
        return f" (did you mean {close}?)"
    apart = _OTHER_SEPARATOR.fullmatch(kind)
    return f" (did you mean {apart['kind'].lower()}/{apart['id']}?)" if apart else ""


def _is_slip(word: str, other: str) -> bool:
    return word == other or sorted(word) == sorted(other) or _alike(word, other) >= _ALIKE


def _alike(word: str, other: str) -> float:
    return SequenceMatcher(None, word, other, autojunk=False).ratio()


def _plain(word: str) -> str:
    return re.sub(r"[\W_]", "", word.lower())


def _bare(word: str) -> str:
    return _ENDING.sub("", _plain(word))
