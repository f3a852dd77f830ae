"""What each route answers when all is well, and when the budget says no."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.server import create_app
from coreason_budget.testing import ManualClock
from tests.server.conftest import Post


def spent(client: FlaskClient, user: str) -> str:
    accounts = client.get("/usage", query_string={"user_id": user}).json["accounts"]
    return next(a["spent_usd"] for a in accounts if a["scope"] == f"user/{user}")


def test_check_says_allowed_and_what_remains(post: Post) -> None:
    """A check that fits is 200, with the account that binds."""
    answer = post("/check", {"user_id": "alice", "estimated_cost": 0.25})
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json == {
        "status": "allowed",
        "remaining_usd": "10.00",
        "binding": {
            "scope": "user/alice",
            "window": "day",
            "unit": "usd",
            "limit_usd": "10.00",
            "limit_source": "daily_user_limit_usd",
            "spent_usd": "0.00",
            "reserved_usd": "0.00",
            "remaining_usd": "10.00",
            "resets_at": "2026-11-24T00:00:00+00:00",
        },
    }


def test_check_without_any_usd_limit_has_no_binding_account() -> None:
    """Where nothing bounds a call, remaining and binding are null."""
    config = BudgetConfig(
        ledger_url="memory://",
        daily_user_limit_usd="unlimited",
        daily_project_limit_usd="unlimited",
        daily_global_limit_usd="unlimited",
    )
    answer = create_app(config).test_client().post("/check", json={"user_id": "alice"})
    assert answer.json == {"status": "allowed", "remaining_usd": None, "binding": None}


def test_check_says_how_long_an_answer_may_be(post: Post) -> None:
    """With a model and its input; a reserve of so many tokens is admitted, of one more it is not."""
    post("/spend", {"user_id": "alice", "cost": "9.99"})
    call = {"user_id": "alice", "model": "gpt-4o", "input_tokens": 1000}
    answer = post("/check", call)
    assert (answer.status_code, answer.json["affordable_output_tokens"]) == (200, 750)
    assert post("/reserve", {**call, "max_output_tokens": 751}).status_code == 429
    assert post("/reserve", {**call, "max_output_tokens": 750}).status_code == 201
    assert post("/check", call).status_code == 429
    for wrong, field in (
        ({"model": None}, "model"),
        ({"input_tokens": -1}, "input_tokens"),
        ({"model": "no"}, "model"),
    ):
        refused = post("/check", {**call, "user_id": "bob", **wrong})
        assert (refused.status_code, refused.json.get("field", field)) == (400, field)


def test_a_refusal_is_429_with_sentence_data_and_retry_after(post: Post) -> None:
    """A refused check says whose budget, all its figures, and when to come back."""
    post("/spend", {"user_id": "user_123", "cost": 10})
    answer = post("/check", {"user_id": "user_123", "estimated_cost": "0.25"})
    assert answer.status_code == 429
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "43200"
    assert answer.json["detail"].startswith("Budget exceeded for User user_123")
    assert {k: v for k, v in answer.json.items() if k != "detail"} == {
        "type": "urn:coreason-budget:budget-exceeded",
        "title": "Budget exceeded",
        "status": 429,
        "scope": "user/user_123",
        "window": "day",
        "unit": "usd",
        "reason": "spent",
        "limit_usd": "10.00",
        "limit_source": "daily_user_limit_usd",
        "spent_usd": "10.00",
        "reserved_usd": "0.00",
        "requested_usd": "0.25",
        "resets_at": "2026-11-24T00:00:00+00:00",
        "retry_after_s": 43200,
    }


def test_a_budget_that_reservations_hold_says_try_again_soon(post: Post) -> None:
    """Refused only by open reservations: reason busy, and a short Retry-After."""
    post("/reserve", {"user_id": "alice", "cost": 10})
    answer = post("/reserve", {"user_id": "alice", "cost": 1})
    assert (answer.status_code, answer.json["reason"], answer.headers["Retry-After"]) == (429, "busy", "1")


def test_a_total_that_is_spent_never_says_retry(clock: ManualClock, tmp_path: Path) -> None:
    """A window that never resets gives no Retry-After."""
    limits = tmp_path / "limits.yaml"
    limits.write_text("limits:\n  - {scope: user, window: total, usd: 1}\n")
    budget = BudgetManager(BudgetConfig(ledger_url="memory://", limits_file=limits), clock=clock)
    answer = create_app(budget=budget).test_client().post("/check", json={"user_id": "alice", "estimated_cost": 2})
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers
    assert answer.json["retry_after_s"] is None
    assert answer.json["resets_at"] is None


def test_a_call_larger_than_a_whole_limit_is_told_what_fits_and_no_time(post: Post) -> None:
    """No Retry-After: no reset makes it fit. Priced by its tokens, it is told the answer that would."""
    answer = post("/check", {"user_id": "alice", "estimated_cost": 11})
    assert (answer.status_code, answer.json["reason"], answer.json["retry_after_s"]) == (429, "too_large", None)
    assert "Retry-After" not in answer.headers
    assert "affordable_output_tokens" not in answer.json
    call = {"user_id": "alice", "model": "gpt-4o", "input_tokens": 3_000_000, "max_output_tokens": 400_000}
    answer = post("/reserve", call)
    assert (answer.json["reason"], "Retry-After" in answer.headers) == ("too_large", False)
    assert post("/reserve", call | {"max_output_tokens": answer.json["affordable_output_tokens"]}).status_code == 201


def test_a_free_check_and_one_without_estimate_are_told_apart(post: Post) -> None:
    """A cost of 0 passes a budget that is used up; who says nothing is refused, and asked for nothing."""
    post("/spend", {"user_id": "alice", "cost": 10})
    assert post("/check", {"user_id": "alice", "estimated_cost": 0}).status_code == 200
    answer = post("/check", {"user_id": "alice"})
    assert (answer.status_code, answer.json["requested_usd"]) == (429, "0.00")


def test_counts_are_numbers_under_names_without_usd(clock: ManualClock, tmp_path: Path) -> None:
    """Accounts in tokens and requests: limit, spent, ...; also in a refusal."""
    limits = tmp_path / "limits.yaml"
    limits.write_text("limits:\n  - {scope: user, window: minute, requests: 1}\n")
    budget = BudgetManager(BudgetConfig(ledger_url="memory://", limits_file=limits), clock=clock)
    client = create_app(budget=budget).test_client()
    client.post("/spend", json={"user_id": "alice", "cost": 1})
    accounts = client.get("/usage?user_id=alice").json["accounts"]
    counted = next(a for a in accounts if a["unit"] == "requests")
    assert counted == {
        "scope": "user/alice",
        "window": "minute",
        "unit": "requests",
        "limit": 1,
        "limit_source": "limits.yaml:2",
        "spent": 1,
        "reserved": 0,
        "remaining": 0,
        "resets_at": "2026-11-23T12:01:00+00:00",
    }
    refusal = client.post("/check", json={"user_id": "alice"}).json
    assert (refusal["limit"], refusal["spent"], refusal["requested"]) == (1, 1, 1)


def test_spend_is_recorded_in_full_past_the_limit(client: FlaskClient, post: Post) -> None:
    """What was spent is booked, whatever the limit says."""
    answer = post("/spend", {"user_id": "alice", "cost": "12.5"}, key="op-1")
    assert answer.status_code == 200
    assert answer.json == {"status": "recorded", "cost_usd": "12.50", "op_id": "op-1", "replayed": False}
    assert spent(client, "alice") == "12.50"


def test_spend_prices_token_counts(post: Post) -> None:
    """A model and its counts stand for a cost."""
    body = {"user_id": "alice", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
    answer = post("/spend", body)
    assert answer.json["status"] == "recorded"
    assert answer.json["cost_usd"] == "0.0035"


def test_the_smallest_money_has_no_exponent(post: Post) -> None:
    """One nano-USD is plain text."""
    assert post("/spend", {"user_id": "alice", "cost": 1e-9}).json["cost_usd"] == "0.000000001"


def test_the_same_key_counts_once(client: FlaskClient, post: Post) -> None:
    """Sent again with its key, plain or in quotes, a spend is replayed."""
    body = {"user_id": "alice", "cost": 1}
    assert post("/spend", body, key="k").json["replayed"] is False
    assert post("/spend", body, key="k").json["replayed"] is True
    assert post("/spend", body, key='"k"').json["replayed"] is True
    assert spent(client, "alice") == "1.00"


def test_the_same_key_with_other_content_is_422(client: FlaskClient, post: Post) -> None:
    """A key stands for one call; another call with it changes nothing."""
    post("/spend", {"user_id": "alice", "cost": 1}, key="k")
    answer = post("/spend", {"user_id": "alice", "cost": 2}, key="k")
    assert (answer.status_code, answer.json["idempotency_key"]) == (422, "k")
    assert answer.json["type"] == "urn:coreason-budget:idempotency-conflict"
    assert spent(client, "alice") == "1.00"


def test_keys_in_any_script_are_keys(post: Post) -> None:
    """A header's bytes are read as UTF-8."""
    key = "cl\u00e9".encode().decode("latin-1")
    assert post("/spend", {"user_id": "alice", "cost": 1}, key=key).json["op_id"] == "cl\u00e9"


