"""How a call declares its fields: what each says of itself for documents, options, bodies and digests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import Attribute, field, fields, frozen

from coreason_budget.errors import InvalidAmountError
from coreason_budget.ids import shown


@frozen
class Declaration:
    """What a field says of itself beside its type.

    Attributes:
        help: One sentence for the command line.
        option: Its option there; empty is an argument.
        metavar: What stands for its value there.
        content: Its name as content; empty is its own name, None is no content and no part of a JSON body.
        read: What gives it as content; empty is itself.
    """

    help: str
    option: str
    metavar: str
    content: str | None
    read: str


def said(
    help: str = "",
    option: str = "",
    metavar: str = "",
    *,
    default: Any = None,
    content: str | None = "",
    read: str = "",
    converter: Callable[[Any], Any] | None = None,
    validator: Callable[[Any, Attribute[Any], Any], None] | None = None,
) -> Any:
    """Make a field that a caller fills. See `Declaration`."""
    told = Declaration(help, option, metavar, content, read)
    return field(default=default, converter=converter, validator=validator, metadata={Declaration: told})


def is_flag(_: object, attribute: Attribute[Any], value: object) -> None:
    """Hold a field to true and false: text that says no would count as yes.

    Raises:
        InvalidAmountError: It is something else; names the field.
    """
    if value is not None and type(value) is not bool:
        name = attribute.name
        raise InvalidAmountError(f"{name}: must be true or false, not {shown(value)}", field=name)


def declarations(verb: type[Any]) -> tuple[tuple[Attribute[Any], Declaration], ...]:
    """Give the fields of a verb, each with what it says of itself."""
    if verb not in _TOLD:
        _TOLD[verb] = tuple((one, one.metadata[Declaration]) for one in fields(verb))
    return _TOLD[verb]


def json_fields(verb: type[Any]) -> tuple[str, ...]:
    """Name the fields that stand in a JSON body; the others come with a header."""
    return tuple(attribute.name for attribute, told in declarations(verb) if told.content is not None)


def content_names(verb: type[Any]) -> dict[str, tuple[str, str]]:
    """Give of each field that is content its name there, and what gives it; empty is the field itself."""
    if verb not in _CONTENT:
        _CONTENT[verb] = {
            one.name: (told.content or one.name, told.read)
            for one, told in declarations(verb)
            if told.content is not None
        }
    return _CONTENT[verb]


_TOLD: dict[type[Any], tuple[tuple[Attribute[Any], Declaration], ...]] = {}
_CONTENT: dict[type[Any], dict[str, tuple[str, str]]] = {}


@frozen
class Alternative:
    """One way to say what a call costs, for the document too.

    Attributes:
        fields: Those that no other way has. A way without any is to say nothing.
        needs: Which must be there: all of one of these.
    """

    fields: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
