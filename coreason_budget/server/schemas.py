"""The request bodies: attrs classes, structured by cattrs so that every field error names its field.

Here is what JSON can be wrong about (types, missing and unknown fields); what an amount or an id
may hold is the library's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import cattrs
from attrs import fields_dict, frozen
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError

from coreason_budget.model import MAX_TOKENS
from coreason_budget.money import Usd
from coreason_budget.server.problems import RequestError, bad_request

_LONGEST_SHOWN = 40

T = TypeVar("T")


@frozen(kw_only=True)
class Check:
    """POST /check; with a model and its input, how long an answer may be too."""

    user_id: str
    estimated_cost: Usd | None = None
    project_id: str | None = None
    model: str | None = None
    tags: Mapping[str, Any] | None = None
    input_tokens: int | None = None


@frozen(kw_only=True)
class Spend:
    """POST /spend: a cost, or a model and its token counts."""

    user_id: str
    cost: Usd | None = None
    project_id: str | None = None
    model: str | None = None
    tags: Mapping[str, Any] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@frozen(kw_only=True)
class Reserve:
    """POST /reserve: a cost, or a model and the bounds of its token counts."""

    user_id: str
    cost: Usd | None = None
    project_id: str | None = None
    model: str | None = None
    tags: Mapping[str, Any] | None = None
    input_tokens: int | None = None
    max_output_tokens: int | None = None
    ttl_s: float | None = None


@frozen(kw_only=True)
class Settle:
    """POST /settle: a cost, token counts, or the provider's usage object."""

    reservation_id: str
    cost: Usd | None = None
    usage: Mapping[str, Any] | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@frozen(kw_only=True)
class Release:
    """POST /release."""

    reservation_id: str


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


def one_cost(cost: object, **others: object) -> None:
    """See that a request says its cost in one way.

    Raises:
        RequestError: In no way, or in several.
    """
    given = [name for name, value in others.items() if value is not None]
    if cost is not None and given:
        raise bad_request(f"cost: give either cost or {', '.join(given)}, not both", field="cost")
    if cost is None and not given:
        raise bad_request(f"cost: missing; give cost, or {', '.join(others)}", field="cost")


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
_converter.register_structure_hook_func(lambda wanted: wanted == Usd | None, _amount)
_converter.register_structure_hook_func(lambda wanted: wanted == Mapping[str, Any], _object)
