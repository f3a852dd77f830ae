"""Brings one price file up to date: what did not change stays as it is written, to the letter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date

from attrs import define, evolve, field, frozen

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.lookup import undated
from coreason_budget.pricing.price import STANDARD, ModelPrice, Period
from coreason_budget.pricing.refresh.choices import Choices, FileChoice
from coreason_budget.pricing.refresh.compare import (
    change_text,
    effective,
    kept_dearer,
    on,
    price_text,
    with_fees,
    with_flats,
    without_fees,
)
from coreason_budget.pricing.refresh.fill import Makers, from_siblings
from coreason_budget.pricing.refresh.limits import Limits, shared_limits, with_limit
from coreason_budget.pricing.refresh.merge import Merged
from coreason_budget.pricing.refresh.report import Report
from coreason_budget.pricing.refresh.write import entry_text
from coreason_budget.pricing.table import parse

_MODELS = "\nmodels:\n"
_CHECKED = re.compile(r"^checked: .*$", re.MULTILINE)


@frozen
class Block:
    """An entry as it is written: its lines, comments and all."""

    entry: ModelPrice
    text: str

    @property
    def comments(self) -> tuple[str, ...]:
        """The comments above the entry."""
        return tuple(line[4:] for line in self.text.splitlines() if line.startswith("  # "))


def read_blocks(text: str, name: str) -> list[Block]:
    """Cut a file of ours into its entries.

    Raises:
        ConfigError: It is not a price file; starts with ``file:line``.
    """
    entries = parse(text.encode(), name, bundled=True).models
    texts: list[str] = []
    lines: list[str] = []
    for line in text.partition(_MODELS)[2].splitlines(keepends=True):
        if (line.startswith("  #") or re.match(r"  \S", line)) and lines and not lines[-1].startswith("  #"):
            texts.append("".join(lines))
            lines = []
        lines.append(line)
    texts.append("".join(lines))
    return [Block(entry, text) for entry, text in zip(entries, texts, strict=True)]


def update(
    file: FileChoice,
    old: str | None,
    merged: Iterable[Merged],
    choices: Choices,
    today: date,
    report: Report,
    makers: Makers,
    limits: Limits,
) -> str | None:
    """Give the new text of a file; None if it would be empty.

    Args:
        file: Which file.
        old: Its text; None if there is none yet.
        merged: The entries that it should have.
        choices: What a person decided.
        today: The day of the comparison, and the first of a price that changed.
        report: Takes what happened.
        makers: Fill what a host does not publish.
        limits: Output limits by ``provider/id``.
    """
    return Update(file, choices, today, report, head_of(file, old, today), makers, limits).run(old, merged)


@define
class Update:
    """Takes entries into a file, one by one. As `update`."""

    file: FileChoice
    choices: Choices
    today: date
    report: Report
    head: str
    makers: Makers
    limits: Limits
    fees: Mapping[str, int] = field(init=False)
    blocks: dict[str, Block] = field(factory=dict)
    owner: dict[str, ModelPrice] = field(factory=dict)

    @fees.default
    def _fees(self) -> Mapping[str, int]:
        return parse(f"{self.head}  any: {{price: {{input: 1, output: 1}}}}\n".encode(), self.file.name).fees

    def run(self, old: str | None, merged: Iterable[Merged]) -> str | None:
        for block in read_blocks(old, self.file.name) if old else ():
            self.put(block)
        before = set(self.blocks)
        met: set[str] = set()
        for one in merged:
            met |= self.take(one)
        self.fill()
        self.limit()
        for model in sorted(before - met):
            self.report.gone(f"{self.file.provider}/{model}")
        body = "".join(self.blocks[model].text for model in sorted(self.blocks))
        return self.head + body if body else None

    def put(self, block: Block) -> None:
        """Put an entry into the file as it is."""
        self.blocks[block.entry.model] = block
        self.owner.update(dict.fromkeys(block.entry.ids(), block.entry))

    def owner_of(self, model: str) -> ModelPrice | None:
        if (entry := self.owner.get(model)) is not None:
            return entry
        entry = self.owner.get(undated(model) or "")
        return entry if entry and entry.date_suffix else None

    def take(self, merged: Merged) -> set[str]:
        """Put one entry into the file; give the entries of the table that it is about."""
        entry, notes = self.makers.fill(with_fees(merged.entry, self.fees))
        merged = evolve(merged, entry=entry, comments=(*merged.comments, *notes))
        ids = list(merged.entry.ids())
        known = {entry.model: entry for entry in map(self.owner_of, ids) if entry}
        new_ids = [one for one in ids if self.owner_of(one) is None]
        canonical = merged.entry.canonical
        if merged.disagreed:
            self.report.disagreed(canonical, "; ".join(merged.comments))
        for entry in known.values():
            if (why := self.choices.why("hold", entry.canonical)) is not None:
                self.report.held(entry.canonical, why)
                self.learn(entry, merged)
            else:
                self.bring_up(entry, merged)
        if new_ids:
            self.add(merged, new_ids, next(iter(known.values()), None))
        return set(known)

    def fill(self) -> None:
        """Add what a maker or a sibling of the same price states, where that is dearer than the fall-back."""
        for block in list(self.blocks.values()):
            entry, notes = self.makers.fill(block.entry)
            self.note(entry, notes)
        for entry, notes in from_siblings([block.entry for block in self.blocks.values()]):
            self.note(entry, notes)

    def limit(self) -> None:
        """Give a limit to what has none, as far as one is known."""
        names = dict.fromkeys((self.file.provider, *self.file.aliases, *self.file.litellm, *self.file.models_dev))
        for block in list(self.blocks.values()):
            self.bound(with_limit(block.entry, names, self.limits, self.makers.of(block.entry)))
        for entry in shared_limits([block.entry for block in self.blocks.values()]):
            self.bound(entry)

    def bound(self, entry: ModelPrice) -> None:
        block = self.blocks[entry.model]
        if entry.max_output != block.entry.max_output and self.write(entry, block.comments):
            self.report.bounded(entry.canonical, f"max_output {entry.max_output}")

    def note(self, entry: ModelPrice, notes: list[str]) -> None:
        if not notes or self.choices.why("hold", entry.canonical) is not None:
            return
        if self.write(entry, (*self.blocks[entry.model].comments, *notes)):
            self.report.added(entry.canonical, "; ".join(notes))

    def add(self, merged: Merged, ids: list[str], known: ModelPrice | None) -> None:
        if known is not None and self.alike(known, merged.entry):
            current = self.owner[known.model]
            self.write(_with_ids(current, ids), self.blocks[known.model].comments)
            self.report.added(known.canonical, f"also {', '.join(ids)}")
            return
        entry = _with_ids(evolve(merged.entry, model=ids[0], snapshots=(), also=()), ids[1:])
        if self.write(entry, merged.comments):
            self.report.added(f"{self.file.provider}/{ids[0]}", price_text(without_fees(merged.entry, self.fees)))

    def learn(self, entry: ModelPrice, merged: Merged) -> None:
        """Add the fees that a held price has none of: calls of them are refused so far."""
        *before, mine = entry.prices[STANDARD]
        filled = with_flats(mine, on(merged.entry.prices[STANDARD], self.today))
        if filled is not mine:
            prices = {**entry.prices, STANDARD: (*before, filled)}
            if self.write(evolve(entry, prices=prices), self.blocks[entry.model].comments):
                self.report.added(entry.canonical, change_text(STANDARD, mine, filled))

    def bring_up(self, entry: ModelPrice, merged: Merged) -> None:
        """Append a dated price where today's is another one, and what services are new."""
        prices = dict(entry.prices)
        said: list[str] = []
        for service, theirs in merged.entry.prices.items():
            now = on(theirs, self.today)
            mine = on(prices[service], self.today) if service in prices else None
            if mine is not None:
                now = kept_dearer(mine, now)
            if mine is None:
                prices[service] = theirs
                self.report.added(
                    f"{entry.canonical} {service}", price_text(without_fees(merged.entry, self.fees), service)
                )
            elif effective(filled := with_flats(mine, now), service) == effective(now, service):
                prices[service] = tuple(filled if one is mine else one for one in prices[service])
                if filled != mine:
                    self.report.added(entry.canonical, change_text(service, mine, filled))
            else:
                later = tuple(one for one in theirs if one.since and one.since > self.today)
                kept = tuple(one for one in prices[service] if one.since is None or one.since < self.today)
                prices[service] = (*kept, Period(self.today if kept else None, now.rows), *later)
                said.append(change_text(service, mine, now))
        limit = entry.max_output or merged.entry.max_output
        if limit != entry.max_output:
            self.report.bounded(entry.canonical, f"max_output {limit}")
        elif prices == dict(entry.prices):
            return
        news = tuple(one for one in merged.comments if one.partition(":")[0] not in entry.prices)
        if (
            self.write(evolve(entry, prices=prices, max_output=limit), (*self.blocks[entry.model].comments, *news))
            and said
        ):
            self.report.changed(entry.canonical, "; ".join(said))

    def write(self, entry: ModelPrice, comments: Iterable[str]) -> bool:
        """Put an entry into the file if it passes the table's own gates."""
        canonical = f"{self.file.provider}/{entry.model}"
        outrageous = self.choices.why("outrageous", canonical) is not None
        why = self.choices.why("cheap", canonical)
        cheap = [] if why is None else [why.partition(": ")[0]]
        text = entry_text(without_fees(entry, self.fees), comments, outrageous=outrageous, cheap=cheap)
        try:
            (read,) = parse((self.head + text).encode(), self.file.name, bundled=True).models
        except ConfigError as error:
            self.report.refused(canonical, str(error).partition(": ")[2])
            return False
        self.put(Block(read, text))
        return True

    def alike(self, one: ModelPrice, two: ModelPrice) -> bool:
        """Say whether the prices of today are the same, for the services that both have."""
        return all(
            effective(on(one.prices[service], self.today), service)
            == effective(on(two.prices[service], self.today), service)
            for service in set(one.prices) & set(two.prices)
        )