def test_reserve_settle(client: FlaskClient, post: Post) -> None:
    """A reservation holds its amount; settled, what it cost is booked and the rest is free again."""
    answer = post("/reserve", {"user_id": "alice", "cost": 4, "ttl_s": 60})
    assert answer.status_code == 201
    held = answer.json
    assert held == {
        "status": "reserved",
        "reservation_id": held["reservation_id"],
        "reserved_usd": "4.00",
        "lapses_at": "2026-11-23T12:01:00+00:00",
        "op_id": held["op_id"],
        "replayed": False,
    }
    settled = post("/settle", {"reservation_id": held["reservation_id"], "cost": "1.5"})
    assert settled.status_code == 200
    assert settled.json == {
        "status": "settled",
        "reservation_id": held["reservation_id"],
        "cost_usd": "1.50",
        "late": False,
        "op_id": held["op_id"],
        "replayed": False,
    }
    assert spent(client, "alice") == "1.50"


def test_a_replayed_reserve_is_the_same_reservation(post: Post) -> None:
    """201 again, marked replayed, with the same id; after its end a 409."""
    body = {"user_id": "alice", "cost": 1}
    first, second = post("/reserve", body, key="k"), post("/reserve", body, key="k")
    assert second.status_code == 201
    assert second.json == {**first.json, "replayed": True}
    post("/release", {"reservation_id": first.json["reservation_id"]})
    assert post("/reserve", body, key="k").status_code == 409


