"""Who may call: the API keys of the service, as ``Authorization: Bearer KEY``."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256

from coreason_budget.wire.outcomes import KEY_MISSING, KEY_REFUSED
from coreason_budget.wire.problems import Problem, RequestError


class ApiKeys:
    """The keys that are accepted; none at all lets everybody in.

    Comparing takes the same time whichever key is right, or how much of one.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [sha256(key.encode(errors="surrogateescape")).digest() for key in keys]

    def check(self, authorization: str | None) -> None:
        """Let a request pass by its ``Authorization`` header.

        Raises:
            RequestError: 401 without a key, 403 with a wrong one.
        """
        if not self._digests:
            return
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip(" "):
            detail = "This service asks for a key: Authorization: Bearer KEY"
            raise RequestError(Problem(KEY_MISSING, detail, headers={"WWW-Authenticate": "Bearer"}))
        # WSGI gives the bytes of a header as latin-1.
        given = sha256(key.strip(" ").encode("latin-1", "replace")).digest()
        if not sum(hmac.compare_digest(given, digest) for digest in self._digests):
            raise RequestError(Problem(KEY_REFUSED, "This key is not one of the service's."))
