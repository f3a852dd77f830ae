"""The request bodies: attrs classes, structured by cattrs so that every field error names its field.

Here is what JSON can be wrong about (types, missing and unknown fields); what an amount or an id
may hold is the library's to say. The types are what `coreason_budget.server.openapi` tells of a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar

import cattrs
from attrs import AttrsInstance, asdict, fields_dict, frozen
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError

from coreason_budget.ids import (
    BUILT_IN_KINDS,
    ID_PATTERN,
    KIND_PATTERN,
    MAX_ID_BYTES,
    MAX_RESERVATION_ID_BYTES,
    MAX_TAGS,
    MAX_TOKENS,
    MAX_TTL_S,
    MIN_TTL_S,
)
from coreason_budget.money import AMOUNT_PATTERN, MAX_OPERATION_NANOS, NANOS_PER_USD, Usd
from coreason_budget.wire.answers import Schema
from coreason_budget.wire.problems import RequestError, bad_request

_LONGEST_SHOWN = 40

T = TypeVar("T")

ID = {"minLength": 1, "maxLength": MAX_ID_BYTES, "pattern": f"^{ID_PATTERN}$"}

Id: TypeAlias = Annotated[
    str, Schema(**ID, description=f"Text of 1 to {MAX_ID_BYTES} bytes of UTF-8 without control characters.")
]
Model: TypeAlias = Annotated[Id, Schema(description="The model that is called.", examples=["gpt-4o"])]
ReservationId: TypeAlias = Annotated[
    Id, Schema(maxLength=MAX_RESERVATION_ID_BYTES, description="As POST /reserve gave it.")
]
Amount: TypeAlias = Annotated[
    Usd,
    Schema(
        anyOf=[
            {"type": "number", "minimum": 0, "maximum": MAX_OPERATION_NANOS // NANOS_PER_USD},
            {"type": "string", "pattern": f"^{AMOUNT_PATTERN}$"},
        ],
        description="USD, as a number or as text; more than nano-USD are rounded up.",
        examples=[0.25, "0.25"],
    ),
]
Tokens: TypeAlias = Annotated[int, Schema(minimum=0, maximum=MAX_TOKENS)]
Seconds: TypeAlias = Annotated[
    float,
    Schema(minimum=MIN_TTL_S, maximum=MAX_TTL_S, description="Seconds until it lapses; a setting by default."),
]
Tags: TypeAlias = Annotated[
    Mapping[str, Any],
    Schema(
        propertyNames={"pattern": f"^{KIND_PATTERN}$", "not": {"enum": list(BUILT_IN_KINDS)}},
        additionalProperties={"type": "string", **ID},
        maxProperties=MAX_TAGS,
        description="Further scopes, kind to id.",
        examples=[{"team": "search"}],
    ),
]
UsageObject: TypeAlias = Annotated[
    Mapping[str, Any],
    Schema(
        description="The provider's whole answer, or its usage alone, which tells no service tier and no tools.",
        examples=[
            {"model": "gpt-4o", "usage": {"prompt_tokens": 1200, "completion_tokens": 300}},
            {"prompt_tokens": 1200, "completion_tokens": 300},
        ],
    ),
]


Service: TypeAlias = Annotated[
    str,
    Schema(
        description="What was billed where the answer does not say: `batch`, `flex`, `priority`, ...",
        examples=["batch"],
    ),
]


@frozen
class Way:
    """One way to say what a call costs, for the document too.

    Attributes:
        fields: Those that no other way has. A way without any is to say nothing.
        needs: Which must be there: all of one of these.
    """

    fields: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]


_BY_COST = Way(("cost",), (("cost",),))
_BY_USAGE = Way(("usage",), (("usage",),))


@frozen(kw_only=True)
class _Call:
    """What a call falls under, and how long its input is."""

    user_id: Id
    project_id: Id | None = None
    model: Model | None = None
    tags: Tags | None = None
    input_tokens: Tokens | None = None


@frozen(kw_only=True)
class Check(_Call):
    """POST /check; with a model and its input, how long an answer may be too."""

    estimated_cost: Amount | None = None

    WAYS: ClassVar = (Way((), ((),)), Way(("input_tokens",), (("model", "input_tokens"),)))


@frozen(kw_only=True)
class Spend(_Call):
    """POST /spend: a cost, the provider's answer, or a model and its token counts."""

    cost: Amount | None = None
    usage: UsageObject | None = None
    output_tokens: Tokens | None = None
    service: Service | None = None

    WAYS: ClassVar = (
        _BY_COST,
        _BY_USAGE,
        Way(("input_tokens", "output_tokens"), (("model", "input_tokens"), ("model", "output_tokens"))),
    )


