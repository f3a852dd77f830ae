"""What a caller gives: one frozen class a verb. Manager, JSON bodies, options, digests and stored bodies go by it.

A field says its type and bounds (`Annotated` with a `Schema`), one sentence, the option of the command
line it goes by, and whether it is content. Content is what makes two calls with one idempotency key the
same call: by name, what was left out is left out, so that a field of a later version changes no digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from attrs import NOTHING, frozen

from coreason_budget.declared import Alternative, content_names, is_flag, said
from coreason_budget.errors import InvalidAmountError
from coreason_budget.ids import MAX_REFERENCE_BYTES, check_id, count_tokens
from coreason_budget.inputs import (
    Amount,
    Booking,
    Id,
    Model,
    Reference,
    ReservationId,
    Seconds,
    Service,
    Tags,
    Tokens,
    UsageObject,
)
from coreason_budget.model import Memo, Subject
from coreason_budget.money import to_nanos
from coreason_budget.pricing.price import STANDARD
from coreason_budget.pricing.usage import Report, read_report


def _if_so(value: bool | None) -> bool | None:
    return None if value is False else value


def _unless_standard(service: str | None) -> str | None:
    return None if service == STANDARD else service


_FLAG: dict[str, Any] = {"content": None, "validator": is_flag}
NO_USAGE = 'an OpenAI stream tells its usage only with stream_options={"include_usage": True}'
_NANOS = {"content": "cost_nanos", "read": "cost_nanos"}


_BY_COST = Alternative(("cost",), (("cost",),))
_BY_USAGE = Alternative(("usage",), (("usage",),))


@frozen(kw_only=True, slots=False)
class Call:
    """What every call has. A call is read when it is made use of: a bad value is an error then, before any I/O."""

    VERB: ClassVar[str]
    ALTERNATIVES: ClassVar[tuple[Alternative, ...]] = ()

    def content(self) -> dict[str, object]:
        """Give what the caller said, as JSON values by name. What was left out, or is None, is left out."""
        content, names = {}, content_names(self.__class__)
        for name, value in tuple(vars(self).items()):  # Copied: what is read may be kept there.
            if value is not None and name in names:
                content_name, read = names[name]
                told = getattr(self, read) if read else value
                content[content_name] = told if type(told) in (str, int) else _as_json(told)
        return content


@frozen(kw_only=True, slots=False)
class Mutation(Call):
    """What every call has that changes a budget."""

    idempotency_key: str | None = said("Idempotency key: sent again, it counts once.", "key", "TEXT", content=None)


@frozen(kw_only=True, slots=False)
class _Booking(Mutation):
    """What a call may say for the books beside what it costs."""

    reference: Reference | None = said("A name of your own for it, booked with it.", "reference", "TEXT")

    def memo(self, price: str = "") -> Memo:
        """Give what is kept beside the amounts.

        Raises:
            InvalidIdError: The reference is not text of 1 to 128 bytes.
        """
        reference = self.reference
        return Memo(price, "" if reference is None else check_id(reference, "reference", MAX_REFERENCE_BYTES))


def _as_json(value: object) -> object:
    if isinstance(value, Report):
        return value.content()
    return dict(value) if isinstance(value, Mapping) else value


@frozen(kw_only=True, slots=False)
class _Subjected(Call):
    """What a call falls under, and how long its input is."""

    user_id: Id = said(metavar="USER_ID", default=NOTHING)
    project_id: Id | None = said("The project it is for.", "project", "ID")
    model: Model | None = said("The model.", "model", "NAME")
    tags: Tags | None = said("A further scope; repeatable.", "tag", "KIND=ID")
    input_tokens: Tokens | None = said("Input tokens.", "input", "N")

    @property
    def subject(self) -> Subject:
        """The scopes, as the caller names them.

        Raises:
            InvalidIdError: A bad id or tag; names it.
        """
        # None would leave the user's own limits out.
        return Subject.of(check_id(self.user_id, "user_id"), self.project_id, self.model, self.tags)


@frozen(kw_only=True, slots=False)
class Check(_Subjected):
    """Ask whether a call would fit now; with a model and its input, how long an answer may be too."""

    VERB = "check"
    ALTERNATIVES = (Alternative((), ((),)), Alternative(("input_tokens",), (("model", "input_tokens"),)))

    estimated_cost: Amount | None = said(
        "Estimated cost.", "cost", "USD", content="estimated_cost_nanos", read="cost_nanos"
    )

    @property
    def cost_nanos(self) -> int | None:
        """The estimate, None where the caller has none."""
        return None if self.estimated_cost is None else to_nanos(self.estimated_cost, "estimated_cost")


@frozen(kw_only=True, slots=False)
class Reserve(_Subjected, _Booking):
    """Hold what a call may cost at most: a cost, or a model and the bounds of its token counts."""

    VERB = "reserve"
    ALTERNATIVES = (_BY_COST, Alternative(("input_tokens", "max_output_tokens"), (("model", "input_tokens"),)))

    cost: Amount | None = said(
        "The most the call can cost. Left out, the model and its token bounds say it.",
        "cost",
        "USD",
        content="cost_nanos",
        read="cost_nanos",
    )
    max_output_tokens: Tokens | None = said("The call's limit of output tokens.", "max-output", "N")
    ttl_s: Seconds | None = said("Seconds until it lapses if it is not settled.", "ttl", "S")

    @cached_property
    def cost_nanos(self) -> int | None:
        """The bound, None where model and tokens say it."""
        return None if self.cost is None else to_nanos(self.cost, "cost")


@frozen(kw_only=True, slots=False)
class _Spent(_Booking):
    """What a call cost: an amount, the provider's answer, or token counts, which may stand beside an amount too."""

    cost: Amount | None = said(
        "What the call cost. Left out, the provider's answer or the token counts say it.",
        "cost",
        "USD",
        content="cost_nanos",
        read="cost_nanos",
    )
    usage: UsageObject | None = said(
        "The provider's answer, or its usage, as JSON; - is stdin.", "usage", "FILE", read="report"
    )
    model: Model | None = said("The model that was called, if not the one reserved for.", "model", "NAME")
    input_tokens: Tokens | None = said("Input tokens.", "input", "N")
    output_tokens: Tokens | None = said("Output tokens.", "output", "N")
    service: Service | None = said(
        "What was billed where the answer does not say: batch, ...", "service", "NAME", converter=_unless_standard
    )

    @property
    def cost_nanos(self) -> int | None:
        """The amount, None where something else says it."""
        return None if self.cost is None else to_nanos(self.cost, "cost")

    @property
    def report(self) -> Report | None:
        """What the answer tells of its usage, None where something else says the cost.

        Raises:
            InvalidAmountError: The usage is not understood; or it stands beside a cost or counts, or nothing is there.
        """
        told = not (self.cost is None and self.input_tokens is None and self.output_tokens is None)
        if told == (self.usage is not None):
            hint = "" if told else f" ({NO_USAGE})"
            raise InvalidAmountError(f"cost: give a cost, a usage, or token counts{hint}", field="cost")
        return None if self.usage is None else self._report

    @cached_property
    def _report(self) -> Report:
        return read_report(self.usage, self.service or STANDARD)

    @property
    def tokens(self) -> int | None:
        """The tokens that the caller counted, None if it counted none."""
        return count_tokens(self.input_tokens, self.output_tokens)

    def content_of_cost(self) -> dict[str, object]:
        """Give the content that a price is made from, also much later."""
        content = self.content()
        return {name: content[name] for name in _PRICING if name in content}


