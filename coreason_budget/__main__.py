"""The command ``coreason-budget``, also as ``python -m coreason_budget``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; without click, say how to get it."""
    try:
        from coreason_budget.cli import cli
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit(_missing("the command line needs click"))
    cli(prog_name="coreason-budget")


def _missing(what: str) -> int:
    print(f"coreason-budget: {what}: pip install '.[server]' in the clone", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
