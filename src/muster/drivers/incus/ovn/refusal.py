"""Which fronts an OVN load balancer cannot offer, and why, in words."""

from collections.abc import Mapping

from muster.model.cloud import Ability
from muster.model.pool import Front, MonitorKind, Persistence, Traffic

OTHERWISE = "or have HAProxy balance on this network"
CANNOT: Mapping[Ability, str] = {
    Ability.HTTPS: f"an OVN load balancer ends no TLS: choose tcp, and end it in the instances, "
    f"{OTHERWISE}",
    Ability.MEMBER_TLS: "an OVN load balancer passes bytes on and speaks no TLS",
    Ability.PING: "an OVN load balancer asks its members by connecting to them",
    Ability.APP_COOKIE: f"an OVN load balancer sees no cookies, {OTHERWISE}",
    Ability.CONNECTION_LIMIT: "an OVN load balancer does not limit how many clients it serves, "
    f"{OTHERWISE}",
}
NO_COUNTS = (
    "an OVN load balancer counts no requests: scale by cpu or by a query instead of requests, "
    f"{OTHERWISE}"
)
UNKEPT = f"an OVN load balancer keeps no client with a member, {OTHERWISE}"
# Each connection goes where a hash of its addresses and ports says: evenly, as both of these
# are meant; a hash of the client's address alone is not to be had from Incus.
METHODS = ("least_conn", "round_robin")


def refused(front: Front) -> str | None:
    """Return why such a front cannot be had on any OVN network, or None."""
    if not 1 <= front.port <= 65535:
        return f"a port is a number from 1 to 65535, not {front.port}"
    if front.counted:
        return NO_COUNTS
    if front.method not in METHODS:
        return f"{UNKEPT}; the method must be one of {', '.join(METHODS)}, not {front.method!r}"
    if front.persistence is not Persistence.NONE:
        return UNKEPT
    missing = _missing(front)
    return CANNOT[missing] if missing else None


def _missing(front: Front) -> Ability | None:
    needed = (
        (front.traffic is Traffic.HTTPS, Ability.HTTPS),
        (front.monitor.kind is MonitorKind.PING, Ability.PING),
        (front.connections > 0, Ability.CONNECTION_LIMIT),
    )
    return next((ability for needs, ability in needed if needs), None)
