"""Which fronts Caddy cannot offer, and why, in words."""

import re
from collections.abc import Mapping

from muster.drivers.balancers.caddy.config import CLASSES, POLICIES
from muster.drivers.balancers.refusal import refused_anywhere
from muster.model.cloud import Ability
from muster.model.pool import Front, MonitorKind, Persistence, Traffic

CANNOT: Mapping[Ability, str] = {
    Ability.TCP: "plain TCP is not balanced by Caddy; choose http or https, "
    "or set balancer to haproxy for this cloud",
    Ability.MEMBER_TLS: "TLS with clients ends at the balancer; members get plain HTTP",
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
    return refused_anywhere(front, POLICIES)


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
