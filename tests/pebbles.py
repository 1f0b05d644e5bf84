"""A real authority that speaks ACME: Pebble on loopback, which asks names of a DNS of its own."""

import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from freeports import free_port
from guard import dying_with
from house import until

PROGRAMS = ("pebble", "pebble-challtestsrv")
SOON_S = 60.0
BLOCKED = "blocked.example.com"


@dataclass(frozen=True)
class Pebble:
    """It takes every name to this machine, and asks for proofs on a port of its own."""

    url: str
    believed: str  # the file of whom clients have to believe
    proofs: str  # where it asks: host:port
    manager: str

    def root(self) -> str:
        """Return who vouches for all that it gives, PEM."""
        anybody = ssl._create_unverified_context()
        with urlopen(f"{self.manager}/roots/0", context=anybody, timeout=10) as answer:
            return str(answer.read().decode())


@contextmanager
def pebble(folder: Path, *, by_invitation: bool = False) -> Iterator[Pebble]:
    """Run one, which is skipped where it is not installed; it ends with the block."""
    for each in PROGRAMS:
        if not shutil.which(each):
            pytest.skip(f"{each} is not installed (scripts/debian-packages)")
    folder.mkdir(parents=True, exist_ok=True)
    listen, names, asks, manages = (free_port() for _ in range(4))
    _show(folder)
    said = {
        "listenAddress": f"127.0.0.1:{listen}",
        "managementListenAddress": f"127.0.0.1:{manages}",
        "certificate": str(folder / "tls.pem"),
        "privateKey": str(folder / "tls.key"),
        "httpPort": asks,
        "tlsPort": free_port(),
        "externalAccountBindingRequired": by_invitation,
        "externalAccountMACKeys": {"guest": b64encode(bytes(33)).decode()},
        "domainBlocklist": [BLOCKED],
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": said}))
    dns = ("-dns01", f"127.0.0.1:{names}", "-management", f"127.0.0.1:{free_port()}")
    none = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "")
    with (
        _running(folder / "dns.log", PROGRAMS[1], *dns, *none, "-defaultIPv4", "127.0.0.1"),
        _running(
            folder / "pebble.log",
            PROGRAMS[0],
            *("-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{names}"),
        ) as process,
    ):
        until(
            lambda: _answers(process, listen), SOON_S, lambda: (folder / "pebble.log").read_text()
        )
        yield Pebble(
            url=f"https://127.0.0.1:{listen}/dir",
            believed=str(folder / "tls.pem"),
            proofs=f"127.0.0.1:{asks}",
            manager=f"https://127.0.0.1:{manages}",
        )


# By itself it pauses, refuses good nonces and remembers proofs at random.
_STEADY = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}


@contextmanager
def _running(log: Path, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            env={**os.environ, **_STEADY},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=dying_with(),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    assert process.poll() is None, "it ended by itself; see its log"
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def _show(folder: Path) -> None:
    """Lay down what it shows itself by, which vouches for itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pebble")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(whose)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (folder / "tls.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "tls.key").write_bytes(private)
