"""Which model served a call, by the name its answer gives, and whose price that has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from coreason_budget.errors import UnknownModelError
from coreason_budget.pricing import bundled, names
from coreason_budget.pricing.catalog import Catalog
from coreason_budget.pricing.hidden import why_hidden
from coreason_budget.pricing.patterns import match_all
from coreason_budget.pricing.price import ModelPrice

# A host that writes the makers' ids in its own way: what stands before, the maker's id, what stands after.
_BEDROCK = (
    r"(?P<place>bedrock(?:_mantle)?/(?:[a-z]{2}[a-z0-9-]*/)?(?:[a-z-]+\.(?=[a-z0-9]+\.[a-z]))?)(?P<maker>[a-z0-9]+\.)"
    r"(?P<id>.+?)(?:-v[0-9](?::[0-9])?)?"
)
_DATABRICKS = r"(?P<place>databricks/)(?P<maker>databricks-)(?P<id>.+)"
_ORACLE = r"(?P<place>oci/)(?P<maker>[a-z0-9]+\.)(?P<id>.+)"
_FRAMES = (_BEDROCK, _DATABRICKS, _ORACLE)
_ENDINGS = ("", "-v1:0", "-v1", "-v2:0")
# A part of an id that chooses the price: the same id without it is another price.
_PLACE = r"eu|us|apac|us-gov|global|global-standard|[a-z]{2}(?:-gov)?-[a-z]+-[0-9]"
_DATE = r"20[0-9]{2}-[01][0-9]-[0-3][0-9]|20[0-9]{6}"
_DATED = rf"(?P<model>.+?)[-@](?:{_DATE})"
_VERSION = rf"(?P<model>.+?)[-@](?:{_DATE}|[01][0-9]-[0-3][0-9]|[01][0-9]-20[0-9]{{2}}|[0-9]{{4}}|[0-9]{{6}}|00[1-9])"


def priced_model(catalog: Catalog, answered: str, reserved: str) -> str:
    """Give the id whose price a call has that was reserved for one model and answered by one, or the same.

    It is the answered model's at the host that was called, or as the user's alias has it; from a maker,
    or by a name that is no host's, any model's that the table knows, for a router may have turned
    elsewhere; and the reserved one's only where the answer names that otherwise, or where nothing but
    the user's override is known of it.

    Raises:
        UnknownModelError: None of them; names both.
    """
    found = catalog.resolve(reserved)
    name, entry = found or (reserved, None)
    if answered in (reserved, name) or (entry is not None and entry.provider == "custom"):
        return reserved
    if catalog.is_alias(answered):
        return answered
    if _says_less(answered, name):
        return reserved
    if entry is None and why_hidden(reserved):
        return _same(answered, reserved, False)
    whole = name if "/" in name or entry is None else f"{entry.provider}/{name}"
    host = whole.partition("/")[0] if entry is None else entry.provider
    is_open = "/" not in whole or host in bundled.shared().makers()
    for candidate in _at_host(answered, whole, is_open):
        if (other := catalog.listed(candidate)) is not None:
            return reserved if other == entry else candidate
    elsewhere = _elsewhere(catalog, answered)
    if elsewhere is not None and (is_open or (elsewhere.provider == host and not _has_place(whole))):
        return answered
    is_same = _is_another_name(answered, whole) or _is_another_name(answered, reserved)
    return _same(answered, reserved, is_same or _has_one_maker_s_entry(elsewhere, catalog, whole))


def same_model(catalog: Catalog, answered: str, reserved: str) -> bool:
    """Say whether an answer's model is the reserved one, under whatever name."""
    try:
        name = priced_model(catalog, answered, reserved)
        return name == reserved or catalog.find(name) == catalog.find(reserved) is not None
    except UnknownModelError:
        return False


def _same(answered: str, reserved: str, is_same: bool) -> str:
    if is_same:
        return reserved
    raise UnknownModelError(
        f"The answer names {answered!r}, and {reserved!r} was reserved: the first has no price there, and nothing "
        "says that it is the second. If it is, say so with MODEL_ALIASES.",
        model=answered,
    )


