"""The tables of the families hang together: every role has a meaning, every name stands for one family."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from coreason_budget.pricing.usage.disjoint import AS_TOLD, ROLES
from coreason_budget.pricing.usage.families import FAMILIES
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.told import NOTHING

KNOWN = {*ROLES, *AS_TOLD, NOTHING, "requests"}


def roles_of(table: Mapping[str, Any]) -> Iterator[str]:
    """Give every role that a table names."""
    for row in table.values():
        if isinstance(row, Mapping):
            yield from roles_of(row)
        elif isinstance(row, str):
            yield row


@pytest.mark.parametrize("family", [one for one in FAMILIES.all if one.parts is None], ids=lambda family: family.name)
def test_every_role_of_a_table_has_a_meaning(family: Family) -> None:
    """A role that nothing reads would be a count that is lost. A family that makes its own parts may have others."""
    assert set(roles_of(family.table)) - KNOWN == set()
    assert set(roles_of({"x": "sundry"})) - KNOWN, "the control"


def test_names_of_families_are_their_own() -> None:
    """Stored reports go by them."""
    names = [family.name for family in FAMILIES.all]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("family", FAMILIES.all, ids=lambda family: family.name)
def test_a_family_is_found_by_each_of_its_marks(family: Family) -> None:
    """Or by an earlier family that is more particular."""
    for mark in family.marks:
        assert FAMILIES.find({mark: 1, "input_tokens": 1}) is not None
