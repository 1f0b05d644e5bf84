"""What one may do with clusters: create, delete, list, show. Changing one is in changes.py."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec

from muster.base.errors import Conflict, QuotaExceeded
from muster.base.ids import new_id
from muster.model.action import Action, ActionStatus, Verb
from muster.model.cluster import Cluster, Healing, Service, guards_of
from muster.model.node import Node
from muster.model.pool import Traffic
from muster.model.profile import Profile, ServerSpec
from muster.model.rollout import Strategy
from muster.model.scaling import DecisionRecord
from muster.model.who import Who
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.service import parts
from muster.service.ask import Ask, Fault, refuse
from muster.service.bastion import Bastion, bastion_of, made_of, profile_of
from muster.service.desk import Desk
from muster.service.intent import Intent
from muster.service.lookup import References, find_stack, references
from muster.service.preview import foretell
from muster.service.revisions import revision
from muster.service.wish import Wish, Wished, grown, record, still

_NEEDED = ("name", "image", "flavor", "min_size", "max_size")


async def creation(desk: Desk, who: Who, ask: Ask) -> Intent[Wished]:
    """Return the intent to create what was asked, everything about it checked.

    Raises `Invalid` with every fault at once; `Conflict` where name, DNS name or port
    are taken; `QuotaExceeded` where the project has as many clusters as it may.
    """
    cloud = _chosen(desk, ask)
    faults = [*ask.faults, *_missing(ask)]
    if cloud is None:
        known = ", ".join(sorted(desk.clouds))
        refuse([*faults, Fault("cloud", f"there is no cloud '{ask.cloud}'; there is {known}")])
    found = await references(desk, who, cloud, ask)
    gate = await made_of(desk, who, cloud, ask, found)
    now = desk.clock.now()
    service = parts.service(ask, _first_service(found))
    rules, rule_faults = parts.scaling(ask, None)
    sizes = _first_sizes(ask)
    faults += found.faults + gate.faults + rule_faults
    faults += parts.size_faults(ask, sizes, desk.max_cluster_size)
    faults += [*ability_faults(cloud, ask), *_first_faults(ask, found, service)]
    if faults:
        refuse(faults)
    profile = first_profile(who, ask, found, service, now)
    guards = profile_of(who, ask, profile, gate, now)
    cluster = Cluster(
        id=new_id(),
        project=who.project,
        user=who.user,
        name=ask.name,
        cloud=cloud.about.name,
        profile_id=profile.id,
        min_size=sizes[0],
        desired=sizes[1],
        max_size=sizes[2],
        domain=who.domain,
        network=profile.server.network,
        keypair=profile.server.key_name,
        create_bastion=ask.create_bastion,
        bastion=guards[0].id if guards else None,
        warm_pool=ask.warm_pool or 0,
        metadata=dict(ask.metadata or {}),
        service=service,
        scaling=rules,
        healing=parts.healing(ask, Healing()),
        strategy=parts.strategy(ask, Strategy()),
        init_at=now,
    )
    await desk.store.read(lambda tx: _admit(desk, tx, cluster))
    await front_is_free(cloud, cluster)
    return Intent(
        foretell=lambda: foretell(desk, cluster, (profile, *guards), _stamp(cluster, profile)),
        do=lambda: desk.store.write(lambda tx: _create(desk, tx, who, cluster, (profile, *guards))),
    )


def _create(
    desk: Desk, tx: Transaction, who: Who, cluster: Cluster, profiles: Sequence[Profile]
) -> Wished:
    # Note [Names one at a time]
    # Two creations at the same moment would both see the name free. Taking one lease row per
    # installation makes the second wait until the first has committed; that the lease is over
    # at once keeps nobody out later.
    tx.leases.take("names", str(cluster.id), cluster.init_at, cluster.init_at)
    _admit(desk, tx, cluster)
    tx.profiles.put(*profiles)
    image = profiles[0].server.image_name
    size = {"desired_size": cluster.desired, "image": image}
    reason = f"{cluster.user} asked for {cluster.desired} of {image}"
    wish = Wish(verb=Verb.CLUSTER_CREATE, kind="cluster.created", reason=reason, inputs=size)
    return record(tx, who, cluster, wish, cluster.init_at)


def _admit(desk: Desk, tx: Transaction, cluster: Cluster) -> None:
    """Raise unless name and DNS name are free and the project may have one more cluster.

    Called once early, to answer well, and once while holding the lease, to be right.
    See Note [Names one at a time].
    """
    mine = Query(project=cluster.project)
    if tx.clusters.count(replace(mine, where={"name": (cluster.name,)})):
        raise Conflict(f"this project has a cluster named '{cluster.name}' already", field="name")
    if tx.clusters.count(mine) >= desk.max_clusters:
        raise QuotaExceeded(f"a project may have {desk.max_clusters} clusters; delete one first")
    wanted = cluster.service.dns_name if cluster.service else ""
    for other in tx.clusters.find(Query()) if wanted else ():
        if other.service and other.service.dns_name == wanted:
            raise Conflict(f"'{wanted}' is published for another cluster", field="dns_name")


def _chosen(desk: Desk, ask: Ask) -> Cloud | None:
    return desk.clouds.get(ask.cloud if ask.says("cloud") else desk.default_cloud)


def _missing(ask: Ask) -> Iterator[Fault]:
    for name in _NEEDED:
        if not ask.says(name) and not ask.faulty(name):
            yield Fault(name, "is required")


def _first_sizes(ask: Ask) -> tuple[int, int, int]:
    """Return min, desired, max: as many as the minimum from the start, but one at least."""
    desired = (
        ask.desired_size if ask.says("desired_size") else min(max(ask.min_size, 1), ask.max_size)
    )
    return ask.min_size, desired, ask.max_size


def _first_service(found: References) -> Service:
    """Return what the image says about itself; the ask has precedence over it."""
    image = found.image
    port = image.port if image and image.port else 0
    return Service(port=port, health_path=(image.health_path if image else None) or "/")


def _first_faults(ask: Ask, found: References, service: Service) -> Iterator[Fault]:
    yield from parts.tls_faults(ask, service)
    if not service.port and found.image and not ask.faulty("port"):
        yield Fault("port", f"is required: image '{found.image.name}' does not say its port")
    if ask.create_bastion and not ask.keypair and not ask.faulty("keypair"):
        yield Fault("keypair", "is required when a bastion is asked for")


def ability_faults(cloud: Cloud, ask: Ask) -> Iterator[Fault]:
    for field, ability in parts.needs(ask):
        why = cloud.about.refusal(ability)
        if why is not None:
            yield Fault(field, f"cloud {cloud.about.name} cannot do this: {why}")


def first_profile(
    who: Who, ask: Ask, found: References, service: Service, now: datetime
) -> Profile:
    """Return the first revision of a cluster, everything it names looked up and pinned."""
    assert found.image
    assert found.flavor
    server = ServerSpec(
        image=found.image.id,
        image_name=found.image.name,
        flavor=found.flavor,
        network=found.network.id if found.network else "",
        network_name=found.network.name if found.network else "",
        key_name=found.keypair.name if found.keypair else "",
        public_key=found.keypair.public_key if found.keypair else "",
        user_data=ask.user_data or "",
        metadata=dict(ask.metadata or {}),
        zones=ask.zones or (),
        port=service.port,
        health_path=service.health_path if service.traffic is not Traffic.TCP else "",
    )
    return revision(who, ask.name, server, now)


async def front_is_free(cloud: Cloud, cluster: Cluster) -> None:
    """Raise `Conflict` where the balancer says that this front cannot be had."""
    wanted = cluster.front
    if wanted is None or cloud.balancer is None:
        return
    why = await cloud.balancer.refusal(wanted)
    if why is not None:
        raise Conflict(f"port {wanted.port} cannot be had: {why}", field="port")


def _stamp(cluster: Cluster, profile: Profile) -> str:
    return repr((cluster.name, cluster.service, cluster.scaling, cluster.strategy, profile.server))


async def deletion(
    desk: Desk, who: Who, name: str, id: str, *, force: bool = False
) -> Intent[Wished]:
    """Return the intent to delete it.

    Deleting what is being deleted changes nothing, unless `force` now has it wait for no host
    that does not answer.
    """
    seen = await desk.store.read(lambda tx: find_stack(tx, who, name, id))
    profiles = await desk.store.read(lambda tx: profiles_of(tx, seen))
    now = desk.clock.now()
    leaving = replace(grown(seen, now), leaving=True, insisted=force or seen.insisted)

    def delete(tx: Transaction) -> Wished:
        cluster = still(tx, seen)
        if cluster.leaving:
            if force and not cluster.insisted:
                cluster = insist(tx, cluster, now)
            return Wished(cluster=cluster, action=newest_wish(tx, cluster))
        wish = Wish(
            verb=Verb.CLUSTER_DELETE,
            kind="cluster.delete_asked",
            reason=f"{who.user} asked to delete the cluster and its {cluster.desired} instances",
        )
        _withdraw_open(tx, cluster, now)
        going = replace(grown(cluster, now), leaving=True, insisted=force)
        return record(tx, who, going, wish, now)

    return Intent(
        foretell=lambda: foretell(desk, leaving, profiles, f"delete/{seen.generation}"),
        do=lambda: desk.store.write(delete),
    )


def insist(tx: Transaction, cluster: Cluster, now: datetime) -> Cluster:
    """Have a deletion that is under way wait for nobody who does not answer."""
    going = replace(grown(cluster, now), insisted=True)
    tx.clusters.put(going)
    tx.marks.mark(going.id)
    return going


def _withdraw_open(tx: Transaction, cluster: Cluster, now: datetime) -> None:
    """End the wishes that nobody will fulfil any more, for the cluster is to go."""
    for action in open_wishes(tx, cluster.id):
        tx.actions.put(action.turned(ActionStatus.CANCELLED, now, "the cluster is being deleted"))


_OPEN = tuple(
    each.value for each in ActionStatus if each not in ("SUCCEEDED", "FAILED", "CANCELLED")
)


def open_wishes(tx: Transaction, cluster_id: UUID) -> list[Action]:
    """Return what was asked of the cluster itself and has not ended, oldest first."""
    where = {"target": (cluster_id,), "status": _OPEN}
    return tx.actions.find(Query(where=where, sort=(("created_at", False),)))


def newest_wish(tx: Transaction, cluster: Cluster) -> Action | None:
    where = {"target": (cluster.id,)}
    found = tx.actions.find(Query(where=where, sort=(("created_at", True),), limit=1))
    return found[0] if found else None


def profiles_of(tx: Transaction, cluster: Cluster) -> tuple[Profile, ...]:
    """Return every revision that the cluster or one of its nodes names."""
    return _revisions(tx, cluster, nodes_of(tx, cluster.id))


def _revisions(tx: Transaction, cluster: Cluster, nodes: list[Node]) -> tuple[Profile, ...]:
    ids = {cluster.profile_id, *cluster.revisions[-1:]}
    if cluster.rollout:
        ids |= {cluster.rollout.from_profile, cluster.rollout.to_profile}
    ids |= {node.profile_id for node in nodes} | guards_of(cluster)
    return tuple(tx.profiles.find(Query(where={"id": tuple(ids)})))


def nodes_of(tx: Transaction, cluster_id: UUID) -> list[Node]:
    return tx.nodes.find(Query(where={"cluster_id": (cluster_id,)}, sort=(("index", False),)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A cluster with all that is shown beside it."""

    cluster: Cluster
    nodes: tuple[Node, ...]
    profiles: dict[UUID, Profile]
    decision: DecisionRecord | None = None
    wish: Action | None = None  # the newest
    bindings: tuple[UUID, ...] = ()  # of policies, in the order they are asked
    bastion: Bastion | None = None


