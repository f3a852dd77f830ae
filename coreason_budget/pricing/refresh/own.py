"""Brings a user's own prices file up to date between releases, from a newer table, by the gates of the package's own.

What the newer table says of a model is compared with what holds now. Only what is new or another price is
written, below a line that marks it; what the user wrote above that line stays, to the letter, and is never updated.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

from attrs import Factory, evolve, frozen

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.price import STANDARD, ModelPrice, Period, Rates
from coreason_budget.pricing.refresh.choices import Choices, FileChoice, read_choices
from coreason_budget.pricing.refresh.compare import on, without_fees
from coreason_budget.pricing.refresh.fill import Makers
from coreason_budget.pricing.refresh.group import Sources, merged_entries
from coreason_budget.pricing.refresh.litellm import read_litellm
from coreason_budget.pricing.refresh.merge import GENAI, Merged
from coreason_budget.pricing.refresh.report import Report
from coreason_budget.pricing.refresh.update import Block, Update, head_of, read_blocks
from coreason_budget.pricing.refresh.write import entry_text
from coreason_budget.pricing.table import PRICES, load_file, load_files, parse_files

MARK = "  # Written by `coreason-budget prices update`: what stands below is replaced by the next one.\n"
_HEADLESS = re.compile(r"^(?:#.*|schema: .*|source: .*|checked: .*|models:)\n", re.MULTILINE)
# What was filled, not stated: the comment of `offer.finished`.
_FILLED = re.compile(r"(?:(?!above)(\w+) )?(?:above ([0-9]+) )?(\w+): not published")
_KINDS = "litellm's model_prices_and_context_window.json, or a file in the table's own YAML format"


@frozen
class OwnUpdate:
    """What a prices file should hold, and what of it is new or changed."""

    text: str
    report: Report
    is_new: bool


def own_update(source: Path, target: Path, today: date) -> OwnUpdate:
    """Compare a newer table with the prices that hold, and give the text that the user's file should have.

    Args:
        source: The newer table.
        target: The user's prices file; it need not be there yet.
        today: The first day (UTC) of a price that changed.

    Raises:
        ConfigError: One of them cannot be used; starts with the file, and its line where it is YAML.
    """
    choices, report = read_choices(), Report()
    makers = Makers([one for path in sorted(PRICES.glob("*.yaml")) for one in load_file(path, bundled=True).models])
    own = _read_own(target)
    parts = []
    for file, hosted, merged in _wanted(source, choices, today, report):
        base = _Base.of(file, hosted)
        update = Update(file, choices, today, report, head_of(file, base.text, today), makers, {})
        base.put_into(update, own)
        for one in base.stated(merged, today):
            if (why := own.why_not(one) or base.why_not(one)) is not None:
                report.held(one.entry.canonical, why)
            else:
                update.take(one)
        if news := base.news(update):
            parts.append(_part(update.head, hosted, source.name, today, news))
    text = own.with_ours("".join(parts))
    if text:
        parse_files(text.encode(), str(target))
    return OwnUpdate(text, report, text != own.text)


@frozen
class _Own:
    """What the user's file holds: what the user wrote, as the start of a file of several providers, and the rest."""

    text: str = ""
    by_hand: str = ""
    mine: frozenset[str] = frozenset()
    earlier: Mapping[str, ModelPrice] = Factory(dict)

    def with_ours(self, ours: str) -> str:
        if ours:
            return (self.by_hand or "schema: 1\nfiles:\n") + MARK + ours
        if MARK not in self.text:
            return self.text
        # The package has caught up.
        return self.by_hand or "schema: 1\nfiles: []\n"

    def why_not(self, one: Merged) -> str | None:
        return "your own price" if one.entry.canonical in self.mine else None


@frozen
class _Base:
    """One file of the package: what holds without the user's."""

    text: str | None
    blocks: Mapping[str, Block]

    @classmethod
    def of(cls, file: FileChoice, hosted: bool) -> _Base:
        path = (PRICES / "hosts" if hosted else PRICES) / f"{file.name}.yaml"
        if not path.exists():
            return cls(None, {})
        text = path.read_text(encoding="utf-8")
        return cls(text, {block.entry.model: block for block in read_blocks(text, path.name)})

    def put_into(self, update: Update, own: _Own) -> None:
        for block in self.blocks.values():
            known = own.earlier.get(block.entry.canonical)
            update.put(block if known is None else Block(known, entry_text(without_fees(known, update.fees))))

    def stated(self, merged: Iterable[Merged], today: date) -> Iterator[Merged]:
        """Give one for each entry, its dearest, and what it does not state as it holds: silence lowers no price."""
        owners = {name: block.entry for block in self.blocks.values() for name in block.entry.ids()}
        dearest: dict[str, Merged] = {}
        for one in merged:
            model = owners[one.entry.model].model if one.entry.model in owners else one.entry.model
            if model not in dearest or _sum(dearest[model], today) < _sum(one, today):
                dearest[model] = one
        for model, one in dearest.items():
            known = self.blocks.get(model)
            yield evolve(one if known is None else _completed(one, known.entry, today), comments=())

    def why_not(self, one: Merged) -> str | None:
        known = self.blocks.get(one.entry.model)
        if known is None or not any(GENAI in comment for comment in known.comments):
            return None
        return "two sources differ about it; the table has the dearer, or the more"

    def news(self, update: Update) -> list[Block]:
        known = {model: block.entry.prices for model, block in self.blocks.items()}
        return [block for model, block in sorted(update.blocks.items()) if known.get(model) != block.entry.prices]


