"""The layout: who may import whom, what an import loads, and what the package shows."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import coreason_budget

PACKAGE = Path(coreason_budget.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
_LAYERS = ("errors", "ids", "moments", "money", "model", "standing", "windows", "limits")
_DECISIONS = ("ledger.record", "ledger.journal", "ledger.base", "ledger.decisions")
_RULES = (*_DECISIONS, "ledger.named", "ledger.corrections", "ledger.rules", "ledger.epoch", "ledger.judge")
_FRONT = (
    "manager", "calls", "declared", "inputs", "reservation", "config", "errors", "ids", "moments", "model", "money",
    "standing",
)  # fmt: skip

# Folders whose modules may import each other.
FOLDERS = (
    "books",
    "cli",
    "events",
    "integrations",
    "ledger.redis",
    "ledger.sqlite",
    "limits",
    "outbox",
    "pricing",
    "server",
    "storage",
    "testing",
    "wire",
)
# Module or folder -> what of the package it may import. "" is the package's own front, and
# "ledger" its `open_ledger` alone.
MAY_IMPORT = {
    "errors": (),
    "moments": (),
    "awaited": (),
    "background": (),
    "threads": (),
    "former": (),
    "money": ("errors",),
    "ids": ("errors",),
    "model": ("awaited", "errors", "ids", "moments", "money"),
    "standing": ("awaited", "model", "moments", "money"),
    "windows": ("errors", "ids", "money", "model"),
    "limits": ("errors", "ids", "money", "model", "windows"),
    "limits.file": (*_LAYERS, "yaml_nodes"),
    "yaml_nodes": ("errors",),
    "settings": (*_LAYERS, "ledger.urls"),
    "config": (*_LAYERS, "ledger.urls", "settings"),
    "storage": ("errors",),
    "ledger.named": ("model",),
    "ledger.record": (*_LAYERS, "ledger.named"),
    "ledger.journal": (*_LAYERS, "ledger.named", "ledger.record"),
    "ledger.epoch": ("errors", "ledger.named"),
    "ledger.judge": ("errors", "ledger.epoch"),
    "ledger.base": (*_LAYERS, "ledger.record", "ledger.journal"),
    "ledger.decisions": (*_LAYERS, "ledger.record", "ledger.journal"),
    "ledger.corrections": (*_LAYERS, *_DECISIONS),
    "ledger.rules": (*_LAYERS, *_DECISIONS, "ledger.corrections"),
    "ledger.serial": (*_LAYERS, *_RULES),
    "ledger.memory": (*_LAYERS, *_RULES, "ledger.serial"),
    "ledger.sqlite": (*_LAYERS, *_RULES, "ledger.serial", "storage"),
    "ledger.redis": (*_LAYERS, *_RULES),
    "ledger.wrapped": ("ledger.base", "ledger.journal", "ledger.record"),
    "ledger.urls": ("errors", "ledger.base", "ledger.memory", "ledger.sqlite", "ledger.redis"),
    "ledger": ("ledger.base", "ledger.journal", "ledger.urls"),
    "refusals": (*_LAYERS, "ledger.base"),
    "inputs": ("errors", "ids", "money"),
    "declared": ("errors", "ids"),
    "calls": ("errors", "ids", "declared", "inputs", "model", "money", "pricing"),
    "asked": (*_LAYERS, "ledger.base", "ledger.record", "refusals"),
    "guard": (*_LAYERS, *_RULES, "asked", "refusals"),
    "books": (*_LAYERS, *_RULES, "config", "outbox"),
    "books.values": _LAYERS,
    "reservation": (*_LAYERS, "awaited", "streaming"),
    "streaming": ("background", "errors", "standing", "pricing"),
    "pricing": ("errors", "ids", "money", "yaml_nodes"),
    "costs": ("errors", "ids", "money", "model", "standing", "calls", "pricing", "ledger.base"),
    "verbs": (*_LAYERS, "asked", "calls", "costs", "events", "guard", "ledger.base", "pricing"),
    "outbox": (*_LAYERS, *_RULES, "ledger.wrapped", "storage"),
    "assembly": (
        *_LAYERS, "config", "ledger", "ledger.base", "ledger.urls", "guard", "pricing", "costs", "outbox", "events",
        "verbs",
    ),
    "asking": (*_LAYERS, "costs", "guard", "calls", "payer", "pricing", "verbs"),
    "ending": (*_LAYERS, "calls", "inputs", "pricing", "verbs"),
    "manager": (
        "asking", "ending",
        "assembly",
        *_LAYERS, "config", "former", "ledger", "ledger.base", "guard", "reservation", "pricing", "costs",
        "outbox", "books", "events", "calls", "inputs", "payer", "verbs", "guarded", "threads",
    ),
    "payer": ("errors", "model"),
    "awaiting": ("background", "reservation", "streaming", "threads"),
    "holding": (),
    "guarded": ("errors", "ids", "holding", "money", "reservation", "awaiting", "threads"),
    "aio": (*_FRONT, "awaiting", "guarded", "payer", "books.front", "pricing", "threads"),
    "events": ("errors", "model", "standing", "refusals"),
    "wire": (
        "errors", "ids", "moments", "money", "model", "reservation", "standing", "books.values", "calls",
        "declared", "inputs",
    ),
    "server": ("", *_FRONT, "wire"),
    "cli": ("", *_FRONT, "settings", "wire", "books", "pricing"),
    "cli.service": ("", *_FRONT, "settings", "wire", "cli", "server"),
    "__main__": ("cli",),
    "integrations": (
        "aio", "background", "errors", "holding", "ids", "money", "manager", "pricing", "reservation", "threads",
    ),
    "testing": ("", *_LAYERS, "ledger", "ledger.*", "guard", "books", "manager", "config"),
    "": ("config", "errors", "former", "guard", "manager", "pricing", "reservation"),
}  # fmt: skip

# What has to know a ledger from inside; everybody else asks the manager, or its books.
KNOW_A_LEDGER = (
    "ledger",
    "refusals",
    "asked",
    "guard",
    "costs",
    "verbs",
    "asking",
    "ending",
    "outbox",
    "books",
    "assembly",
    "manager",
    "testing",
    "settings",
    "config",
)

# A library from outside -> the only places that may import it.
ONLY_IN = {
    "redis": ("ledger.redis.client",),
    "flask": ("server",),
    "werkzeug": ("server",),
    "gunicorn": ("server",),
    "yaml": ("yaml_nodes",),
    "tiktoken": ("pricing.tokens",),
    "litellm": (),
    "openai": ("integrations.openai",),
    "anthropic": ("integrations.anthropic",),
    "google": ("integrations.gemini",),
    "genai_prices": ("pricing.refresh.genai",),
    "click": ("cli", "pricing.refresh.__main__"),
    "pytest": ("testing",),
    "dotenv": ("settings",),
    "sqlite3": ("ledger.sqlite", "outbox.store", "storage"),
}
HEAVY = ("redis", "flask", "werkzeug", "yaml", "tiktoken", "click", "gunicorn", "pytest", "sqlite3", "openai",
         "anthropic", "google")  # fmt: skip


def imports(name, source, is_package=False):
    """Every module that a source imports, anywhere in it, with its line.

    ``from package import name`` counts as the submodule where ``name`` is one. What only a type
    checker sees counts too.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".") if is_package else name.split(".")[:-1]
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.append((inner if inner in MODULES else base, node.lineno))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "__import__"):
            argument = node.args[0] if node.args else None
            found.append((argument.value if isinstance(argument, ast.Constant) else "?", node.lineno))
    return found


