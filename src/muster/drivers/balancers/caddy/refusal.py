"""Which fronts Caddy cannot offer, and why, in words."""

import re
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

from muster.drivers.balancers.caddy.config import CLASSES, POLICIES
from muster.model.cloud import Ability
from muster.model.pool import Front, MonitorKind, Persistence, Traffic

CANNOT: Mapping[Ability, str] = {
    Ability.TCP: "plain TCP is not balanced by Caddy; choose http or https "
    "until a balancer that does is there",
    Ability.PING: "Caddy does not ping its members; let it ask them by HTTP",
    Ability.APP_COOKIE: "Caddy keeps clients with a member by a cookie of its own only",
    Ability.CONNECTION_LIMIT: "Caddy does not limit how many clients it serves",
    Ability.STATUS_CODES: "Caddy takes one status code for well, or a whole class",
}
_ONE_CODE = re.compile(r"(\d{3})?")


def refused(front: Front) -> str | None:
    """Return why such a front cannot be had anywhere, or None. The port is another matter."""
    missing = _missing(front)
    if missing:
        return CANNOT[missing]
    if not 1 <= front.port <= 65535:
        return f"a port is a number from 1 to 65535, not {front.port}"
    if front.method not in POLICIES:
        return f"the method must be one of {', '.join(POLICIES)}, not {front.method!r}"
    if not front.health_path.startswith("/"):
        return f"the health path must begin with a slash, not be {front.health_path!r}"
    return _certificate_refused(front) if front.traffic is Traffic.HTTPS else None


def _missing(front: Front) -> Ability | None:
    """Return the first ability that the front needs and Caddy has not."""
    needed = (
        (front.traffic is Traffic.TCP, Ability.TCP),
        (front.monitor.kind is MonitorKind.PING, Ability.PING),
        (front.persistence is Persistence.APP_COOKIE, Ability.APP_COOKIE),
        (front.connections > 0, Ability.CONNECTION_LIMIT),
        (not one_code(front.monitor.codes), Ability.STATUS_CODES),
    )
    return next((ability for needs, ability in needed if needs), None)


def one_code(codes: str) -> bool:
    """Return whether Caddy can expect that: a single code, a class, or nothing in particular."""
    return bool(_ONE_CODE.fullmatch(codes)) or codes in CLASSES


def _certificate_refused(front: Front) -> str | None:
    if not front.certificate and not front.key:
        return None
    if not front.key:
        return "the certificate comes without its key"
    if not front.certificate:
        return "the key comes without its certificate"
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
