"""Chains of certificates, and a whole Muster that serves HTTPS by one of its own."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from house import House
from muster.drivers import papers


@dataclass(frozen=True)
class Signer:
    """Who can vouch for others, and for a server."""

    name: str
    pem: str
    key: Any

    def private(self, password: str = "") -> str:
        lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        said = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
        return str(said.decode())


def signer(
    name: str,
    now: datetime,
    by: Signer | None = None,
    *,
    is_authority: bool = True,
    days: int = 90,
    usage: Any = ExtendedKeyUsageOID.SERVER_AUTH,
) -> Signer:
    """Return one for whom `by` vouches, or who vouches for himself."""
    key = ec.generate_private_key(ec.SECP256R1())
    whose, whom = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)])
        for each in (by.name if by else name, name)
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(whom)
        .issuer_name(whose)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    made = builder.sign(by.key if by else key, hashes.SHA256())
    return Signer(name, made.public_bytes(Encoding.PEM).decode(), key)


class SafeHouse(House):
    """A house that serves HTTPS on loopback, with a certificate of its own to begin with."""

    def furnish(self) -> None:
        now = datetime.now(UTC)
        chain, key = papers.made(f"muster {self.port}", now)
        (self.home / "tls.pem").write_text(chain)
        (self.home / "tls.key").write_text(key)
        self.url = f"https://127.0.0.1:{self.port}"
        self.environ |= {
            "MUSTER_TLS_CERTIFICATE": f"{self.home}/tls.pem",
            "MUSTER_TLS_KEY": f"{self.home}/tls.key",
            "MUSTER_DEFAULT_CLOUD": "sim",
            "MUSTER_CLOUDS": "{sim = {kind = 'simulated'}}",
        }

    @property
    def shown(self) -> str:
        """What it shows to whoever connects now."""
        return ssl.get_server_certificate(("127.0.0.1", self.port))

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return what it answers, whatever certificate it shows."""
        with self.session(verify=False) as session:
            return session.call(method, path, body)["metadata"]

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the server ended: {self.told()}"
        anybody = ssl._create_unverified_context()
        asking = HTTPSConnection("127.0.0.1", self.port, timeout=5, context=anybody)
        try:
            asking.request("GET", "/healthz")
            return asking.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            asking.close()


def safe_house(home: Path) -> SafeHouse:
    home.mkdir(parents=True, exist_ok=True)
    made = SafeHouse(home, {})
    made.furnish()
    return made
