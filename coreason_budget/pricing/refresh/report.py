"""What a refresh did and did not do, for the maintainer to read."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

KINDS = ("added", "changed", "bounded", "disagreed", "held", "left out", "refused", "gone")


@define
class Report:
    """Findings by kind, each an id and a sentence."""

    found: dict[str, dict[str, str]] = field(factory=lambda: {kind: {} for kind in KINDS})

    def added(self, model: str, price: str) -> None:
        """Note an entry, an id or a service that the table had not."""
        self.found["added"][model] = price

    def changed(self, model: str, what: str) -> None:
        """Note a price that differs from the table's: a dated entry was appended."""
        self.found["changed"][model] = what

    def bounded(self, model: str, limit: str) -> None:
        """Note an output limit that the table had not."""
        self.found["bounded"][model] = limit

    def disagreed(self, model: str, what: str) -> None:
        """Note that the sources differ; the entry's comment says what was taken."""
        self.found["disagreed"][model] = what

    def held(self, model: str, why: str) -> None:
        """Note a price that stays although the sources differ from it, by a person's choice."""
        self.found["held"][model] = why

    def left_out(self, model: str, why: str) -> None:
        """Note a model that is not in the table, by a person's choice."""
        self.found["left out"][model] = why

    def refused(self, model: str, why: str) -> None:
        """Note a model that fails a gate: not written, and nobody has decided about it."""
        self.found["refused"][model] = why

    def gone(self, model: str) -> None:
        """Note an entry that neither source has any more; it stays."""
        self.found["gone"][model] = "in neither source any more; kept"

    def lines(self, *, every: bool) -> Iterator[str]:
        """Give the report: counts, then what wants eyes, or with ``every`` all of it."""
        for kind in KINDS:
            yield f"{kind}: {len(self.found[kind])}"
            if every or kind in ("changed", "added"):
                for model, text in sorted(self.found[kind].items()):
                    yield f"  {model}: {text}"
