"""The bodies of requests: JSON becomes the calls of the library, and every field error names its field.

Here is what JSON can be wrong about (types, missing and unknown fields); what an amount or an id
may hold is the library's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import cattrs
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from coreason_budget.calls import CALLS, NO_USAGE, Call, Settle
from coreason_budget.declared import declarations, json_fields
from coreason_budget.ids import MAX_TOKENS
from coreason_budget.inputs import Amount
from coreason_budget.money import Usd
from coreason_budget.wire.problems import RequestError, bad_request

_LONGEST_SHOWN = 40

T = TypeVar("T", bound=Call)


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


def one_way(asked: Call) -> None:
    """See that a request says its cost in one of its ways.

    Raises:
        RequestError: In none, or in several.
    """
    given = [[name for name in way.fields if getattr(asked, name) is not None] for way in asked.ALTERNATIVES]
    told = [", ".join(names) for names in given if names]
    if len(told) > 1:
        raise bad_request(f"cost: give either {' or '.join(told)}, not both", field="cost")
    if not told and asked.ALTERNATIVES and all(way.fields for way in asked.ALTERNATIVES):
        first, *others = [name for way in asked.ALTERNATIVES for name in way.fields]
        hint = f" ({NO_USAGE})" if "usage" in others else ""
        held = "; what is held stays held until it is settled, released, or lapses" if isinstance(asked, Settle) else ""
        raise bad_request(f"cost: missing; give {first}, or {', '.join(others)}{hint}{held}", field="cost")


def model_named(model: str | None) -> str:
    """Give the model back that a request must name beside its tokens.

    Raises:
        RequestError: It does not.
    """
    if model is None:
        raise bad_request("model: missing; input_tokens need one", field="model")
    return model


def _refusal(error: ClassValidationError, wanted: type[Call]) -> RequestError:
    known, others = error.group_exceptions()
    errors = [_wrong(note.name, cause) for cause, note in known]
    allowed = ", ".join(json_fields(wanted))
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


def _truth(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_json_type(value)}")
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
_converter.register_structure_hook(bool, _truth)
_converter.register_structure_hook_func(lambda wanted: wanted == Amount | None, _amount)
_converter.register_structure_hook_func(lambda wanted: wanted in (Mapping[str, Any], Mapping[str, str]), _object)
for _call in CALLS:
    _others = {one.name: override(omit=True) for one, _ in declarations(_call) if one.name not in json_fields(_call)}
    _structure: Any = make_dict_structure_fn
    _converter.register_structure_hook(_call, _structure(_call, _converter, _cattrs_forbid_extra_keys=True, **_others))
