"""A verb is the same wherever it is called: in Python, as JSON and on the command line, field by field."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from coreason_budget import BudgetManager, aio, testing
from coreason_budget.calls import CALLS, Mutation
from coreason_budget.cli import cli
from coreason_budget.declared import json_fields, said
from coreason_budget.server.table import ROUTES
from tests.simulation.client import Caller

# The name of a verb outside -> its method; `usage` asks by a query.
VERBS = {
    "check": "check_availability",
    "spend": "record_spend",
    "reserve": "reserve",
    "settle": "settle",
    "release": "release",
    "correct": "correct",
}
# What only a process that holds the reservation itself can say.
_PYTHON_ALONE = {"self", "entries", "release_on"}
# What lowers what is booked: whoever operates the ledger may, and no caller of the service.
_OPERATOR_ALONE = {"only_up", "void"}
_KEY = "idempotency_key"
_each = pytest.mark.parametrize("verb", VERBS)


def in_python(verb: str) -> set[str]:
    """The parameters of the manager's method."""
    return {*inspect.signature(getattr(BudgetManager, VERBS[verb])).parameters} - _PYTHON_ALONE


def in_json(verb: str, asks: Any) -> set[str]:
    """The fields of the body, and the key of its header."""
    return {*json_fields(asks), *([_KEY] if issubclass(asks, Mutation) else [])}


def on_the_command_line(verb: str) -> set[str]:
    """The arguments and options, but for the form of the answer."""
    return {str(parameter.name) for parameter in cli.commands[verb].params} - {"as_json"}


@_each
def test_a_verb_takes_the_same_everywhere(verb: str) -> None:
    """What one can say in Python, one can say over HTTP and in a shell, under the same name."""
    assert in_json(verb, ROUTES[verb].asks) == in_python(verb) - _OPERATOR_ALONE
    assert on_the_command_line(verb) == in_python(verb)


@frozen(kw_only=True, slots=False)
class _Forgetful(Mutation):
    """The control: a body that forgot a field."""

    VERB = "forgetful"

    user_id: str = said()
    cost: str = said()


def test_a_forgotten_field_is_seen() -> None:
    """The comparison above does not call everything the same."""
    assert in_json("spend", _Forgetful) < in_python("spend")


def test_every_route_with_a_body_is_a_verb() -> None:
    """A new one has to say which method it stands for."""
    assert {name for name, route in ROUTES.items() if route.asks is not None} == set(VERBS)
    assert "usage" in cli.commands


@pytest.mark.parametrize("manager", [BudgetManager, aio.BudgetManager])
def test_balances_are_found_under_both_names(manager: Any) -> None:
    """A provider's usage is another thing; the command and the HTTP call are called so all the same."""
    assert manager.usage is manager.balances


# What a guard, and what a client of the simulation, calls a verb that has another name there.
_OF_GUARD = {"spend": "charge"}
_OF_SIMULATION = {"spend": "charge", "settle": "end", "release": "end", "check": "read"}
_LAWS = [path.read_text(encoding="utf-8") for path in sorted(Path(testing.__file__).parent.glob("*.py"))]


def called(sources: list[str]) -> set[str]:
    """The names of all methods that sources call."""
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    return {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}


def test_every_call_has_its_verb() -> None:
    """A class of calls that nobody can make is none."""
    assert {call.VERB for call in CALLS} == set(VERBS)


@_each
def test_a_verb_can_be_awaited(verb: str) -> None:
    """Under the same name, with the same parameters."""
    awaited = inspect.signature(getattr(aio.BudgetManager, VERBS[verb])).parameters
    assert {*awaited} - _PYTHON_ALONE == in_python(verb)


@_each
def test_a_verb_has_laws_and_is_simulated(verb: str) -> None:
    """The contract calls it on every ledger, and the simulation packet by packet."""
    assert _OF_GUARD.get(verb, verb) in called(_LAWS)
    assert hasattr(Caller, _OF_SIMULATION.get(verb, verb))


def test_a_verb_without_laws_is_seen() -> None:
    """The naive control."""
    assert "extend" not in called(_LAWS)
    assert called(["guard.extend(1)\nother(2)"]) == {"extend"}
    assert not hasattr(Caller, "extend")