def breaches(name, source, is_package=False):
    """What a module imports although the layout forbids it."""
    return [
        f"{name}:{line} imports {imported}"
        for imported, line in imports(name, source, is_package)
        if not (_is_ours_and_allowed(name, imported) if _is_ours(imported) else _is_allowed_library(name, imported))
    ]


def _is_ours(imported):
    return imported.split(".")[0] == "coreason_budget"


def _short(name):
    return name.removeprefix("coreason_budget").removeprefix(".")


def _is_within(name, place):
    return name == place or (place != "" and name.startswith(f"{place}."))


def _home(name):
    """The row of the table that a module falls under: the longest that names it or its folder."""
    return max((place for place in MAY_IMPORT if _is_within(_short(name), place)), key=len, default=None)


def _is_ours_and_allowed(name, imported):
    home = _home(name)
    if home is None:
        return False
    if home in FOLDERS and _is_within(_short(imported), home):
        return True
    return any(_is_allowed(_short(imported), place) for place in MAY_IMPORT[home])


def _is_allowed(imported, place):
    # A folder opens all of itself, but for the two whose modules have rows of their own.
    return imported == place or (place not in ("", "ledger") and _is_within(imported, place.removesuffix(".*")))


def _is_allowed_library(name, imported):
    places = ONLY_IN.get(imported.split(".")[0])
    return places is None or any(_is_within(_short(name), place) for place in places)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_lies_below_it(name):
    """The layers of the design, read from the imports."""
    path = MODULES[name]
    assert breaches(name, path.read_text(encoding="utf-8"), path.name == "__init__.py") == []


