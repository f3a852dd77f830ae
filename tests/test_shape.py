"""The shape of the code: short functions, small modules, no circle, and a test file for each module."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

import pytest

from tests.test_layout import MODULES, imports

TESTS = Path(__file__).parent

# Modules over 300 lines that are to be parted. A row goes when its module is short enough; none comes.
TOO_LONG = {"guard", "manager"}

# Folders in which every module has a test file of its name, or one that stands here.
MIRRORED = ("books", "cli", "events", "server", "wire")
PROVED_IN = {
    "books.values": "books/test_audit.py",
    "cli.audit": "cli/test_books.py",
    "cli.base": "cli/test_commands.py",
    "cli.calls": "cli/test_commands.py",
    "cli.reservations": "cli/test_books.py",
    "cli.service": "cli/test_commands.py",
    "cli.tokens": "cli/test_prices.py",
    "server.app": "server/test_failures.py",
    "server.keys": "server/test_failures.py",
    "server.reading": "server/test_bad_requests.py",
    "server.runner": "server/test_service.py",
    "server.schemas": "server/test_bad_requests.py",
    "server.workers": "server/test_kills.py",
    "wire.answers": "server/test_openapi.py",
    "wire.json_schema": "server/test_openapi.py",
    "wire.listings": "cli/test_books.py",
}


def bodies(source: str) -> dict[str, int]:
    """The lines of every function's body, its docstring not counted, by name and line."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            told = ast.get_docstring(node) is not None
            body = node.body[1:] if told else node.body
            found[f"{node.name}:{node.lineno}"] = body[-1].end_lineno - body[0].lineno + 1 if body else 0
    return found


def _sources() -> dict[str, str]:
    return {name.partition(".")[2]: path.read_text(encoding="utf-8") for name, path in MODULES.items()}


def test_functions_are_short() -> None:
    """Half of them have at most 4 lines, and at most one in a hundred has more than 25."""
    lines = {f"{module}.{name}": count for module, text in _sources().items() for name, count in bodies(text).items()}
    long = {name: count for name, count in lines.items() if count > 25}
    assert median(lines.values()) <= 4
    assert len(long) <= len(lines) / 100, long


def test_a_long_function_is_counted() -> None:
    """The naive control: 30 lines are 30, whatever its docstring, and a nested one counts by itself."""
    text = 'def f():\n    """Of\n    three\n    lines."""\n' + "    x = 1\n" * 28 + "    def g():\n        return 1\n"
    assert bodies(text) == {"f:1": 30, "g:33": 1}
    assert bodies('def f():\n    """Nothing else."""\n') == {"f:1": 0}


def too_long(sources: dict[str, str]) -> set[str]:
    """Modules of more than 300 lines."""
    return {name for name, text in sources.items() if text.count("\n") > 300}


def test_modules_are_small() -> None:
    """One idea, at most 300 lines; a row of one that has become small is out of date."""
    assert too_long(_sources()) == TOO_LONG


def test_a_large_module_is_found() -> None:
    """The naive control."""
    assert too_long({"small": "x = 1\n" * 300, "large": "x = 1\n" * 301}) == {"large"}


def circles(graph: dict[str, set[str]]) -> set[str]:
    """Whatever is left when everything that imports nothing of the rest is taken away, again and again."""
    left = {name: imported & graph.keys() - {name} for name, imported in graph.items()}
    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        for name in free:
            del left[name]
    return set(left)


def test_no_import_is_a_circle() -> None:
    """Late imports and those of a type checker count, too."""
    graph = {
        name: {found for found, _ in imports(name, path.read_text(encoding="utf-8"), path.name == "__init__.py")}
        for name, path in MODULES.items()
    }
    assert circles(graph) == set()


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": {"a"}}, {"a", "b"}),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}, {"a", "b", "c"}),
        ({"a": {"b", "os"}, "b": {"b"}, "c": {"a", "b"}}, set()),
    ],
)
def test_a_circle_is_found(graph: dict[str, set[str]], found: set[str]) -> None:
    """The naive control, and what leads into it; a module's own name and others' are none."""
    assert circles(graph) == found


# Modules that only compute: what they are given, and what they give. Client, service and commands share them.
PURE = ("errors", "money", "moments", "model", "standing", "refusals", "wire", "books.values")
_OUTSIDE = {"asyncio", "click", "flask", "http", "io", "logging", "os", "pathlib", "socket", "sqlite3", "subprocess"}


def reaches_out(name: str, source: str) -> set[str]:
    """What of the world a module of `PURE` imports."""
    if not any(name == place or name.startswith(f"{place}.") for place in PURE):
        return set()
    return {found.partition(".")[0] for found, _ in imports(f"coreason_budget.{name}", source)} & _OUTSIDE


@pytest.mark.parametrize("module", _sources())
def test_values_and_the_wire_only_compute(module: str) -> None:
    """No file, no network, no framework, no log."""
    assert reaches_out(module, _sources()[module]) == set()


def test_a_reach_out_is_found() -> None:
    """The naive control; and the same import elsewhere is none."""
    assert reaches_out("wire.problems", "def f():\n    import flask\n    from os import path") == {"flask", "os"}
    assert reaches_out("server.app", "import flask") == set()


def proof(module: str) -> Path | None:
    """The test file of a module: of its name in its folder, or the one that the table names."""
    folder, _, name = module.rpartition(".")
    own = TESTS.joinpath(*folder.split("."), f"test_{name}.py")
    if own.is_file():
        return own
    return TESTS / PROVED_IN[module] if module in PROVED_IN else None


_PROVED = [name for name in _sources() if name.partition(".")[0] in MIRRORED and "." in name]


@pytest.mark.parametrize("module", _PROVED)
def test_a_module_has_a_test_file(module: str) -> None:
    """Whoever changes it knows what to run."""
    found = proof(module)
    assert found is not None, f"write tests/{module.replace('.', '/test_')}.py, or give it a row in PROVED_IN"
    assert found.is_file()


def test_the_table_of_test_files_is_needed() -> None:
    """No row of a module that has gone or has a file of its name; and a module without either is found."""
    assert set(PROVED_IN) <= set(_PROVED)
    assert all(proof(module) == TESTS / file for module, file in PROVED_IN.items())
    assert proof("wire.novelty") is None
