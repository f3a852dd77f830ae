"""An environment of its own for each package, and its script run there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any

from attrs import field, frozen

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "tests" / "shapes" / "packages"
# The packages stay between runs, and are brought up to date by each; SHAPES=as-is leaves them as they are.
_KEPT = ROOT / ".tox" / "packages"
_HEADER = re.compile(r"^# /// script\n((?:#.*\n)+?)# ///$", re.MULTILINE)
_VERSIONS = (
    "import sys; from importlib.metadata import version; print(*[f'{n} {version(n)}' for n in sys.argv[1:]], sep=', ')"
)


@frozen
class Run:
    """What a package's script said: a row a case, and the versions it ran with."""

    rows: list[dict[str, str]]
    versions: str


@frozen
class Header:
    """What a script needs: packages of Python by its PEP 723 header, of npm by ``[tool.shapes] npm`` in it."""

    dependencies: list[str]
    npm: list[str] = field(factory=list)

    @property
    def names(self) -> list[str]:
        """The packages of Python that it is about, without versions and extras."""
        return [re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0] for one in self.dependencies]


def read_header(source: str) -> Header:
    """Read a script's header; one without is an error."""
    found = _HEADER.search(source)
    if found is None:
        raise ValueError("the script has no '# /// script' header (PEP 723)")
    said = tomllib.loads("\n".join(line[2:] for line in found[1].splitlines()))
    return Header(said["dependencies"], said.get("tool", {}).get("shapes", {}).get("npm", []))


def run(script: Path) -> Run:
    """Install what a script needs, newest, and run it; whatever fails is an error with its text."""
    header = read_header(script.read_text(encoding="utf-8"))
    folder = _KEPT / script.stem
    python = folder / "bin" / "python"
    if os.environ.get("SHAPES") != "as-is" or not python.exists():
        _install(folder, python, header)
    done = _output([str(python), "-P", str(script)], folder, SHAPES_NODE=str(folder / "node"))
    rows = [json.loads(line) for line in done.splitlines() if line.startswith('{"case"')]
    versions = _output([str(python), "-c", _VERSIONS, *header.names], folder).strip()
    return Run(rows, ", ".join([versions, *_npm_versions(folder, header)]))


def _install(folder: Path, python: Path, header: Header) -> None:
    # What our own package needs comes with it; its code is the tree's.
    ours = [one for one in requires("coreason-budget") or () if "extra ==" not in one]
    folder.mkdir(parents=True, exist_ok=True)
    if uv := shutil.which("uv"):
        make = [uv, "venv", "-q", "--allow-existing", "--python", sys.executable, str(folder)]
        fill = [uv, "pip", "install", "-q", "--upgrade", "--python", str(python)]
    else:
        make = [sys.executable, "-m", "venv", str(folder)]
        fill = [str(python), "-m", "pip", "install", "-q", "--upgrade", "--upgrade-strategy", "eager"]
    if not python.exists():
        _output(make, folder)
    _output([*fill, *ours, *header.dependencies], folder)
    if header.npm:
        (folder / "node").mkdir(exist_ok=True)
        _output(["npm", "install", "--silent", "--no-audit", "--no-fund", *header.npm], folder / "node")


def _npm_versions(folder: Path, header: Header) -> list[str]:
    if not header.npm:
        return []
    said: dict[str, Any] = json.loads(_output(["npm", "ls", "--json", "--depth=0"], folder / "node"))
    return [f"{name} {one['version']}" for name, one in said["dependencies"].items()]


def _output(command: list[str], cwd: Path, **more: str) -> str:
    done = subprocess.run(command, cwd=cwd, env=_environment() | more, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[:4])} ...: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-6000:]}"
        )
    return done.stdout


def _environment() -> dict[str, str]:
    """What the run's own has, without keys of real providers; the loopback is reached without a proxy."""
    kept = {name: value for name, value in os.environ.items() if not re.search(r"_(KEY|TOKEN|SECRET)$", name)}
    return kept | {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