def test_reserve_by_model_is_an_upper_bound(post: Post) -> None:
    """A model and its token bounds say how much to hold; usage says what it cost."""
    body = {"user_id": "alice", "model": "gpt-4o", "input_tokens": 1000, "max_output_tokens": 100}
    held = post("/reserve", body).json
    assert float(held["reserved_usd"]) >= 0.0035
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    settled = post("/settle", {"reservation_id": held["reservation_id"], "usage": usage}).json
    assert settled["cost_usd"] == "0.0035"


def test_release_books_nothing(client: FlaskClient, post: Post) -> None:
    """A call that did not happen costs nothing."""
    held = post("/reserve", {"user_id": "alice", "cost": 4}).json
    answer = post("/release", {"reservation_id": held["reservation_id"]})
    assert (answer.status_code, answer.json["status"], answer.json["cost_usd"]) == (200, "released", "0.00")
    assert spent(client, "alice") == "0.00"


def test_a_late_settle_is_marked(clock: ManualClock, post: Post) -> None:
    """A settle after the lapse books the true cost and says that it came late."""
    held = post("/reserve", {"user_id": "alice", "cost": 4, "ttl_s": 60}).json
    clock.advance(seconds=61)
    answer = post("/settle", {"reservation_id": held["reservation_id"], "cost": 1})
    assert (answer.status_code, answer.json["late"]) == (200, True)


