"""The service under schemathesis, by its own document, with a count of what it answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import schemathesis
from flask import Flask
from schemathesis.specs.openapi.checks import negative_data_rejection
from schemathesis.specs.openapi.schemas import OpenApiSchema

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.ids import ID_PATTERN, KIND_PATTERN
from coreason_budget.server import create_app
from coreason_budget.server.reading import SCOPES, TAG
from coreason_budget.testing import ManualClock
from tests.scale import IS_SOAK

# What no schema can say: which models have a price, what providers call usage, and whether it names its model, that
# text or tokens are an amount within bounds, that UTF-8 is longer than its characters, and which bytes of a header
# are UTF-8.
_REASONS = (
    "No price", "no price", "usage", "need a model", "is too large", "bytes long", "idempotency_key", "Idempotency-Key",
)  # fmt: skip


def _tells_a_usage(case: schemathesis.Case) -> bool:
    # Any object is one to the schema, and its own fields are named by what is wrong with them.
    return isinstance(case.body, dict) and case.body.get("usage") is not None


class Described:
    """A service, the schema that it gives of itself, and what it answered by operation and mode."""

    def __init__(self, ledger_url: str, *api_keys: str) -> None:
        self._config = BudgetConfig(ledger_url=ledger_url, api_keys=api_keys)
        self.seen: Counter[tuple[str, str, int]] = Counter()
        self._begin()
        self._app = create_app(budget=self.budget)
        self.document: Any = self._app.test_client().get("/openapi.json").json
        # An answer may hold nothing that is not in it.
        for component in self.document["components"]["schemas"].values():
            component["additionalProperties"] = False
        self.schema = self._load(self.document)

    def _begin(self) -> None:
        self.clock = ManualClock()
        self.budget = BudgetManager(self._config, clock=self.clock)

    def renew(self) -> None:
        """Go on with an empty ledger, where it is in memory."""
        self._begin()
        self.serve(create_app(budget=self.budget))

    def serve(self, app: Flask) -> None:
        """Let another application answer."""
        self._app.wsgi_app = app.wsgi_app  # type: ignore[method-assign]

    def send(self, case: schemathesis.Case) -> None:
        """Make a call, and see that its answer is one that the document promises."""
        # Some calls meet what the last ones did, others a new day.
        self.clock.advance(seconds=1800 if self.seen.total() % 4 else 90_000)
        response = case.call()
        mode = self.count(case, response.status_code)
        overlooked = [negative_data_rejection] if _is_allowed_as_sent(response.request.url) else []
        case.validate_response(response, excluded_checks=overlooked)
        if response.status_code == 400 and mode == "positive" and not _tells_a_usage(case):
            assert any(reason in response.json()["detail"] for reason in _REASONS), response.text

    def count(self, case: schemathesis.Case, status: int) -> str:
        """Remember an answer; gives the mode of its call."""
        assert case.meta is not None
        mode = case.meta.generation.mode.value
        self.seen[case.operation.label, mode, status] += 1
        return mode

    def statuses(self, operation: str) -> set[int]:
        """What an operation has answered."""
        return {status for label, _, status in self.seen if label == operation}

    def lying(self, place: Iterable[str], says: object) -> OpenApiSchema:
        """The schema with one thing wrong: something else at a place, or nothing."""
        *way, last = place
        within = self.document
        for name in way:
            within = within[name]
        within.pop(last, None)
        if says is not None:
            within[last] = says
        return self._load(self.document)

    def _load(self, document: Any) -> OpenApiSchema:
        config: dict[str, Any] = {
            "generation": {"deterministic": not IS_SOAK},
            "dictionaries": {"models": {"values": ["gpt-4o", "claude-sonnet-4-5", "text-embedding-3-small"]}},
            "parameters": {"body.model": {"dictionary": "models", "probability": 0.7}},
            "checks": {
                "negative_data_rejection": {"expected-statuses": ["4xx"]},
                # `send` looks closer: at the reason.
                "positive_data_acceptance": {"enabled": False},
            },
        }
        if self._config.api_keys:
            config["auth"] = {"openapi": {"apiKey": {"bearer": self._config.api_keys[0]}}}
        schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict(config))
        # It also reads the constants of an application's modules, and tries them.
        schema.app = self._app
        return schema


def _is_allowed_as_sent(url: str) -> bool:
    """A query is text: a tag that was made null or 0 is an id after all, which schemathesis does not see."""
    names = re.compile(f"{'|'.join(SCOPES.names)}|{re.escape(TAG)}{KIND_PATTERN}")
    sent = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return bool(sent) and all(names.fullmatch(name) and re.fullmatch(ID_PATTERN, value) for name, value in sent)
