"""What a Redis URL says: where the server is, who asks, and how TLS is done. No error shows a part of a password.

Read here and not by redis-py, which takes what it cannot read for something else, and says so in a traceback.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote

from attrs import Factory, frozen

from coreason_budget.errors import ConfigError

SCHEMES = {"redis": "tcp", "valkey": "tcp", "rediss": "tls", "valkeys": "tls", "unix": "unix"}
"""The scheme of a URL, in lower case, and how the server is reached."""

_PARTS = re.compile(r"(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?", re.DOTALL)
_PLACE = re.compile(r"(?P<host>[\w.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_LAST_PORT = 65535
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CERTIFICATES = ("required", "optional", "none")
_FLAGS = {"true": True, "t": True, "yes": True, "y": True, "1": True}
_FLAGS |= {"false": False, "f": False, "no": False, "n": False, "0": False}
# What others take in a URL. Any other name that is not known may be a part of a password.
_ELSEWHERE = (
    "client_name", "decode_responses", "encoding", "health_check_interval", "max_connections", "password", "protocol",
    "retry_on_error", "retry_on_timeout", "socket_connect_timeout", "socket_keepalive", "socket_timeout",
    "ssl_ca_data", "ssl_ciphers", "ssl_min_version", "ssl_password", "ssl_validate_ocsp", "timeout", "username",
)  # fmt: skip


@frozen
class Address:
    """Where and how.

    Attributes:
        how: ``tcp``, ``tls`` or ``unix``.
        settings: Of a redis-py connection.
    """

    how: str
    settings: dict[str, Any] = Factory(dict)


def read_url(url: str) -> Address:
    """Read a URL, and the files that it names.

    Raises:
        ConfigError: It cannot be used. Its text never shows a password.
    """
    scheme, _, rest = url.partition("://")
    how, parts = SCHEMES.get(scheme.lower()), _PARTS.fullmatch(rest)
    if how is None or parts is None:
        _refuse(_NO_URL)
    authority, path = parts["authority"], parts["path"]
    after = rest[len(authority) :]
    # An @ behind the first slash is a password that is not where it belongs, in a socket's path as well.
    if parts["fragment"] or authority.count("@") > 1 or "@" in after:
        _refuse(_ENCODE)
    who, _, place = authority.rpartition("@")
    if _BAD_ESCAPE.search(who):
        _refuse(_ENCODE)
    settings = _who(who) | (_unix(place, path) if how == "unix" else _server(place, path))
    return Address(how, settings | _options(parts["query"] or "", how))


def _who(text: str) -> dict[str, str]:
    user, _, password = text.partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in given.items() if value}


def _unix(place: str, path: str) -> dict[str, Any]:
    if place or not path:
        _refuse("write unix:///path/of/the.sock, or unix://:PASSWORD@/path/of/the.sock")
    return {"path": unquote(path)}


def _server(place: str, path: str) -> dict[str, Any]:
    found = _PLACE.fullmatch(place)
    if found is None or not _is_host(found["host"]) or int(found["port"] or 0) > _LAST_PORT:
        _refuse(_NO_URL)
    database = path.strip("/")
    if database and not re.fullmatch(r"[0-9]{1,9}", database, re.ASCII):
        _refuse("the path of a Redis URL is a database number, as in /0")
    settings = {"host": found["host"].strip("[]"), "port": int(found["port"] or 0), "db": int(database or 0)}
    return {name: value for name, value in settings.items() if value}


def _is_host(host: str) -> bool:
    try:
        # Looked up later, a name that cannot be one would fail with an error of another kind.
        host.encode("idna")
    except ValueError:
        return False
    return True


def _options(query: str, how: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in _READ:
            shown = repr(name) if name in _ELSEWHERE else ""
            _refuse(f"unknown option {shown}; allowed are {', '.join(_READ)}".replace(" ;", ";"))
        if name != "db" and how != "tls":
            _refuse(f"{name} goes with rediss://")
        if name in options:
            _refuse(f"{name} is given twice")
        options[name] = _READ[name](name, text)
    if options.keys() & {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}:
        _check_files(options)
    return options


def _database(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        _refuse("db must be a database number, as in ?db=0")
    return int(text)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in _FLAGS:
        _refuse(f"{name} must be true or false")
    return _FLAGS[text.lower()]


def _certificates(name: str, text: str) -> str:
    if text not in _CERTIFICATES:
        _refuse(f"{name} must be {', '.join(_CERTIFICATES)}")
    return text


def _file(name: str, text: str) -> str:
    try:
        with Path(text).open("rb"):
            return text
    except (OSError, ValueError) as error:
        _refuse_file(name, text, error)


def _folder(name: str, text: str) -> str:
    if not Path(text).is_dir():
        _refuse(f"{name}: {text!r} is not a folder")
    return text


_READ: Mapping[str, Callable[[str, str], Any]] = {
    "db": _database,
    "ssl_ca_certs": _file,
    "ssl_ca_path": _folder,
    "ssl_certfile": _file,
    "ssl_cert_reqs": _certificates,
    "ssl_check_hostname": _flag,
    "ssl_keyfile": _file,
}


def _check_files(options: Mapping[str, Any]) -> None:
    """See that certificates and keys are what they should be: whoever connects would learn it at each call."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if "ssl_ca_certs" in options:
        _load("ssl_ca_certs", options["ssl_ca_certs"], lambda path: context.load_verify_locations(cafile=path))
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        _refuse("ssl_keyfile goes with ssl_certfile")
    if "ssl_certfile" in options:
        key = options.get("ssl_keyfile")
        # Without a password of ours an encrypted key would ask the terminal for one.
        _load("ssl_certfile", options["ssl_certfile"], lambda path: context.load_cert_chain(path, key, lambda: ""))


def _load(name: str, path: str, load: Callable[[str], object]) -> None:
    try:
        load(path)
    except (OSError, ValueError) as error:
        _refuse_file(name, path, error)


def _refuse_file(name: str, path: str, error: Exception) -> NoReturn:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    _refuse(f"{name}: {path!r} cannot be used: {reason}")


_NO_URL = "is not a Redis URL such as redis://localhost:6379/0"
_ENCODE = (
    f"{_NO_URL}; percent-encode the password in it: % is %25, @ is %40, / is %2F, ? is %3F, # is %23 "
    "(urllib.parse.quote(password, safe='') does it)"
)


def _refuse(reason: str) -> NoReturn:
    # From nothing: what was being read may hold the password.
    raise ConfigError(f"ledger_url: {reason}", field="ledger_url") from None
