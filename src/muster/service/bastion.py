"""A cluster's bastion: what it is made of when it is asked for, and what is shown of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from muster.model.catalog import Flavor, Image
from muster.model.cluster import Cluster
from muster.model.node import Node, bastion_id
from muster.model.profile import Profile, ServerSpec
from muster.model.who import Who
from muster.ports.cloud import Cloud
from muster.ports.store import Transaction
from muster.service.ask import Ask, Fault
from muster.service.desk import Desk
from muster.service.lookup import References, find_flavor, find_image
from muster.service.revisions import revision

ASKED = "create_bastion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a bastion is to be made of; None where that is not there, or none is asked for."""

    image: Image | None = None
    flavor: Flavor | None = None
    faults: tuple[Fault, ...] = ()


async def made_of(desk: Desk, who: Who, cloud: Cloud, ask: Ask, found: References) -> Made:
    """Return what the cloud's settings say of bastions, and of the cluster what they do not say."""
    if not ask.create_bastion:
        return Made()
    gate, faults = cloud.about.gate, []
    image = await find_image(cloud, who, gate.image) if gate.image else found.image
    if gate.image and image is None:
        faults.append(Fault(ASKED, f"cloud {cloud.about.name} has no image '{gate.image}' for it"))
    flavor = found.flavor
    if gate.flavor:
        flavor = await desk.store.read(lambda tx: find_flavor(tx, who, cloud, gate.flavor))
    if gate.flavor and flavor is None:
        faults.append(Fault(ASKED, f"there is no flavor '{gate.flavor}' for it"))
    return Made(image=image, flavor=flavor, faults=tuple(faults))


def profile_of(
    who: Who, ask: Ask, first: Profile, made: Made, now: datetime
) -> tuple[Profile, ...]:
    """Return the bastion's profile beside the cluster's own: its key and network, nothing else."""
    if not (made.image and made.flavor):
        return ()
    spec = ServerSpec(
        image=made.image.id,
        image_name=made.image.name,
        flavor=made.flavor,
        network=first.server.network,
        network_name=first.server.network_name,
        key_name=first.server.key_name,
        public_key=first.server.public_key,
    )
    return (revision(who, f"{ask.name}-bastion", spec, now),)


def rekeyed(
    who: Who, cluster: Cluster, old: Profile | None, server: ServerSpec, now: datetime
) -> Profile | None:
    """Return the bastion's next profile, where it does not let in the key of these instances."""
    if old is None:
        return None
    spec = replace(old.server, key_name=server.key_name, public_key=server.public_key)
    return None if spec == old.server else revision(who, f"{cluster.name}-bastion", spec, now)


def beside(cluster: Cluster, before: Cluster, guard: UUID) -> Cluster:
    """Return the changed cluster with that profile of its bastion beside its newest revision.

    Those revisions that it may turn back to keep theirs. See Note [Keys].
    """
    old = before.rollout
    known = {before.profile_id, *before.revisions}
    known |= {old.from_profile, old.to_profile} if old else set()
    former = dict(before.bastions)
    pairs = {id: former.get(id, before.bastion) for id in sorted(known)}
    kept = tuple((id, each) for id, each in pairs.items() if each and each != guard)
    return replace(cluster, bastion=guard, bastions=kept)


@dataclass(frozen=True, slots=True)
class Bastion:
    """A bastion as it is: the node, and the cluster that nobody sees which looks after it."""

    node: Node
    keeper: Cluster


def bastion_of(tx: Transaction, cluster: Cluster) -> Bastion | None:
    """Return the bastion, None where there is none now."""
    if cluster.bastion is None:
        return None
    id: UUID = bastion_id(cluster.id)
    node, keeper = tx.nodes.get(id), tx.solos.get(id)
    return Bastion(node, keeper) if node and keeper else None
