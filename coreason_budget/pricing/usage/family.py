"""A family of shapes: whose usage it is, what each field means, and what its counts contain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from attrs import Factory, frozen

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.fields import Fields, is_absent
from coreason_budget.pricing.usage.habits import Habits
from coreason_budget.pricing.usage.report import Part
from coreason_budget.pricing.usage.told import Table, Told, walk

Parts = Callable[["Family", Fields, Told, str], tuple[Part, ...] | None]


@frozen
class Family:
    """One shape of usage, as a table.

    Attributes:
        name: As stored reports name it; never changed.
        marks: A usage is this family's if one of these fields stands in it, and no earlier family's does.
        table: Field -> role, or the table of the level under it. `habits` says what the roles mean:
            ``prompt``, ``fresh``, ``cached``, ``written`` (``_5m``, ``_1h``), ``text``, ``audio``, ``image``
            (each also ``cached_...`` and ``..._out``), ``tools``, ``connectors``, ``citations``, ``output``,
            ``reasoning``, ``total``, ``requests``, and the fees by their bucket's name.
        habits: What the counts may contain.
        needs: Fields that must be there, each as the names it goes by.
        is_it: Tells it where the marks alone do not.
        parts: Gives the parts of a usage that is a sum of several; None leaves it at one.
        is_sum: A sum over nobody knows how many requests, unless it says so.
        tells_cost: A cost in it is the provider's own; a framework's is an estimate of its own.
        untold: The count of a role that was not told, where that is not none.
        prefix: How its fields begin, where others stand among them: an answer's headers.
    """

    name: str
    marks: tuple[str, ...]
    table: Table
    habits: Habits = Habits()
    needs: tuple[tuple[str, ...], ...] = ()
    is_it: Callable[[Fields], bool] | None = None
    parts: Parts | None = None
    is_sum: bool = False
    tells_cost: bool = True
    untold: Mapping[str, int] = Factory(dict)
    prefix: str = ""

    def claims(self, fields: Fields) -> bool:
        """Tell whether a level is a usage of this family."""
        if self.is_it is not None and not self.is_it(fields):
            return False
        return any(mark in fields and not is_absent(fields[mark]) for mark in self.marks)

    def read(self, fields: Fields, service: str) -> tuple[Part, ...]:
        """Read a usage.

        Raises:
            InvalidAmountError: A count that the table does not know or that is no count, or a field that
                must be there is missing; names the field.
        """
        for names in self.needs:
            for name in names:
                if name in fields and not is_absent(fields[name]):
                    break
            else:
                raise InvalidAmountError(f"{names[0]}: missing", field=names[0])
        told = Told()
        if self.prefix:
            fields = {name: value for name, value in fields.items() if name.startswith(self.prefix)}
        walk(told, fields, self.table)
        parts = None if self.parts is None else self.parts(self, fields, told, service)
        return parts if parts is not None else (self.part(told, service),)

    def part(self, told: Told, service: str, **others: Any) -> Part:
        """Give the part that was told. A count of requests other than 0 makes it a sum of so many."""
        requests = told.counts.pop("requests", 0) or (None if self.is_sum else 1)
        counts = {**self.untold, **told.counts} if self.untold else told.counts
        return Part(self.name, counts, told.names, service, requests=requests, **others)


class Families:
    """All families, found by the fields of a usage: the first in order that claims it."""

    def __init__(self, families: Iterable[Family]) -> None:
        self.all = tuple(families)
        self.habits = {family.name: family.habits for family in self.all}
        # Answers of one shape have the same names, which leave a few families at most.
        self._marked = lru_cache(maxsize=1024)(self._with_mark)

    def find(self, fields: Fields) -> Family | None:
        """Give the family of a usage, None if its level is none."""
        for family in self._marked(tuple(fields)):
            if family.claims(fields):
                return family
        return None

    def _with_mark(self, names: tuple[str, ...]) -> tuple[Family, ...]:
        """Give the families of which a mark is among the names, in order."""
        return tuple(family for family in self.all if not set(family.marks).isdisjoint(names))
