"""Finds what the sources say of the same model, and merges it: the entries that a file should have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from attrs import define, evolve, frozen

from coreason_budget.pricing.price import STANDARD, ModelPrice, Period, Rates
from coreason_budget.pricing.refresh.choices import Choices, FileChoice
from coreason_budget.pricing.refresh.fill import without_cheap_writes, writes_on_top
from coreason_budget.pricing.refresh.genai import genai_offer, ids_of
from coreason_budget.pricing.refresh.litellm import litellm_offer
from coreason_budget.pricing.refresh.merge import LITELLM, Merged, merge
from coreason_budget.pricing.refresh.offer import Offer, RefusedError
from coreason_budget.pricing.refresh.report import Report

_DATED = re.compile(r"(.+)[-@](?:[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}|default)")


@define
class _Group:
    """Ids that mean one model, and what each source says of it."""

    ids: list[str]
    litellm: Offer | None = None
    genai: Offer | None = None


@frozen
class Sources:
    """What was read: litellm's models by key, and genai-prices' by provider and id."""

    litellm: Mapping[str, Mapping[str, Any]]
    genai: Mapping[str, Mapping[str, Mapping[str, Any]]]


def merged_entries(file: FileChoice, sources: Sources, choices: Choices, today: date, report: Report) -> list[Merged]:
    """Give the entries that one file should have, by their ids; what is refused goes into the report."""
    wanted = _wanted(file, choices, report)
    litellm = _litellm_offers(file, sources, choices, wanted, report)
    genai = _genai_offers(file, sources, choices, wanted, today, report)
    merged = [_merged(file, group, choices, today) for group in _groups(litellm, genai)]
    return sorted(merged, key=lambda one: one.entry.model)


def _wanted(file: FileChoice, choices: Choices, report: Report) -> Callable[[str], bool]:
    def wanted(model: str) -> bool:
        if not file.holds(model):
            return False
        why = choices.why("leave_out", f"{file.provider}/{model}")
        if why is not None:
            report.left_out(f"{file.provider}/{model}", why)
        return why is None

    return wanted


def _litellm_offers(
    file: FileChoice, sources: Sources, choices: Choices, wanted: Callable[[str], bool], report: Report
) -> dict[str, Offer]:
    found: dict[str, Offer] = {}
    for key, said in sources.litellm.items():
        if said.get("litellm_provider") not in file.litellm or not wanted(model := file.bare(key)):
            continue
        try:
            offer = litellm_offer(file.provider, model, said, inclusive=file.inclusive_tiers)
        except RefusedError as error:
            if (free := _free(file, model, said.values(), choices)) is None:
                report.refused(f"{file.provider}/{model}", f"litellm: {error}")
                continue
            offer = free
        offer = _believed(offer, choices)
        found[model] = _dearer(found[model], offer) if model in found else offer
    return found


def _genai_offers(
    file: FileChoice,
    sources: Sources,
    choices: Choices,
    wanted: Callable[[str], bool],
    today: date,
    report: Report,
) -> list[Offer]:
    found = []
    for provider, prefix in file.genai.items():
        for said in sources.genai.get(provider, {}).values():
            name = prefix + next(iter(ids_of(said)), said["id"])
            if not ids_of(said):
                report.left_out(f"{file.provider}/{name}", "genai-prices knows a pattern of ids, and no id")
                continue
            try:
                offer = genai_offer(file.provider, said, prefix, today)
            except RefusedError as error:
                if not wanted(name):
                    continue
                prices = said["prices"].values() if isinstance(said["prices"], dict) else [1]
                if (free := _free(file, name, prices, choices)) is None:
                    report.refused(f"{file.provider}/{name}", f"genai-prices: {error}")
                    continue
                offer = free
            offer = _believed(offer, choices)
            said_ids = tuple(offer.entry.ids())
            # "perplexity/sonar" is another model than "sonar"; "x-ai/grok-4.5" is not.
            ids = [one for one in said_ids if wanted(one) and (file.bare(one) == one or file.bare(one) not in said_ids)]
            if ids:
                found.append(evolve(offer, entry=_named(offer.entry, ids)))
    return found


def _free(file: FileChoice, model: str, values: Iterable[Any], choices: Choices) -> Offer | None:
    """Give an offer of 0 where a person said that 0 is the price, and the source says nothing else."""
    why = choices.why("free", f"{file.provider}/{model}")
    if why is None or any(isinstance(value, Decimal) and value > 0 for value in values):
        return None
    zero = Period(None, (Rates(-1, {"input": 0, "output": 0}),))
    return Offer(ModelPrice(f"{file.provider}/{model}", file.provider, model, {STANDARD: (zero,)}), (f"free: {why}",))


def _believed(offer: Offer, choices: Choices) -> Offer:
    """Leave out or mend what a source says of cache writes, unless a person said that it is true."""
    canonical = offer.entry.canonical
    if (why := choices.why("on_top", canonical)) is not None:
        return Offer(writes_on_top(offer.entry), (*offer.notes, f"cache_write with the input price: {why}"))
    if choices.why("cheap", canonical) is not None:
        return offer
    entry, notes = without_cheap_writes(offer.entry)
    return Offer(entry, (*offer.notes, *notes))


def _dearer(one: Offer, two: Offer) -> Offer:
    if one.entry.prices == two.entry.prices:
        return one
    dearer = max(one, two, key=lambda offer: sum(offer.entry.prices[STANDARD][-1].rows[0].meters.values()))
    return evolve(dearer, notes=(*dearer.notes, f"{LITELLM} has it twice; the dearer taken"))


def _groups(litellm: Mapping[str, Offer], genai: Iterable[Offer]) -> list[_Group]:
    """Put together ids that a source says are one model, as long as the other prices them alike."""
    groups: list[_Group] = []
    owner: dict[str, _Group] = {}

    def add(group: _Group) -> None:
        groups.append(group)
        owner.update(dict.fromkeys(group.ids, group))

    for offer in genai:
        ids = [one for one in offer.entry.ids() if one not in owner]
        if not ids:
            continue
        if ids[0] not in litellm:
            ids = sorted(ids, key=lambda one: one not in litellm)
        lead = next((litellm[one] for one in ids if one in litellm), None)
        unlike = [one for one in ids if lead and one in litellm and not _alike(litellm[one], lead)]
        add(_Group([one for one in ids if one not in unlike], lead, offer))
        for one in unlike:
            add(_Group([one], litellm[one], offer))
    for model in sorted(litellm, key=lambda one: (len(one), one)):
        if model in owner:
            continue
        dated = _DATED.fullmatch(model)
        group = owner.get(dated[1]) if dated else None
        if group and group.litellm and group.ids[0] == dated[1] and _alike(litellm[model], group.litellm):  # type: ignore[index]
            group.ids.append(model)
            owner[model] = group
        else:
            add(_Group([model], litellm[model]))
    return groups


def _alike(one: Offer, two: Offer) -> bool:
    return one.entry.prices == two.entry.prices and one.entry.mode == two.entry.mode


def _merged(file: FileChoice, group: _Group, choices: Choices, today: date) -> Merged:
    canonical = f"{file.provider}/{group.ids[0]}"
    litellm, genai = group.litellm, group.genai
    said: tuple[str, ...] = ()
    if litellm and genai and (take := choices.why("take", canonical)):
        source, _, why = take.partition(": ")
        litellm, genai = (litellm, None) if source == LITELLM else (None, genai)
        said = (f"{source} taken: {why}",)
    merged = merge(litellm, genai, today, alone=file.alone or bool(said))
    limit = merged.entry.max_output or (group.litellm.entry.max_output if group.litellm else None)
    entry = _named(evolve(merged.entry, max_output=limit), group.ids)
    return evolve(merged, entry=entry, comments=(*said, *merged.comments))


def _named(entry: ModelPrice, ids: list[str]) -> ModelPrice:
    head, *others = ids
    start = f"{head}-"
    return evolve(
        entry,
        model=head,
        canonical=f"{entry.provider}/{head}",
        snapshots=tuple(sorted(one.removeprefix(start) for one in others if one.startswith(start))),
        also=tuple(sorted(one for one in others if not one.startswith(start))),
    )