def test_an_unknown_reservation_is_404(post: Post) -> None:
    """There is no such reservation, or no more."""
    for path, body in (("/settle", {"reservation_id": "nope", "cost": 1}), ("/release", {"reservation_id": "nope"})):
        answer = post(path, body)
        assert answer.status_code == 404
        assert answer.json["type"] == "urn:coreason-budget:unknown-reservation"
        assert (answer.json["reservation_id"], answer.json["reason"]) == ("nope", "unknown")


def test_a_reservation_ends_once(post: Post) -> None:
    """Released after its settle: 409 with how it ended, nothing changed."""
    held = post("/reserve", {"user_id": "alice", "cost": 4}).json
    post("/settle", {"reservation_id": held["reservation_id"], "cost": 1})
    answer = post("/release", {"reservation_id": held["reservation_id"]})
    assert (answer.status_code, answer.json["reason"]) == (409, "settled")


def test_an_unknown_model_is_400(post: Post) -> None:
    """No price, no cost: nothing is free by accident."""
    answer = post("/spend", {"user_id": "alice", "model": "no-such-model", "input_tokens": 1, "output_tokens": 1})
    assert (answer.status_code, answer.json["model"]) == (400, "no-such-model")


def test_usage_reads_tags_and_escapes(client: FlaskClient, post: Post) -> None:
    """Every scope of the query is answered, narrowest first and the whole last; ids are opaque."""
    post("/spend", {"user_id": "a/b&c=\u00e9", "cost": 1, "tags": {"team": "x:y"}})
    query = {"user_id": "a/b&c=\u00e9", "tags.team": "x:y", "project_id": "p"}
    accounts = client.get("/usage", query_string=query).json["accounts"]
    assert [(a["scope"], a["spent_usd"]) for a in accounts] == [
        ("user/a/b&c=\u00e9", "1.00"),
        ("project/p", "0.00"),
        ("team/x:y", "1.00"),
        ("global", "1.00"),
    ]
    unlimited = accounts[2]
    assert unlimited["limit_usd"] is unlimited["remaining_usd"] is None


def test_health_names_the_ledger(client: FlaskClient) -> None:
    """A ledger that answers is connected."""
    answer = client.get("/health")
    assert (answer.status_code, answer.json) == (200, {"status": "healthy", "memory": "connected"})


ANSWER = {
    "id": "chatcmpl-1",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"message": {"role": "assistant", "content": "Hello"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}


@pytest.mark.parametrize(
    ("said", "cost_usd"),
    [
        ({"usage": ANSWER}, "0.0035"),
        ({"usage": ANSWER, "service": "batch"}, "0.00175"),
        ({"usage": ANSWER["usage"], "model": "gpt-4o"}, "0.0035"),
        ({"usage": ANSWER["usage"], "model": "gpt-4o", "service": "batch"}, "0.00175"),
        ({"model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100, "service": "batch"}, "0.00175"),
    ],
)
def test_spend_and_settle_take_the_whole_answer(post: Post, said: dict[str, Any], cost_usd: str) -> None:
    """Its model prices it, its tokens count; a batch costs what a batch does. Both verbs book the same."""
    spent = post("/spend", {"user_id": "alice", **said})
    assert (spent.status_code, spent.json["cost_usd"]) == (200, cost_usd)
    held = post("/reserve", {"user_id": "bob", "cost": 1, "model": "gpt-4o"}).json["reservation_id"]
    settled = post("/settle", {"reservation_id": held, **said})
    assert (settled.status_code, settled.json["cost_usd"]) == (200, cost_usd)


def test_a_settle_without_its_usage_says_how_to_get_one_and_what_becomes_of_the_hold(post: Post) -> None:
    """A stream tells none unless it is asked to."""
    held = post("/reserve", {"user_id": "alice", "cost": 1}).json["reservation_id"]
    said = post("/settle", {"reservation_id": held, "usage": None}).json["detail"]
    assert "include_usage" in said
    assert "stays held until it is settled" in said
    assert "stays held" not in post("/spend", {"user_id": "alice", "usage": None}).json["detail"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"usage": ANSWER, "cost": 1}, "cost"),
        ({"usage": ANSWER, "input_tokens": 1}, "cost"),
        ({"usage": [ANSWER]}, "usage"),
        ({"usage": {"total": 1}}, "usage"),
        ({"usage": ANSWER, "service": 5}, "service"),
        ({"usage": None}, "cost"),
    ],
)
def test_a_spend_says_its_cost_in_one_way(post: Post, said: dict[str, Any], field: str) -> None:
    """By cost, by the answer, or by counts; anything else is a 400 that names the field, and nothing is booked."""
    refused = post("/spend", {"user_id": "alice", **said})
    assert (refused.status_code, refused.json["field"]) == (400, field)
    assert post("/spend", {"user_id": "alice", "usage": ANSWER, "service": "no-such"}).status_code == 400
    assert post("/check", {"user_id": "alice"}).json["binding"]["spent_usd"] == "0.00"


