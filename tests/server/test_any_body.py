"""Whatever JSON arrives: an answer of the service's own, and never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coreason_budget.testing import ManualClock
from tests.server.conftest import Post

FIELDS = (
    "user_id", "project_id", "model", "tags", "cost", "estimated_cost", "input_tokens", "output_tokens",
    "max_output_tokens", "ttl_s", "reservation_id", "usage",
)  # fmt: skip
USAGE = (
    "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
    "input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details", "cache_creation",
    "cache_creation_input_tokens", "cache_read_input_tokens", "server_tool_use", "service_tier", "speed", "usage",
    "promptTokenCount", "prompt_token_count", "candidatesTokenCount", "promptTokensDetails", "usageMetadata",
    "cache_tokens_details", "candidates_tokens_details", "traffic_type", "inference_geo", "cached_tokens",
)  # fmt: skip

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
)
VALUES = st.recursive(
    LEAVES | st.sampled_from([0, 1, 1000, "1", "gpt-4o", "alice"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(USAGE) | st.text(max_size=3), inner),
    max_leaves=8,
)
USAGES = st.dictionaries(st.sampled_from(USAGE), VALUES, max_size=6)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5)


@pytest.mark.parametrize("path", ["/check", "/spend", "/reserve", "/settle", "/release"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, must=st.sampled_from([{}, {"user_id": "a"}, {"reservation_id": "r"}]))
def test_a_body_of_known_fields(post: Post, path: str, body: dict[str, Any], must: dict[str, Any]) -> None:
    """Known fields with any values: allowed, refused or bad, with a reason."""
    answer = post(path, {**body, **must})
    assert answer.status_code in (200, 201, 400, 404, 409, 422, 429)
    assert answer.json


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(usage=USAGES)
def test_a_usage_of_any_shape(post: Post, clock: ManualClock, usage: dict[str, Any]) -> None:
    """What a provider (or somebody else) calls usage is priced or refused."""
    clock.advance(seconds=24 * 3600)  # what the last example cost may have been a day's budget
    held = post("/reserve", {"user_id": "a", "model": "gpt-4o", "input_tokens": 0, "max_output_tokens": 0}).json
    answer = post("/settle", {"reservation_id": held["reservation_id"], "usage": usage})
    assert answer.status_code in (200, 400)
