"""All states that clients, a server and a network between them can come to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

from attrs import evolve, field, frozen

from tests.simulation.client import LOST, UNREACHABLE, Caller, Event, Note, Step, as_read, directly, run, still_time
from tests.simulation.laws import audit, is_too_much, is_unbalanced
from tests.simulation.scene import NOW_US, TTL_US, Scene
from tests.simulation.store import Command, Data, Store, parse

T = TypeVar("T")
Unit: TypeAlias = tuple[Command, ...]


@frozen(cache_hash=True)
class Wire:
    """A connection as the server has it: what is on its way on it, and what it watches."""

    units: tuple[Unit, ...] = ()
    watched: frozenset[bytes] = frozenset()
    is_dirty: bool = False

    def after(self, touched: frozenset[bytes]) -> Wire:
        """The same after keys were written."""
        return evolve(self, is_dirty=True) if not self.is_dirty and touched & self.watched else self


@frozen(cache_hash=True)
class Client:
    """A client: the number of its history, its wire, and the replies of a packet that is half served.

    Where what led there matters no more, it is the number of the first history that did.
    """

    history: int
    wire: Wire
    connection: int
    replies: tuple[Any, ...] = ()
    is_alive: bool = True


class State(NamedTuple):
    """One state of everything. ``late`` are packets of connections that their clients gave up."""

    data: Data
    clients: tuple[Client, ...]
    late: frozenset[Wire]
    faults: float
    ticks: int
    now_us: int


@frozen
class Found:
    """What an exploration saw."""

    states: int
    ends: int
    violations: tuple[str, ...]
    outcomes: frozenset[tuple[str, str]] = field(repr=False)


class World:
    """Explores a scene: every order, every fault, every state once."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._histories: dict[tuple[int, int, Event], int] = {}
        self._events: list[tuple[int, tuple[Event, ...]]] = []
        self._steps: dict[int, Step] = {}
        self._alike: dict[Any, int] = {}
        self._met: dict[Any, Any] = {}
        self._exchange = cache(self._exchanged)
        self._advance = cache(self._advanced)
        self._dead = cache(self._died)
        self._wrong = cache(partial(is_too_much, scene=scene))
        self._books = cache(partial(audit, scene=scene))

    def explore(self, most_violations: int = 1) -> Found:
        """Walk through all states; stop early once enough is wrong."""
        with still_time():
            return self._explore(most_violations)

    def _explore(self, most_violations: int) -> Found:
        store = Store((), NOW_US)
        scene = self._scene
        prepared = directly(scene.before or Caller.read, store, scene)
        self._before, self._data = tuple(prepared.notes), store.data
        begun = [self._advance(number, -1, "begun") for number in range(len(scene.acts))]
        first = State(store.data, tuple(begun), frozenset(), scene.faults, scene.ticks, scene.begin_us)
        seen: dict[State, State | None] = {first: None}
        todo, ends = [first], 0
        violations: list[str] = []
        outcomes: set[tuple[str, str]] = set()
        while todo and len(violations) < most_violations:
            state = todo.pop()
            following = [s for s in self._following(state) if s not in seen]
            seen.update(dict.fromkeys(following, state))
            todo += following
            notes = self._notes(state)
            wrong = self._wrong(notes)
            if all(not c.is_alive or self._steps[c.history].packet is None for c in state.clients):
                ends += 1
                outcomes |= {(n[0], n[3]) for n in notes}
                wrong = wrong or is_unbalanced(self._books(state.data), notes, scene)
            violations += [f"{wrong}\n{self._path(state, seen)}"] if wrong else []
        return Found(len(seen), ends, tuple(violations), frozenset(outcomes))

    def _path(self, state: State, seen: dict[State, State | None]) -> str:
        """How it came to that, a line a state."""
        lines: list[str] = []
        step: State | None = state
        while step is not None:
            clients = [
                f"{self._steps[c.history].notes[-1:]}{'' if c.is_alive else ' dead'} sends {_shown(c.wire)}"
                for c in step.clients
            ]
            lines.append(f"{' | '.join(clients)} | late {[_shown(wire) for wire in step.late]}")
            step = seen[step]
        return "\n".join(reversed(lines))

    # The network

    def _following(self, state: State) -> Iterator[State]:
        for place, client in enumerate(state.clients):
            if client.is_alive and client.wire.units:
                yield self._serve(state, place, client)
                if state.faults:
                    yield self._lose(state, place, client)
                    yield self._crash(state, place, client)
                    if self._steps[client.history].is_new and not client.replies:
                        yield self._shut_out(state, place, client)
        for wire in state.late:
            yield self._serve_late(state, wire)
        if state.ticks:
            yield self._tick(state)

    def _serve(self, state: State, place: int, client: Client) -> State:
        """The server does a packet (or the next command of it), and its replies arrive."""
        count = 1 if self._scene.split else len(client.wire.units)
        data, touched, wire, replies = self._exchange(state.data, state.now_us, client.wire, count)
        replies = client.replies + replies
        if wire.units:
            client = self._one(evolve(client, wire=wire, replies=replies))
        else:
            client = self._advance(place, client.history, replies, wire, client.connection)
        clients = _put(self._heard(state.clients, touched), place, client)
        return state._replace(data=data, clients=clients, late=self._still_late(state.late, touched))

    def _exchanged(
        self, data: Data, now_us: int, wire: Wire, count: int
    ) -> tuple[Data, frozenset[bytes], Wire, tuple[Any, ...]]:
        """What the first units of a wire do: the data then, the keys written, the wire and the replies."""
        store = Store(data, now_us)
        replies: tuple[Any, ...] = ()
        left = wire.units[count:]
        for unit in wire.units[:count]:
            wire, some = self._do(store, wire, unit)
            replies += some
        return self._one(store.data), self._one(frozenset(store.touched)), evolve(wire, units=left), replies

    def _do(self, store: Store, wire: Wire, unit: Unit) -> tuple[Wire, tuple[Any, ...]]:
        name = unit[0][0]
        if name == b"MULTI":
            done = None if wire.is_dirty and self._scene.watches else _hashable([store.run(c) for c in unit[1:-1]])
            return Wire(wire.units), (b"OK", *[b"QUEUED"] * (len(unit) - 2), done)
        if name == b"UNWATCH":
            return Wire(wire.units), (b"OK",)
        if name == b"WATCH":
            return evolve(wire, watched=wire.watched.union(unit[0][1:])), (b"OK",)
        return wire, (_hashable(store.run(unit[0])),)

    def _lose(self, state: State, place: int, client: Client) -> State:
        """The connection breaks: the client hears of it, the packet may still arrive."""
        return self._given_up(state, place, self._advance(place, client.history, LOST))

    def _crash(self, state: State, place: int, client: Client) -> State:
        """The process ends: what it sent may still arrive."""
        return self._given_up(state, place, self._dead(place, client.history))

    def _given_up(self, state: State, place: int, client: Client) -> State:
        wire, late = state.clients[place].wire, state.late
        # Only a transaction, which is a packet of its own, has an effect that late.
        if wire.units[0][0][0] == b"MULTI":
            late = self._still_late(late | {wire}, frozenset())
        return state._replace(clients=_put(state.clients, place, client), late=late, faults=state.faults - 1)

    def _serve_late(self, state: State, wire: Wire) -> State:
        data, touched, _, _ = self._exchange(state.data, state.now_us, wire, len(wire.units))
        late = self._still_late(state.late - {wire}, touched)
        return state._replace(data=data, clients=self._heard(state.clients, touched), late=late)

    def _shut_out(self, state: State, place: int, client: Client) -> State:
        """The server cannot be reached for as long as the call has time: nothing more was sent."""
        client = self._advance(place, client.history, UNREACHABLE)
        return state._replace(clients=_put(state.clients, place, client), faults=state.faults - 1)

    def _tick(self, state: State) -> State:
        """Time passes, and what expires is gone."""
        now_us = state.now_us + TTL_US
        data, touched = self._expired(state.data, now_us)
        clients, late = self._heard(state.clients, touched), self._still_late(state.late, touched)
        return state._replace(data=data, clients=clients, late=late, ticks=state.ticks - 1, now_us=now_us)

    def _expired(self, data: Data, now_us: int) -> tuple[Data, frozenset[bytes]]:
        store = Store(data, now_us)
        store.expire()
        return self._one(store.data), frozenset(store.touched)

    def _heard(self, clients: tuple[Client, ...], touched: frozenset[bytes]) -> tuple[Client, ...]:
        """The clients after keys were written: some watched them."""
        if not touched or not any(touched & client.wire.watched for client in clients):
            return clients
        return tuple([self._one(evolve(c, wire=c.wire.after(touched))) for c in clients])

    def _still_late(self, late: frozenset[Wire], touched: frozenset[bytes]) -> frozenset[Wire]:
        """What can still have an effect after keys were written: a transaction whose watch is broken has none."""
        if not late:
            return late
        wires = [wire.after(touched) for wire in late]
        return self._one(frozenset([w for w in wires if not w.is_dirty or not self._scene.watches]))

    # The clients

    def _advanced(
        self, place: int, history: int, event: Event, wire: Wire | None = None, connection: int = 0
    ) -> Client:
        """The client after one more event: it runs on until its next packet."""
        number = self._histories.setdefault((place, history, event), len(self._events))
        if number == len(self._events):
            events = () if history < 0 else (*self._events[history][1], as_read(event))
            self._events.append((place, events))
            scene = self._scene
            self._steps[number] = run(scene.acts[place], scene, self._data, events)
        step = self._steps[number]
        if wire is None or step.connection != connection:
            wire = Wire()
        if step.knows is not None:
            # What led there matters no more.
            alike = self._alike.setdefault((place, evolve(step, connection=0)), number)
            number, step = alike, self._steps[alike]
        if step.packet is None:
            return self._one(Client(number, Wire(), 0))
        return self._one(Client(number, evolve(wire, units=_units(step.packet)), step.connection))

    def _died(self, place: int, history: int) -> Client:
        alike = self._alike.setdefault((place, self._steps[history].notes), history)
        return self._one(Client(alike, Wire(), 0, (), is_alive=False))

    def _one(self, value: T) -> T:
        """The first that was met of equal values: states share them, and compare them at no cost."""
        first: T = self._met.setdefault(value, value)
        return first

    def _notes(self, state: State) -> tuple[Note, ...]:
        return (*self._before, *[note for client in state.clients for note in self._steps[client.history].notes])


@cache
def _units(packet: bytes) -> tuple[Unit, ...]:
    """A packet as the server does it: command by command, a transaction as one."""
    units: list[Unit] = []
    block: list[Command] = []
    for command in parse(packet):
        if block or command[0] == b"MULTI":
            block.append(command)
        else:
            units.append((command,))
        if command[0] == b"EXEC":
            units.append(tuple(block))
            block = []
    return tuple(units)


def _shown(wire: Wire) -> str:
    units = [unit[1] if unit[0][0] == b"MULTI" else unit[0] for unit in wire.units]
    return f"{b' '.join([b' '.join(u[:2]) for u in units])[:160].decode()}{' dirty' * wire.is_dirty}"


def _put(clients: tuple[Client, ...], place: int, client: Client) -> tuple[Client, ...]:
    return (*clients[:place], client, *clients[place + 1 :])


def _hashable(reply: Any) -> Any:
    return tuple(_hashable(part) for part in reply) if isinstance(reply, list) else reply
