"""What the library answers, as JSON values: money is text in plain USD, moments are ISO 8601.

The types are what the service's OpenAPI document tells of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict, cast

from coreason_budget.inputs import Schema
from coreason_budget.model import WINDOWS
from coreason_budget.reservation import Reservation
from coreason_budget.standing import Balance, Receipt, Verdict

Json = dict[str, Any]


Money: TypeAlias = Annotated[
    str, Schema(pattern=r"^[0-9]+\.[0-9]{2,9}$", description="USD, exact in nano-USD.", examples=["0.25"])
]
Difference: TypeAlias = Annotated[
    str,
    Schema(
        pattern=r"^-?[0-9]+\.[0-9]{2,9}$",
        description="USD more than stood booked before, exact in nano-USD.",
        examples=["1.57"],
    ),
]
Moment: TypeAlias = Annotated[str, Schema(format="date-time")]
Window: TypeAlias = Annotated[str, Schema(enum=list(WINDOWS), description="A calendar period; `total` never resets.")]
ScopeName: TypeAlias = Annotated[
    str, Schema(description="Whose budget: `global`, or a kind and an id.", examples=["user/alice"])
]
LimitSource: TypeAlias = Annotated[
    str | None,
    Schema(description="Where the limit was said; null where that is not known.", examples=["limits.yaml:3"]),
]
OpId: TypeAlias = Annotated[str, Schema(description="The idempotency key of the call: yours, or one made for it.")]
Replayed: TypeAlias = Annotated[bool, Schema(description="The same call was applied before; this one changed nothing.")]


class UsdAccount(TypedDict):
    """Where an account in USD stands; limit and remaining are null where nothing bounds it."""

    scope: ScopeName
    window: Window
    unit: Literal["usd"]
    limit_usd: Money | None
    spent_usd: Money
    reserved_usd: Money
    remaining_usd: Money | None
    resets_at: Moment | None
    limit_source: LimitSource


class CountedAccount(TypedDict):
    """Where an account in tokens or requests stands; limit and remaining are null where nothing bounds it."""

    scope: ScopeName
    window: Window
    unit: Literal["tokens", "requests"]
    limit: int | None
    spent: int
    reserved: int
    remaining: int | None
    resets_at: Moment | None
    limit_source: LimitSource


Account: TypeAlias = UsdAccount | CountedAccount


class _Allowed(TypedDict):
    status: Literal["allowed"]
    remaining_usd: Money | None
    binding: UsdAccount | None


class Allowed(_Allowed, total=False):
    """A check that admits: what the call may cost at most, and the account that says so."""

    affordable_output_tokens: int


class Reserved(TypedDict):
    """A reservation that was admitted."""

    status: Literal["reserved"]
    reservation_id: str
    reserved_usd: Money
    lapses_at: Moment
    op_id: OpId
    replayed: Replayed


class Recorded(TypedDict):
    """A charge that was booked; one told in parts is `corrected` by a report that raised it, else `unchanged`."""

    status: Annotated[str, Schema(enum=["recorded", "corrected", "unchanged"])]
    cost_usd: Money
    difference_usd: NotRequired[Difference]
    op_id: OpId
    replayed: Replayed


class Corrected(TypedDict):
    """What stands booked since it was corrected; `unchanged` where it stood at that already."""

    status: Annotated[str, Schema(enum=["corrected", "unchanged"])]
    reservation_id: str | None
    cost_usd: Money
    difference_usd: Difference
    op_id: OpId
    replayed: Replayed


class Ended(TypedDict):
    """A reservation that was settled or released; `late` if it had lapsed before."""

    status: Annotated[str, Schema(enum=["settled", "released"])]
    reservation_id: str
    cost_usd: Money
    late: bool
    op_id: OpId
    replayed: Replayed


class Accounts(TypedDict):
    """Where all accounts stand, the narrowest scope first."""

    accounts: list[Account]


def _health(status: str, ledger: str) -> Json:
    return {
        "properties": {"status": {"type": "string", "const": status}},
        "required": ["status"],
        "additionalProperties": {"type": "string", "const": ledger},
        "minProperties": 2,
        "description": f"Under the ledger's name: `{ledger}`.",
        "examples": [{"status": status, "redis": ledger}],
    }


Document: TypeAlias = Annotated[Mapping[str, Any], Schema(description="The service described in OpenAPI 3.1.")]
Health: TypeAlias = Mapping[str, str]
Healthy: TypeAlias = Annotated[Health, Schema(**_health("healthy", "connected"))]
Unhealthy: TypeAlias = Annotated[Health, Schema(**_health("unhealthy", "disconnected"))]


def usd(amount: Decimal) -> str:
    """USD as text without exponent."""
    return format(amount, "f")


def money(amount: Decimal | int | None) -> str | int | None:
    """An amount of any unit: USD as text, counts as they are."""
    return usd(amount) if isinstance(amount, Decimal) else amount


def moment(at: datetime | None) -> str | None:
    """A moment as ISO 8601, None where there is none."""
    return None if at is None else at.isoformat()


def in_unit(unit: str, **amounts: Decimal | int | None) -> Json:
    """Amounts under names that tell their unit: ``limit_usd``, but ``limit`` of tokens and requests."""
    suffix = "_usd" if unit == "usd" else ""
    return {f"{name}{suffix}": money(amount) for name, amount in amounts.items()}


def account(balance: Balance) -> Account:
    """Where one account stands."""
    return cast(
        Account,
        {
            "scope": balance.scope,
            "window": balance.window,
            "unit": balance.unit,
            **in_unit(
                balance.unit,
                limit=balance.limit,
                spent=balance.spent,
                reserved=balance.reserved,
                remaining=balance.remaining,
            ),
            "resets_at": moment(balance.resets_at),
            "limit_source": balance.limit_source,
        },
    )


def allowed(verdict: Verdict) -> Allowed:
    """A check that admits."""
    binding, remaining = verdict.binding, verdict.remaining_usd
    answer: Allowed = {
        "status": "allowed",
        "remaining_usd": None if remaining is None else usd(remaining),
        "binding": None if binding is None else cast(UsdAccount, account(binding)),
    }
    if verdict.affordable_output_tokens is not None:
        answer["affordable_output_tokens"] = verdict.affordable_output_tokens
    return answer


def reserved(reservation: Reservation) -> Reserved:
    """A reservation that was admitted."""
    return {
        "status": "reserved",
        "reservation_id": reservation.id,
        "reserved_usd": usd(reservation.reserved_usd),
        "lapses_at": reservation.lapses_at.isoformat(),
        "op_id": reservation.op_id,
        "replayed": reservation.replayed,
    }


def recorded(receipt: Receipt) -> Recorded:
    """A charge that was booked."""
    answer: Recorded = {
        "status": receipt.status,
        "cost_usd": usd(receipt.cost_usd),
        "op_id": receipt.op_id,
        "replayed": receipt.replayed,
    }
    if receipt.difference_usd is not None:
        answer["difference_usd"] = usd(receipt.difference_usd)
    return answer


def corrected(receipt: Receipt) -> Corrected:
    """A correction of what was booked."""
    return {
        "status": receipt.status,
        "reservation_id": receipt.reservation_id,
        "cost_usd": usd(receipt.cost_usd),
        "difference_usd": usd(receipt.difference_usd or Decimal("0.00")),
        "op_id": receipt.op_id,
        "replayed": receipt.replayed,
    }


def ended(receipt: Receipt) -> Ended:
    """A reservation that was settled or released."""
    return {
        "status": receipt.status,
        "reservation_id": cast(str, receipt.reservation_id),
        "cost_usd": usd(receipt.cost_usd),
        "late": receipt.late,
        "op_id": receipt.op_id,
        "replayed": receipt.replayed,
    }


def accounts(balances: tuple[Balance, ...]) -> Accounts:
    """Where all accounts stand."""
    return {"accounts": [account(balance) for balance in balances]}


def healthy(ledger: str) -> Health:
    """A ledger that answers."""
    return {"status": "healthy", ledger: "connected"}


def unhealthy(ledger: str) -> Health:
    """A ledger that does not."""
    return {"status": "unhealthy", ledger: "disconnected"}