async def show(desk: Desk, find: Callable[[Transaction], Cluster]) -> Whole:
    """Return the whole cluster that `find` finds, as one consistent view."""
    return await desk.store.read(lambda tx: whole(tx, find(tx)))


async def after(desk: Desk, wished: Wished) -> Whole:
    """Return the whole cluster after a wish; as it was wished, if it is gone already."""
    asked = wished.cluster
    return await desk.store.read(lambda tx: whole(tx, tx.clusters.get(asked.id) or asked))


def whole(tx: Transaction, cluster: Cluster) -> Whole:
    newest = Query(where={"cluster_id": (cluster.id,)}, sort=(("at", True),), limit=1)
    decisions = tx.decisions.find(newest) if cluster.scaling else []
    nodes = nodes_of(tx, cluster.id)
    return Whole(
        cluster=cluster,
        nodes=tuple(nodes),
        profiles={each.id: each for each in _revisions(tx, cluster, nodes)},
        decision=decisions[0] if decisions else None,
        wish=newest_wish(tx, cluster),
        bindings=tuple(bindings_of(tx, (cluster.id,)).get(cluster.id, ())),
        bastion=bastion_of(tx, cluster),
    )


class Member(msgspec.Struct, frozen=True):
    """As much of a node as a list of clusters shows."""

    id: UUID
    cluster_id: UUID
    ready_at: datetime | None = None
    leaving: msgspec.Raw = msgspec.Raw(b"null")
    standby: bool = False

    @property
    def serves(self) -> bool:
        """Ready, not on the way out, not kept aside."""
        return self.ready_at is not None and not self.standby and bytes(self.leaving) == b"null"


