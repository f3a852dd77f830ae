"""Which count may contain which, as a family of usages or the maker of a model counts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal, Protocol

from attrs import Factory, frozen


class Habit(Enum):
    """Where a part stands: in the count of its whole or beside it, in the total or outside of it.

    Attributes:
        in_whole: The count of its whole contains it.
        share: What it adds to the total beyond its whole, as a factor.
    """

    INSIDE = "inside its whole", True, 0
    BESIDE = "beside its whole, in the total", False, 1
    APART = "beside its whole, outside of the total", False, 0
    LEFT_OUT = "inside its whole, taken off the total", True, -1

    def __init__(self, meaning: str, in_whole: bool, share: int) -> None:
        self.in_whole = in_whole
        self.share = share


INSIDE, BESIDE, APART, LEFT_OUT = Habit


class Maker(Protocol):
    """How the maker of a model counts, where its shape leaves that open."""

    @property
    def cached_in_input(self) -> bool | None:
        """Its input count contains what was read from a cache and written to one; None is not known."""

    @property
    def mode(self) -> str:
        """What it makes: ``chat`` (all that writes text), ``embedding`` or ``rerank``."""

    @property
    def reasoning_in_output(self) -> bool | None:
        """Its output count contains reasoning; None is not known."""

    @property
    def provider(self) -> str:
        """Who bills, as the price table names it."""


@frozen(eq=False)
class Habits:
    """What a family's counts may contain, the likelier first. One object a family, known by identity.

    Attributes:
        cache: Where cached and written tokens may stand, seen from the prompt.
        reasoning: Where reasoning may stand, seen from the output.
        by_maker: The model's maker decides before the order given, where the counts and the total leave it
            open: names of a framework that passes on what each provider counts.
        untold_ttl: How long writes are kept of which nobody tells: ``written_5m`` or ``written_1h``.
        rest_is_reasoning: What only the total tells is reasoning, where the model's maker counts it beside.
        needs_total: Its total is always told; without one nothing is made of what may stand inside or beside.
        reads_only: The prompt is all that is told: of embeddings and reranks, which write nothing.
        outgrows_split: Writes may be more than their split: of what came on top nobody knows the time.
        doubts: Where the maker counts the cache beside the input, and its total fits a cache inside as well, the
            usage is refused: so do gateways count.
        of: Other habits for the models of some providers.
        loses_writes: It has no place for what was written to a cache. A model whose maker counts the cache beside
            the input is refused then: if cached tokens are told at all where the input lacks the writes
            (``beside``), if they are not 0 where it contains them (``inside``).
    """

    cache: tuple[Habit, ...] = (INSIDE,)
    reasoning: tuple[Habit, ...] = (INSIDE, BESIDE)
    by_maker: bool = False
    untold_ttl: str = "written_5m"
    outgrows_split: bool = False
    rest_is_reasoning: bool = False
    doubts: bool = False
    of: Mapping[str, Habits] = Factory(dict)
    loses_writes: Literal["", "beside", "inside"] = ""
    needs_total: bool = False
    reads_only: bool = False
