"""Thousands of calls that the service's own document allows or forbids, and every answer as it promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from coreason_budget import BudgetConfig, ConfigError, LedgerCorruptError, LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.server import create_app
from coreason_budget.server.reading import MAX_BODY_BYTES
from tests.scale import scaled
from tests.server.described import Described
from tests.server.test_failures import CALLS, broken

pytestmark = [pytest.mark.slow, pytest.mark.timeout(scaled(300, 7200))]

MUST_BE_SEEN = {
    "POST /check": {200, 400, 405, 411, 415, 429},
    "POST /spend": {200, 400, 405, 411, 415, 422},
    "POST /reserve": {201, 400, 405, 409, 411, 415, 422, 429},
    "POST /settle": {400, 404, 405, 411, 415},
    "POST /release": {400, 404, 405, 411, 415},
    "POST /corrections": {400, 404, 405, 411, 415},
    "GET /usage": {200, 400, 405},
    "GET /health": {200, 405},
}


def cases(quick: int, soak: int, **others: int) -> settings:
    """So many of each operation and mode, beside those at the edges of its schema."""
    return settings(
        max_examples=scaled(quick, soak),
        derandomize=scaled(True, False),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **others,
    )


@pytest.fixture(autouse=True)
def _node_id(request: pytest.FixtureRequest) -> None:
    # schemathesis 4.32 looks for it where pytest before 9.2 had it.
    request.node._nodeid = request.node.nodeid


@pytest.fixture
def in_memory() -> Iterator[Described]:
    """A service on a ledger in memory. In the end, every kind of answer was given."""
    service = Described("memory://")
    yield service
    assert {label: statuses - service.statuses(label) for label, statuses in MUST_BE_SEEN.items()} == {
        label: set() for label in MUST_BE_SEEN
    }


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Described]:
    """A service on an SQLite file."""
    service = Described(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield service
    service.budget.close()


@pytest.fixture
def locked() -> Described:
    """A service that asks for a key."""
    return Described("memory://", "right")


@pytest.fixture
def in_memory_schema(in_memory: Described) -> Any:
    """What it says of itself."""
    return in_memory.schema


@pytest.fixture
def on_disk_schema(on_disk: Described) -> Any:
    """What it says of itself."""
    return on_disk.schema


@pytest.fixture
def locked_schema(locked: Described) -> Any:
    """What it says of itself."""
    return locked.schema


@schemathesis.pytest.from_fixture("in_memory_schema").parametrize()
@cases(250, 2500)
def test_every_answer_is_as_the_document_says(case: schemathesis.Case, in_memory: Described) -> None:
    """What it allows is done, or refused for a reason; what it forbids is refused; and nothing is a 500."""
    in_memory.send(case)


@schemathesis.pytest.from_fixture("on_disk_schema").parametrize()
@cases(60, 2500)
def test_so_it_is_on_a_file(case: schemathesis.Case, on_disk: Described) -> None:
    """The ledger makes no difference."""
    on_disk.send(case)


@schemathesis.pytest.from_fixture("locked_schema").parametrize()
@cases(20, 500)
def test_no_call_passes_without_its_key(case: schemathesis.Case, locked: Described) -> None:
    """With the key as without keys; and each call is tried again without it, and with a wrong one."""
    locked.send(case)


def test_reservations_end_once_along_the_links() -> None:
    """Whatever reserve, settle and release are made of one another's answers."""
    service = Described("memory://")
    ended: Counter[str] = Counter()

    class Chain(service.schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            service.renew()
            ended.clear()

        def validate_response(self, response: schemathesis.Response, case: schemathesis.Case, **given: Any) -> None:
            super().validate_response(response, case, **given)
            service.count(case, response.status_code)
            if response.status_code == 200 and not response.json()["replayed"]:
                ended[response.json()["reservation_id"]] += 1
            assert set(ended.values()) <= {1}

    Chain.run(settings=cases(40, 2000, stateful_step_count=12))
    assert {200, 400, 404, 409} <= service.statuses("POST /settle") & service.statuses("POST /release")


def call(service: Described, path: str, body: Any, **headers: str) -> schemathesis.Response:
    """One call, whose answer is as described; a server error may be."""
    method = "GET" if body is None else "POST"
    given = {} if body is None else {"body": body, "media_type": "application/json"}
    case = service.schema[path][method].Case(headers=headers, **given)
    response = case.call()
    case.validate_response(response, excluded_checks=[not_a_server_error], headers=headers)
    return response


@pytest.mark.parametrize(
    "error",
    [
        LedgerUnavailableError("no answer"),
        LedgerUnavailableError("no answer", queued=True, op_id="op"),
        OutcomeUnknownError("no answer", op_id="op", queued=True),
        LedgerCorruptError("used is not a number"),
        ConfigError("epoch: another time zone", field="epoch"),
    ],
    ids=repr,
)
def test_a_ledger_that_fails_is_answered_as_described(error: Exception) -> None:
    """503, with what each of its errors has to say."""
    service = Described("memory://")
    service.serve(broken(error))
    for _, path, body in [*CALLS, ("GET", "/health", None)]:
        assert call(service, path, body).status_code == 503


def test_what_is_refused_before_it_is_read_is_answered_as_described() -> None:
    """Without a key, with a wrong one, or too large."""
    service = Described("memory://", "right")
    for _, path, body in CALLS:
        assert call(service, path, body).status_code == 401
        assert call(service, path, body, Authorization="Bearer wrong").status_code == 403
        large = None if body is None else {**body, "usage": "x" * MAX_BODY_BYTES}
        assert large is None or call(service, path, large, Authorization="Bearer right").status_code == 413


def test_refusals_in_any_unit_are_answered_as_described(tmp_path: Path) -> None:
    """In USD, tokens and requests, with an end and without one; and so are their accounts."""
    service = Described("memory://")
    for unit in ("usd", "tokens", "requests"):
        for window in ("total", "minute"):
            limits = tmp_path / "limits.yaml"
            limits.write_text(f"limits:\n  - {{scope: user, window: {window}, {unit}: 1}}\n")
            service.serve(create_app(BudgetConfig(ledger_url="memory://", limits_file=limits)))
            body = {"user_id": "alice", "model": "gpt-4o", "input_tokens": 10**6}
            assert call(service, "/spend", body).status_code == 200
            refusal = call(service, "/check", {"user_id": "alice"})
            assert (refusal.status_code, refusal.json()["window"], refusal.json()["unit"]) == (429, window, unit)
            assert call(service, "/usage", None).status_code == 200


SPEND = {"user_id": "alice", "cost": 1}


@pytest.mark.parametrize(
    ("place", "says"),
    [
        pytest.param(("paths", "/spend", "post", "responses", "200"), None, id="a status that it leaves out"),
        pytest.param(("components", "schemas", "Recorded", "properties", "cost_usd"), {"type": "number"}, id="a type"),
        pytest.param(
            ("components", "schemas", "Recorded"), {"additionalProperties": False}, id="members that it leaves out"
        ),
        pytest.param(
            ("paths", "/spend", "post", "responses", "200", "content"), {"text/plain": {}}, id="a content type"
        ),
        pytest.param(
            ("paths", "/spend", "post", "responses", "200", "headers"),
            {"Retry-After": {"required": True, "schema": {"type": "integer"}}},
            id="a header",
        ),
    ],
)
def test_a_document_that_lies_is_found_out(place: tuple[str, ...], says: dict[str, Any] | None) -> None:
    """The control: one wrong word in it, and the checks above fail."""
    service = Described("memory://")
    service.schema["/spend"]["POST"].Case(body=SPEND, media_type="application/json").call_and_validate()
    lying = service.lying(place, says)
    with pytest.raises(schemathesis.core.failures.FailureGroup):
        lying["/spend"]["POST"].Case(body=SPEND, media_type="application/json").call_and_validate()