def _with_ids(entry: ModelPrice, ids: Iterable[str]) -> ModelPrice:
    start = f"{entry.model}-"
    tails = sorted({*entry.snapshots, *(one.removeprefix(start) for one in ids if one.startswith(start))})
    also = sorted({*entry.also, *(one for one in ids if not one.startswith(start))})
    return evolve(entry, snapshots=tuple(tails), also=tuple(also))


def head_of(file: FileChoice, old: str | None, today: date) -> str:
    """Give all of a file before its models."""
    if old is not None:
        return _CHECKED.sub(f"checked: {today}", old.partition(_MODELS)[0] + _MODELS)
    sources = " and ".join(name for name, used in (("litellm", file.litellm), ("genai-prices", file.genai)) if used)
    rule = "" if file.alone else "# What only one of them has is taken from it; of two different prices the dearer.\n"
    return (
        f"# {file.title}: USD for a million tokens; web_search for a thousand, per_request for one.\n"
        f"# Taken from the {'table' if file.alone else 'tables'} of {sources}"
        f"{'.' if file.alone else '; a comment on an entry says where they differ.'}\n{rule}"
        f"schema: 1\nprovider: {file.provider}\naliases: [{', '.join(file.aliases)}]\nsource: {file.source}\n"
        f"checked: {today}\ncached_in_input: {str(file.cached_in_input).lower()}\n"
        f"reasoning_in_output: {str(file.reasoning_in_output).lower()}{_MODELS}"
    )
