"""Clouds and their networks, as a menu shows them."""

from dataclasses import dataclass

from muster.base.errors import Invalid
from muster.model.catalog import Network
from muster.model.cloud import About
from muster.ports.cloud import Cloud
from muster.service.desk import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOf:
    cloud: str
    network: Network
    default: bool


def listing(desk: Desk) -> list[About]:
    """Return all clouds, the default one first."""
    names = sorted(desk.clouds, key=lambda name: (name != desk.default_cloud, name))
    return [desk.clouds[name].about for name in names]


def chosen(desk: Desk, name: str) -> list[Cloud]:
    """Return that cloud, or all of them for "". Raises `Invalid` for one that is not there."""
    if name and name not in desk.clouds:
        known = ", ".join(sorted(desk.clouds))
        raise Invalid(f"there is no cloud '{name}'; there is {known}", field="cloud")
    return [desk.clouds[name]] if name else list(desk.clouds.values())


async def networks(desk: Desk, cloud: str = "") -> list[NetworkOf]:
    """Return the networks of one cloud or of all, the default of each first."""
    found = []
    for each in chosen(desk, cloud):
        for place, network in enumerate(await each.networks.list_networks()):
            found.append(NetworkOf(cloud=each.about.name, network=network, default=place == 0))
    return found
