"""The command line: the library's verbs, the service, prices and settings."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import click
from attrs import asdict, fields_dict

from coreason_budget import __version__
from coreason_budget.config import BudgetConfig, describe, environment_name
from coreason_budget.errors import BudgetError, BudgetExceededError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.manager import BudgetManager
from coreason_budget.server import answers
from coreason_budget.server.problems import problem_of

REFUSED, WRONG, UNAVAILABLE = 1, 2, 3

Command = Callable[..., Any]

_EXAMPLES = """
\b
Examples:
  coreason-budget serve --port 8000
  coreason-budget check user_123 --cost 0.25
  coreason-budget spend user_123 --cost 0.031 --project launch --model gpt-4o
  coreason-budget reserve user_123 --model gpt-4o --input 1200 --max-output 800
  coreason-budget settle RESERVATION_ID --input 1200 --output 312
  coreason-budget usage --user user_123
  coreason-budget price gpt-4o --input 1200 --output 300
\b
Exit status: 0 allowed or done, 1 refused by a budget, 2 wrong usage, settings or input,
3 the ledger is not available.
"""


@click.group(
    context_settings={"max_content_width": 100},
    help="Budgets for LLM calls: check, reserve and book them, or serve them over HTTP.\n" + _EXAMPLES,
)
@click.version_option(__version__, prog_name="coreason-budget")
def cli() -> None:
    logging.basicConfig(level=logging.WARNING, format="coreason-budget: %(message)s", stream=sys.stderr)


def _together(*options: Command) -> Command:
    """Several decorators as one, the first on top."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _command(command: Command, **settings: Any) -> Command:
    """A command with ``--json``, whose errors are one sentence and an exit status."""

    @click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")
    @wraps(command)
    def run(as_json: bool, **given: Any) -> None:
        try:
            answer, text = command(**given)
        except BudgetError as error:
            if as_json:
                click.echo(json.dumps(problem_of(error).body))
            click.echo(f"coreason-budget: {error}", err=True)
            sys.exit(_exit_status(error))
        click.echo(json.dumps(answer) if as_json else text)

    return cli.command(context_settings=settings)(run)


# A reservation's id may begin with a dash; no command has short options that it could be taken for.
_ending = partial(_command, ignore_unknown_options=True)


def _exit_status(error: BudgetError) -> int:
    if isinstance(error, BudgetExceededError):
        return REFUSED
    return UNAVAILABLE if isinstance(error, LedgerUnavailableError | LedgerCorruptError) else WRONG


def _tag(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, str] | None:
    tags: dict[str, str] = {}
    for value in values:
        kind, separator, id = value.partition("=")
        if not separator or kind in tags:
            raise click.BadParameter(f"{value!r}: write KIND=ID, each kind once")
        tags[kind] = id
    return tags or None


_scopes = _together(
    click.option("--project", "project_id", metavar="ID", help="The project it is for."),
    click.option("--model", metavar="NAME", help="The model."),
    click.option("--tag", "tags", multiple=True, callback=_tag, metavar="KIND=ID", help="A further scope; repeatable."),
)
_key = click.option("--key", "idempotency_key", metavar="TEXT", help="Idempotency key: sent again, it counts once.")
_input = click.option("--input", "input_tokens", type=int, metavar="N", help="Input tokens.")
_output = click.option("--output", "output_tokens", type=int, metavar="N", help="Output tokens.")


def _budget() -> BudgetManager:
    """The budget of the settings; its connections are given back when the command ends."""
    budget = BudgetManager()
    click.get_current_context().call_on_close(budget.close)
    return budget


def _cost(help: str) -> Command:
    return click.option("--cost", metavar="USD", help=help)


@_command
@click.argument("user_id")
@_cost("Estimated cost.")
@_scopes
def check(user_id: str, cost: str | None, **scopes: Any) -> tuple[Any, str]:
    """Ask whether a call of USER_ID would fit its budgets now."""
    project_id = scopes.pop("project_id")
    verdict = _budget().check_availability(user_id, project_id, 0 if cost is None else cost, **scopes)
    answer = answers.allowed(verdict)
    left = answer["remaining_usd"]
    return answer, "allowed" if left is None else f"allowed; {left} USD left ({answer['binding']['scope']})"


@_command
@click.argument("user_id")
@_cost("What the call cost. Left out, the model and its token counts say it.")
@_scopes
@_input
@_output
@_key
def spend(user_id: str, **call: Any) -> tuple[Any, str]:
    """Book what a call of USER_ID cost, in full."""
    answer = answers.recorded(_budget().record_spend(user_id, **call))
    return answer, f"recorded {answer['cost_usd']} USD{_again(answer)}"


