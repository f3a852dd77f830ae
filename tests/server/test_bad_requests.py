"""What the service refuses before anything is booked: each with its status, and the field it is about."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.bad_inputs import BAD_AMOUNTS_JSON, BAD_IDS_JSON
from tests.server.conftest import Post

AMOUNTS = [pytest.param(text, id=name) for name, text in BAD_AMOUNTS_JSON]
IDS = [pytest.param(text, id=name) for name, text in BAD_IDS_JSON]


def nothing_is_booked(client: FlaskClient) -> bool:
    accounts = client.get("/usage").json["accounts"]
    return all(a["spent_usd"] == a["reserved_usd"] == "0.00" for a in accounts)


def check_names(problem: dict[str, Any], field: str, text: str) -> None:
    # NaN and its like are no JSON at all, so there is no field yet.
    if text.strip("-") not in ("NaN", "Infinity"):
        assert problem["field"] == field
        assert problem["detail"].startswith(field)


def test_the_tables_are_long_enough() -> None:
    """At least 40 wrong amounts and 20 wrong ids."""
    assert len(AMOUNTS) >= 40
    assert len(IDS) >= 20


@pytest.mark.parametrize("text", AMOUNTS)
def test_a_bad_amount_is_400_everywhere(client: FlaskClient, post: Post, text: str) -> None:
    """Every wrong amount is refused by every route that takes one, and names its field."""
    for path, field in (("/check", "estimated_cost"), ("/spend", "cost"), ("/reserve", "cost")):
        answer = post(path, f'{{"user_id": "alice", "{field}": {text}}}')
        assert answer.status_code == 400, (path, answer.text)
        assert answer.content_type == "application/problem+json"
        check_names(answer.json, field, text)
    answer = post("/settle", f'{{"reservation_id": "r", "cost": {text}}}')
    assert answer.status_code == 400
    check_names(answer.json, "cost", text)
    assert nothing_is_booked(client)


@pytest.mark.parametrize("text", IDS)
def test_a_bad_id_is_400_everywhere(client: FlaskClient, post: Post, text: str) -> None:
    """Every wrong id is refused wherever an id may stand, and names its field."""
    for field in ("user_id", "project_id", "model", "tags.team"):
        ids = {"user_id": '"alice"', field: text}
        tags = ids.pop("tags.team", None)
        body = ", ".join(f'"{name}": {value}' for name, value in ids.items())
        answer = post("/spend", f'{{"cost": 1, "tags": {{{f""" "team": {tags} """ if tags else ""}}}, {body}}}')
        assert answer.status_code == 400, (field, answer.text)
        check_names(answer.json, field, text)
    assert nothing_is_booked(client)


@pytest.mark.parametrize("text", [param for param in IDS if "257" not in str(param.id)])
def test_a_bad_reservation_id_is_400(post: Post, text: str) -> None:
    """A reservation's id is an id too, a little longer."""
    answer = post("/release", f'{{"reservation_id": {text}}}')
    assert answer.status_code in (400, 404)
    if answer.status_code == 404:
        assert len(json.loads(text).encode()) <= 280
    else:
        check_names(answer.json, "reservation_id", text)


@pytest.mark.parametrize(
    "value", ["1.5", "-1", "-1.0", "1e-9", "true", '"1"', "[]", "{}", "1e13", "1E999999", "1" + "0" * 13, "9" * 5000]
)
@pytest.mark.parametrize("field", ["input_tokens", "output_tokens"])
def test_a_bad_count_is_400(post: Post, field: str, value: str) -> None:
    """Counts are whole numbers from 0 to 10**12."""
    answer = post("/spend", f'{{"user_id": "alice", "model": "gpt-4o", "{field}": {value}}}')
    assert (answer.status_code, answer.json["field"]) == (400, field)


@pytest.mark.parametrize("value", ["1000", "1000.0", "1e3", "0.1E+4"])
def test_a_whole_number_may_be_written_as_any_number(post: Post, value: str) -> None:
    """JSON does not tell 1000.0 from 1000."""
    answer = post("/spend", f'{{"user_id": "alice", "model": "gpt-4o", "input_tokens": {value}}}', key="k")
    assert (answer.status_code, answer.json["cost_usd"]) == (200, "0.0025")


def test_tokens_that_cost_too_much_are_400_in_usd(post: Post) -> None:
    """Each count is allowed, what they cost is not: the answer says what that is."""
    answer = post("/spend", {"user_id": "alice", "model": "gpt-4o", "input_tokens": 4, "output_tokens": 10**12})
    assert (answer.status_code, answer.json["field"]) == (400, "cost")
    assert answer.json["detail"] == "cost: 10000000.00001 USD is too large; the most is 10000000.00 USD"


