"""Where somebody wants a server: a zone, or one host by the words of Nova, `zone:host`."""

from muster.base.errors import Conflict, Invalid, Unsupported
from muster.ports.cloud import Cloud

ANYWHERE = "nova"  # the zone that all hosts are in, unless somebody says otherwise


def names_host(said: str) -> bool:
    return ":" in said or said == ANYWHERE


async def spot_of(cloud: Cloud, said: str) -> tuple[str, str]:
    """Return zone and host, "" for any. A host may be said by any of its names.

    Raises `Invalid` for a host that is not there, `Conflict` for one that takes nothing now.
    """
    if not names_host(said) or said in cloud.about.zones or cloud.about.open_catalog:
        return said, ""
    zone, _, name = said.partition(":")
    if zone != ANYWHERE and zone not in cloud.about.zones:
        known = ", ".join((ANYWHERE, *cloud.about.zones))
        raise Invalid(f"there is no zone '{zone}'; there is {known}", field="availability_zone")
    if not name:
        return "", ""
    if cloud.hosts is None:
        raise Unsupported(f"cloud {cloud.about.name} has no hosts to choose from")
    hosts = {each.id.lower(): each for each in (await cloud.hosts.room()).hosts}
    short = name.lower().partition(".")[0]
    host = hosts.get(name.lower()) or hosts.get(short)
    if host is None:
        known = ", ".join(sorted(hosts))
        raise Invalid(f"there is no host '{name}'; there is {known}", field="availability_zone")
    if zone not in (ANYWHERE, host.zone):
        text = f"host '{host.id}' is in zone '{host.zone}', not in '{zone}'"
        raise Invalid(text, field="availability_zone")
    if not host.open:
        raise Conflict(f"host '{host.id}' takes nothing now: it is away, or in maintenance")
    return "", host.id
