"""Redis as the simulation needs it: the commands of the ledger on values that can be hashed and compared.

Time stands still until a test lets it pass, and then `Store.expire` takes what has outlived its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from attrs import frozen

from coreason_budget.ledger.redis.codec import LAST_MS

Command: TypeAlias = tuple[bytes, ...]


class Value(NamedTuple):
    """A string, hash, sorted set or stream: its content is sorted, so that equal states are equal values."""

    kind: str
    content: Any
    until_us: int | None = None


NOTHING = Value("none", ())
Data: TypeAlias = frozenset[tuple[bytes, Value]]

INFO = b"redis_version:7.4.0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\nrole:master\r\n"


@frozen
class Fault:
    """An error reply."""

    text: str


@cache
def parse(packet: bytes) -> tuple[Command, ...]:
    """The commands of a packet."""
    commands, rest = [], packet
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        command = []
        for _ in range(int(head[1:])):
            size, _, rest = rest.partition(b"\r\n")
            command.append(rest[: int(size[1:])])
            rest = rest[int(size[1:]) + 2 :]
        commands.append(tuple(command))
    return tuple(commands)


class _WrongTypeError(Exception):
    pass


class Store:
    """One state of the database, to run commands on. ``touched`` are the keys they wrote."""

    def __init__(self, data: Iterable[tuple[bytes, Value]], now_us: int) -> None:
        self._data: dict[bytes, Value] = dict(data)
        self._now_us = now_us
        self.touched: set[bytes] = set()

    @property
    def data(self) -> Data:
        """What it holds now."""
        return frozenset(self._data.items())

    def run(self, command: Command) -> Any:
        """The reply of one command. What this server has not learnt is no refusal, but a gap in the proof."""
        name, *arguments = command
        assert name.upper() in _COMMANDS, f"teach the simulation {name!r}"
        try:
            return _COMMANDS[name.upper()](self, *arguments)
        except _WrongTypeError:
            return Fault("WRONGTYPE Operation against a key holding the wrong kind of value")

    def expire(self) -> None:
        """Remove what has outlived its time. Who watched it finds out."""
        ends = {key: value.until_us for key, value in self._data.items()}
        self._del(*[key for key, until_us in ends.items() if until_us is not None and until_us <= self._now_us])

    def _get(self, key: bytes, kind: str, default: Any) -> Any:
        found = self._data.get(key)
        if found is None:
            return default
        if found.kind != kind:
            raise _WrongTypeError(kind)
        return found.content

    def _put(self, key: bytes, kind: str, content: Any, until_us: int | None = None) -> None:
        self.touched.add(key)
        if content or kind == "string":
            self._data[key] = Value(kind, content, until_us)
        else:
            self._data.pop(key, None)

    def _until_us(self, key: bytes) -> int | None:
        return self._data.get(key, NOTHING).until_us

    def _set(self, key: bytes, value: bytes, *options: bytes) -> bytes | None:
        if (b"NX" in options and key in self._data) or (b"XX" in options and key not in self._data):
            return None
        until_us = self._now_us + int(options[options.index(b"PX") + 1]) * 1000 if b"PX" in options else None
        self._put(key, "string", value, until_us)
        return b"OK"

    def _incr(self, key: bytes) -> int:
        value = int(self._get(key, "string", b"0")) + 1
        self._put(key, "string", b"%d" % value)
        return value

    def _hmget(self, key: bytes, *fields: bytes) -> list[bytes | None]:
        content = dict(self._get(key, "hash", ()))
        return [content.get(field) for field in fields]

    def _hincrby(self, key: bytes, field: bytes, by: bytes) -> int:
        content = dict(self._get(key, "hash", ()))
        value = int(content.get(field, 0)) + int(by)
        self._put(key, "hash", tuple(sorted({**content, field: b"%d" % value}.items())), self._until_us(key))
        return value

    def _copy(self, source: bytes, target: bytes, *options: bytes) -> int:
        if source not in self._data or (target in self._data and b"REPLACE" not in options):
            return 0
        self._put(target, *self._data[source])
        return 1

    def _del(self, *keys: bytes) -> int:
        gone = [key for key in keys if self._data.pop(key, None) is not None]
        self.touched.update(gone)
        return len(gone)

    def _pexpire(self, key: bytes, life_ms: bytes) -> int:
        if key not in self._data:
            return 0
        self._data[key] = self._data[key]._replace(until_us=self._now_us + int(life_ms) * 1000)
        self.touched.add(key)
        if int(life_ms) <= 0:
            self._del(key)
        return 1

    def _zadd(self, key: bytes, score: bytes, member: bytes) -> int:
        content = {m: s for s, m in self._get(key, "zset", ())}
        self._put(key, "zset", tuple(sorted((s, m) for m, s in {**content, member: int(score)}.items())))
        return member not in content

    def _zrem(self, key: bytes, *members: bytes) -> int:
        content = self._get(key, "zset", ())
        left = tuple(pair for pair in content if pair[1] not in members)
        if left != content:
            self._put(key, "zset", left)
        return len(content) - len(left)

    def _zrange(self, key: bytes, start: bytes, stop: bytes, *options: bytes) -> list[bytes]:
        content = self._get(key, "zset", ())
        found = content[int(start) : None if stop == b"-1" else int(stop) + 1]
        return [part for s, m in found for part in ((m, b"%d" % s) if options else (m,))]

    def _zrangebyscore(self, key: bytes, _: bytes, most: bytes, *limit: bytes) -> list[bytes]:
        found = [m for s, m in self._get(key, "zset", ()) if s <= int(most)]
        return found[: int(limit[2])] if limit else found

    def _xadd(self, key: bytes, *arguments: bytes) -> bytes:
        # In no order, so that states which differ by nothing else are one.
        self._put(key, "stream", tuple(sorted((*self._get(key, "stream", ()), arguments))))
        return b"1-0"

    def _xrange(self, key: bytes, first: bytes, last: bytes) -> list[Any]:
        # Asked only for what is at the very end of all ids: nothing.
        assert (first, last) == (LAST_MS, b"+")
        return list(self._get(key, "stream", ()))[:0]

    def _xinfo(self, _: bytes, key: bytes) -> list[bytes] | Fault:
        return [b"last-generated-id", b"1-0"] if self._get(key, "stream", ()) else Fault("ERR no such key")

    def _time(self) -> list[bytes]:
        return [b"%d" % (self._now_us // 1_000_000), b"%d" % (self._now_us % 1_000_000)]


_COMMANDS: Mapping[bytes, Callable[..., Any]] = {
    b"PING": lambda store: b"PONG",
    b"INFO": lambda store, *sections: INFO,
    b"TIME": Store._time,
    b"GET": lambda store, key: store._get(key, "string", None),
    b"SET": Store._set,
    b"INCR": Store._incr,
    b"DEL": Store._del,
    b"HMGET": Store._hmget,
    b"HGET": lambda store, key, field: store._hmget(key, field)[0],
    b"HINCRBY": Store._hincrby,
    b"COPY": Store._copy,
    b"PEXPIRE": Store._pexpire,
    b"ZADD": Store._zadd,
    b"ZREM": Store._zrem,
    b"ZRANGE": Store._zrange,
    b"ZRANGEBYSCORE": Store._zrangebyscore,
    b"XADD": Store._xadd,
    b"XRANGE": Store._xrange,
    b"XINFO": Store._xinfo,
}
