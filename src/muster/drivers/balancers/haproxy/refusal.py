"""Which fronts HAProxy cannot offer, and why, in words."""

import re
from collections.abc import Mapping

from muster.drivers.balancers.haproxy.config import METHODS
from muster.drivers.balancers.refusal import refused_anywhere
from muster.model.cloud import Ability
from muster.model.pool import Front, MonitorKind, Persistence, Traffic

CANNOT: Mapping[Ability, str] = {
    Ability.MEMBER_TLS: "TLS with clients ends at the balancer; members get plain HTTP",
    Ability.PING: "HAProxy does not ping its members; let it ask them by HTTP or connect to them",
}
_SIGNS_NONE = (
    "HAProxy signs no certificates of its own: give one with tls, "
    "or set balancer to caddy for this cloud"
)
_COOKIE = re.compile(r"[A-Za-z0-9_.-]{0,64}")
_CODES = re.compile(r"(\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*)?")
_COOKIES = (Persistence.HTTP_COOKIE, Persistence.APP_COOKIE)


def refused(front: Front) -> str | None:
    """Return why such a front cannot be had anywhere, or None. The port is another matter."""
    if front.monitor.kind is MonitorKind.PING:
        return CANNOT[Ability.PING]
    if front.traffic is Traffic.HTTPS and not (front.certificate or front.key):
        return _SIGNS_NONE
    if not re.fullmatch(r"[A-Z]{1,16}", front.monitor.method):
        return f"applications cannot be asked by {front.monitor.method!r}"
    if not _CODES.fullmatch(front.monitor.codes):
        return f"status codes are such as 200, 200,202 or 200-204, not {front.monitor.codes!r}"
    return _unkept(front) or refused_anywhere(front, METHODS) or _unprintable(front)


def _unkept(front: Front) -> str | None:
    """Return why clients cannot be kept with a member in this way."""
    if front.persistence in _COOKIES and front.traffic is Traffic.TCP:
        return "plain TCP has no cookies: keep clients by their address"
    if front.persistence is Persistence.APP_COOKIE and not front.cookie:
        return "which cookie of the application's keeps a client is not said"
    if not _COOKIE.fullmatch(front.cookie):
        return f"a cookie cannot be called {front.cookie!r}"
    return None


def _unprintable(front: Front) -> str | None:
    if re.fullmatch(r"[!-~]+", front.health_path):
        return None
    return f"the health path must be of printable ASCII without blanks, not {front.health_path!r}"
