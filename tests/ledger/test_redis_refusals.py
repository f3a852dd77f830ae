"""What Redis says when it refuses: the code word is kept, and what to do stands beside it."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
import redis

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger import open_ledger
from coreason_budget.ledger.redis.refusals import refusal
from tests.faults.servers import scripted_server

REFUSALS = [
    (
        "MOVED 12331 127.0.0.1:21003",
        r"MOVED.*of a Redis Cluster; slot 12331 is kept by 127\.0\.0\.1:21003.*not supp",
    ),
    ("ASK 7 [::1]:21003", r"ASK.*node of a Redis Cluster; slot 7 is kept by \[::1\]:21003.*name that node"),
    ("CLUSTERDOWN The cluster is down", "CLUSTERDOWN The cluster is down .*Redis Cluster"),
    ("TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN.*Redis Cluster"),
    ("CROSSSLOT Keys in request don't hash to the same slot", "CROSSSLOT.*Redis Cluster"),
    ("READONLY You can't write against a read only replica.", "READONLY.*replica: name the primary"),
    ("MASTERDOWN Link with MASTER is down", "MASTERDOWN.*replica: name the primary"),
    ("LOADING Redis is loading the dataset in memory", "LOADING.*it comes back"),
    ("NOPERM this user has no permissions to run the 'watch' command", "NOPERM.*'watch'.*deploy/README.rst"),
    ("NOAUTH Authentication required.", "NOAUTH.*give the URL a password"),
    ("OOM command not allowed when used memory > 'maxmemory'.", "OOM.*memory is full"),
    ("MISCONF Redis is configured to save RDB snapshots", "MISCONF Redis is configured"),
    ("NOREPLICAS Not enough good replicas to write.", "NOREPLICAS Not enough"),
    ("BUSY Redis is busy running a script", "BUSY Redis is busy"),
    ("ERR max number of clients reached", "max number of clients"),
    ("ERR unknown command", "unknown command"),
]


@pytest.mark.parametrize(("said", "expected"), REFUSALS, ids=lambda text: text.split(" ")[0])
def test_a_refusal_is_told_with_its_code_word(said: str, expected: str) -> None:
    """redis-py cuts it off, and what remains says nothing: `12331 127.0.0.1:21003`."""
    with scripted_server(2 * f"-{said}\r\n".encode()) as url, pytest.raises(LedgerUnavailableError, match=expected):
        open_ledger(url, timeout_s=0.3).ping()


def test_a_refusal_is_not_its_own_cause() -> None:
    """Whoever walks along the causes arrives."""
    with scripted_server(2 * b"-NOPERM no\r\n") as url, pytest.raises(LedgerUnavailableError) as caught:
        open_ledger(url, timeout_s=0.3).ping()
    seen: list[BaseException] = []
    error: BaseException | None = caught.value
    while error is not None:
        assert error not in seen
        seen.append(error)
        error = error.__cause__ or error.__context__


def test_the_code_word_is_told_once() -> None:
    """Whether it was cut off or not."""
    assert str(refusal("READONLY", "no")) == str(refusal("", "READONLY no")) == str(refusal("READONLY", "READONLY no"))
    assert str(refusal("ERR", "odd")) == "Redis refused: odd"
    assert str(refusal("MOVED", "odd")).startswith("Redis refused: MOVED odd: this is a node of a Redis Cluster. ")
    assert isinstance(refusal("", "WRONGTYPE Operation against a key"), LedgerCorruptError)


@pytest.mark.redis
@pytest.mark.parametrize("scheme", ["redis", "valkey", "REDIS"])
@pytest.mark.parametrize(
    ("who", "database", "expected"),
    [
        ("nobody:wrong@", "", "WRONGPASS.*the user or the password of the URL is wrong"),
        (":hunter2@", "", "AUTH <password> called without any password"),
        ("", "/99999", "DB index is out of range"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_never_gets_better_is_refused_at_once(
    scheme: str, who: str, database: str, host: str, expected: str, redis_url: str
) -> None:
    """By a real server: not tried again until the time is over, and without the password."""
    began_s = time.monotonic()
    with pytest.raises(LedgerUnavailableError, match=f"Redis refused: {expected}") as caught:
        open_ledger(f"{scheme}://{who}{host}:{urlsplit(redis_url).port}{database}", timeout_s=30).ping()
    assert time.monotonic() - began_s < 10
    assert "hunter2" not in str(caught.value)


@pytest.mark.redis
def test_who_may_not_ask_for_info_learns_of_eviction_all_the_same(redis_url: str) -> None:
    """By CONFIG GET; who may ask neither is refused like one that evicts."""
    admin = redis.Redis.from_url(redis_url)
    port = urlsplit(redis_url).port
    try:
        for user, rights in (("configurer", "-info"), ("silent", "-info -config")):
            admin.execute_command("ACL", "SETUSER", user, "on", ">pw", "~*", "+@all", *rights.split())
        open_ledger(f"redis://configurer:pw@127.0.0.1:{port}", namespace="asks").ping()
        url = f"redis://silent:pw@127.0.0.1:{port}"
        with pytest.raises(ConfigError, match="does not say whether it evicts"):
            open_ledger(url, namespace="silent").ping()
        open_ledger(url, namespace="silent", allow_eviction=True).ping()
    finally:
        admin.execute_command("ACL", "DELUSER", "configurer", "silent")
        admin.close()
