"""Which fronts an Octavia load balancer cannot offer, and why, in words."""

from collections.abc import Mapping

from muster.model.cloud import Ability
from muster.model.pool import Front, MonitorKind, Persistence, Traffic

CANNOT: Mapping[Ability, str] = {
    Ability.HTTPS: "Octavia ends TLS only with certificates kept in Barbican, where Muster puts "
    "none: choose tcp, which passes TLS through, and end it in the instances",
    Ability.MEMBER_TLS: "Muster has Octavia speak no TLS with members: choose tcp, which passes it "
    "through",
}
METHODS: Mapping[str, str] = {
    "least_conn": "LEAST_CONNECTIONS",
    "round_robin": "ROUND_ROBIN",
    "source_ip": "SOURCE_IP",
}
NO_COOKIES = "plain TCP has no cookies: a client is kept with a member by its address only"
MOST_FAILURES = 10  # of a monitor


def refused(front: Front) -> str | None:
    """Return why such a front cannot be had, or None."""
    if not 1 <= front.port <= 65535:
        return f"a port is a number from 1 to 65535, not {front.port}"
    if front.method not in METHODS:
        return f"the method must be one of {', '.join(METHODS)}, not {front.method!r}"
    if not front.health_path.startswith("/"):
        return f"the health path must begin with a slash, not be {front.health_path!r}"
    if front.traffic is Traffic.HTTPS:
        return CANNOT[Ability.HTTPS]
    if front.traffic is Traffic.TCP and front.persistence in _BY_COOKIE:
        return NO_COOKIES
    if front.monitor.kind is not MonitorKind.NONE and front.monitor.failures > MOST_FAILURES:
        return f"Octavia calls a member dead after {MOST_FAILURES} failures at most"
    return None


_BY_COOKIE = (Persistence.HTTP_COOKIE, Persistence.APP_COOKIE)
