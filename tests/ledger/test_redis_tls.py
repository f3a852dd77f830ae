"""TLS on a real server: who gets in, and that whoever does not hears why, at once and in the first words."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from coreason_budget.errors import ConfigError, LedgerUnavailableError
from coreason_budget.ledger import open_ledger
from tests.conftest import _is_missing
from tests.faults.servers import PrivateServer

pytestmark = pytest.mark.redis

TIMEOUT_S = 5.0


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, what it signed for the server and for a client, and another authority that nobody knows."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ca", "stranger"):
        _openssl(folder, "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2", name)
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name, signer in (("server", "ca"), ("client", "ca"), ("unknown", "stranger")):
        _openssl(folder, "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes", name, "csr")
        sign = f"-in {name}.csr -CA {signer}.crt -CAkey {signer}.key -CAcreateserial -extfile names -days 2"
        _run(folder, f"x509 -req {sign} -out {name}.crt")
    return folder


def _openssl(folder: Path, command: str, name: str, ending: str = "crt") -> None:
    _run(folder, f"{command} -subj /CN={name} -keyout {name}.key -out {name}.{ending}")


def _run(folder: Path, command: str) -> None:
    if shutil.which("openssl") is None:
        _is_missing("openssl", "apt-get install openssl")
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def server(certificates: Path) -> Iterator[int]:
    """The TLS port of a Redis that asks its clients for a certificate."""
    binary = shutil.which("redis-server")
    if binary is None:
        _is_missing("redis-server", "apt-get install redis-server")
    made = PrivateServer(certificates, binary)
    made.start_unheard(
        *("--port", "0", "--tls-port", str(made.port), "--tls-auth-clients", "yes"),
        *("--tls-cert-file", f"{certificates}/server.crt", "--tls-key-file", f"{certificates}/server.key"),
        *("--tls-ca-cert-file", f"{certificates}/ca.crt"),
    )
    yield made.port
    made.stop()


def _ping(url: str, timeout_s: float = TIMEOUT_S) -> float:
    """Ask once; how long it took."""
    ledger, began_s = open_ledger(url, timeout_s=timeout_s), time.monotonic()
    try:
        ledger.ping()
    finally:
        ledger.close()
    return time.monotonic() - began_s


@pytest.mark.parametrize("scheme", ["rediss", "valkeys", "REDISS"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_who_is_known_gets_in(scheme: str, host: str, server: int, certificates: Path) -> None:
    """With the authority and a certificate of its own, by name and by address."""
    place = certificates
    files = f"ssl_ca_certs={place}/ca.crt&ssl_certfile={place}/client.crt&ssl_keyfile={place}/client.key"
    _ping(f"{scheme}://{host}:{server}?{files}")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("password", ["", ":secret@"])
@pytest.mark.parametrize(
    ("files", "why"),
    [
        ("ssl_ca_certs=ca.crt", "alert certificate required"),
        ("ssl_ca_certs=ca.crt&ssl_certfile=unknown.crt&ssl_keyfile=unknown.key", "alert unknown ca"),
        ("ssl_ca_certs=stranger.crt", "CERTIFICATE_VERIFY_FAILED"),
        ("", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_why_tls_was_refused_is_said_at_once(
    files: str, why: str, password: str, host: str, server: int, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the words of the first try, long before the time is over: a second one would be refused as well."""
    monkeypatch.chdir(certificates)
    began_s = time.monotonic()
    for _ in range(5):
        with pytest.raises(LedgerUnavailableError, match=f"(?i){why}") as caught:
            _ping(f"rediss://{password}{host}:{server}?{files}", timeout_s=30)
        assert "secret" not in str(caught.value)
    assert time.monotonic() - began_s < 15


def test_a_port_without_tls_is_named(redis_url: str) -> None:
    """It waits for a command while the client waits for a handshake; nobody tells, so the scheme is suspected."""
    with pytest.raises(LedgerUnavailableError, match="does not speak TLS there"):
        _ping(redis_url.replace("redis://", "rediss://"), timeout_s=0.2)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("ssl_ca_certs=gone.crt", "ssl_ca_certs: 'gone.crt' cannot be used: No such file"),
        ("ssl_ca_certs=names", "ssl_ca_certs: 'names' cannot be used: NO_CERTIFICATE"),
        ("ssl_ca_path=gone", "ssl_ca_path: 'gone' is not a folder"),
        ("ssl_certfile=gone.crt", "ssl_certfile: 'gone.crt' cannot be used: No such file"),
        ("ssl_certfile=client.crt", "ssl_certfile: 'client.crt' cannot be used: "),
        ("ssl_certfile=client.crt&ssl_keyfile=gone.key", "ssl_keyfile: 'gone.key' cannot be used: No such file"),
        ("ssl_certfile=client.crt&ssl_keyfile=server.key", "ssl_certfile: 'client.crt' cannot be used: KEY_VALUES"),
        ("ssl_keyfile=client.key", "ssl_keyfile goes with ssl_certfile"),
        ("ssl_cert_reqs=bad", "ssl_cert_reqs must be required, optional, none"),
        ("ssl_check_hostname=perhaps", "ssl_check_hostname must be true or false"),
        ("ssl_check_hostname=no&ssl_check_hostname=yes", "ssl_check_hostname is given twice"),
    ],
)
def test_what_never_gets_better_is_told_when_it_is_set_up(
    options: str, why: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option is named, and the file."""
    monkeypatch.chdir(certificates)
    with pytest.raises(ConfigError, match=why):
        open_ledger(f"rediss://localhost?{options}")


def test_an_encrypted_key_asks_nobody(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the terminal of whoever starts the service."""
    monkeypatch.chdir(certificates)
    _run(certificates, "ec -aes128 -passout pass:word -in client.key -out locked.key")
    with pytest.raises(ConfigError, match=r"ssl_certfile: 'client\.crt' cannot be used"):
        open_ledger("rediss://localhost?ssl_certfile=client.crt&ssl_keyfile=locked.key")


def test_options_of_tls_go_with_tls() -> None:
    """A URL that asks for a check of certificates never goes without."""
    with pytest.raises(ConfigError, match="ssl_cert_reqs goes with rediss://"):
        open_ledger("redis://localhost?ssl_cert_reqs=required")


def test_a_server_that_is_not_checked_is_warned_of(
    server: int, certificates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, when the ledger is opened; it works."""
    place = certificates
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        files = f"ssl_certfile={place}/client.crt&ssl_keyfile={place}/client.key"
        _ping(f"rediss://localhost:{server}?ssl_cert_reqs=none&{files}")
    said = [record.getMessage() for record in caplog.records if "ssl_cert_reqs=none" in record.getMessage()]
    assert len(said) == 1
