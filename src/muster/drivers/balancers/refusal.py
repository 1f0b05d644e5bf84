"""Which fronts no balancer of ours can offer, and why, in words."""

import ssl
import tempfile
from collections.abc import Collection
from pathlib import Path

from muster.base.certificates import first_der
from muster.model.pool import Front, Traffic


def refused_anywhere(front: Front, methods: Collection[str]) -> str | None:
    """Return what is wrong with the front, whatever serves it. Its port may still be taken."""
    if not 1 <= front.port <= 65535:
        return f"a port is a number from 1 to 65535, not {front.port}"
    if front.method not in methods:
        return f"the method must be one of {', '.join(methods)}, not {front.method!r}"
    if not front.health_path.startswith("/"):
        return f"the health path must begin with a slash, not be {front.health_path!r}"
    return _certificate_refused(front) if front.traffic is Traffic.HTTPS else None


def _certificate_refused(front: Front) -> str | None:
    if not front.certificate and not front.key:
        return None
    if not front.key:
        return "the certificate comes without its key"
    if not front.certificate:
        return "the key comes without its certificate"
    try:
        first_der(front.certificate)
    except ValueError as error:
        return f"the certificate cannot be used: {error}"
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        for path, text in ((certificate, front.certificate), (key, front.key)):
            path.touch(mode=0o600)
            path.write_text(text)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        except (ssl.SSLError, ValueError, OSError) as error:
            return f"the certificate and its key cannot be used: {_reason(error)}"
    return None


def _reason(error: Exception) -> str:
    said = getattr(error, "reason", None)
    if said == "KEY_VALUES_MISMATCH":
        return "they do not belong together"
    return str(said).lower().replace("_", " ") if said else str(error)