def _at_host(answered: str, whole: str, is_open: bool) -> Iterator[str]:
    """Give the ids that the answered model may have where the reserved one was called."""
    tails = [answered]
    if not is_open:
        tails += [tail for one in names.readings(answered) if (tail := one.partition("/")[2])]
    for tail in dict.fromkeys(tails):
        for frame in _FRAMES:
            if (match := match_all(frame, whole)) is not None:
                yield from _framed(match, tail)
                break
        else:
            yield from _beside(whole, tail)


def _framed(match: re.Match[str], tail: str) -> Iterator[str]:
    inner = match_all(_BEDROCK, f"bedrock/{tail}")
    if inner is not None and match.re.pattern == _BEDROCK:
        yield f"bedrock/{tail}" if _has_place(inner.string) else match["place"] + tail
    model = inner["id"] if inner else tail
    for spelled in _plain(model) if match.re.pattern == _DATABRICKS else _spellings(model):
        yield from (match["place"] + match["maker"] + spelled + ending for ending in _ENDINGS)


def _plain(model: str) -> Iterator[str]:
    """Give an id as Databricks has it, without points and versions."""
    match = match_all(_VERSION, model)
    yield from (one.replace(".", "-") for one in (model, match["model"] if match else model))


def _beside(whole: str, tail: str) -> Iterator[str]:
    """Put an id in place of the last parts of a path, one more at a time, down to its place or host."""
    parts = whole.split("/")[:-1]
    while parts:
        yield from ("/".join((*parts, model)) for model in _spellings(tail))
        if match_all(_PLACE, parts.pop()):
            return


def _spellings(model: str) -> Iterator[str]:
    """Give an id, and Claude's without the date: its names have one each, which most hosts leave out."""
    yield model
    if "claude-" in model and (match := match_all(_VERSION, model)) is not None:
        yield match["model"]


def _elsewhere(catalog: Catalog, answered: str) -> ModelPrice | None:
    try:
        return catalog.find(answered)
    except UnknownModelError:
        return None


def _has_place(whole: str) -> bool:
    framed = match_all(_BEDROCK, whole)
    return any(match_all(_PLACE, part) for part in whole.split("/")) or (framed is not None and "." in framed["place"])


def _says_less(answered: str, name: str) -> bool:
    """Say whether an answer gives the reserved id without its date, as Azure's did, or a fine-tune's base."""
    own = _path(name)
    for path in (own, *_unframed(name)):
        match = match_all(_DATED, path[-1])
        if match is not None and _ends(_path(answered), [*path[:-1], match["model"]]):
            return True
    return own[-1].startswith("ft:") and _path(answered)[-1] == own[-1].removeprefix("ft:")


def _is_another_name(answered: str, whole: str) -> bool:
    """Say whether an answer's id is the reserved one in another case, with a version, or without the host's frame."""
    own = [_path(whole), *_unframed(whole)]
    own += [[*path[:-1], path[-1].removesuffix("-latest")] for path in own]
    given = _path(answered)
    match = match_all(_VERSION, given[-1])
    both = [given, [*given[:-1], match["model"]]] if match else [given]
    return any(_ends(one, path) for one in both for path in own)


def _unframed(name: str) -> list[list[str]]:
    return [_path(match["id"]) for frame in _FRAMES if (match := match_all(frame, name)) is not None]


def _has_one_maker_s_entry(elsewhere: ModelPrice | None, catalog: Catalog, whole: str) -> bool:
    """Say whether the answered id and the host's name for its model are two names of one model at its maker."""
    tail = whole.rpartition("/")[2]
    return elsewhere is not None and any(
        _elsewhere(catalog, "/".join(one)) == elsewhere for one in ([tail], *_unframed(whole))
    )


def _path(name: str) -> list[str]:
    return name.lower().replace("@", "-").split("/")


def _ends(parts: list[str], whole: list[str]) -> bool:
    return whole[-len(parts) :] == parts