_PRICING = ("cost_nanos", "usage", "model", "input_tokens", "output_tokens", "service")


@frozen(kw_only=True, slots=False)
class Spend(_Spent, _Subjected):
    """Book what a call cost: an amount, the provider's answer, or a model and its token counts."""

    VERB = "spend"
    _WHOSE: ClassVar = ("user_id", "project_id", "model", "tags", "reference", "cumulative")
    ALTERNATIVES = (
        _BY_COST,
        _BY_USAGE,
        Alternative(("input_tokens", "output_tokens"), (("model", "input_tokens"), ("model", "output_tokens"))),
    )

    cumulative: bool | None = said(
        "What the call came to so far: told again with the same key, the most of it all is booked.",
        "cumulative",
        validator=is_flag,
        converter=_if_so,
    )

    def shared(self, content: dict[str, object]) -> dict[str, object]:
        """Give of the content what all reports of a call share: all of it, unless it is told in parts."""
        return {name: content[name] for name in self._WHOSE if name in content} if self.cumulative else content

    @property
    def subject(self) -> Subject:
        """The scopes; the answer names the model where the caller does not."""
        model = self.model if self.model is not None or self.report is None else self.report.model
        return Subject.of(check_id(self.user_id, "user_id"), self.project_id, model, self.tags)


@frozen(kw_only=True, slots=False)
class Settle(_Spent):
    """End a reservation with what the call cost: an amount, the provider's answer, or token counts."""

    VERB = "settle"
    ALTERNATIVES = (
        _BY_COST,
        _BY_USAGE,
        Alternative(("input_tokens", "output_tokens"), (("input_tokens",), ("output_tokens",))),
    )

    reservation_id: ReservationId = said(metavar="RESERVATION_ID", default=NOTHING)


@frozen(kw_only=True, slots=False)
class Correct(_Spent):
    """Correct what was booked, upwards: what the call cost by an amount, the provider's answer, or token counts."""

    VERB = "correct"
    ALTERNATIVES = Settle.ALTERNATIVES

    booking: Booking = said(metavar="BOOKING", default=NOTHING)
    only_up: bool = said(
        "Lower what is booked, too, if it is more than that.", "lower", default=True, content=None, validator=is_flag
    )
    void: bool = said(
        "The call never was: nothing of it stays booked.", "void", default=False, content=None, validator=is_flag
    )

    @property
    def is_void(self) -> bool:
        """Whether nothing is to stay booked.

        Raises:
            InvalidAmountError: And yet a cost is told.
        """
        if self.void and self.content_of_cost():
            raise InvalidAmountError("void: takes no cost, usage or token counts", field="void")
        return self.void


@frozen(kw_only=True, slots=False)
class Release(Mutation):
    """End a reservation and book nothing: the call did not happen."""

    VERB = "release"

    reservation_id: ReservationId = said(metavar="RESERVATION_ID", default=NOTHING)


CALLS: tuple[type[Call], ...] = (Check, Spend, Reserve, Settle, Release, Correct)