@pytest.mark.parametrize("value", ["0", "-1", "true", '"1"', "[]", "1e999", "86401", "9" * 5000])
def test_a_bad_time_to_live_is_400(post: Post, value: str) -> None:
    """A time to live is over 0 s and at most 24 h."""
    answer = post("/reserve", f'{{"user_id": "alice", "cost": 1, "ttl_s": {value}}}')
    assert (answer.status_code, answer.json["field"]) == (400, "ttl_s")


@pytest.mark.parametrize(
    "tags",
    ["1", '"team"', "[]", "true", '{"user": "x"}', '{"Team": "x"}', '{"team": null}', '{"": "x"}'],
)
def test_bad_tags_are_400(post: Post, tags: str) -> None:
    """Tags map kinds of the caller's own to ids."""
    answer = post("/check", f'{{"user_id": "alice", "tags": {tags}}}')
    assert answer.status_code == 400
    assert answer.json["field"].startswith("tags")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"{", "not JSON", id="cut off"),
        pytest.param(b"null", "object, not null", id="null"),
        pytest.param(b"true", "object, not true", id="true"),
        pytest.param(b"[]", "object, not a list", id="a list"),
        pytest.param(b"1", "object, not a number", id="a number"),
        pytest.param(b"1.5", "object, not a number", id="a fraction"),
        pytest.param(b'"x"', "object, not text", id="text"),
        pytest.param(b"{'user_id': 'a'}", "not JSON", id="Python's quotes"),
        pytest.param(b'{"user_id": "a"} x', "not JSON", id="something behind it"),
        pytest.param(b'{"user_id": "a", "user_id": "b"}', "user_id: given twice", id="a key twice"),
        pytest.param(b'{"user_id": "a", "tags": {"t": "x", "t": "y"}}', "t: given twice", id="a tag twice"),
        pytest.param(b'{"user_id": "a", "x": NaN}', "NaN", id="NaN"),
        pytest.param(b'{"user_id": "a", "x": -Infinity}', "-Infinity", id="Infinity"),
        pytest.param(b'{"user_id": "\xff"}', "UTF-8", id="not UTF-8"),
        pytest.param('{"user_id": "a"}'.encode("utf-16"), "UTF-8", id="UTF-16"),
        pytest.param(b'\xef\xbb\xbf{"user_id": "a"}', "not JSON", id="a byte order mark"),
        pytest.param(b'{"user_id": "a\nb"}', "not JSON", id="a raw newline in text"),
        pytest.param(b"[" * 60000, "nested too deeply", id="60000 lists"),
        pytest.param(b'{"a":' * 12000, "nested too deeply", id="12000 objects"),
        pytest.param(b'{"user_id": "a", "x": 1e' + b"9" * 30 + b"}", "out of range", id="an endless exponent"),
    ],
)
@pytest.mark.parametrize("path", ["/check", "/spend", "/reserve", "/settle", "/release", "/corrections"])
def test_a_body_that_is_no_json_object_is_400(post: Post, path: str, body: bytes, says: str) -> None:
    """Whatever is sent as a body: a 400 that says what is wrong with it."""
    answer = post(path, body)
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert says in answer.json["detail"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/check", "user_id"),
        ("/spend", "user_id"),
        ("/reserve", "user_id"),
        ("/settle", "reservation_id"),
        ("/release", "reservation_id"),
        ("/corrections", "booking"),
    ],
)
def test_a_missing_field_is_named(post: Post, path: str, field: str) -> None:
    """What is required is named when it is missing or null."""
    assert post(path, {}).json["errors"] == [{"field": field, "detail": f"{field}: missing"}]
    answer = post(path, {field: None})
    assert (answer.status_code, answer.json["field"]) == (400, field)


def test_unknown_fields_are_named_with_the_allowed_ones(post: Post) -> None:
    """A typo is not ignored: all that is wrong is listed."""
    answer = post("/check", {"userid": "alice", "estimated_cots": 1, "user_id": 5})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json["errors"]] == ["user_id", "estimated_cots", "userid"]
    assert "allowed are user_id, project_id, model, tags, input_tokens, estimated_cost" in answer.json["detail"]


