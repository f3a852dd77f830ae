"""The shape of the code: short functions, small modules, values that only compute, and a test file for each module."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.proved import PROVED_IN
from tests.test_layout import MODULES, imports

TESTS = Path(__file__).parent
_IMPORT = ast.Import | ast.ImportFrom


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
    """One idea, at most 300 lines."""
    assert too_long(_sources()) == set()


def test_a_large_module_is_found() -> None:
    """The naive control."""
    assert too_long({"small": "x = 1\n" * 300, "large": "x = 1\n" * 301}) == {"large"}


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


def frameworks(name: str, source: str) -> set[str]:
    """What a module imports of neither Python, nor ours, nor what the library itself needs."""
    top = {found.partition(".")[0] for found, _ in imports(name, source)}
    return top - sys.stdlib_module_names - {"coreason_budget", "attrs"}


_INTEGRATIONS = [module for module in _sources() if module.startswith("integrations.")]


@pytest.mark.parametrize("module", _INTEGRATIONS)
def test_an_integration_imports_one_framework(module: str) -> None:
    """Its own, whose name it has; and none at its top, so that nobody needs what he does not use."""
    source = _sources()[module]
    inside = {"gemini": {"google"}}.get(name := module.rpartition(".")[2], {name.partition("_")[0]})
    assert frameworks(module, source) <= inside
    top = "".join(ast.unparse(node) + "\n" for node in ast.parse(source).body if isinstance(node, _IMPORT))
    assert frameworks(module, top) == set()


def test_a_second_framework_is_found() -> None:
    """The naive control."""
    source = "import json\ndef f():\n    from openai import OpenAI\n    import anthropic.types"
    assert frameworks("coreason_budget.integrations.openai", source) == {"openai", "anthropic"}


def proof(module: str) -> Path | None:
    """The test file of a module: of its name, with its folder's or in it, or the one that the table names."""
    *folders, name = module.split(".")
    for parted in range(len(folders), -1, -1):
        own = TESTS.joinpath(*folders[:parted], f"test_{'_'.join([*folders[parted:], name])}.py")
        if own.is_file():
            return own
    file = PROVED_IN.get(module) or PROVED_IN.get(".".join([*folders, "*"]))
    return None if file is None else TESTS / file


def decides(source: str) -> bool:
    """Whether there is anything to prove: a folder's front that only says what it is has nothing."""
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(ast.parse(source)))


_PROVED = [name for name, source in _sources().items() if name and decides(source)]


@pytest.mark.parametrize("module", _PROVED)
def test_a_module_has_a_test_file(module: str) -> None:
    """Whoever changes it knows what to run."""
    found = proof(module)
    assert found is not None, f"write tests/{module.replace('.', '/test_')}.py, or give it a row in tests/proved.py"
    assert found.is_file()


def test_the_table_of_test_files_is_needed() -> None:
    """No row of what has gone, of what has a file of its name, or that says what its folder's row says."""
    for row, file in PROVED_IN.items():
        of = [name for name in _PROVED if name == row or name.rpartition(".")[0] == row.removesuffix(".*") != row]
        assert [name for name in of if proof(name) == TESTS / file], row
        assert row.endswith("*") or PROVED_IN.get(f"{row.rpartition('.')[0]}.*") != file, row


def test_a_module_without_a_test_file_is_found() -> None:
    """The naive control."""
    assert proof("wire.novelty") is None
    assert proof("novelty") is None
    assert decides("def f():\n    return 1")
    assert not decides('"""Only what it is."""\nfrom x import y\n__all__ = ["y"]')