@frozen(kw_only=True)
class Reserve(_Call):
    """POST /reserve: a cost, or a model and the bounds of its token counts."""

    cost: Amount | None = None
    max_output_tokens: Tokens | None = None
    ttl_s: Seconds | None = None

    WAYS: ClassVar = (_BY_COST, Way(("input_tokens", "max_output_tokens"), (("model", "input_tokens"),)))


@frozen(kw_only=True)
class Settle:
    """POST /settle: a cost, the provider's answer, or token counts."""

    reservation_id: ReservationId
    cost: Amount | None = None
    usage: UsageObject | None = None
    model: Model | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    service: Service | None = None

    WAYS: ClassVar = (
        _BY_COST,
        _BY_USAGE,
        Way(("input_tokens", "output_tokens"), (("input_tokens",), ("output_tokens",))),
    )


@frozen(kw_only=True)
class Release:
    """POST /release: a reservation whose call did not happen."""

    reservation_id: ReservationId

    WAYS: ClassVar = ()


def structure(body: object, wanted: type[T]) -> T:
    """Read a JSON value as a request.

    Raises:
        RequestError: Not an object, or a field is missing, unknown or of the wrong type; names it.
    """
    if not isinstance(body, dict):
        raise bad_request(f"the body must be a JSON object, not {_json_type(body)}")
    try:
        return _converter.structure(body, wanted)
    except ClassValidationError as error:
        raise _refusal(error, wanted) from None


def given(asked: AttrsInstance) -> dict[str, Any]:
    """What a request says, by the names of the library's own parameters: null is as good as left out."""
    return {name: value for name, value in asdict(asked, recurse=False).items() if value is not None}


def one_way(asked: Check | Spend | Reserve | Settle) -> None:
    """See that a request says its cost in one of its ways.

    Raises:
        RequestError: In none, or in several.
    """
    given = [[name for name in way.fields if getattr(asked, name) is not None] for way in asked.WAYS]
    told = [", ".join(names) for names in given if names]
    if len(told) > 1:
        raise bad_request(f"cost: give either {' or '.join(told)}, not both", field="cost")
    if not told and all(way.fields for way in asked.WAYS):
        first, *others = [name for way in asked.WAYS for name in way.fields]
        raise bad_request(f"cost: missing; give {first}, or {', '.join(others)}", field="cost")


def model_named(model: str | None) -> str:
    """Give the model back that a request must name beside its tokens.

    Raises:
        RequestError: It does not.
    """
    if model is None:
        raise bad_request("model: missing; input_tokens need one", field="model")
    return model


def _refusal(error: ClassValidationError, wanted: type[Any]) -> RequestError:
    known, others = error.group_exceptions()
    errors = [_wrong(note.name, cause) for cause, note in known]
    allowed = ", ".join(fields_dict(wanted))
    for other in others:
        if isinstance(other, ForbiddenExtraKeysError):
            names = sorted(other.extra_fields)
            errors += [
                {"field": _short(name), "detail": f"{_short(name)}: unknown field; allowed are {allowed}"}
                for name in names[:_LONGEST_SHOWN]
            ]
    detail = "; ".join(wrong["detail"] for wrong in errors[:3])
    return bad_request(detail, field=errors[0]["field"], errors=errors)


def _wrong(name: str, cause: Exception) -> dict[str, str]:
    reason = "missing" if isinstance(cause, KeyError) else str(cause)
    return {"field": name, "detail": f"{name}: {reason}"}


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_SHOWN else name[: _LONGEST_SHOWN - 3] + "..."


def _json_type(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    kinds = {str: "text", dict: "an object", list: "a list"}
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), "a number")


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {_json_type(value)}")
    return value


def _amount(value: Any, _: Any) -> Usd | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, Decimal | int | str)):
        raise ValueError(f"must be an amount of USD, a number or text, not {_json_type(value)}")
    return value


def _whole_number(value: Any, _: Any) -> int:
    # JSON knows one kind of number: 1000.0 is 1000. The bound comes first, for 1E999999 would fill the memory.
    if isinstance(value, Decimal) and abs(value) <= MAX_TOKENS and value == int(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, not {_json_type(value)}")
    return value


def _seconds(value: Any, _: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise ValueError(f"must be a number of seconds, not {_json_type(value)}")
    return float(value)


def _object(value: Any, _: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"must be an object, not {_json_type(value)}")
    return value


_converter = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook(str, _text)
_converter.register_structure_hook(int, _whole_number)
_converter.register_structure_hook(float, _seconds)
_converter.register_structure_hook_func(lambda wanted: wanted == Amount | None, _amount)
_converter.register_structure_hook_func(lambda wanted: wanted == Mapping[str, Any], _object)
