"""Reads what a client sent: the body as strict JSON, the query, and the idempotency key."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from attrs import frozen
from flask import Request
from werkzeug.exceptions import LengthRequired, RequestEntityTooLarge, RequestTimeout, UnsupportedMediaType

from coreason_budget.ids import SCOPE_FIELDS, check_id
from coreason_budget.wire.problems import bad_request

MAX_BODY_BYTES = 64 * 1024
KEY_HEADER = "Idempotency-Key"
TAG = "tags."
UNREADABLE = (LengthRequired, RequestEntityTooLarge, UnsupportedMediaType, RequestTimeout)
"""What `read_json` raises before it looks at the body."""


@frozen
class Query:
    """What a query may name, each once: names, and ``tags.KIND`` if it takes tags."""

    names: tuple[str, ...]
    takes_tags: bool = False

    @property
    def allowed(self) -> str:
        """For a person."""
        return f"{', '.join(self.names)} and {TAG}KIND" if self.takes_tags else ", ".join(self.names)


SCOPES = Query((*SCOPE_FIELDS.values(),), takes_tags=True)
"""Whose accounts are meant."""

_MOST_DIGITS = 40
_QUOTED = re.compile(r'"([^"\\]*)"')


def read_json(request: Request) -> object:
    """The body of a request as a JSON value; its numbers are ``int`` or ``Decimal``.

    Raises:
        HTTPException: No length (411), over 64 KiB (413), not declared as JSON (415), or it stopped coming (408).
        RequestError: Not JSON by RFC 8259: NaN, a key twice, too deep, not UTF-8, ...
    """
    # A chunked body has no length to check, and would be cut instead of refused.
    if request.content_length is None:
        raise LengthRequired("Send the body with a Content-Length.")
    if request.content_length > MAX_BODY_BYTES:
        raise RequestEntityTooLarge(f"The body may have at most {MAX_BODY_BYTES} bytes.")
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")
    try:
        data = request.get_data(cache=False)
    except OSError:
        raise RequestTimeout("The body did not arrive.") from None
    try:
        return _decoder.decode(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise bad_request("the body is not valid UTF-8") from None
    except RecursionError:
        raise bad_request("the body is nested too deeply") from None
    except ValueError as error:
        raise bad_request(f"the body is not JSON: {error}") from None


def read_key(request: Request) -> str | None:
    """The idempotency key of a request, None without one.

    It is the header's text as it is, or, as the IETF's draft writes it, that text in quotes:
    ``abc`` and ``"abc"`` are the same key.

    Raises:
        InvalidIdError: Not 1 to 256 bytes of UTF-8 text, or a quote that does not end.
    """
    value = request.headers.get(KEY_HEADER)
    if value is None:
        return None
    try:
        value = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise bad_request(f"{KEY_HEADER}: is not valid UTF-8", field="idempotency_key") from None
    if value.startswith('"'):
        quoted = _QUOTED.fullmatch(value)
        if quoted is None:
            raise bad_request(f'{KEY_HEADER}: write it plain or as "..."', field="idempotency_key")
        value = quoted[1]
    return check_id(value, "idempotency_key")


def read_query(request: Request, query: Query) -> dict[str, Any]:
    """What a query says, under its names; the tags that it takes as ``tags``, None without any.

    Raises:
        RequestError: An unknown name, a name twice, or not UTF-8.
    """
    try:
        pairs = parse_qsl(request.query_string.decode("utf-8"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise bad_request("the query is not valid UTF-8") from None
    found: dict[str, Any] = {}
    tags: dict[str, str] = {}
    for name, value in pairs:
        kind = name.removeprefix(TAG) if query.takes_tags and name.startswith(TAG) else None
        if kind is None and name not in query.names:
            raise bad_request(f"{name[:40]}: unknown; allowed are {query.allowed}", field=name[:40])
        if name in found or kind in tags:
            raise bad_request(f"{name[:40]}: given twice", field=name[:40])
        if kind is None:
            found[name] = value
        else:
            tags[kind] = value
    return {**found, "tags": tags or None} if query.takes_tags else found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the number {text[:20]}... is out of range") from None


def _whole(text: str) -> int | Decimal:
    # Python itself refuses to make an int of more than 4300 digits.
    return int(text) if len(text) <= _MOST_DIGITS else Decimal(text)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"{twice[:40]}: given twice")
    return found


_decoder = json.JSONDecoder(
    parse_float=_fraction, parse_int=_whole, parse_constant=_no_constant, object_pairs_hook=_each_key_once
)
