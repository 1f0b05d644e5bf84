"""Certificates as text: what they are known by."""

import re
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path


def fingerprint(pem: str) -> str | None:
    """Return SHA-256 of a certificate in hex, of the first of a chain.

    None for what is no PEM certificate.
    """
    try:
        return sha256(_leading_der(pem)).hexdigest()
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


# From Python 3.13 on, the standard library takes one certificate alone and no chain.
def _leading_der(chain: str) -> bytes:
    """Return the first certificate of a text that is a chain and nothing else, or raise."""
    text = chain.strip()
    found = _ARMOUR.match(text)
    if found is None or not text.endswith(_END):
        raise ValueError("this is no chain of certificates in PEM")
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


_END = "-----END CERTIFICATE-----"
_ARMOUR = re.compile(f"-----BEGIN CERTIFICATE-----.+?{_END}", re.DOTALL)


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
    [whole, *_] = _parts(_leading_der(pem))
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
    """Return whether these are a certificate and its key, both in PEM, the key not encrypted."""
    return fingerprint(certificate) is not None and serving(certificate, key) is not None


def chain_of(pem: str) -> list[str]:
    """Return the certificates in a text, one by one."""
    return [f"{each}\n" for each in _ARMOUR.findall(pem)]


def serving(chain: str, key: str) -> ssl.SSLContext | None:
    """Return the TLS of a server that shows a chain, None where that and the key do not fit."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # where only files can be read from
        pem = Path(folder) / "pair.pem"
        pem.touch(0o600)
        pem.write_text(f"{chain.strip()}\n{key.strip()}\n")
        try:
            made.load_cert_chain(pem, password="")  # else a terminal would be asked for one
        except (ssl.SSLError, OSError, ValueError):
            return None
    return made


_ANY_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, for which Python has no name


# Note [Proved by a handshake]
# Whether a certificate fits its key, is vouched for by what is shown beside it, and may be a
# server's at all, is said best by what says it to clients: so it is shown once, in memory, to a
# client that believes in the last certificate of the chain alone. Its dates are compared with the
# time that is given.
def chain_fault(chain: str, key: str, now: datetime) -> str:
    """Return why no server can show this chain, "" where it can. See Note [Proved by a handshake].

    The first certificate is the server's, each further one vouches for the one before it.
    """
    each_one, server = chain_of(chain), serving(chain, key)
    if server is None or not each_one:
        return "is no certificate with its key, in PEM and the key without a password"
    for n, pem in enumerate(each_one, 1):
        begin, end = validity(pem) or (now, now)
        if now < begin:
            return f"certificate {n} of the chain is not good before {begin:%Y-%m-%d %H:%M} UTC"
        if now >= end:
            return f"certificate {n} of the chain has expired at {end:%Y-%m-%d %H:%M} UTC"
    if why := _loose(each_one):
        return why
    try:
        _shake_hands(server, each_one[-1])
    except ssl.SSLError as error:
        return f"no client would take it: {getattr(error, 'verify_message', '') or error.reason}"
    return ""


def _loose(chain: list[str]) -> str:
    """Return which certificate does not belong where it stands: who signed is who comes next."""
    said = [_signed(each) for each in chain]
    for n, (below, above) in enumerate(pairwise(said), 1):
        if below[_ISSUER] != above[_SUBJECT]:
            return f"certificate {n} of the chain is not signed by certificate {n + 1}"
    return ""


def known_as(chain: str, key: str) -> tuple[str, ...]:
    """Return by which names those vouch for a chain whom this machine believes; () for none.

    See Note [Proved by a handshake].
    """
    server, client = serving(chain, key), ssl.create_default_context()
    client.check_hostname = False
    client.verify_flags |= _ANY_TIME
    try:
        asking = _met(server, client) if server else None
    except ssl.SSLError:
        return ()
    said = (asking.getpeercert() or {}) if asking else {}
    names: Iterable[tuple[str, str]] = said.get("subjectAltName", ())  # type: ignore[assignment]
    return tuple(name for _, name in names)


def _shake_hands(server: ssl.SSLContext, root: str) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _ANY_TIME
    client.load_verify_locations(cadata=root)
    _met(server, client)


def _met(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Return the client's side of a handshake in memory. Raises `SSLError`."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    answering = server.wrap_bio(there, back, server_side=True)
    for side in (asking, answering, asking):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return asking
