"""Finding what a name or an id means: clusters, images, flavors, networks, keypairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from muster.base.errors import Invalid, NotFound
from muster.model.catalog import VIRTUAL, Flavor, Image, Keypair, Network
from muster.model.cloud import Ability
from muster.model.cluster import Cluster
from muster.model.who import Right, Who
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.service.ask import Ask, Fault
from muster.service.desk import Desk


def as_id(said: str) -> UUID | None:
    """Return the id that `said` is, None if it is not one as we write them."""
    try:
        return UUID(said) if len(said) in (32, 36) else None
    except ValueError:
        return None


def sees(who: Who, project: str) -> bool:
    """Whether somebody may know that a thing of `project` exists; "" is everybody's."""
    return not project or project == who.project or who.may(Right.EVERY_PROJECT)


def find_cluster(tx: Transaction, who: Who, said: str) -> Cluster:
    """Return the cluster of that id, name, or beginning of an id, in this order.

    Raises `NotFound` also for those of other projects, `Invalid` where several match.
    """
    id = as_id(said)
    if id is not None:
        cluster = tx.clusters.get(id)
        if cluster is not None and sees(who, cluster.project):
            return cluster
    found = tx.clusters.find(Query(project=who.scope, where={"name": (said,)}, limit=2))
    if not found and len(said) >= 4 and set(said) <= set("0123456789abcdef-"):
        found = tx.clusters.find(Query(project=who.scope, id_prefix=said, limit=2))
    if len(found) > 1:
        text = f"Multiple results found matching the query criteria '{said}'."
        raise Invalid(f"{text} Please be more specific.")
    if not found:
        raise NotFound(f"The cluster '{said}' could not be found.")
    return found[0]


def find_stack(tx: Transaction, who: Who, name: str, id: str) -> Cluster:
    """Return the cluster of that id if it also has that name."""
    cluster = tx.clusters.get(as_id(id) or UUID(int=0))
    if cluster is None or cluster.name != name or not sees(who, cluster.project):
        raise NotFound(f"no cluster is called '{name}' and has the id '{id}'")
    return cluster


def find_flavor(tx: Transaction, who: Who, cloud: Cloud, said: str) -> Flavor | None:
    """Return the flavor of that id or name: the project's own before everybody's."""
    id = as_id(said)
    for own in cloud.about.own_flavors:
        if own.id == id or own.name == said:
            return own
    if id is not None and (flavor := tx.flavors.get(id)) is not None:
        return flavor if sees(who, flavor.project) else None
    found = tx.flavors.find(Query(where={"name": (said,)}))
    mine = [each for each in found if each.project in ("", who.project)]
    return max(mine, key=lambda each: each.project, default=None)


def find_keypair(tx: Transaction, who: Who, said: str) -> Keypair | None:
    found = tx.keypairs.find(Query(project=who.project, where={"name": (said,)}, limit=1))
    return found[0] if found else None


async def find_image(cloud: Cloud, who: Who, said: str) -> Image | None:
    """Return the image of that id or name: the project's own before everybody's, newest first."""
    seen = [each for each in await cloud.images.list_images() if sees(who, each.project)]
    for image in seen:
        if image.id == said:
            return image
    named = [each for each in seen if each.name == said]
    return max(named, key=lambda each: (each.project == who.project, _age(each)), default=None)


def _age(image: Image) -> float:
    return image.created_at.timestamp() if image.created_at else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What the names in an ask stand for; None where one was not said or does not exist."""

    image: Image | None = None
    flavor: Flavor | None = None
    network: Network | None = None
    keypair: Keypair | None = None
    faults: tuple[Fault, ...] = ()


async def references(desk: Desk, who: Who, cloud: Cloud, ask: Ask) -> References:
    """Look up everything that was said, and tell of each thing that is not there."""
    networks = await cloud.networks.list_networks()
    image = await find_image(cloud, who, ask.image) if ask.says("image") else None

    def stored(tx: Transaction) -> tuple[Flavor | None, Keypair | None]:
        flavor = find_flavor(tx, who, cloud, ask.flavor) if ask.says("flavor") else None
        keypair = find_keypair(tx, who, ask.keypair) if ask.keypair else None
        return flavor, keypair

    flavor, keypair = await desk.store.read(stored)
    network, refused = _network(cloud, networks, ask)
    faults = list(refused)
    if ask.says("image") and image is None:
        faults.append(Fault("image", f"cloud {cloud.about.name} has no image '{ask.image}'"))
    if image is not None and image.status != "active":
        faults.append(Fault("image", f"image '{image.name}' cannot be used: it is {image.status}"))
    if ask.says("flavor") and flavor is None:
        faults.append(Fault("flavor", f"there is no flavor '{ask.flavor}'"))
    if ask.keypair and keypair is None:
        faults.append(Fault("keypair", f"there is no keypair '{ask.keypair}' in this project"))
    if flavor is not None and (why := machine_refusal(cloud, flavor, image)):
        faults.append(Fault("flavor", why))
    return References(
        image=image, flavor=flavor, network=network, keypair=keypair, faults=tuple(faults)
    )


def machine_refusal(cloud: Cloud, flavor: Flavor, image: Image | None) -> str | None:
    """Return why no such machine is made of the image in this cloud, or None."""
    about = cloud.about
    why = about.refusal(Ability.VIRTUAL_MACHINES) if flavor.machine == VIRTUAL else None
    if why:
        return f"flavor '{flavor.name}' is a {flavor.machine}, and cloud {about.name}: {why}"
    kinds = {each for each in (flavor.machine, image.machine if image else "") if each}
    if image and len(kinds) > 1:
        text = f"flavor '{flavor.name}' is a {flavor.machine}, and image '{image.name}'"
        return f"{text} makes a {image.machine}"
    return None


def _network(
    cloud: Cloud, networks: Sequence[Network], ask: Ask
) -> tuple[Network | None, tuple[Fault, ...]]:
    if not ask.says("backend_network"):
        return (networks[0] if networks else None), ()
    for each in networks:
        if ask.backend_network in (each.id, each.name):
            return each, ()
    known = ", ".join(each.name for each in networks)
    text = f"cloud {cloud.about.name} has no network '{ask.backend_network}'; it has {known}"
    why = cloud.about.refusal(Ability.NETWORKS)
    return None, (Fault("backend_network", f"{text}: {why}" if why else text),)
