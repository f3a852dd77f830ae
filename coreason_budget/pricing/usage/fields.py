"""The fields of one level of a usage, by key or by attribute, whoever made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

from coreason_budget.errors import InvalidAmountError

Fields: TypeAlias = Mapping[str, Any]

_NO_FIELDS: Fields = {}
_TEXT_OR_NAMED = (str, bytes, Mapping)
_PLAIN = (str, bytes, int, float, Decimal, bool, Enum, list, tuple, set, frozenset, type, type(None))


def fields_of(value: object) -> Fields:
    """Give what stands at one level: name -> value. Empty for what has no names.

    Keys of a mapping, attributes of an object (also those that its class did not foresee), fields of a
    protobuf message. A mapping that is an object too (huggingface_hub's answers) tells by its attributes
    what its keys lack.
    """
    if type(value) is dict:
        return value
    if value is None:
        return _NO_FIELDS
    if isinstance(value, _PLAIN):
        return {}
    if isinstance(value, Mapping):
        own = getattr(value, "__dict__", None) if isinstance(value, dict) else None
        return {**value, **_public(own)} if own else value
    message = getattr(value, "_pb", value)
    if hasattr(message, "DESCRIPTOR") and hasattr(message, "ListFields"):
        return {field.name: _named(field, content) for field, content in message.ListFields()}
    return _attributes(value)


def _named(field: Any, content: Any) -> Any:
    """Give what stands in a field of a protobuf message, enumerations by name."""
    if field.enum_type is None:
        return content
    names = field.enum_type.values_by_number
    numbers = [content] if isinstance(content, int) else content
    found = [names[number].name if number in names else number for number in numbers]
    return found[0] if isinstance(content, int) else found


def _attributes(value: object) -> Fields:
    own = getattr(value, "__dict__", None) or {}
    found = _public(own)
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("_") and hasattr(value, name):
                found[name] = getattr(value, name)
        # xai-sdk's answers hold their message behind a property.
        if "proto" in kind.__dict__ and hasattr(value, "proto"):
            found["proto"] = value.proto
    # What pydantic's models were given beside their declared fields.
    extra = getattr(value, "__pydantic_extra__", None)
    return {**found, **extra} if isinstance(extra, Mapping) else found


def _public(names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in names.items() if isinstance(name, str) and not name.startswith("_")}


def is_absent(value: object) -> bool:
    """Tell whether a value says that nothing is there: None, or an SDK's own mark (Mistral's ``Unset``)."""
    return value is None or type(value).__name__ in ("Unset", "NotGiven", "Omit")


def items_of(value: object, name: str) -> Iterator[Any]:
    """Give the items of a list, protobuf's repeated fields too; none where there is no list.

    Raises:
        InvalidAmountError: It is no list; names the field.
    """
    if type(value) is list:
        return iter(value)
    if is_absent(value):
        return iter(())
    if isinstance(value, _TEXT_OR_NAMED) or not hasattr(value, "__iter__") or not hasattr(value, "__len__"):
        raise InvalidAmountError(f"{name}: not a list", field=name)
    return iter(value)


def word(value: object, field: str = "usage") -> str:
    """Give a name in lower case, of text or an enumeration; empty if there is none.

    Raises:
        InvalidAmountError: Something else stands there.
    """
    if type(value) is str:  # Read of every answer.
        return value.lower()
    if value is None:
        return ""
    if isinstance(value, Enum):
        value = value.value
    if is_absent(value):
        return ""
    if not isinstance(value, str):
        raise InvalidAmountError(f"{field}: {type(value).__name__} where a name should be", field=field)
    return value.lower()
