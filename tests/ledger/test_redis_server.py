"""What a server says of itself, and whether budgets may be kept there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.codec import pack
from coreason_budget.ledger.redis.server import check_facts, name_of, read_facts, say

_INFO = (
    b"# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.0\r\n"
    b"maxmemory_policy:noeviction\r\nos:a:b \xff\r\n\r\nodd line\r\n"
)
_SAFE = {"redis_version": "7.4.0", "maxmemory_policy": "noeviction", "aof_enabled": "1"}


class Answers(Link):
    """A link that has these answers, None where a command is refused."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.packets: list[bytes] = []

    def try_ask(self, packet: bytes, replies: int) -> list[Any]:
        self.packets.append(packet)
        answers, self.answers = self.answers[:replies], self.answers[replies:]
        assert len(answers) == replies
        return answers


def test_a_server_is_asked_once_for_all_that_it_may_tell() -> None:
    """What INFO says and, if wanted, what CONFIG says; lines that name nothing are passed over."""
    link = Answers(_INFO)
    info = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.0", "os": "a:b \ufffd"}
    info["maxmemory_policy"] = "noeviction"
    assert read_facts(link) == info
    assert link.packets == [pack([(b"INFO",)])]
    link = Answers(_INFO, [b"appendfsync", b"always"], [b"save", b""])
    assert read_facts(link, with_config=True) == info | {"appendfsync": "always", "save": ""}
    commands = [(b"INFO",), (b"CONFIG", b"GET", b"appendfsync"), (b"CONFIG", b"GET", b"save")]
    assert link.packets == [pack(commands)]


@pytest.mark.parametrize("reply", [None, [], [b"one"], [b"a", b"b", b"c"], b"text", 5])
def test_what_is_refused_or_not_told_is_left_out(reply: object) -> None:
    """The rest is known all the same."""
    assert read_facts(Answers(None, reply)) == {}
    assert read_facts(Answers(None, reply, [b"save", b"900 \xff"], None), with_config=True) == {"save": "900 \ufffd"}
    told = read_facts(Answers(b"role:master", ["save", 5], reply, None), with_config=True)
    assert told == {"role": "master", "save": "5"}


def test_who_may_not_ask_for_info_asks_for_the_policy_alone() -> None:
    """It is what decides whether budgets may be kept there at all."""
    link = Answers(None, [b"maxmemory-policy", b"allkeys-lru"])
    assert read_facts(link) == {"maxmemory_policy": "allkeys-lru"}
    assert link.packets == [pack([(b"INFO",)]), pack([(b"CONFIG", b"GET", b"maxmemory-policy")])]


def test_a_server_that_does_not_say_is_refused_unless_allowed() -> None:
    """As one that evicts: nobody knows that it does not."""
    with pytest.raises(ConfigError, match=r"does not say.*\+info or \+config\|get.*ALLOW_EVICTION=true") as caught:
        check_facts({"redis_version": "7.4.0"}, allow_eviction=False)
    assert caught.value.field == "allow_eviction"
    check_facts({}, allow_eviction=True)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({}, "redis"),
        ({"redis_version": "7.4.0"}, "redis 7.4.0"),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.0"}, "valkey 9.1.0"),
        ({"redis_version": "7.2.4", "server_name": "other"}, "other 7.2.4"),
        ({"server_name": "valkey"}, "valkey"),
        ({"server_name": "", "redis_version": "6.2.0"}, "redis 6.2.0"),
    ],
)
def test_a_server_is_called_by_its_name_and_version(facts: Mapping[str, str], name: str) -> None:
    """As far as it tells them; its own version comes before the one it is compatible with."""
    assert name_of(facts) == name


@pytest.mark.parametrize("version", ["6.1.99", "6.0", "5.9.9", "2.8", "6"])
def test_an_old_server_is_refused(version: str) -> None:
    """It has no COPY."""
    with pytest.raises(ConfigError, match=f"Redis {version} is too old") as caught:
        check_facts(_SAFE | {"redis_version": version}, allow_eviction=True)
    assert caught.value.field == "ledger_url"


@pytest.mark.parametrize("version", ["6.2", "6.2.0", "6.10.1", "7.0.0", "10.0", "255.255.255", ""])
def test_a_newer_one_or_one_that_does_not_tell_is_taken(version: str) -> None:
    """Versions are numbers, not text."""
    check_facts(_SAFE | {"redis_version": version}, allow_eviction=False)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "anything"])
def test_an_evicting_server_is_refused_unless_allowed(policy: str) -> None:
    """The setting is named."""
    facts = _SAFE | {"maxmemory_policy": policy}
    with pytest.raises(ConfigError, match=f"{policy}.*COREASON_BUDGET_ALLOW_EVICTION=true") as caught:
        check_facts(facts, allow_eviction=False)
    assert caught.value.field == "allow_eviction"
    check_facts(facts, allow_eviction=True)


@pytest.mark.parametrize(
    ("facts", "info", "warnings"),
    [
        (_SAFE, "redis 7.4.0: append-only file on, maxmemory-policy noeviction", []),
        (_SAFE | {"aof_enabled": "0"}, "append-only file off", ["a restart may forget what was spent"]),
        (
            _SAFE | {"maxmemory_policy": "allkeys-lru"},
            "maxmemory-policy allkeys-lru",
            ["may evict budgets (maxmemory-policy allkeys-lru)"],
        ),
        ({"role": "master"}, "append-only file unknown, maxmemory-policy unknown", []),
        ({}, None, ["does not say whether it may evict or forget"]),
    ],
)
def test_what_endangers_budgets_is_a_warning(
    facts: Mapping[str, str], info: str | None, warnings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """And how they are kept is said in any case."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        say(facts)
    said = {logging.INFO: [] if info is None else [info], logging.WARNING: warnings}
    for level, texts in said.items():
        found = [record.getMessage() for record in caplog.records if record.levelno == level]
        assert len(found) == len(texts)
        assert all(text in message for text, message in zip(texts, found, strict=True))
