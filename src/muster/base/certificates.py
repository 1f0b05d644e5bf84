"""Certificates as text: what they are known by."""

import re
import ssl
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path


def fingerprint(pem: str) -> str | None:
    """Return SHA-256 of a certificate in hex, None for what is no PEM certificate."""
    try:
        return sha256(ssl.PEM_cert_to_DER_cert(pem.strip() + "\n")).hexdigest()
    except ValueError:
        return None


def first_der(text: str) -> bytes:
    """Return the first certificate of a text, whatever else is in it: notes, a key, a chain.

    Raises `ValueError` where there is none.
    """
    found = _ARMOUR.search(text)
    if found is None:
        raise ValueError("there is no certificate in PEM")
    return ssl.PEM_cert_to_DER_cert(found[0])


def bare(pem: str) -> str:
    """Return what is in a certificate's armour, on one line, as Incus takes it."""
    lines = (each.strip() for each in pem.strip().splitlines())
    return "".join(each for each in lines if not each.startswith("-----"))


# Note [Held to the very certificate]
# No machine knows an authority that vouches for itself. Told to believe in that, it would believe
# everybody for whom it has ever vouched, under any name. So it is held to the one certificate that
# is shown here.
def pinned(chain: str) -> str:
    """Return the certificate that a chain is shown for, "" where known authorities vouch for it.

    See Note [Held to the very certificate].
    """
    found = _ARMOUR.findall(chain)
    try:
        said = _signed(found[-1])
        return f"{found[0]}\n" if said[_ISSUER] == said[_SUBJECT] else ""
    except (ValueError, IndexError):
        return ""


_ARMOUR = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


# Note [As much of DER as a date takes]
# What reads certificates whole takes 8 MiB for as long as the process lives, and the standard
# library tells dates of authorities only. Dates are in the fourth part of what was signed, behind
# a version that may be missing, between who signed it and for whom; times have two or four figures
# for their year.
_SEQUENCE, _VERSION, _SHORT_TIME, _LONG_TIME = 0x30, 0xA0, 0x17, 0x18
_TIMES = {_SHORT_TIME: "%y%m%d%H%M%SZ", _LONG_TIME: "%Y%m%d%H%M%SZ"}
_ISSUER, _DATES, _SUBJECT = 2, 3, 4


def validity(pem: str) -> tuple[datetime, datetime] | None:
    """Return from when until when a certificate is good, None for what is no PEM certificate.

    See Note [As much of DER as a date takes].
    """
    try:
        begin, end = (_time(*part) for part in _parts(_signed(pem)[_DATES][1]))
    except (ValueError, IndexError, KeyError):
        return None
    return begin, end


def _signed(pem: str) -> list[tuple[int, bytes]]:
    """Return the parts of what was signed. Raises `ValueError` and `IndexError` for no PEM."""
    [whole, *_] = _parts(ssl.PEM_cert_to_DER_cert(pem.strip() + "\n"))
    [signed, *_] = _parts(whole[1])
    return [part for part in _parts(signed[1]) if part[0] != _VERSION]


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what stands one after another: kind and content. Raises `IndexError` where cut off."""
    at = 0
    while at < len(der):
        kind, size, at = der[at], der[at + 1], at + 2
        if size & 0x80:
            more = size & 0x7F
            size, at = int.from_bytes(der[at : at + more], "big"), at + more
        if at + size > len(der):
            raise IndexError
        yield kind, der[at : at + size]
        at += size


def _time(kind: int, said: bytes) -> datetime:
    made = datetime.strptime(said.decode("ascii"), _TIMES[kind]).replace(tzinfo=UTC)
    # A year of two figures is of this century up to 49 there, up to 68 here.
    return made.replace(year=made.year - 100) if kind == _SHORT_TIME and made.year >= 2050 else made


def is_pair(certificate: str, key: str) -> bool:
    """Return whether these are a certificate and its key, both in PEM."""
    if fingerprint(certificate) is None:
        return False
    with tempfile.TemporaryDirectory() as folder:  # where only files can be read from
        pem = Path(folder) / "pair.pem"
        pem.touch(0o600)
        pem.write_text(f"{certificate.strip()}\n{key.strip()}\n")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pem)
        except (ssl.SSLError, OSError, ValueError):
            return False
    return True