@_command
@click.argument("user_id")
@_cost("The most the call can cost. Left out, the model and its token bounds say it.")
@_scopes
@_input
@click.option("--max-output", "max_output_tokens", type=int, metavar="N", help="The call's limit of output tokens.")
@click.option("--ttl", "ttl_s", type=float, metavar="S", help="Seconds until it lapses if it is not settled.")
@_key
def reserve(user_id: str, **call: Any) -> tuple[Any, str]:
    """Hold the most that a call of USER_ID can cost, until it is settled."""
    answer = answers.reserved(_budget().reserve(user_id, **call))
    text = f"reserved {answer['reserved_usd']} USD until {answer['lapses_at']}{_again(answer)}"
    return answer, f"{text}\n{answer['reservation_id']}"


@_ending
@click.argument("reservation_id")
@_cost("What the call cost. Left out, its token counts say it.")
@_input
@_output
@click.option("--model", metavar="NAME", help="The model that was called, if not the one reserved for.")
@_key
def settle(reservation_id: str, **call: Any) -> tuple[Any, str]:
    """End a reservation and book what the call really cost."""
    answer = answers.ended(_budget().settle(reservation_id, **call))
    return answer, f"settled at {answer['cost_usd']} USD{' (late)' if answer['late'] else ''}{_again(answer)}"


@_ending
@click.argument("reservation_id")
@_key
def release(reservation_id: str, idempotency_key: str | None) -> tuple[Any, str]:
    """End a reservation and book nothing: the call did not happen."""
    answer = answers.ended(_budget().release(reservation_id, idempotency_key=idempotency_key))
    return answer, f"released{' (late)' if answer['late'] else ''}{_again(answer)}"


def _again(answer: dict[str, Any]) -> str:
    return " (as before; nothing was changed)" if answer["replayed"] else ""


@_command
@click.option("--user", "user_id", metavar="ID", help="Whose.")
@_scopes
def usage(**scopes: Any) -> tuple[Any, str]:
    """Show where the budgets of these scopes and of the whole stand."""
    balances = _budget().usage(**scopes)
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
        )
        for b in balances
    ]
    head = ("SCOPE", "WINDOW", "UNIT", "LIMIT", "SPENT", "RESERVED", "REMAINING", "RESETS AT")
    return answers.accounts(balances), _table([head, *rows], right=(3, 4, 5, 6))


def _count(option: str, name: str, help: str) -> Command:
    return click.option(option, name, type=int, default=0, metavar="N", help=help)


@_command
@click.argument("model")
@_count("--input", "input_tokens", "Input tokens.")
@_count("--output", "output_tokens", "Output tokens.")
@_count("--cached", "cached_tokens", "Input tokens read from a cache.")
@_count("--cache-write", "cache_write_tokens", "Input tokens written to a cache.")
@_count("--cache-write-1h", "cache_write_1h_tokens", "Input tokens written to a cache for an hour.")
@_count("--reasoning", "reasoning_tokens", "Reasoning tokens.")
@click.option("--service", default="standard", show_default=True, help="standard, batch, flex, priority, ...")
def price(model: str, **counts: Any) -> tuple[Any, str]:
    """Tell what a call of MODEL costs."""
    pricing = _budget().pricing
    cost = str(answers.money(pricing.calculate(model, **counts)))
    return {"model": pricing.canonical(model), "cost_usd": cost}, f"{cost} USD"


@_command
def config() -> tuple[Any, str]:
    """Show every setting, its value, and where it came from."""
    settings = describe(BudgetConfig())
    rows = [(s.variable, s.value, s.source) for s in settings]
    return {"settings": [asdict(s) for s in settings]}, _table([("SETTING", "VALUE", "FROM"), *rows])


def _setting(name: str) -> Command:
    about = fields_dict(BudgetConfig)[name].metadata["help"]
    return click.option(
        f"--{name.removesuffix('_s').replace('_', '-')}", name, help=f"{about} [{environment_name(name)}]"
    )


@cli.command()
@_setting("host")
@_setting("port")
@_setting("workers")
@_setting("threads")
@_setting("worker_timeout_s")
@_setting("graceful_timeout_s")
@_setting("log_path")
def serve(**settings: Any) -> None:
    """Serve the budgets over HTTP, under gunicorn."""
    try:
        from coreason_budget.server import logs, runner

        logs.configure()
        runner.serve(BudgetConfig(**{name: value for name, value in settings.items() if value is not None}))
    except ModuleNotFoundError as error:
        click.echo(f"coreason-budget: serve needs {error.name}: pip install 'coreason-budget[server]'", err=True)
        sys.exit(WRONG)
    except BudgetError as error:
        click.echo(f"coreason-budget: {error}", err=True)
        sys.exit(_exit_status(error))


def _table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