def _sum(one: Merged, today: date) -> int:
    return sum(on(one.entry.prices[STANDARD], today).rows[0].meters.values())


def _completed(one: Merged, known: ModelPrice, today: date) -> Merged:
    filled = {match.groups() for comment in one.comments if (match := _FILLED.match(comment))}
    prices = dict(one.entry.prices)
    for service in {*prices} & {*known.prices}:
        before = {row.above: row.meters for row in on(known.prices[service], today).rows}
        theirs = {row.above: row.meters for row in on(prices[service], today).rows}
        rows = []
        for above in sorted({*before, *theirs}):
            edge = None if above < 0 else str(above)
            said = theirs.get(above, {})
            own = before.get(above, {})
            where = (None if service == STANDARD else service, edge)
            kept = {meter: rate for meter, rate in said.items() if (*where, meter) not in filled or meter not in own}
            rows.append(Rates(above, {**own, **kept}))
        prices[service] = (Period(None, tuple(rows)),)
    return evolve(one, entry=evolve(one.entry, prices=prices))


def write_whole(target: Path, text: str) -> None:
    """Put a text in the place of a file, whole or not at all.

    Raises:
        ConfigError: It cannot be written; names the file.
    """
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, delete=False) as part:
            try:
                part.write(text)
                part.flush()
                os.fsync(part.fileno())
                os.replace(part.name, target)
            except BaseException:
                os.unlink(part.name)
                raise
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error.strerror}", field="prices_file") from None


def _wanted(
    source: Path, choices: Choices, today: date, report: Report
) -> Iterator[tuple[FileChoice, bool, list[Merged]]]:
    """Give what the newer table says, by the files of the package that hold it: makers' or hosts'."""
    for file, merged in _litellm(source, choices, today, report) if _is_json(source) else _yaml(source, choices):
        for hosted in (False, True):
            some = [one for one in merged if file.is_core(one.entry.model) is not hosted]
            if some:
                yield file, hosted, some


def _is_json(source: Path) -> bool:
    try:
        return source.read_bytes()[:4096].lstrip().startswith(b"{")
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read: {error.strerror}", field="from") from None


def _litellm(source: Path, choices: Choices, today: date, report: Report) -> Iterator[tuple[FileChoice, list[Merged]]]:
    said = read_litellm(source)
    if not said:
        raise ConfigError(f"{source}: no table of prices; understood are {_KINDS}", field="from")
    for file in choices.files:
        merged = merged_entries(file, Sources(said, {}), choices, today, report)
        yield file, merged


def _yaml(source: Path, choices: Choices) -> Iterator[tuple[FileChoice, list[Merged]]]:
    for read in load_files(source, bundled=True):
        by_file: dict[str, tuple[FileChoice, list[Merged]]] = {}
        for entry in read.models:
            known = (one for one in choices.files if one.provider == read.provider and one.holds(entry.model))
            file = next(known, None) or FileChoice(
                read.provider, read.provider, read.provider, read.aliases, core=("*",)
            )
            by_file.setdefault(file.name, (file, []))[1].append(Merged(entry))
        yield from by_file.values()


def _read_own(target: Path) -> _Own:
    if not target.exists():
        return _Own()
    load_files(target)
    text = target.read_text(encoding="utf-8-sig")
    by_hand, mark, ours = text.partition(MARK)
    if not re.search(r"^files:", by_hand, re.MULTILINE):
        by_hand = _as_one_of_several(by_hand)
    by_hand = by_hand if re.search(r"^ *(?:- )?provider:", by_hand, re.MULTILINE) else ""
    mine = parse_files(by_hand.encode(), str(target)) if by_hand else ()
    earlier = parse_files(f"schema: 1\nfiles:\n{ours}".encode(), str(target)) if mark else ()
    return _Own(
        text,
        by_hand,
        frozenset(entry.canonical for file in mine for entry in file.models),
        {entry.canonical: entry for file in earlier for entry in file.models},
    )


def _as_one_of_several(text: str) -> str:
    """Turn a file of one provider into the first of several."""
    lines = [line for line in text.splitlines() if not re.match(r"schema:|---", line)]
    first = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    moved = [f"{'  - ' if number == first else '    '}{line}".rstrip() for number, line in enumerate(lines)]
    return "schema: 1\nfiles:\n" + "\n".join(moved) + "\n"


def _part(head: str, hosted: bool, source: str, today: date, blocks: Iterable[Block]) -> str:
    lines = [*_HEADLESS.sub("", head).splitlines(), f"source: {re.sub(r'[^!-~]', '_', source)}", f"checked: {today}"]
    lines += ["hosted: true"] if hosted else []
    text = "\n".join([*lines, "models:", *("".join(block.text for block in blocks).splitlines())])
    return "  - " + text.replace("\n", "\n    ") + "\n"
