"""The types of what a caller gives: what each may hold, in words and keywords that a document can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from coreason_budget.ids import (
    BUILT_IN_KINDS,
    ID_PATTERN,
    KIND_PATTERN,
    MAX_ID_BYTES,
    MAX_REFERENCE_BYTES,
    MAX_RESERVATION_ID_BYTES,
    MAX_TAGS,
    MAX_TOKENS,
    MAX_TTL_S,
    MIN_TTL_S,
)
from coreason_budget.money import AMOUNT_PATTERN, MAX_OPERATION_NANOS, NANOS_PER_USD, Usd


class Schema:
    """What JSON Schema says of a type that the type does not."""

    def __init__(self, **keywords: Any) -> None:
        self.keywords = keywords


ID = {"minLength": 1, "maxLength": MAX_ID_BYTES, "pattern": f"^{ID_PATTERN}$"}

Id: TypeAlias = Annotated[
    str, Schema(**ID, description=f"Text of 1 to {MAX_ID_BYTES} bytes of UTF-8 without control characters.")
]
Model: TypeAlias = Annotated[Id, Schema(description="The model that is called.", examples=["gpt-4o"])]
ReservationId: TypeAlias = Annotated[
    Id, Schema(maxLength=MAX_RESERVATION_ID_BYTES, description="As POST /reserve gave it.")
]
Booking: TypeAlias = Annotated[
    Id,
    Schema(
        maxLength=MAX_RESERVATION_ID_BYTES,
        description="The idempotency key (`op_id`) of what was booked, or the id of a settled reservation.",
    ),
]
Amount: TypeAlias = Annotated[
    Usd,
    Schema(
        anyOf=[
            {"type": "number", "minimum": 0, "maximum": MAX_OPERATION_NANOS // NANOS_PER_USD},
            {"type": "string", "pattern": f"^{AMOUNT_PATTERN}$"},
        ],
        description="USD, as a number or as text; more than nano-USD are rounded up.",
        examples=[0.25, "0.25"],
    ),
]
Tokens: TypeAlias = Annotated[int, Schema(minimum=0, maximum=MAX_TOKENS)]
Seconds: TypeAlias = Annotated[
    float,
    Schema(minimum=MIN_TTL_S, maximum=MAX_TTL_S, description="Seconds until it lapses; a setting by default."),
]
Tags: TypeAlias = Annotated[
    Mapping[str, str],
    Schema(
        propertyNames={"pattern": f"^{KIND_PATTERN}$", "not": {"enum": list(BUILT_IN_KINDS)}},
        additionalProperties={"type": "string", **ID},
        maxProperties=MAX_TAGS,
        description="Further scopes, kind to id.",
        examples=[{"team": "search"}],
    ),
]
Reference: TypeAlias = Annotated[
    Id,
    Schema(
        maxLength=MAX_REFERENCE_BYTES,
        description=f"A name of your own for it, of 1 to {MAX_REFERENCE_BYTES} bytes: booked and exported with it.",
        examples=["invoice-2026-11-27"],
    ),
]
UsageObject: TypeAlias = Annotated[
    Mapping[str, Any],
    Schema(
        description="The provider's whole answer, or its usage alone, which tells no service tier and no tools.",
        examples=[
            {"model": "gpt-4o", "usage": {"prompt_tokens": 1200, "completion_tokens": 300}},
            {"prompt_tokens": 1200, "completion_tokens": 300},
        ],
    ),
]
Service: TypeAlias = Annotated[
    str,
    Schema(
        description="What was billed where the answer does not say: `batch`, `flex`, `priority`, ...",
        examples=["batch"],
    ),
]
