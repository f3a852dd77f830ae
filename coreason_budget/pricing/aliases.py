"""The user's own names of models, as deployments have them: each stands for one model, priced or limited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from coreason_budget.errors import ConfigError, UnknownModelError
from coreason_budget.ids import MAX_ID_BYTES
from coreason_budget.pricing import names
from coreason_budget.pricing.price import ModelPrice

_FIELD = "model_aliases"


def checked_aliases(
    given: Mapping[str, str],
    resolve: Callable[[str], tuple[str, ModelPrice] | None],
    close_to: Callable[[str], list[str]],
) -> dict[str, str]:
    """Give each alias and the id of its model, found once: no alias stands for another.

    An alias never takes the place of a model that has a price: that would be a way to call a dear one
    at the price of a cheap one. The price of a known model is changed by an override.

    Raises:
        ConfigError: Names the alias, and where its model is not known the closest.
    """
    for alias, model in given.items():
        _check_text(alias, alias)
        _check_text(alias, model)
    return {alias: _target(alias, model, given, resolve, close_to) for alias, model in given.items()}


def _target(
    alias: str,
    model: str,
    given: Mapping[str, str],
    resolve: Callable[[str], tuple[str, ModelPrice] | None],
    close_to: Callable[[str], list[str]],
) -> str:
    if plain := [name for name in names.readings(alias) if name != alias]:
        _fail(alias, f"write it as {plain[-1]!r}: that holds for this form of it, too")
    if any(name in given for name in names.readings(model)):
        _fail(alias, f"{model!r} is an alias, too; name the model itself")
    try:
        found, known = resolve(model), resolve(alias)
    except UnknownModelError as error:
        _fail(alias, str(error))
    if found is None:
        close = ", ".join(close_to(model))
        _fail(alias, f"{model!r} has no price{close and f'; close: {close}'}")
    if known is not None and known[1].canonical != found[1].canonical:
        _fail(alias, f"it is the id of {known[1].canonical}, which has a price; MODEL_PRICE_OVERRIDES changes that")
    return found[0]


def _check_text(alias: object, value: Any) -> None:
    if not isinstance(value, str) or not 1 <= len(value.encode("utf-8", "replace")) <= MAX_ID_BYTES:
        _fail(alias, f"a name is text of 1 to {MAX_ID_BYTES} bytes")


def _fail(alias: object, problem: str) -> NoReturn:
    raise ConfigError(f"model_aliases: {alias!r}: {problem}", field=_FIELD)
