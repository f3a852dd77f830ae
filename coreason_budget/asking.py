"""The verbs of `BudgetManager` that only ask: would a call fit, how long may its answer be, where do budgets stand."""

from __future__ import annotations

from coreason_budget import costs
from coreason_budget.calls import Check
from coreason_budget.errors import BudgetExceededError
from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Amounts, Subject
from coreason_budget.money import Usd
from coreason_budget.payer import Tags, paying
from coreason_budget.pricing import PricingEngine
from coreason_budget.standing import Balance, Verdict
from coreason_budget.verbs import Verbs


class Asking:
    """What changes nothing. Advisory: what others reserve in between is gone."""

    pricing: PricingEngine
    guard: BudgetGuard
    _verbs: Verbs

    def check_availability(
        self,
        user_id: str | None = None,
        project_id: str | None = None,
        estimated_cost: Usd | None = None,
        *,
        model: str | None = None,
        tags: Tags | None = None,
        input_tokens: int | None = None,
    ) -> Verdict:
        """Ask whether a call would fit now. Advisory: only `reserve` holds what it promises.

        With a model and its input the verdict also says how long the answer may be; the call must then be
        able to pay its input at least. Both are of one look at the ledger.

        Args:
            user_id: Who calls; needed, here or by `acting_for`.
            project_id: For what.
            estimated_cost: USD; a call without an estimate is refused once nothing is left, one that costs
                0 by no limit in USD.
            model: The model, for budgets by model.
            tags: Further scopes, kind to id.
            input_tokens: Of the prompt, an upper bound; wants ``model``.

        Raises:
            BudgetExceededError: It would not fit; says which budget, and when to come back.
            LedgerUnavailableError: The budget could not be checked.
            UnknownModelError: No price for the model whose tokens are asked for.
            InvalidAmountError, InvalidIdError: A bad input; nothing was asked.
        """
        return self._verbs.check(
            Check(**paying(user_id, project_id, model, tags), estimated_cost=estimated_cost, input_tokens=input_tokens)
        )

    def affordable_output_tokens(
        self,
        user_id: str | None = None,
        project_id: str | None = None,
        *,
        model: str,
        input_tokens: int,
        max_output_tokens: int | None = None,
        tags: Tags | None = None,
    ) -> int:
        """Give the largest ``max_output_tokens`` that a reserve of this call would still admit now.

        Every limit of the call counts, in USD, tokens and requests. Advisory, as a check: what others
        reserve in between is gone.

        Args:
            user_id: Who calls; needed, here or by `acting_for`.
            project_id: For what.
            model: The model.
            input_tokens: Of the prompt, an upper bound.
            max_output_tokens: What the caller would like at most; the model's own limit by default.
            tags: Further scopes, kind to id.

        Returns:
            0 where nothing fits; `reserve` then says what is in the way.

        Raises:
            UnknownModelError: No price for the model.
            LedgerUnavailableError, InvalidAmountError, InvalidIdError: As `check_availability`.
        """
        check = Check(**paying(user_id, project_id, model, tags))
        subject = self._verbs.named(check.subject)
        wish = costs.affordable(self.pricing, (), model, input_tokens, max_output_tokens)
        try:
            balances = self.guard.check(subject, Amounts()).balances
        except BudgetExceededError:
            return 0
        return costs.affordable(self.pricing, balances, model, input_tokens, wish)

    def balances(
        self,
        user_id: str | None = None,
        project_id: str | None = None,
        model: str | None = None,
        tags: Tags | None = None,
    ) -> tuple[Balance, ...]:
        """Where every account of these scopes and of the whole stands, narrowest scope first.

        Raises:
            InvalidIdError: A bad id or tag; names it.
            LedgerUnavailableError: The ledger did not answer.
        """
        return self.guard.usage(self._verbs.named(Subject.of(user_id, project_id, model, tags)))

    usage = balances
    """The same, under the name of the command and of the HTTP call; not a provider's usage."""
