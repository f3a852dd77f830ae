"""JSON Schema read off the types of requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from attrs import NOTHING, fields

from coreason_budget.declared import json_fields
from coreason_budget.wire.answers import Json

NULL: Json = {"type": "null"}

_JSON_TYPES = {
    NoneType: "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    Decimal: "number",
    str: "string",
    Mapping: "object",
}


class Schemas:
    """Gives the schemas of types; those that have a name are kept in `named`, and referred to."""

    def __init__(self) -> None:
        self.named: dict[str, Json] = {}

    def of(self, hint: Any) -> Json:
        """The schema of a type: plain ones, their unions, lists, typed dictionaries, and what `Schema` adds."""
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return reduce(or_, [more.keywords for more in arguments[1:]], self.of(arguments[0]))
        if origin is NotRequired:
            return self.of(arguments[0])
        if origin is Literal:
            return {"type": "string", **({"const": arguments[0]} if len(arguments) == 1 else {"enum": [*arguments]})}
        if origin in (Union, UnionType):
            return _either([self.of(one) for one in arguments])
        if origin is list:
            return {"type": "array", "items": self.of(arguments[0])}
        if is_typeddict(hint):
            return self.name(hint.__name__, {"type": "object", "description": hint.__doc__, **self.members(hint)})
        return {"type": _JSON_TYPES[origin or hint]}

    def members(self, shape: Any) -> Json:
        """The members of a typed dictionary, or of a call, and which of them must be there."""
        hints = get_type_hints(shape, include_extras=True)
        if is_typeddict(shape):
            # Where annotations are postponed, Python itself does not see NotRequired.
            needed = [n for n in hints if n in shape.__required_keys__ and get_origin(hints[n]) is not NotRequired]
            return {"properties": {name: self.of(hint) for name, hint in hints.items()}, "required": needed}
        needed = [field.name for field in fields(shape) if field.default is NOTHING]
        return {"properties": {name: self.of(hints[name]) for name in json_fields(shape)}, "required": needed}

    def name(self, name: str, schema: Json) -> Json:
        """Keep a schema under a name; gives the reference to it."""
        self.named[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}

    def description(self, schema: Json) -> str:
        """What a schema, or the one it refers to, says in words."""
        told = self.named[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        return str(told["description"])


def _either(options: list[Json]) -> Json:
    *others, last = options
    if last == NULL and len(others) == 1 and "type" in others[0] and not {"const", "enum"} & others[0].keys():
        return {**others[0], "type": [others[0]["type"], "null"]}
    return {"anyOf": options}
