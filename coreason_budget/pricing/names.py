"""What an id means, whoever wrote it: by the table of forms, never by likeness."""

from __future__ import annotations

from collections.abc import Iterator

from coreason_budget.pricing.forms import FORMS, Form
from coreason_budget.pricing.hidden import why_hidden

_FIRST = tuple(form for form in FORMS if form.first)
_OTHERS = tuple(form for form in FORMS if not form.first)
_MAX_STEPS = 4


def readings(model: str, steps: int = _MAX_STEPS) -> Iterator[str]:
    """Give the ids that an id may mean, in the order to look them up, itself among them; some twice."""
    yield from _meant(model, _FIRST, steps)
    yield model
    yield from _meant(model, _OTHERS, steps)


def _meant(model: str, forms: tuple[Form, ...], steps: int) -> Iterator[str]:
    for form in forms if steps else ():
        if (match := form.match(model)) is not None and why_hidden(model) is None:
            for template in form.ids:
                yield from readings(match.expand(template), steps - 1)