class Named(msgspec.Struct, frozen=True):
    """As much of a profile as a list of clusters shows."""

    id: UUID
    name: str


class Bound(msgspec.Struct, frozen=True):
    """As much of a binding as a cluster shows."""

    id: UUID
    cluster_id: UUID


def bindings_of(tx: Transaction, clusters: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Return the ids of the bindings of each cluster that has any."""
    query = Query(where={"cluster_id": tuple(clusters)}, sort=(("priority", False),))
    found: dict[UUID, list[UUID]] = {}
    for each in tx.bindings.find_as(query, Bound):
        found.setdefault(each.cluster_id, []).append(each.id)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of clusters with what their lines show."""

    clusters: list[Cluster]
    members: dict[UUID, list[Member]]
    profile_names: dict[UUID, str]
    bindings: dict[UUID, list[UUID]]


async def listing(desk: Desk, query: Query) -> Listed:
    return await desk.store.read(lambda tx: _listed(tx, query))


def _listed(tx: Transaction, query: Query) -> Listed:
    clusters = tx.clusters.find(query)
    members: dict[UUID, list[Member]] = {each.id: [] for each in clusters}
    wanted = tuple({each.profile_id for each in clusters})
    profiles = tx.profiles.find_as(Query(where={"id": wanted}), Named) if wanted else []
    if clusters:
        by_place = (("cluster_id", False), ("index", False))
        theirs = Query(where={"cluster_id": tuple(members)}, sort=by_place)
        for member in tx.nodes.find_as(theirs, Member):
            members[member.cluster_id].append(member)
    names = {each.id: each.name for each in profiles}
    bindings = bindings_of(tx, tuple(members)) if clusters else {}
    return Listed(clusters=clusters, members=members, profile_names=names, bindings=bindings)