def test_an_optional_field_may_be_null(post: Post) -> None:
    """Null is the same as leaving it out."""
    body = {"user_id": "alice", "estimated_cost": None, "project_id": None, "model": None, "tags": None}
    assert post("/check", body).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/spend", {"user_id": "a"}),
        ("/spend", {"user_id": "a", "model": "gpt-4o"}),
        ("/spend", {"user_id": "a", "cost": 1, "input_tokens": 1}),
        ("/spend", {"user_id": "a", "input_tokens": 1}),
        ("/reserve", {"user_id": "a"}),
        ("/reserve", {"user_id": "a", "cost": 1, "max_output_tokens": 1}),
        ("/reserve", {"user_id": "a", "model": "gpt-4o", "max_output_tokens": 1}),
        ("/settle", {"reservation_id": "r"}),
        ("/settle", {"reservation_id": "r", "cost": 1, "output_tokens": 1}),
        ("/settle", {"reservation_id": "r", "cost": 1, "usage": {"prompt_tokens": 1}}),
        ("/settle", {"reservation_id": "r", "input_tokens": 1, "usage": {"prompt_tokens": 1}}),
    ],
)
def test_a_cost_is_said_in_one_way(client: FlaskClient, post: Post, path: str, body: dict[str, Any]) -> None:
    """Neither a cost nor what prices one, or both: 400 about the cost."""
    answer = post(path, body)
    assert (answer.status_code, answer.json["field"]) == (400, "cost")
    assert nothing_is_booked(client)


@pytest.mark.parametrize("key", ["", " ", "x" * 257, "a\tb", "\xff", '"open', '"a"b"', '""'])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/spend", {"user_id": "a", "cost": 1}),
        ("/reserve", {"user_id": "a", "cost": 1}),
        ("/settle", {"reservation_id": "r", "cost": 1}),
        ("/release", {"reservation_id": "r"}),
    ],
)
def test_a_bad_idempotency_key_is_400(post: Post, path: str, body: dict[str, Any], key: str) -> None:
    """A key is an id: nothing is booked under half of one."""
    answer = post(path, body, key=key)
    if key == " ":  # A server strips it; then it is an id.
        return
    assert (answer.status_code, answer.json["field"]) == (400, "idempotency_key")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("user=alice", "user"),
        ("user_id=", "user_id"),
        ("user_id=a&user_id=b", "user_id"),
        ("user_id=a%00b", "user_id"),
        ("tags.team=a&tags.team=b", "tags.team"),
        ("tags.user=a", "tags"),
        ("tags.=a", "tags"),
        ("tag=team:a", "tag"),
        ("user_id=" + "a" * 257, "user_id"),
    ],
)
def test_a_bad_query_is_400(client: FlaskClient, query: str, field: str) -> None:
    """Whose usage: known names, each once, with ids."""
    answer = client.get(f"/usage?{query}")
    assert (answer.status_code, answer.json["field"]) == (400, field)


def test_a_query_that_is_not_utf8_is_400(client: FlaskClient) -> None:
    """Two ids that differ in a wrong byte are not made the same."""
    assert client.get("/usage?user_id=a%ff").status_code == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_what_is_not_declared_as_json_is_415(client: FlaskClient, content_type: str) -> None:
    """A form of a foreign web page cannot spend."""
    answer = client.post("/spend", data='{"user_id": "a", "cost": 1}', content_type=content_type)
    assert (answer.status_code, answer.content_type) == (415, "application/problem+json")


def test_a_charset_does_not_matter(client: FlaskClient) -> None:
    """`application/json; charset=utf-8` is JSON."""
    kind = "application/json; charset=utf-8"
    assert client.post("/check", data='{"user_id": "a"}', content_type=kind).status_code == 200


def test_a_body_of_64_kib_is_read_and_a_longer_one_is_413(post: Post) -> None:
    """The limit is on the bytes of the body."""
    body = '{"user_id": "alice"}'
    assert post("/check", body.ljust(65536)).status_code == 200
    answer = post("/check", body.ljust(65537))
    assert (answer.status_code, answer.content_type) == (413, "application/problem+json")


def test_a_body_without_length_is_411(client: FlaskClient) -> None:
    """A chunked body could be cut without anybody seeing it."""
    answer = client.post("/check", headers={"Transfer-Encoding": "chunked", "Content-Type": "application/json"})
    assert (answer.status_code, answer.content_type) == (411, "application/problem+json")


def test_unknown_routes_and_methods_are_problems(client: FlaskClient) -> None:
    """404 and 405 are in the same form as every error; 405 says what is allowed."""
    answer = client.post("/charge")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    answer = client.get("/spend")
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert "POST" in answer.headers["Allow"]


def test_a_name_that_comes_twice_is_found_in_one_pass(post: Post) -> None:
    """The last of thousands repeats the one before it: refused about as fast as thousands of different ones.

    Each name looked for among all of them, as a plain search does it, takes hundreds of times as long.
    """
    names = [f'"n{number:04}":0' for number in range(6000)]
    once, twice = (f"{{{','.join([*names, last])}}}" for last in ('"m":0', '"n5999":0'))

    def fastest_s(body: str) -> float:
        def run_s() -> float:
            begun_s = time.process_time()
            assert post("/check", body).status_code == 400
            return time.process_time() - begun_s

        return min(run_s() for _ in range(5))

    answer = post("/check", twice)
    assert "n5999: given twice" in answer.json["detail"]  # type: ignore[index]
    assert fastest_s(twice) < 5 * fastest_s(once)
