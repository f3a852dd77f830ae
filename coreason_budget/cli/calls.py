"""The verbs of the library as commands: check, spend, reserve, settle, release, correct, usage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import IO, Any

import click

from coreason_budget.calls import Call, Check, Correct, Release, Reserve, Settle, Spend
from coreason_budget.cli.base import Command, budget, budget_there, command, ending, table, together
from coreason_budget.declared import declarations
from coreason_budget.wire import answers


def _tag(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, str] | None:
    tags: dict[str, str] = {}
    for value in values:
        kind, separator, id = value.partition("=")
        if not separator or kind in tags:
            raise click.BadParameter(f"{value!r}: write KIND=ID, each kind once")
        tags[kind] = id
    return tags or None


def _json(_: click.Context, __: click.Parameter, file: IO[str] | None) -> Any:
    if file is None:
        return None
    try:
        return json.load(file, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise click.BadParameter(f"{file.name}: is not JSON: {error}") from None


# What a field of a call is on the command line beside its name, help and metavar.
_KINDS: dict[str, dict[str, Any]] = {
    "input_tokens": {"type": int},
    "output_tokens": {"type": int},
    "max_output_tokens": {"type": int},
    "ttl_s": {"type": float},
    "tags": {"multiple": True, "callback": _tag},
    "usage": {"type": click.File(encoding="utf-8"), "callback": _json},
    "cumulative": {"is_flag": True},
    "only_up": {"is_flag": True, "callback": lambda _, __, lower: not lower},
    "void": {"is_flag": True},
}


def options(verb: type[Call], *names: str) -> Command:
    """The arguments and options of a verb as its class declares them; of some of its fields where they are named."""
    found = []
    for attribute, told in sorted(declarations(verb), key=lambda one: bool(one[1].option)):
        if told.option and (not names or attribute.name in names):
            kind = _KINDS.get(attribute.name, {})
            name = attribute.name
            metavar = told.metavar or None
            found.append(click.option(f"--{told.option}", name, metavar=metavar, help=told.help, **kind))
        elif not told.option and not names:
            found.append(click.argument(attribute.name, metavar=told.metavar))
    return together(*found)


@command
@options(Check)
def check(**call: Any) -> tuple[Any, str]:
    """Ask whether a call of USER_ID would fit its budgets now."""
    answer = answers.allowed(budget().perform(Check(**call)))
    binding, tokens = answer["binding"], answer.get("affordable_output_tokens")
    left = "" if binding is None else f"; {binding['remaining_usd']} USD left ({binding['scope']})"
    return answer, f"allowed{left}{'' if tokens is None else f'; at most {tokens} output tokens'}"


@command
@options(Spend)
def spend(**call: Any) -> tuple[Any, str]:
    """Book what a call of USER_ID cost, in full."""
    answer = answers.recorded(budget().perform(Spend(**call)))
    return answer, f"{_booked(answer)}{_again(answer)}"


@command
@options(Reserve)
def reserve(**call: Any) -> tuple[Any, str]:
    """Hold the most that a call of USER_ID can cost, until it is settled."""
    answer = answers.reserved(budget().perform(Reserve(**call)))
    text = f"reserved {answer['reserved_usd']} USD until {answer['lapses_at']}{_again(answer)}"
    return answer, f"{text}\n{answer['reservation_id']}"


@ending
@options(Settle)
def settle(**call: Any) -> tuple[Any, str]:
    """End a reservation and book what the call really cost."""
    answer = answers.ended(budget().perform(Settle(**call)))
    return answer, f"settled at {answer['cost_usd']} USD{' (late)' if answer['late'] else ''}{_again(answer)}"


@ending
@options(Release)
def release(**call: Any) -> tuple[Any, str]:
    """End a reservation and book nothing: the call did not happen."""
    answer = answers.ended(budget().perform(Release(**call)))
    return answer, f"released{' (late)' if answer['late'] else ''}{_again(answer)}"


@ending
@options(Correct)
def correct(**call: Any) -> tuple[Any, str]:
    """Correct what was booked under BOOKING: a key, an op id, or the id of a settled reservation.

    It is raised to what the call cost, never lowered without --lower. --void takes a mistaken charge back. What was
    booked can be corrected for 24 hours, for one hour where it was booked without a key.
    """
    answer = answers.corrected(budget().perform(Correct(**call)))
    return answer, f"{_booked(answer)}{_again(answer)}"


def _booked(answer: Mapping[str, Any]) -> str:
    """What a booking came to: recorded, raised or lowered from what it was, or unchanged."""
    link = {"recorded": "recorded", "corrected": "corrected to", "unchanged": "unchanged at"}[answer["status"]]
    by = f", by {answer['difference_usd']} USD" if answer["status"] == "corrected" else ""
    return f"{link} {answer['cost_usd']} USD{by}"


def _again(answer: Mapping[str, Any]) -> str:
    return " (as before; nothing was changed)" if answer["replayed"] else ""


@command
@click.option("--user", "user_id", metavar="ID", help="Whose.")
@options(Check, "project_id", "model", "tags")
def usage(**scopes: Any) -> tuple[Any, str]:
    """Show where the budgets of these scopes and of the whole stand."""
    balances = budget_there().usage(**scopes)
    rows = [
        (
            b.scope,
            b.window,
            b.unit,
            "unlimited" if b.limit is None else str(answers.money(b.limit)),
            str(answers.money(b.spent)),
            str(answers.money(b.reserved)),
            "" if b.remaining is None else str(answers.money(b.remaining)),
            answers.moment(b.resets_at) or "never",
            b.limit_source or "",
        )
        for b in balances
    ]
    head = ("SCOPE", "WINDOW", "UNIT", "LIMIT", "SPENT", "RESERVED", "REMAINING", "RESETS AT", "LIMIT OF")
    return answers.accounts(balances), table([head, *rows], right=(3, 4, 5, 6))
