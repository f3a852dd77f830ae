"""Where accounts stand, and the answers that tell it: `Balance`, `Verdict`, `Hold`, `Receipt`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from coreason_budget.awaited import Awaited
from coreason_budget.model import Account, Amounts, Entry, Standings
from coreason_budget.money import to_usd


@frozen
class Balance:
    """Where one account stands. Amounts are ``Decimal`` USD for usd, else ``int``."""

    account: Account
    limit_units: int | None
    used_units: int
    reserved_units: int
    limit_source: str | None = None
    """Where the limit was said: ``limits.yaml:3``, a setting's name; None where that is not known."""

    def __repr__(self) -> str:
        amounts = (
            ("limit", self.limit),
            ("spent", self.spent),
            ("reserved", self.reserved),
            ("remaining", self.remaining),
        )
        unit = "USD" if self.unit == "usd" else self.unit
        shown = [f"{name}={value} {unit}" for name, value in amounts if value is not None]
        return f"Balance({self.scope!r}, {self.window!r}, {', '.join(shown)})"

    def as_dict(self) -> dict[str, Any]:
        """The balance as a row of plain values: ``pandas.DataFrame([b.as_dict() for b in budget.usage()])``."""
        names = ("scope", "window", "unit", "limit", "spent", "reserved", "remaining", "resets_at", "limit_source")
        return {name: getattr(self, name) for name in names}

    @property
    def scope(self) -> str:
        """Whose account: ``user/alice``, ``global``."""
        return str(self.account.scope)

    @property
    def window(self) -> str:
        """The kind of window."""
        return self.account.window

    @property
    def unit(self) -> str:
        """``usd``, ``tokens`` or ``requests``."""
        return self.account.unit

    @property
    def limit(self) -> Decimal | int | None:
        """What the window allows; None where nothing bounds it."""
        return None if self.limit_units is None else self.shown(self.limit_units)

    @property
    def spent(self) -> Decimal | int:
        """What is booked."""
        return self.shown(self.used_units - self.reserved_units)

    @property
    def reserved(self) -> Decimal | int:
        """What open reservations hold."""
        return self.shown(self.reserved_units)

    @property
    def remaining_units(self) -> int | None:
        """What a new call may still ask for, never below 0; None without a limit."""
        return None if self.limit_units is None else max(0, self.limit_units - self.used_units)

    @property
    def remaining(self) -> Decimal | int | None:
        """`remaining_units`, as USD where the unit is usd."""
        units = self.remaining_units
        return None if units is None else self.shown(units)

    @property
    def resets_at(self) -> datetime | None:
        """When the window ends, in UTC; None for ``total``."""
        return self.account.resets_at

    def shown(self, units: int) -> Decimal | int:
        """An amount of this account as the public API gives it."""
        return to_usd(units) if self.account.unit == "usd" else units


def balance_of(entry: Entry, used: int, reserved: int) -> Balance:
    """Where the account of an entry stands."""
    source = None if entry.limit is None else entry.limit.source or None
    return Balance(entry.account, entry.limit_units, used, reserved, source)


@frozen
class _Standing:
    """Entries and how their accounts stand; the balances are made when somebody looks."""

    entries: tuple[Entry, ...]
    standings: Standings = field(repr=False)

    @property
    def balances(self) -> tuple[Balance, ...]:
        """Where each account of the call stands, narrowest scope first."""
        return tuple([balance_of(e, *self.standings.get(e.account.key, (0, 0))) for e in self.entries])

    def _shown(self, **figures: object) -> str:
        shown = [f"{name}={value}" for name, value in figures.items()]
        return f"{type(self).__name__}({', '.join([*shown, f'balances={self.balances!r}'])})"


@frozen
class Verdict(Awaited, _Standing):
    """The answer of a check that admits: every limited account of the call, as it stands.

    Attributes:
        affordable_output_tokens: How long the answer may be; None where the check named no input.
    """

    affordable_output_tokens: int | None = None

    def __repr__(self) -> str:
        return self._shown(remaining_usd=self.remaining_usd, affordable_output_tokens=self.affordable_output_tokens)

    @property
    def binding(self) -> Balance | None:
        """The usd account with the least left, None if no usd limit applies."""
        limited = [b for b in self.balances if b.unit == "usd" and b.remaining_units is not None]
        return min(limited, key=lambda b: b.remaining_units or 0, default=None)

    @property
    def remaining_usd(self) -> Decimal | None:
        """What the call may cost at most, None if no usd limit applies."""
        binding = self.binding
        return None if binding is None else to_usd(binding.remaining_units or 0)


@frozen
class Hold(_Standing):
    """An admitted reservation: what `BudgetGuard.reserve` answers."""

    reservation_id: str
    op_id: str
    amounts: Amounts
    lapses_us: int
    replayed: bool

    def __repr__(self) -> str:
        reserved_usd = to_usd(self.amounts.usd_nanos)
        return self._shown(reservation_id=repr(self.reservation_id), reserved_usd=reserved_usd, replayed=self.replayed)


@frozen
class Receipt(Awaited, _Standing):
    """What was booked, and where the accounts (`balances`) stand since.

    Attributes:
        op_id: The idempotency key of the booking, the caller's or one made for it.
        status: ``recorded``, ``settled``, ``released`` or ``lapsed``; of what was booked before, ``corrected``, or
            ``unchanged`` where it stood at that already.
        amounts: What was booked (nothing for a release); of a correction, what stands booked since.
        replayed: The same call was applied before; this one changed nothing.
        late: The reservation had lapsed; this corrected what its lapse assumed.
        reservation_id: The reservation that ended, None for a charge.
        before: Of a correction, what stood booked until then; else None.
        reference: The caller's own name for it, None where it has none.
        estimated: A stream was cut, and what was produced until then is counted, not told by its provider.
    """

    op_id: str
    status: str
    amounts: Amounts
    replayed: bool = False
    late: bool = False
    reservation_id: str | None = None
    before: Amounts | None = None
    reference: str | None = None
    estimated: bool = False

    def __repr__(self) -> str:
        amounts = self.amounts
        return self._shown(
            status=self.status,
            cost_usd=self.cost_usd,
            tokens=amounts.tokens,
            requests=amounts.requests,
            op_id=repr(self.op_id),
            reservation_id=repr(self.reservation_id),
            replayed=self.replayed,
            late=self.late,
        )

    @property
    def cost_usd(self) -> Decimal:
        """What was booked, in USD; of a correction, what stands booked since."""
        return to_usd(self.amounts.usd_nanos)

    @property
    def added(self) -> Amounts:
        """What this booked beside what stood booked before, in each unit; below 0 where it was corrected down."""
        now, before = self.amounts, self.before or Amounts(0, 0, 0)
        return Amounts(now.usd_nanos - before.usd_nanos, now.tokens - before.tokens, now.requests - before.requests)

    @property
    def difference_usd(self) -> Decimal | None:
        """What a correction changed, in USD; None of anything else."""
        return None if self.before is None else to_usd(self.added.usd_nanos)
