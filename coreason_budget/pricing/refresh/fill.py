"""Fills what an entry lacks and may not lack, and takes out what cannot be meant; each with a note for its comment.

Nothing becomes cheaper by it, but for a cache_write below the input that a person said is true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from attrs import evolve, field, frozen

from coreason_budget.money import ceil_div
from coreason_budget.pricing.gates import family, gaps
from coreason_budget.pricing.price import OUTPUT_METERS, STANDARD, TOKEN_METERS, ModelPrice, Period, Rates

_AUDIO = ("input_audio", "cache_read_audio", "output_audio")
_WRITES = ("cache_write", "cache_write_1h")
# Whose cache is kept by the hosts too, and billed when it is written.
_WRITERS = ("anthropic", "openai")
# What stands before a maker's id at a host, beside folders.
_HOSTS = re.compile(r"(?:[a-z]+[.])?anthropic[.]|databricks-")
Row = Mapping[str, int]


@frozen
class Makers:
    """The makers' own entries, for what their hosts do not publish: sounds, and what is written to a cache."""

    entries: Iterable[ModelPrice]
    _by_family: dict[str, ModelPrice] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        for entry in self.entries:
            for name in entry.ids():
                self._by_family.setdefault(_spelled(name), entry)

    def of(self, entry: ModelPrice) -> ModelPrice | None:
        """Give the maker's own entry of a model that a host sells; None where it is not known."""
        maker = self._by_family.get(_spelled(entry.model))
        return None if maker is None or maker.provider == entry.provider else maker

    def fill(self, entry: ModelPrice) -> tuple[ModelPrice, list[str]]:
        """Give an entry of a host with its maker's dearer prices in proportion, and what was filled."""
        if (maker := self.of(entry)) is None:
            return entry, []
        wanted = _AUDIO + (_WRITES if maker.provider in _WRITERS else ())
        stated, has = base(maker), base(entry)
        mine = entry.prices[STANDARD][-1].rows[0]
        missing = [meter for meter in wanted if meter in stated and meter not in has]
        found = [m for m in missing if _in_proportion(mine, stated, m) > (mine.rate(m) or 0)]
        filled = with_rows(entry, partial(_added, stated=stated, meters=found))
        return filled, [f"{meter}: not published, in proportion to {maker.canonical}" for meter in found]


def _spelled(model: str) -> str:
    return family(_HOSTS.sub("", model.rpartition("/")[2].lower(), count=1)).replace(".", "-")


def _in_proportion(row: Rates, stated: Row, meter: str) -> int:
    """Give a stated price as this row's text costs to that beside it; a fee is the same for all."""
    if meter not in TOKEN_METERS:
        return stated[meter]
    plain = "output" if meter in OUTPUT_METERS else "input"
    return ceil_div(stated[meter] * row.meters.get(plain, 0), stated[plain])


def _added(row: Rates, *, stated: Row, meters: Iterable[str]) -> Row:
    return {**row.meters, **{meter: max(_in_proportion(row, stated, meter), row.rate(meter) or 0) for meter in meters}}


def from_siblings(entries: Iterable[ModelPrice]) -> Iterable[tuple[ModelPrice, list[str]]]:
    """Give the entries that lack what a sibling of the same price has, with it, and what was filled."""
    filled: dict[str, tuple[ModelPrice, list[str]]] = {}
    for entry, meter, sibling in gaps(entries):
        so_far, notes = filled.get(entry.model, (entry, []))
        added = partial(_added, stated=base(sibling), meters=[meter])
        filled[entry.model] = with_rows(so_far, added), [*notes, f"{meter}: not published, as {sibling.model}"]
    return filled.values()


def base(entry: ModelPrice) -> Row:
    """Give the stated prices that hold last, of the shortest prompts."""
    return entry.prices[STANDARD][-1].rows[0].meters


def writes_on_top(entry: ModelPrice) -> ModelPrice:
    """Add the price of the input to lower ones of writing it to a cache: a source listed the storage alone."""

    def added(row: Rates) -> Row:
        plain = row.meters.get("input", 0)
        return {m: rate + plain if m in _WRITES and rate < plain else rate for m, rate in row.meters.items()}

    return with_rows(entry, added)


def without_cheap_writes(entry: ModelPrice) -> tuple[ModelPrice, list[str]]:
    """Leave out prices of cache writes that are below the input: mostly the price of reading one."""
    notes: list[str] = []

    def kept(row: Rates) -> Row:
        plain = row.meters.get("input", 0)
        doubtful = [meter for meter in _WRITES if row.meters.get(meter, plain) < plain]
        where = "" if row.above < 0 else f"above {row.above} "
        notes.extend(f"{where}{meter} left out: cheaper than input" for meter in doubtful)
        return {meter: rate for meter, rate in row.meters.items() if meter not in doubtful}

    return with_rows(entry, kept), notes


def with_rows(entry: ModelPrice, changed: Callable[[Rates], Row]) -> ModelPrice:
    """Give an entry with each of its rows changed."""

    def again(period: Period) -> Period:
        return Period(period.since, tuple(Rates(row.above, changed(row)) for row in period.rows))

    return evolve(entry, prices={service: tuple(map(again, periods)) for service, periods in entry.prices.items()})
