"""Certificates that servers of our own show: signed by themselves, known by their fingerprints."""

from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from muster.base.certificates import first_der

LASTS = timedelta(days=3650)
EARLIER = timedelta(days=1)  # so that a clock a little behind takes it as well


# Note [Made once]
# What makes certificates takes 8 MiB for as long as the process lives, and an installation makes
# its own once. So it is loaded when one is made.
def made(name: str, now: datetime) -> tuple[str, str]:
    """Return a new certificate and its key, both as PEM. See Note [Made once]."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP384R1())
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(whose)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + LASTS)
        .sign(key, hashes.SHA384())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


def fingerprint(file: Path) -> str:
    """Return SHA-256 of the first certificate in a PEM file, in hex."""
    return sha256(first_der(file.read_text())).hexdigest()
