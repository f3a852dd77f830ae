"""fakeredis as the ledger takes it: for the quick loop, and no proof."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
from fakeredis import FakeRedisConnection, FakeServer
from fakeredis._commands import command
from fakeredis._core import CommandItem
from fakeredis.commands_mixins.generic_mixin import GenericCommandsMixin
from fakeredis.commands_mixins.server_mixin import ServerCommandsMixin


def fake_server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """An empty server."""
    monkeypatch.setattr(GenericCommandsMixin, "copy", _copy)
    monkeypatch.setattr(ServerCommandsMixin, "info", info, raising=False)
    return FakeServer()


def connector(server: FakeServer) -> Callable[[], Any]:
    """What makes a ledger's connections to it."""
    return partial(FakeRedisConnection, server=server, protocol=2, decode_responses=False, driver_info=None)


@command((), (bytes,))
def info(self: object, *sections: bytes) -> bytes:
    """INFO as far as a ledger needs it: fakeredis 2.41 has none."""
    return b"maxmemory_policy:noeviction\r\n"


def _copy(self: object, key: CommandItem, newkey: CommandItem, *options: bytes) -> int:
    """COPY as Redis does it: in fakeredis 2.40 a change of the original changes the copy, too."""
    if not key or (newkey and b"REPLACE" not in options):
        return 0
    newkey.value, newkey.expireat = deepcopy(key.value), key.expireat
    return 1
