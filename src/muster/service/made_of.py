"""What nodes of a profile are made of: names in a specification, looked up and pinned."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import msgspec

from muster.base.errors import Invalid, Unsupported
from muster.model.catalog import Flavor, Image, Keypair, Network
from muster.model.cloud import Ability
from muster.model.profile import ServerSpec
from muster.model.profile_type import ProfileType
from muster.model.who import Who
from muster.ports.cloud import Cloud
from muster.ports.store import Transaction
from muster.service import disks
from muster.service.desk import Desk
from muster.service.hosting import host_of
from muster.service.lookup import find_flavor, find_image, find_keypair, machine_refusal
from muster.service.spot import names_host, spot_of

_UNNAMED = UUID("6f1d7f0e-5c0c-5b8f-9d0a-2f4c1f4e9a57")  # ids of flavors that nobody has made
# What one property needs that not every cloud can.
_NEEDS: Mapping[str, Ability] = {
    "key_name": Ability.KEYPAIR,
    "user_data": Ability.USER_DATA,
    "availability_zone": Ability.ZONES,
}
# What is looked up, or is the same on every cloud, or names the node and not the server.
_KNOWN = frozenset(
    {
        *_NEEDS,
        "flavor",
        "image",
        "metadata",
        "networks",
        "name",
        "context",
        "auto_disk_config",
        disks.FIELD,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a cloud is asked for, and which cloud."""

    server: ServerSpec
    cloud: str


# Note [Any name will do]
# A cloud that only plays at being one takes any name of an image, flavor, key or network: there
# is nothing behind the names, and whoever tries his scripts out on it has names of his own.
# What it does know is pinned all the same. Real clouds refuse what they do not have, and
# name what they cannot do, before anything is written.
async def made_of(desk: Desk, who: Who, kind: ProfileType, properties: Mapping[str, Any]) -> Made:
    """Return what a specification means on its cloud.

    Raises `Invalid` for a name that the cloud does not know and `Unsupported` for what it
    cannot do. See Note [Any name will do].
    """
    cloud = _cloud(desk, properties.get("context") or {})
    if "flavor" in kind.schema:
        server = await _server(desk, who, cloud, properties)
    elif cloud.about.open_catalog:
        server = await desk.store.read(lambda tx: _pretended(tx, who, kind, properties))
    else:
        why = "it is made of servers, and of nothing else"
        raise Unsupported(f"cloud {cloud.about.name} cannot make a {kind.name}: {why}")
    return Made(server=server, cloud=cloud.about.name)


