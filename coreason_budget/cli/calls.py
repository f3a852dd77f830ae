"""The verbs of the library as commands: check, spend, reserve, settle, release, usage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import IO, Any

import click

from coreason_budget.cli.base import Command, budget, budget_there, command, ending, table, together
from coreason_budget.wire import answers


def _tag(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, str] | None:
    tags: dict[str, str] = {}
    for value in values:
        kind, separator, id = value.partition("=")
        if not separator or kind in tags:
            raise click.BadParameter(f"{value!r}: write KIND=ID, each kind once")
        tags[kind] = id
    return tags or None


scopes = together(
    click.option("--project", "project_id", metavar="ID", help="The project it is for."),
    click.option("--model", metavar="NAME", help="The model."),
    click.option("--tag", "tags", multiple=True, callback=_tag, metavar="KIND=ID", help="A further scope; repeatable."),
)
key = click.option("--key", "idempotency_key", metavar="TEXT", help="Idempotency key: sent again, it counts once.")
input = click.option("--input", "input_tokens", type=int, metavar="N", help="Input tokens.")
output = click.option("--output", "output_tokens", type=int, metavar="N", help="Output tokens.")


def _json(_: click.Context, __: click.Parameter, file: IO[str] | None) -> Any:
    if file is None:
        return None
    try:
        return json.load(file, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise click.BadParameter(f"{file.name}: is not JSON: {error}") from None


usage_file = click.option(
    "--usage",
    type=click.File(encoding="utf-8"),
    callback=_json,
    metavar="FILE",
    help="The provider's answer, or its usage, as JSON; - is stdin.",
)
service = click.option("--service", metavar="NAME", help="What was billed where the answer does not say: batch, ...")


def _said(call: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, by the names of the library's own parameters."""
    return {name: value for name, value in call.items() if value is not None}


def _cost(help: str) -> Command:
    return click.option("--cost", metavar="USD", help=help)


@command
@click.argument("user_id")
@click.option("--cost", "estimated_cost", metavar="USD", help="Estimated cost.")
@scopes
@input
def check(user_id: str, **call: Any) -> tuple[Any, str]:
    """Ask whether a call of USER_ID would fit its budgets now."""
    verdict = budget().check_availability(user_id, **_said(call))
    answer = answers.allowed(verdict)
    binding, tokens = answer["binding"], verdict.affordable_output_tokens
    left = "" if binding is None else f"; {binding['remaining_usd']} USD left ({binding['scope']})"
    return answer, f"allowed{left}{'' if tokens is None else f'; at most {tokens} output tokens'}"


@command
@click.argument("user_id")
@_cost("What the call cost. Left out, the provider's answer or the model and its token counts say it.")
@scopes
@usage_file
@input
@output
@service
@key
def spend(user_id: str, **call: Any) -> tuple[Any, str]:
    """Book what a call of USER_ID cost, in full."""
    answer = answers.recorded(budget().record_spend(user_id, **_said(call)))
    return answer, f"recorded {answer['cost_usd']} USD{_again(answer)}"


@command
@click.argument("user_id")
@_cost("The most the call can cost. Left out, the model and its token bounds say it.")
@scopes
@input
@click.option("--max-output", "max_output_tokens", type=int, metavar="N", help="The call's limit of output tokens.")
@click.option("--ttl", "ttl_s", type=float, metavar="S", help="Seconds until it lapses if it is not settled.")
@key
def reserve(user_id: str, **call: Any) -> tuple[Any, str]:
    """Hold the most that a call of USER_ID can cost, until it is settled."""
    answer = answers.reserved(budget().reserve(user_id, **_said(call)))
    text = f"reserved {answer['reserved_usd']} USD until {answer['lapses_at']}{_again(answer)}"
    return answer, f"{text}\n{answer['reservation_id']}"


@ending
@click.argument("reservation_id")
@_cost("What the call cost. Left out, the provider's answer or its token counts say it.")
@usage_file
@input
@output
@service
@click.option("--model", metavar="NAME", help="The model that was called, if not the one reserved for.")
@key
def settle(reservation_id: str, **call: Any) -> tuple[Any, str]:
    """End a reservation and book what the call really cost."""
    answer = answers.ended(budget().settle(reservation_id, **_said(call)))
    return answer, f"settled at {answer['cost_usd']} USD{' (late)' if answer['late'] else ''}{_again(answer)}"


@ending
@click.argument("reservation_id")
@key
def release(reservation_id: str, idempotency_key: str | None) -> tuple[Any, str]:
    """End a reservation and book nothing: the call did not happen."""
    answer = answers.ended(budget().release(reservation_id, idempotency_key=idempotency_key))
    return answer, f"released{' (late)' if answer['late'] else ''}{_again(answer)}"


def _again(answer: Mapping[str, Any]) -> str:
    return " (as before; nothing was changed)" if answer["replayed"] else ""


@command
@click.option("--user", "user_id", metavar="ID", help="Whose.")
@scopes
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