def reaches(name, source, is_package=False):
    """What of a ledger a module imports that should not know of one."""
    if any(_is_within(_short(name), place) for place in KNOW_A_LEDGER):
        return []
    return [imported for imported, _ in imports(name, source, is_package) if _is_within(_short(imported), "ledger")]


@pytest.mark.parametrize("name", MODULES)
def test_nobody_else_reaches_into_a_ledger(name):
    """Service, commands, wire and integrations ask the manager and its books, whatever the table above allows."""
    path = MODULES[name]
    assert reaches(name, path.read_text(encoding="utf-8"), path.name == "__init__.py") == []


@pytest.mark.parametrize("name", ["server.routes", "cli.reservations", "wire.listings", "books_of_another", "pricing"])
def test_a_reach_into_a_ledger_is_found(name):
    """The naive control: a front that wants one record more."""
    source = "def f():\n    from coreason_budget.ledger.record import Record"
    assert reaches(f"coreason_budget.{name}", source) == ["coreason_budget.ledger.record"]
    assert reaches("coreason_budget.books.front", source) == []


def circles(graph):
    """The modules of a graph (module -> what it imports) from which an import leads back to them."""
    left = dict(graph)
    while loose := [name for name, imported in left.items() if not imported & set(left)]:
        for name in loose:
            del left[name]
    return set(left)


def _graph():
    sources = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}
    found = {n: imports(n, source, MODULES[n].name == "__init__.py") for n, source in sources.items()}
    return {
        name: {imported for imported, _ in of if imported in MODULES and imported != name} for name, of in found.items()
    }


def test_no_import_goes_in_a_circle():
    """Neither at the top, nor in a function, nor for a type checker alone."""
    graph = _graph()
    assert circles(graph) == set()
    errors, model = "coreason_budget.errors", "coreason_budget.model"
    assert circles({**graph, errors: {model}}) >= {errors, model}, "the control"
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}, "what leads into one, too"


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name):
    """Its first statement is a docstring, whose first line is one sentence."""
    docstring = ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    assert docstring
    assert len(docstring.splitlines()[0]) <= 120
    assert docstring.split("\n\n")[0].rstrip().endswith((".", "!", ")"))


