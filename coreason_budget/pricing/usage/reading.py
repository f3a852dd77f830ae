"""Reads a usage, an answer or a run into a report, by the families; loaded when a first usage is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage
from coreason_budget.pricing.price import STANDARD
from coreason_budget.pricing.usage.answer import Found, hint, locate, told_by_property
from coreason_budget.pricing.usage.families import FAMILIES
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fees import fees_beside
from coreason_budget.pricing.usage.fields import Fields, fields_of
from coreason_budget.pricing.usage.habits import Maker
from coreason_budget.pricing.usage.report import Part, Report
from coreason_budget.pricing.usage.reported import reported_nanos
from coreason_budget.pricing.usage.runs import answers_of, refuse_other_models
from coreason_budget.pricing.usage.told import has_count, refuse_counts


def read_report(source: object, service: str = STANDARD) -> Report:
    """See `coreason_budget.pricing.usage.read_report`."""
    if isinstance(source, Report):
        return source
    if isinstance(source, Usage):
        return Report.of(source)
    if (answers := answers_of(source, _is_usage)) is not None:
        return _of_answers(answers, service)
    found = locate(source, FAMILIES.find)
    if found is None:
        by_model = _by_model(source, service)
        if by_model is not None:
            return by_model
        if (inner := told_by_property(source)) is not None:
            return read_report(inner, service)
        marks = "usage, " + ", ".join(dict.fromkeys(family.marks[0] for family in FAMILIES.all))
        problem = f"usage: {type(source).__name__} has none of {marks}{hint(source, FAMILIES.find)}"
        raise InvalidAmountError(problem, field="usage")
    return Report(_parts(found, service), found.model())


def _of_answers(answers: Sequence[object], service: str) -> Report:
    """Put the parts of a run's answers together, each with the model that its answer names."""
    if not answers:
        raise InvalidAmountError("usage: a run without an answer", field="usage")
    reports = [read_report(answer, service) for answer in answers]
    return Report(tuple(evolve(part, model=part.model or report.model) for report in reports for part in report.parts))


def _is_usage(fields: Fields) -> bool:
    return FAMILIES.find(fields) is not None


def _parts(found: Found, service: str) -> tuple[Part, ...]:
    family = found.family
    _refuse_strays(family, found.around, service)
    if found.around and "num_turns" in found.around[0]:
        refuse_other_models(found.around[0], found.usage)
    first, *others = family.read(found.usage, found.service(service))
    if found.around and (fees := fees_beside(found.around)):
        first = evolve(first, counts={**fees, **first.counts})
    if (requests := found.requests()) is not None:
        first = evolve(first, requests=requests or None)
    if family.tells_cost and (reported := reported_nanos(found.usage)) is not None:
        first = evolve(first, reported_nanos=reported)
    parts = (first, *others)
    if not any(any(part.counts.values()) for part in parts):
        raise InvalidAmountError("usage: nothing at all; the stream ended without its usage", field="usage")
    return parts


def _refuse_strays(family: Family, around: tuple[Fields, ...], service: str) -> None:
    """Refuse a count that stands beside the usage, in its answer or in what a framework makes of it."""
    if not around:
        return
    if (wrapper := FAMILIES.find(around[0])) is not None:
        wrapper.read(around[0], service)
        return
    for level in around:
        for name, value in level.items():
            if type(row := family.table.get(name)) is str and row:
                refuse_counts(name, value)


def _by_model(source: object, service: str) -> Report | None:
    """Read a mapping of models to usages, each a sum over nobody knows how many requests."""
    entries: Mapping[str, Any] = fields_of(source)
    entries = fields_of(entries["usage"]) if set(entries) == {"usage"} else entries
    if not entries or any(FAMILIES.find(fields_of(one)) is None for one in entries.values()):
        return None
    entries = {model: one for model, one in entries.items() if has_count(one)} or entries
    reports = [(model, read_report(one, service)) for model, one in entries.items()]
    return Report(
        tuple(
            evolve(part, model=part.model or model, requests=None if part.requests == 1 else part.requests)
            for model, report in reports
            for part in report.parts
        )
    )


def buckets_of(part: Part, maker: Maker | None) -> Usage:
    """See `coreason_budget.pricing.usage.buckets_of`."""
    return part.usage(FAMILIES.habits, maker)


def read_usage(source: object, service: str = STANDARD, maker: Maker | None = None) -> Usage:
    """See `coreason_budget.pricing.usage.read_usage`."""
    if isinstance(source, Usage):
        return source
    report = read_report(source, service)
    if len(report.parts) != 1:
        raise InvalidAmountError("usage: of several requests or models; price it with cost_of", field="usage")
    return buckets_of(report.parts[0], maker)