def test_an_answer_told_in_parts_is_booked_once(post: Post, client: FlaskClient) -> None:
    """Recorded, raised, and left alone; false is as good as left out."""
    part = {"user_id": "alice", "cumulative": True}
    said = [post("/spend", {**part, "cost": cost}, key="msg").json for cost in ("0.02", "1.59", "0.02")]
    told = [(a["status"], a["cost_usd"], a.get("difference_usd"), a["replayed"]) for a in said]
    assert told == [
        ("recorded", "0.02", None, False), ("corrected", "1.59", "1.57", False), ("unchanged", "1.59", "0.00", True),
    ]  # fmt: skip
    assert spent(client, "alice") == "1.59"
    assert post("/spend", {"user_id": "alice", "cost": 3, "cumulative": False}, key="msg").status_code == 422
    assert post("/spend", {**part, "cost": 3}).json["field"] == "idempotency_key"
    for wrong in ("true", 1, []):
        refused = post("/spend", {"user_id": "alice", "cost": 3, "cumulative": wrong}, key="other")
        assert (refused.status_code, refused.json["field"]) == (400, "cumulative")
    assert spent(client, "alice") == "1.59"


def test_what_was_booked_is_raised_and_never_lowered(post: Post, client: FlaskClient) -> None:
    """By key or reservation; whoever may spend may spend more, and take nothing back."""
    post("/spend", {"user_id": "alice", "cost": 1}, key="call")
    raised = post("/corrections", {"booking": "call", "cost": "1.5"}, key="fix")
    assert (raised.status_code, raised.json) == (200, {
        "status": "corrected", "reservation_id": None, "cost_usd": "1.50", "difference_usd": "0.50", "op_id": "fix",
        "replayed": False,
    })  # fmt: skip
    assert post("/corrections", {"booking": "call", "cost": "1.5"}, key="fix").json["replayed"]
    assert post("/corrections", {"booking": "call", "cost": 0}).json["status"] == "unchanged"
    for lowers in ("only_up", "void"):
        assert post("/corrections", {"booking": "call", "cost": 0, lowers: False}).json["field"] == lowers
    assert spent(client, "alice") == "1.50"


def test_what_cannot_be_corrected_is_a_named_problem(post: Post) -> None:
    """404 where nothing is booked; 409 for a reservation that is open, or ended without a booking."""
    held = [post("/reserve", {"user_id": "alice", "cost": 1}).json["reservation_id"] for _ in range(2)]
    post("/release", {"reservation_id": held[1]})
    found = [post("/corrections", {"booking": booking, "cost": 2}) for booking in ("nobody", *held)]
    told = [(a.status_code, a.json["type"].rpartition(":")[2], a.json["reason"]) for a in found]
    assert told == [
        (404, "unknown-reservation", "unknown"), (409, "reservation-open", "open"),
        (409, "reservation-ended", "released"),
    ]  # fmt: skip
    assert [a.json["reservation_id"] for a in found] == ["nobody", *held]