def test_every_module_has_a_row_and_every_row_a_module():
    """A new module must be given its place; a row of nothing is out of date."""
    assert {name: _home(name) for name in MODULES if _home(name) is None} == {}
    assert {place for place in MAY_IMPORT if place and f"coreason_budget.{place}" not in MODULES} == set()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("coreason_budget.errors", "from coreason_budget.money import to_usd"),
        ("coreason_budget.money", "import coreason_budget.model"),
        ("coreason_budget.model", "def f():\n    from coreason_budget import limits"),
        ("coreason_budget.limits.book", "from coreason_budget import config"),
        ("coreason_budget.guard", "from coreason_budget.ledger.sqlite.ledger import SqliteLedger"),
        ("coreason_budget.guard", "from coreason_budget.ledger import memory"),
        ("coreason_budget.guard", "from coreason_budget.ledger import open_ledger"),
        ("coreason_budget.guard", "from .ledger import redis"),
        ("coreason_budget.guard", "from coreason_budget.config import BudgetConfig"),
        ("coreason_budget.ledger.rules", "from coreason_budget.ledger.memory import MemoryLedger"),
        ("coreason_budget.ledger.memory", "from coreason_budget.ledger.sqlite.ledger import SqliteLedger"),
        ("coreason_budget.ledger.epoch", "from coreason_budget.ledger.record import Record"),
        ("coreason_budget.storage.sqlite_file", "from coreason_budget.ledger.base import Ledger"),
        ("coreason_budget.ledger.memory", "from coreason_budget.guard import BudgetGuard"),
        ("coreason_budget.ledger.redis.ledger", "from coreason_budget.ledger.memory import MemoryLedger"),
        ("coreason_budget.ledger.redis.codec", "from ...guard import BudgetGuard"),
        ("coreason_budget.pricing.engine", "from coreason_budget.model import Scope"),
        ("coreason_budget.pricing.engine", "from coreason_budget import BudgetManager"),
        ("coreason_budget.manager", "from coreason_budget.ledger.sqlite.ledger import SqliteLedger"),
        ("coreason_budget.manager", "from coreason_budget.server import create_app"),
        ("coreason_budget.server.app", "from coreason_budget.guard import BudgetGuard"),
        ("coreason_budget.server.app", "from coreason_budget.ledger.rules import refusal"),
        ("coreason_budget.wire.answers", "from coreason_budget.manager import BudgetManager"),
        ("coreason_budget.wire.answers", "from coreason_budget.server.reading import QUERY"),
        ("coreason_budget.wire.problems", "import flask"),
        ("coreason_budget.wire.listings", "from coreason_budget.books.front import BudgetBooks"),
        ("coreason_budget.books.values", "from coreason_budget.ledger.record import Record"),
        ("coreason_budget.cli.audit", "from coreason_budget.ledger.journal import JournalEntry"),
        ("coreason_budget.cli.calls", "from coreason_budget.server.reading import QUERY"),
        ("coreason_budget.events.log", "from coreason_budget.manager import BudgetManager"),
        ("coreason_budget.guard", "from coreason_budget.events.hooks import Chain"),
        ("coreason_budget.config", "import yaml"),
        ("coreason_budget.ledger.redis.codec", "import redis"),
        ("coreason_budget.ledger.sqlite", "from redis.exceptions import RedisError"),
        ("coreason_budget.manager", "def f():\n    import flask"),
        ("coreason_budget.cli.service", "from flask import Flask"),
        ("coreason_budget.pricing.engine", "if True:\n    import tiktoken"),
        ("coreason_budget.pricing.table", "from yaml import load"),
        ("coreason_budget.guard", "import importlib\nimportlib.import_module('redis')"),
        ("coreason_budget.guard", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import flask"),
        ("coreason_budget.novelty", "import coreason_budget.errors"),
    ],
)
def test_the_check_finds_a_breach(name, source):
    """The naive control: on a source that breaks the layout, the check above fails."""
    assert len(breaches(name, source)) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("coreason_budget.limits", "from coreason_budget.model import Scope\nimport json"),
        ("coreason_budget.ledger.redis.client", "import redis\nfrom coreason_budget.ledger.base import Clock"),
        ("coreason_budget.server.app", "import flask\nfrom . import reading"),
        ("coreason_budget.yaml_nodes", "def f():\n    import yaml"),
    ],
)
def test_the_check_lets_the_layout_pass(name, source):
    """And it is not one that finds a breach in everything."""
    assert breaches(name, source) == []


def _loaded(statement):
    """The top-level modules that a fresh interpreter has after a statement."""
    script = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    """Neither a driver, nor a web framework, nor YAML, nor a tokenizer, nor pytest; nor what only a download needs."""
    assert _loaded("import coreason_budget") & {*HEAVY, "email", "http"} == set()
    assert _loaded("import coreason_budget, flask") & set(HEAVY) == {"flask", "werkzeug", "click"}, "the control"


@pytest.mark.parametrize(
    ("url", "loaded"),
    [("memory://", set()), ("sqlite:///b.db", {"sqlite3"}), ("redis://localhost:1", {"redis"})],
)
def test_a_manager_loads_only_the_driver_of_its_ledger(url, loaded):
    """Prices and limits files are read when they are needed."""
    statement = f"from coreason_budget import *; BudgetManager(BudgetConfig(ledger_url={url!r}))"
    assert _loaded(statement) & set(HEAVY) == loaded


def test_the_public_names():
    """About a dozen and the errors, all there, sorted, and none by accident."""
    assert coreason_budget.__all__ == sorted(coreason_budget.__all__)
    assert set(coreason_budget.__all__) == {
        "BudgetConfig", "BudgetError", "BudgetExceededError", "BudgetGuard", "BudgetManager", "ConfigError",
        "IdempotencyConflictError", "InvalidAmountError", "InvalidIdError", "LedgerCorruptError",
        "LedgerUnavailableError", "OutcomeUnknownError", "PricingEngine", "Reservation", "ReservationError",
        "ReservationNotSettledError", "UnknownModelError",
    }  # fmt: skip
    for name in coreason_budget.__all__:
        assert getattr(coreason_budget, name).__doc__
    assert coreason_budget.__version__.split(".")[:2] >= ["0", "5"], "above another project's on the index"
    assert (PACKAGE / "py.typed").is_file()
