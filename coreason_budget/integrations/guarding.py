"""What a guarded client asks of a budget before each try: who pays, what is held, what is done with too much.

A call is bounded from its request (input counted or bounded, output by its own limit, else the model's) and reserved,
clamped or sent to a cheaper model. The outermost guard holds: whatever it calls finds its call held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Literal

from attrs import evolve, field, frozen

from coreason_budget import aio, background
from coreason_budget.errors import BudgetExceededError, ConfigError, InvalidAmountError
from coreason_budget.holding import held, is_held
from coreason_budget.ids import check_id
from coreason_budget.integrations.attempt import Attempt, Progress
from coreason_budget.manager import BudgetManager
from coreason_budget.money import Usd

if TYPE_CHECKING:
    from coreason_budget.reservation import Reservation

__all__ = ["Ask", "Guard", "Terms", "held", "is_held"]

OnExceed = Literal["refuse", "clamp", "downgrade"]
Unmetered = Literal["raise", "allow"]
STANDARD = "standard"


@frozen
class Ask:
    """What a call asks of its provider, as far as its price goes.

    Attributes:
        model: As the caller named it.
        input_tokens: Gives the bound of its input for a model, None where nobody can tell.
        output_limit: The most tokens of one answer that the call allows, None where it does not say.
        answers: How many answers it asks for.
        service: The tier that it asks for.
        why_hidden: Why its size cannot be told, empty where it can.
        least_output: The smallest limit that the provider takes.
        is_late: Its answer comes later, elsewhere.
        most_usd: Gives the most that a call of several requests can cost, None where nobody can tell.
    """

    model: str | None
    input_tokens: Callable[[str], int | None]
    output_limit: int | None = None
    answers: int = 1
    service: str = STANDARD
    why_hidden: str = ""
    least_output: int = 1
    is_late: bool = False
    most_usd: Callable[[], Usd | None] = lambda: None


@frozen
class Terms:
    """On which terms a call was admitted: what must be written into it, None for as it is."""

    attempt: Attempt
    model: str | None = None
    output_limit: int | None = None


def _unadmit(call: Future[Terms]) -> None:
    if not call.cancel():
        background.later(lambda: call.result().attempt.unbilled())


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigError("downgrade_to: must be a list of models, the dearest first", field="downgrade_to")
    return tuple(check_id(model, "downgrade_to") for model in value)


def _sync(budget: BudgetManager | aio.BudgetManager) -> BudgetManager:
    found = getattr(budget, "sync", budget)
    if not isinstance(found, BudgetManager):
        raise TypeError(f"budget: must be a BudgetManager, not {type(budget).__name__}")
    return found


@frozen
class Guard:
    """Who pays for a client's calls, and what is done with one that the budget cannot pay.

    Attributes:
        budget: What keeps the budgets, a manager of either form.
        user_id: Who pays; None for who `acting_for` says at the call.
        project_id: For what.
        tags: Further scopes, kind to id.
        on_exceed: ``refuse``; ``clamp`` writes the output limit that still fits; ``downgrade`` asks the first
            model of ``downgrade_to`` that fits.
        downgrade_to: Models of the same provider.
        unmetered: ``raise`` on a call that cannot be metered, before it is sent, or ``allow`` it uncounted.
        max_call_usd: What is held for a call whose size cannot be told from its request.
        provider: Whose prices hold, where the client speaks another's language: ``azure``, ``openrouter``.
    """

    budget: BudgetManager = field(converter=_sync)
    user_id: str | None = field(validator=lambda _, __, value: value is None or (check_id(value, "user_id") and None))
    project_id: str | None = None
    tags: Mapping[str, str] | None = None
    on_exceed: OnExceed = "refuse"
    downgrade_to: tuple[str, ...] = field(default=(), converter=_texts)
    unmetered: Unmetered = "raise"
    max_call_usd: Usd | None = None
    provider: str | None = None
    awaiting: aio.BudgetManager = field(init=False, repr=False, eq=False)

    @awaiting.default
    def _awaited(self) -> aio.BudgetManager:
        made: aio.BudgetManager = aio.BudgetManager.over(self.budget)
        return made

    def __attrs_post_init__(self) -> None:
        for name, allowed in (("on_exceed", ("refuse", "clamp", "downgrade")), ("unmetered", ("raise", "allow"))):
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name}: must be one of {', '.join(allowed)}", field=name)
        if (self.on_exceed == "downgrade") != bool(self.downgrade_to):
            raise ConfigError("downgrade_to: goes with on_exceed='downgrade', and needs a model", field="downgrade_to")

    def refuse_unmetered(self, what: str) -> None:
        """Refuse a call that cannot be metered, unless such are allowed.

        Raises:
            ConfigError: Nothing was sent.
        """
        if self.unmetered == "raise":
            raise ConfigError(
                f"unmetered: {what} is a call that this guard cannot meter; nothing was sent. Make it with a client "
                "that is not guarded, or pass unmetered='allow'",
                field="unmetered",
            )

    def admit(self, ask: Ask, progress: Progress) -> Terms:
        """Hold what one try of a call can cost.

        Raises:
            BudgetExceededError: It does not fit; nothing was sent.
            InvalidAmountError: Its size cannot be told; says what to pass.
            UnknownModelError: No price for the model.
            LedgerUnavailableError: Nothing is held.
        """
        try:
            return Terms(self._hold(ask, progress))
        except BudgetExceededError:
            if self.on_exceed == "refuse" or ask.why_hidden or ask.model is None:
                raise
            if self.on_exceed == "clamp":
                return self._clamp(ask, progress)
            return self._downgrade(ask, progress)

    async def admit_awaited(self, ask: Ask, progress: Progress) -> Terms:
        """Do as `admit`, without holding up the loop. Of a task that is cancelled meanwhile nothing stays held."""
        background.prepare()
        return await self.awaiting.wait(partial(self.admit, ask, progress), _unadmit)

    def _clamp(self, ask: Ask, progress: Progress) -> Terms:
        model = self._priced(ask.model)
        limit = self.budget.affordable_output_tokens(
            self.user_id,
            self.project_id,
            model=model,
            input_tokens=self._read(ask, model),
            max_output_tokens=None if ask.output_limit is None else ask.output_limit * ask.answers,
            tags=self.tags,
        ) // ask.answers  # fmt: skip
        if limit < ask.least_output:
            # What is in the way is said of the smallest call.
            limit = ask.least_output
        return Terms(self._hold(evolve(ask, output_limit=limit), progress), output_limit=limit)

    def _downgrade(self, ask: Ask, progress: Progress) -> Terms:
        *others, last = self.downgrade_to
        for model in others:
            try:
                return Terms(self._hold(evolve(ask, model=model), progress), model=model)
            except BudgetExceededError:
                continue
        return Terms(self._hold(evolve(ask, model=last), progress), model=last)

    def _hold(self, ask: Ask, progress: Progress) -> Attempt:
        model = None if ask.model is None else self._priced(ask.model)
        if ask.why_hidden or model is None:
            return self._attempt(self._reserve_cap(ask, model), ask, model, None, progress)
        read = self._read(ask, model)
        limit = ask.output_limit
        if limit is None:
            limit = self.budget.pricing.card(model).max_output
        most = None if limit is None else limit * ask.answers
        cost = None
        if ask.service != STANDARD:
            cost = self.budget.pricing.estimate(model, input_tokens=read, max_output_tokens=most, service=ask.service)
        held = self._reserve(cost, model, read, most)
        return self._attempt(held, ask, model, read, progress)

    def _reserve_cap(self, ask: Ask, model: str | None) -> Reservation:
        if (most := ask.most_usd()) is not None:
            return self._reserve(most, model, None, None)
        if self.max_call_usd is None:
            raise InvalidAmountError(
                f"max_call_usd: {ask.why_hidden}, so its size cannot be told from the request; pass guard(..., "
                "max_call_usd=...), the most that such a call may cost",
                field="max_call_usd",
            )
        return self._reserve(self.max_call_usd, model, None, None)

    def _reserve(self, cost: Usd | None, model: str | None, read: int | None, most: int | None) -> Reservation:
        return self.budget.reserve(
            self.user_id,
            cost,
            self.project_id,
            model,
            tags=self.tags,
            input_tokens=read,
            max_output_tokens=most,
        )

    def _attempt(self, held: Reservation, ask: Ask, model: str | None, read: int | None, progress: Progress) -> Attempt:
        return Attempt(self.budget, held, model, read, ask.service, progress, ask.is_late)

    def _read(self, ask: Ask, model: str) -> int:
        read = ask.input_tokens(model)
        if read is None:
            raise InvalidAmountError("input_tokens: the size of the input cannot be told", field="input_tokens")
        return read

    def _priced(self, model: str | None) -> str:
        name = check_id(model, "model")
        if self.provider is None or name.startswith(f"{self.provider}/"):
            return name
        return f"{self.provider}/{name}"
