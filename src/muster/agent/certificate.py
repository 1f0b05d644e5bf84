"""The agent's own certificate, and those of the clients it trusts."""

import re
import ssl
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from muster.agent.machine import HOME, Machine
from muster.agent.steps import Run
from muster.base.errors import Invalid, Unsupported

CERTIFICATE, KEY = f"{HOME}/agent.crt", f"{HOME}/agent.key"
INCUS_CERTIFICATE, INCUS_KEY = "/var/lib/incus/server.crt", "/var/lib/incus/server.key"
TRUSTED = f"{HOME}/trusted"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)


def identity(machine: Machine) -> tuple[str, str]:
    """Return where certificate and key are: Incus's, or our own where it had none at first.

    Our own are made once, by `openssl`, and stay: who knows a machine holds it to its certificate.
    """
    if machine.there(CERTIFICATE) and machine.there(KEY):
        return CERTIFICATE, KEY
    if machine.there(INCUS_CERTIFICATE) and machine.there(INCUS_KEY):
        return INCUS_CERTIFICATE, INCUS_KEY
    _make(machine)
    return CERTIFICATE, KEY


def keep(machine: Machine) -> None:
    """Have the certificate that the agent shows be its own, whatever becomes of Incus's."""
    if not machine.there(CERTIFICATE) and machine.there(INCUS_CERTIFICATE):
        machine.put(KEY, machine.text(INCUS_KEY), 0o600)
        machine.put(CERTIFICATE, machine.text(INCUS_CERTIFICATE))


def _make(machine: Machine) -> None:
    if not machine.runner.has("openssl"):
        raise Unsupported("there is no openssl to make a certificate with, and none is given")
    name = machine.name or "muster-agent"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -sha256"
    machine.put(KEY, "", 0o600)  # openssl keeps the mode of a file that is there
    said = machine.runner.run(
        Run(
            (
                "openssl",
                *words.split(),
                *("-subj", f"/O=Muster agent/CN={name[:60]}"),
                *("-addext", f"subjectAltName=DNS:{name}"),
                *("-keyout", str(machine.place(KEY)), "-out", str(machine.place(CERTIFICATE))),
            )
        )
    )
    if said.code:
        machine.put(KEY, None)
        raise Unsupported(f"openssl made no certificate: {said.said}")


def fingerprint(pem: str) -> str:
    """Return the SHA-256 of a certificate, in hex."""
    return sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def certificates(text: str, field: str) -> list[str]:
    """Return the PEM certificates in a text; raise `Invalid` where there is none."""
    found = _PEM.findall(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        for each in found:
            context.load_verify_locations(cadata=each)
    except ssl.SSLError as error:
        raise Invalid(f"{field}: is no certificate: {error.reason}", field=field) from error
    if not found:
        raise Invalid(f"{field}: has no PEM certificate", field=field)
    return [each + "\n" for each in found]


def no_certificate(text: str) -> str | None:
    """Say what is wrong with a text that is to be certificates, if anything is."""
    try:
        certificates(text, "it")
    except Invalid as error:
        return error.text
    return None


def one_certificate(text: str) -> str | None:
    """Say what is wrong with a text that is to be one certificate, if anything is."""
    fault = no_certificate(text)
    if fault is None and len(certificates(text, "it")) > 1:
        return "has several certificates: give each by itself"
    return fault


def is_pair(certificate: str, key: str) -> bool:
    """Return whether a key, in PEM and without a password, is that of a certificate."""
    with TemporaryDirectory() as folder:  # where only files can be read from
        pem = Path(folder) / "own.pem"
        pem.touch(0o600)
        pem.write_text(f"{certificate}\n{key}\n")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pem, password="")
        except (ssl.SSLError, ValueError):
            return False
    return True


def trust(machine: Machine, pem: str) -> str:
    """Let the bearer of this certificate ask for anything; return its fingerprint."""
    whose = fingerprint(pem)
    machine.put(f"{TRUSTED}/{whose}.pem", pem, 0o600)
    return whose


def trusted(machine: Machine) -> dict[str, str]:
    """Return the certificates that are trusted, by fingerprint."""
    texts = (machine.text(f"{TRUSTED}/{each}") or "" for each in machine.names(TRUSTED))
    return {fingerprint(pem): pem for text in texts for pem in _PEM.findall(text)}


# Note [Who may ask]
# The handshake lets in who bears a certificate that is trusted itself, or one that a trusted
# one has signed, or none. So that trusting a certificate that may sign lets in nobody else, each
# connection's own certificate is looked up by its fingerprint besides. Whoever shows an unknown
# one is turned away by the handshake; whoever shows none is told 403.
def context(machine: Machine, clients: Iterable[str]) -> ssl.SSLContext:
    """Return the TLS of the listener. See Note [Who may ask]."""
    certificate, key = identity(machine)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(machine.place(certificate), machine.place(key))
    made.verify_mode = ssl.CERT_OPTIONAL
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    pems = "\n".join(clients)
    if pems:
        made.load_verify_locations(cadata=pems)
    return made
