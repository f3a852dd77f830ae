"""Reads the usage that providers report, whole or not at all: one module for each family of shapes.

A usage is read in three steps. `answer` finds it in what the caller holds (a usage, an answer, an event, the
events of a stream), with the tier, the model and the fees that stand around it. A `Family` claims it by a mark
and reads every field by its table: a count other than 0 that no row names is refused. `habits` then turns the
counts by role into buckets that share no token: the total tells which count contains which, else the family
or the maker of the model does.

To add a family: a module in ``families`` with a `Family` (a mark, a table of field -> role, its habits, what must
be there), a line in ``families/__init__.py`` before the more general ones that share its mark, and its shapes
in ``tests/pricing/usage``. A sum of several requests gives its parts, or ``requests``; ``is_sum`` says that
nobody knows how many.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from coreason_budget.pricing.buckets import Usage
from coreason_budget.pricing.price import STANDARD
from coreason_budget.pricing.usage.habits import Maker
from coreason_budget.pricing.usage.report import Part, Report

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Part", "Report", "Usage", "buckets_of", "read_report", "read_usage"]


@cache
def _reading() -> ModuleType:
    # Not before a first usage: the tables of thirty families are a tenth of the time that the package takes to load.
    from coreason_budget.pricing.usage import reading

    return reading


def read_report(source: object, service: str = STANDARD) -> Report:
    """Read what an answer tells of its usage, before its model is known.

    Takes a `Usage` or a `Report`; the usage of any provider or framework of ``families`` as an object or a mapping; the
    whole answer that carries one; an event of a stream, or all its events; or a mapping of models to usages. Of a
    whole answer its model, its service tier and the tools that ran on the provider's side count too.

    Args:
        source: The usage or the answer.
        service: What was billed where the answer does not say, as in OpenAI's batches.

    Raises:
        InvalidAmountError: There is none (streams often carry none), its shape is not known, or a count of it
            is not understood; names the field.
    """
    report: Report = _reading().read_report(source, service)
    return report


def buckets_of(part: Part, maker: Maker | None) -> Usage:
    """Give the buckets of a part, as its family and the maker of its model count.

    Raises:
        InvalidAmountError: Its counts do not add up; names the field.
    """
    usage: Usage = _reading().buckets_of(part, maker)
    return usage


def read_usage(source: object, service: str = STANDARD, maker: Maker | None = None) -> Usage:
    """Read the usage of one request into buckets. As `read_report`.

    Args:
        source: The usage or the answer.
        service: What was billed where the answer does not say.
        maker: How the model's maker counts, where the shape leaves that open.

    Raises:
        InvalidAmountError: As `read_report`; or it is a sum of several requests or models.
    """
    usage: Usage = _reading().read_usage(source, service, maker)
    return usage
