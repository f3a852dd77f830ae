"""Calls that name no tokens although a limit in tokens applies to them: refused, warned of, or let pass."""

from __future__ import annotations

import logging

from coreason_budget.errors import InvalidAmountError
from coreason_budget.limits.book import LimitBook
from coreason_budget.model import Limit, Scope, Subject

POLICIES = ("refuse", "warn", "allow")
_MOST_WARNED = 4096

_log = logging.getLogger("coreason_budget")


class UncountedTokens:
    """What the setting UNCOUNTED_TOKENS makes of them.

    A reservation that names none would pass a limit in tokens for ever, so ``refuse`` refuses it. What is spent
    is spent: booking is never refused, and warned of once a scope.
    """

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self._warned: set[Scope] = set()

    def check_reserve(self, book: LimitBook, subject: Subject) -> None:
        """A reserve that names no tokens.

        Raises:
            InvalidAmountError: A limit in tokens applies, and the policy is ``refuse``.
        """
        if self._policy != "refuse":
            self.note(book, subject, "a call was admitted")
        elif (found := book.limited(subject, "tokens")) is not None:
            raise InvalidAmountError(
                f"input_tokens: {_limit_text(*found)} needs to know them; give input_tokens and max_output_tokens "
                "(uncounted_tokens=warn lets such calls pass)",
                field="input_tokens",
            )

    def note(self, book: LimitBook, subject: Subject, what: str = "spend was booked") -> None:
        """Warn, once a scope, of what counts no tokens where a limit in tokens applies."""
        found = None if self._policy == "allow" else book.limited(subject, "tokens")
        if found is None or found[0] in self._warned:
            return
        if len(self._warned) >= _MOST_WARNED:
            self._warned.clear()
        self._warned.add(found[0])
        _log.warning("%s without its tokens, so %s does not hold; name the tokens", what, _limit_text(*found))


def _limit_text(scope: Scope, limit: Limit) -> str:
    period = "in total" if limit.window == "total" else f"per {limit.window}"
    said = f" ({limit.source})" if limit.source else ""
    return f"the limit of {limit.amount} tokens {period} for {scope}{said}"
