"""Errors as RFC 9457 problems, and back: a sentence for people, and data for programs.

`coreason_budget.wire.outcomes` is the table; here an error becomes a row of it with its figures, and a row the error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import Factory, frozen

from coreason_budget.errors import BudgetError, BudgetExceededError, LedgerUnavailableError
from coreason_budget.wire.answers import in_unit, moment
from coreason_budget.wire.outcomes import BAD_REQUEST, BUDGET_EXCEEDED, Kind, kind_named, kind_of

MEDIA_TYPE = "application/problem+json"

_RETRY_S = 1
_FIGURES = ("limit", "spent", "reserved", "requested")


@frozen
class Problem:
    """One error answer."""

    kind: Kind
    detail: str
    data: dict[str, Any] = Factory(dict)
    headers: dict[str, str] = Factory(dict)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            **self.data,
        }


class RequestError(Exception):
    """A request that the service refuses before it asks the library."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def bad_request(detail: str, **data: Any) -> RequestError:
    """A body, a header or a query that cannot be understood. ``field`` in ``data`` names the place."""
    return RequestError(Problem(BAD_REQUEST, detail, data))


def problem_of(error: BudgetError) -> Problem:
    """The problem that stands for an error of the library."""
    kind = kind_of(error)
    if isinstance(error, BudgetExceededError):
        return Problem(kind, str(error), _refusal(error), _retry(error.retry_after_s))
    found = {name: getattr(error, name, None) for name in sorted(kind.members)}
    data = {name: value for name, value in found.items() if value is not None and value is not False}
    if kind.status == 503:
        return Problem(kind, str(error), {**data, "retry_after_s": _RETRY_S}, _retry(_RETRY_S))
    return Problem(kind, str(error), data)


def error_of(problem: object) -> BudgetError:
    """The error of the library that stands behind a problem's JSON, with its data; to be raised.

    What is no problem of ours gives a `LedgerUnavailableError`: whoever answered, it was not a budget.
    """
    try:
        return _error(problem)
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return LedgerUnavailableError("the budget service did not answer; something else did, with no problem of its")


def _error(problem: Any) -> BudgetError:
    kind = kind_named(problem["type"])
    if kind is None:
        raise LookupError(problem["type"])
    data = _figures(problem) if kind is BUDGET_EXCEEDED else problem
    error = kind.error(str(problem["detail"]))
    vars(error).update({name: data[name] for name in vars(error) if name in data})
    return error


def _refusal(error: BudgetExceededError) -> dict[str, Any]:
    affordable = error.affordable_output_tokens
    return {
        "scope": error.scope,
        "window": error.window,
        "unit": error.unit,
        "reason": error.reason,
        **in_unit(error.unit, **{name: getattr(error, name) for name in _FIGURES}),
        "resets_at": moment(error.resets_at),
        "retry_after_s": error.retry_after_s,
        "limit_source": error.limit_source,
        **({} if affordable is None else {"affordable_output_tokens": affordable}),
    }


def _figures(problem: Mapping[str, Any]) -> dict[str, Any]:
    """A refusal's data as its error has them: `_refusal`, backwards."""
    is_usd, resets_at = problem["unit"] == "usd", problem["resets_at"]
    amounts = {name: problem[f"{name}_usd" if is_usd else name] for name in _FIGURES}
    if is_usd:
        amounts = {name: Decimal(amount) for name, amount in amounts.items()}
    return {**problem, **amounts, "resets_at": None if resets_at is None else datetime.fromisoformat(resets_at)}


def _retry(after_s: int | None) -> dict[str, str]:
    return {} if after_s is None else {"Retry-After": str(after_s)}