def _cloud(desk: Desk, context: Mapping[str, Any]) -> Cloud:
    """Return the cloud that a region names, the default one where none is named."""
    default = desk.cloud(desk.default_cloud)
    said = context.get("region_name")
    if not said:
        return default
    if isinstance(said, str) and said in desk.clouds:
        return desk.clouds[said]
    if default.about.open_catalog:
        return default
    known = ", ".join(sorted(desk.clouds))
    raise Invalid(f"There is no region '{said}'; there is {known}.", field="context")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the names stand for; None where there is no such thing."""

    image: Image | None
    flavor: Flavor | None
    keypair: Keypair | None
    network: Network | None
    networks: tuple[Network, ...]


async def _server(desk: Desk, who: Who, cloud: Cloud, properties: Mapping[str, Any]) -> ServerSpec:
    found = await _looked_up(desk, who, cloud, properties)
    wrong = [
        *_unknown(cloud, found, properties),
        *_unable(cloud, properties),
        *disks.disk_faults(cloud, properties),
    ]
    if wrong and not cloud.about.open_catalog:
        raise wrong[0]
    image, flavor, network = found.image, found.flavor, found.network
    said = _first_network(properties)
    zone, host = await spot_of(cloud, properties.get("availability_zone") or "")
    key_name = properties.get("key_name", "")
    return ServerSpec(
        image=image.id if image else properties.get("image", ""),
        image_name=image.name if image else properties.get("image", ""),
        flavor=flavor or _any_flavor(properties["flavor"]),
        network=network.id if network else said,
        network_name=network.name if network else said,
        key_name=key_name,
        public_key=found.keypair.public_key if found.keypair else "",
        user_data=properties.get("user_data", ""),
        metadata=_words(properties.get("metadata") or {}),
        zones=(zone,) if zone else (),
        host=host,
        port=image.port if image else None,
        health_path=(image.health_path if image else None) or "",
        disks=disks.disks_of(properties),
        taken=bool(wrong),
    )


async def _looked_up(desk: Desk, who: Who, cloud: Cloud, properties: Mapping[str, Any]) -> _Found:
    said = properties.get("image")
    image = await find_image(cloud, who, said) if said else None
    networks = tuple(await cloud.networks.list_networks())

    def stored(tx: Transaction) -> tuple[Flavor | None, Keypair | None]:
        flavor = find_flavor(tx, who, cloud, properties["flavor"])
        key = properties.get("key_name")
        return flavor, find_keypair(tx, who, key) if key else None

    flavor, keypair = await desk.store.read(stored)
    wanted = _first_network(properties)
    named = [each for each in networks if wanted in (each.id, each.name)]
    default = networks[:1] if not wanted else ()
    network = next(iter((*named, *default)), None)
    return _Found(image=image, flavor=flavor, keypair=keypair, network=network, networks=networks)


def _first_network(properties: Mapping[str, Any]) -> str:
    networks = properties.get("networks") or ()
    return next((str(each["network"]) for each in networks if each.get("network")), "")


def _unknown(cloud: Cloud, found: _Found, properties: Mapping[str, Any]) -> Iterator[Invalid]:
    """Yield an error for each name that stands for nothing, or for what does not go together."""
    if found.image is None and properties.get("image"):
        yield _missing("image", properties["image"])
    elif found.image is None:
        yield Invalid("Required spec item 'image' not provided", field="image")
    elif found.image.status != "active":
        text = f"The image '{found.image.name}' cannot be used: it is {found.image.status}."
        yield Invalid(text, field="image")
    if found.flavor is None:
        yield _missing("flavor", properties["flavor"])
    elif why := machine_refusal(cloud, found.flavor, found.image):
        yield Invalid(f"{why}.", field="flavor")
    if found.keypair is None and properties.get("key_name"):
        yield _missing("key_name", properties["key_name"])
    if found.network is None and _first_network(properties):
        yield _missing("network", _first_network(properties))


def _missing(what: str, said: str) -> Invalid:
    return Invalid(f"The specified {what} '{said}' could not be found.", field=what)


def _unable(cloud: Cloud, properties: Mapping[str, Any]) -> Iterator[Invalid | Unsupported]:
    """Yield an error for each property that means something this cloud cannot do."""
    about = cloud.about
    for name, value in properties.items():
        if not value:
            continue
        why = about.refusal(_NEEDS[name]) if name in _NEEDS else None
        if name not in _KNOWN:
            why = "it has no such thing"
        if why:
            yield Unsupported(f"cloud {about.name} cannot do '{name}': {why}", field=name)
    zone = str(properties.get("availability_zone") or "")
    if zone and not names_host(zone) and about.zones and zone not in about.zones:
        yield _missing("availability_zone", zone)
    networks = properties.get("networks") or ()
    if len(networks) > 1:
        text = f"cloud {about.name} puts a server on one network, not on {len(networks)}"
        yield Unsupported(text, field="networks")
    for name in (name for each in networks for name, value in each.items() if value):
        if name != "network":
            text = f"cloud {about.name} cannot do '{name}' of a network: it has no such thing"
            yield Unsupported(text, field=name)


def _any_flavor(said: str) -> Flavor:
    return Flavor(id=uuid5(_UNNAMED, said), name=said, vcpus=1, memory_mib=512)


def _words(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return metadata as clouds take it: text by text."""
    return {
        key: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for key, value in metadata.items()
    }


def _pretended(
    tx: Transaction, who: Who, kind: ProfileType, properties: Mapping[str, Any]
) -> ServerSpec:
    """Return what stands for a thing that is no server, on a cloud where any name will do."""
    image = str(properties.get("image") or kind.key)
    return ServerSpec(
        image=image,
        image_name=image,
        flavor=_any_flavor(kind.key),
        metadata=host_of(tx, who, properties),
        taken=True,
    )
