"""What Redis says when it refuses, in its own words and with the code word, and what can be done about it."""

from __future__ import annotations

from coreason_budget.errors import LedgerCorruptError, LedgerUnavailableError

REFUSED = "Redis refused"
NO_CLUSTER = "Redis Cluster is not supported yet"

_REMEDIES = {
    "READONLY": "this is a replica: name the primary",
    "MASTERDOWN": "this is a replica: name the primary",
    "CLUSTERDOWN": f"this is a node of a Redis Cluster; {NO_CLUSTER}",
    "TRYAGAIN": f"this is a node of a Redis Cluster; {NO_CLUSTER}",
    "CROSSSLOT": f"this is a node of a Redis Cluster; {NO_CLUSTER}",
    "NOAUTH": "give the URL a password, as in redis://:PASSWORD@host",
    "WRONGPASS": "the user or the password of the URL is wrong, or the user is off",
    "NOPERM": "the user of the URL may not do what budgets need; deploy/README.rst has the list",
    "LOADING": "it comes back when its data is read",
    "OOM": "its memory is full",
}


def refusal(code: str, text: str) -> LedgerUnavailableError | LedgerCorruptError:
    """The error for a refusal, from its code word (empty where there is none) and the rest of its text."""
    said = text if not code or code == "ERR" or text.startswith(code) else f"{code} {text}"
    code = said.partition(" ")[0]
    if code == "WRONGTYPE":
        return LedgerCorruptError(f"Redis holds a value of another kind where budgets are kept: {said}")
    if code in ("MOVED", "ASK"):
        return LedgerUnavailableError(f"{REFUSED}: {said}: {_moved(said)}")
    remedy = _REMEDIES.get(code, "")
    return LedgerUnavailableError(f"{REFUSED}: {said}{remedy and f' ({remedy})'}")


def _moved(said: str) -> str:
    """From ``MOVED 12331 127.0.0.1:21003``."""
    words = said.split(" ")
    kept = f"; slot {words[1]} is kept by {words[2]}" if len(words) == 3 else ""
    return f"this is a node of a Redis Cluster{kept}. {NO_CLUSTER}: name that node, or use one server"
