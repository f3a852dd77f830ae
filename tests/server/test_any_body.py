"""What no document can describe: usages of any shape, text that is hardly JSON, any request at all. Never a 500."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coreason_budget.testing import ManualClock
from tests.scale import scaled
from tests.server.conftest import Post

pytestmark = pytest.mark.slow

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


@settings(max_examples=scaled(500, 20_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(usage=USAGES)
def test_a_usage_of_any_shape(post: Post, clock: ManualClock, usage: dict[str, Any]) -> None:
    """What a provider (or somebody else) calls usage is priced or refused."""
    clock.advance(seconds=24 * 3600)  # what the last example cost may have been a day's budget
    held = post("/reserve", {"user_id": "a", "model": "gpt-4o", "input_tokens": 0, "max_output_tokens": 0}).json
    answer = post("/settle", {"reservation_id": held["reservation_id"], "usage": usage})
    assert answer.status_code in (200, 400)


# JSON as text, also where it says what no parsed value can: a key twice, 5,000 digits, 2,000 levels.
NUMBERS = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,6})?", fullmatch=True) | st.sampled_from(
    ["9" * 5000, "0." + "1" * 5000, "-0", "1e-400", "1E400", "NaN", "Infinity", "00", "1.", ".5", "0x10", "1_0"]
)
TEXTS = st.text(max_size=6).map(json.dumps) | st.sampled_from(['"\\ud800"', '"\\u0000"', '"\\q"', '"', "'a'", '"a\nb"'])
LITERALS = NUMBERS | TEXTS | st.sampled_from(["null", "true", "false", "nul", "", "[", "]", "{}", "[" * 2000, "[]" * 9])
DOCUMENTS = st.recursive(
    LITERALS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(st.sampled_from(FIELDS), inner), max_size=5).map(
            lambda pairs: "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"
        )
    ),
    max_leaves=10,
)


@settings(max_examples=scaled(1500, 50_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(["/check", "/spend", "/reserve", "/settle", "/release"]), text=DOCUMENTS, key=st.text())
def test_any_text_that_looks_like_json(post: Post, path: str, text: str, key: str) -> None:
    """Whatever a body spells, with whatever key: an answer, never a 500, and every error a problem."""
    answer = post(path, text.encode("utf-8", "surrogatepass"), key="".join(c for c in key if " " <= c <= "\xff"))
    assert answer.status_code in (200, 201, 400, 404, 409, 422, 429)
    assert answer.status_code < 400 or answer.content_type == "application/problem+json"


PATHS = ("/check", "/spend", "/reserve", "/settle", "/release", "/usage", "/health", "/", "/usage/", "/CHECK", "/%00")
HEADERS = {
    "Content-Type": st.sampled_from(
        ["application/json", "text/json", "application/JSON; charset=latin-1", "", "a/b/c"]
    ),
    "Idempotency-Key": st.text('abc"\\ \t\xe9\xff', max_size=300),
    "Authorization": st.text("Bearer abc:\xff", max_size=30),
    "Expect": st.just("100-continue"),
    "X-HTTP-Method-Override": st.just("DELETE"),
}


@settings(max_examples=scaled(1500, 50_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"]),
    path=st.sampled_from(PATHS),
    query=st.text("user_idprojectmodeltags.team=&%+;\xe9 0", max_size=40) | st.binary(max_size=20).map(quote),
    headers=st.fixed_dictionaries({}, optional=HEADERS),
    body=st.binary(max_size=30) | st.just(b'{"user_id": "a"}'),
)
def test_any_request(
    client: FlaskClient, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    """Any method, path, query and headers: an answer of the service's own, never a 500."""
    answer = client.open(path, method=method, query_string=query, headers=headers, data=body)
    assert answer.status_code < 500
