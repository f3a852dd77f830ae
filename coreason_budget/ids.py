"""What ids, kinds of scopes and counts may be, and their bounds: said once for all who take them."""

from __future__ import annotations

import re

from coreason_budget.errors import InvalidAmountError, InvalidIdError

SCOPE_FIELDS = {"user": "user_id", "project": "project_id", "model": "model"}
"""The built-in kinds that a call names, narrowest first, and the field that it names each by."""
BUILT_IN_KINDS = (*SCOPE_FIELDS, "global")
MAX_TAGS = 8
MAX_TOKENS = 10**12
MAX_ID_BYTES = 256
MAX_RESERVATION_ID_BYTES = 320
MAX_REFERENCE_BYTES = 128
MIN_TTL_S = 0.001
MAX_TTL_S = 24 * 3600

ID_PATTERN = r"[^\x00-\x1f\x7f-\x9f]+"
KIND_PATTERN = r"[a-z][a-z0-9_]{0,63}"

_ID = re.compile(ID_PATTERN)
_KIND = re.compile(KIND_PATTERN, re.ASCII)


def check_id(value: object, field: str, max_bytes: int = MAX_ID_BYTES) -> str:
    """Give ``value`` back if it is an id: 1 to ``max_bytes`` UTF-8 bytes without control characters.

    Raises:
        InvalidIdError: It is not. Names ``field``.
    """
    if not isinstance(value, str):
        raise InvalidIdError(f"{field}: must be text, not {type(value).__name__}", field=field)
    if not _ID.fullmatch(value):
        raise InvalidIdError(f"{field}: must be 1 to {max_bytes} bytes of text without control characters", field=field)
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        raise InvalidIdError(f"{field}: is not valid Unicode text", field=field) from None
    if size > max_bytes:
        raise InvalidIdError(f"{field}: is {size} bytes long; at most {max_bytes} are allowed", field=field)
    # A str subclass (an enum, say) may print as something else than it compares as.
    return value if type(value) is str else str.__str__(value)


def check_count(value: object, field: str) -> int:
    """Give ``value`` back if it is a count: a whole number from 0 to 10**12.

    Raises:
        InvalidAmountError: It is not, or a boolean. Names ``field``.
    """
    if type(value) is not int or not 0 <= value <= MAX_TOKENS:
        raise InvalidAmountError(f"{field}: {shown(value)} is not a whole number from 0 to 10**12", field=field)
    return value


def count_tokens(
    input_tokens: int | None, output_tokens: int | None, output_field: str = "output_tokens"
) -> int | None:
    """Add the tokens up that a call names, None if it names none.

    Raises:
        InvalidAmountError: One is not a count; names it.
    """
    if input_tokens is None and output_tokens is None:
        return None
    read = 0 if input_tokens is None else check_count(input_tokens, "input_tokens")
    return read + (0 if output_tokens is None else check_count(output_tokens, output_field))


def shown(value: object) -> str:
    """Give a value as an error shows it: short, or what kind of thing it is."""
    # Python refuses to write out integers of thousands of digits.
    plain = isinstance(value, float | str) or (isinstance(value, int) and value.bit_length() < 200)
    text = repr(value) if plain else ""
    return text if 0 < len(text) <= 63 else f"a {type(value).__name__}"


def check_tag_kind(kind: object, field: str = "tags") -> str:
    """Give a tag's kind back if it is one of the caller's own.

    Raises:
        InvalidIdError: Not ``[a-z][a-z0-9_]*`` of at most 64 characters, or a built-in kind.
    """
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise InvalidIdError(f"{field}: a kind must match [a-z][a-z0-9_]*, at most 64 characters", field=field)
    if kind in BUILT_IN_KINDS:
        raise InvalidIdError(f"{field}: {kind!r} is a built-in scope and cannot be a tag", field=field)
    return kind if type(kind) is str else str.__str__(kind)
