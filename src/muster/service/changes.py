"""Changing a cluster: sizes, rules, image and the rest; pausing and turning back an update."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from muster.base.errors import Conflict, Stale
from muster.base.ids import new_id
from muster.model.action import Verb
from muster.model.cluster import Cluster, Service
from muster.model.profile import Profile, ServerSpec
from muster.model.rollout import Rollout, RolloutState, UpdateKind
from muster.model.who import Who
from muster.ports.store import Transaction
from muster.service import parts
from muster.service.ask import Ask, Fault, refuse
from muster.service.bastion import beside, rekeyed
from muster.service.clusters import ability_faults, front_is_free, profiles_of
from muster.service.desk import Desk
from muster.service.intent import Foretold, Intent
from muster.service.lookup import References, find_stack, references
from muster.service.paths import parted, returning
from muster.service.preview import foretell
from muster.service.revisions import revision
from muster.service.wish import Wish, Wished, grown, record, still

# Note [Fixed at birth]
# Instances, addresses and records carry these; changing one would be another cluster.
_FIXED: Mapping[str, str] = {
    "name": "instances and records are named after it",
    "cloud": "instances cannot move between clouds",
    "backend_network": "instances cannot move between networks",
    "dns_name": "the name would move under running clients",
    "protocol": "clients of the old protocol would be cut off",
    "create_bastion": "a bastion is made with the cluster",
}
_KEY_NEEDED = "cannot be taken away: the bastion lets nobody in without one"
_RULES = ("scaling", "service", "healing", "strategy", "warm_pool")  # no step shows them
REVISIONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A cluster's next shape, worked out on the shape that was read."""

    cluster: Cluster
    at: datetime
    profile: Profile | None = None  # a new revision, where instances have to change
    guard: Profile | None = None  # likewise of the bastion, where that has to
    said: tuple[str, ...] = ()  # what changes, in words

    def on(self, stored: Cluster, seen: Cluster) -> Cluster:
        """Return the stored cluster with this change, keeping what the engine wrote meanwhile.

        Raises `Stale` where the change rests on a revision that is no longer in force.
        """
        after = self.cluster
        if self.profile is None:
            after = replace(
                after,
                rollout=stored.rollout,
                profile_id=stored.profile_id,
                revisions=stored.revisions,
            )
        elif stored.profile_id != seen.profile_id:
            raise Stale(f"another revision of '{seen.name}' came into force just now")
        service, address = after.service, stored.service.address if stored.service else ""
        return replace(
            after,
            service=replace(service, address=address) if service else None,
            status=stored.status,
            reason=stored.reason,
            storm=stored.storm,
            boot_s=stored.boot_s,
            next_index=stored.next_index,
            settled_generation=stored.settled_generation,
            created_at=stored.created_at,
        )


async def update(
    desk: Desk, who: Who, where: tuple[str, str], ask: Ask, *, force: bool
) -> Intent[Wished]:
    """Return the intent to change the cluster at `where` (name and id) as asked.

    What is already so is no change; where nothing is left, nothing is written. An update
    while another is under way is a `Conflict`, unless `force` lets it take its place.
    """
    seen, revisions = await desk.store.read(lambda tx: _with_profiles(tx, who, where))
    if seen.leaving:
        raise Conflict(f"cluster '{seen.name}' is being deleted")
    cloud = desk.cloud(seen.cloud)
    found = await references(desk, who, cloud, ask)
    old = next(each for each in revisions if each.id == _base(seen))
    rules, rule_faults = parts.scaling(ask, seen.scaling)
    faults = [*ask.faults, *_fixed_faults(ask, seen), *found.faults, *rule_faults]
    faults += parts.size_faults(ask, _sizes(ask, seen), desk.max_cluster_size)
    faults += [*ability_faults(cloud, ask), *parts.cap_faults(seen, _sizes(ask, seen)[1])]
    service = _service(ask, seen, old.server, found)
    faults += parts.tls_faults(ask, service)
    if faults:
        refuse(faults)
    now = desk.clock.now()
    plain = _reshaped(ask, replace(grown(seen, now), scaling=rules), service)
    guard = next((each for each in revisions if each.id == seen.guard), None)
    change = _with_revision(who, ask, _Basis(seen, plain, old, found, guard), now)
    _refuse_second_update(seen, change, force=force)
    if plain.front != seen.front:
        await front_is_free(cloud, plain)
    return _intent(desk, who, seen, change, revisions)


def _with_profiles(
    tx: Transaction, who: Who, where: tuple[str, str]
) -> tuple[Cluster, tuple[Profile, ...]]:
    cluster = find_stack(tx, who, *where)
    return cluster, profiles_of(tx, cluster)


def _base(cluster: Cluster) -> UUID:
    """Return the revision that a change of the instances starts from: the newest asked for."""
    return cluster.target


def _fixed_faults(ask: Ask, cluster: Cluster) -> Iterator[Fault]:
    """Yield a fault for each fixed field that would change. See Note [Fixed at birth]."""
    service = cluster.service
    now = {
        "name": cluster.name,
        "cloud": cluster.cloud,
        "backend_network": cluster.network,
        "dns_name": service.dns_name if service else "",
        "protocol": service.traffic if service else "",
        "create_bastion": cluster.create_bastion,
    }
    for name, why in _FIXED.items():
        if ask.says(name) and (getattr(ask, name) or type(now[name])()) != now[name]:
            yield Fault(name, f"cannot be changed: {why}")
    if cluster.bastion and ask.says("keypair") and not ask.keypair and not ask.faulty("keypair"):
        yield Fault("keypair", _KEY_NEEDED)


def _sizes(ask: Ask, cluster: Cluster) -> tuple[int, int, int]:
    """Return min, desired, max with the ask applied; desired follows new bounds."""
    low = ask.min_size if ask.says("min_size") else cluster.min_size
    most = ask.max_size if ask.says("max_size") else cluster.max_size
    high = max(low, cluster.desired) if most is None else most
    if ask.says("desired_size"):
        return low, ask.desired_size, high
    return low, max(low, min(cluster.desired, high)), high


def _service(ask: Ask, cluster: Cluster, server: ServerSpec, found: References) -> Service:
    """Return the service as it will be.

    Another image brings its own health path, unless somebody had chosen one: what differs
    from the old image's word was chosen.
    """
    service = parts.service(ask, cluster.service or Service(port=server.port or 0))
    image = found.image
    kept = service.health_path != (server.health_path or service.health_path)
    if image is None or not image.health_path or ask.says("health_path") or kept:
        return service
    return replace(service, health_path=image.health_path)


def _reshaped(ask: Ask, cluster: Cluster, service: Service) -> Cluster:
    low, desired, high = _sizes(ask, cluster)
    return replace(
        cluster,
        min_size=low,
        desired=desired,
        max_size=high if ask.says("max_size") else cluster.max_size,
        service=service if cluster.service else None,
        healing=parts.healing(ask, cluster.healing),
        strategy=parts.strategy(ask, cluster.strategy),
        warm_pool=(ask.warm_pool or 0) if ask.says("warm_pool") else cluster.warm_pool,
        metadata=dict(ask.metadata or {}) if ask.says("metadata") else cluster.metadata,
    )


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a revision is worked out from."""

    seen: Cluster
    plain: Cluster  # everything changed but the revision
    old: Profile
    found: References
    guard: Profile | None = None  # the bastion's


def _with_revision(who: Who, ask: Ask, basis: _Basis, now: datetime) -> Change:
    """Return the change with a new revision and its rollout, where instances have to change."""
    server = _server(ask, basis)
    plain, said = basis.plain, tuple(_differences(basis, server))
    if server == basis.old.server:
        return Change(at=now, cluster=plain, said=said)
    profile = revision(who, plain.name, server, now)
    guard = rekeyed(who, plain, basis.guard, server, now)
    plain = replace(plain, keypair=server.key_name, service=parted(basis.seen, plain.service))
    if beside_it := guard.id if guard else basis.seen.guard:
        plain = beside(plain, basis.seen, beside_it)
    if plain.strategy.kind is UpdateKind.OPPORTUNISTIC:
        # Nothing is replaced, so there is nothing to succeed: the revision is in force at once.
        kept = (*plain.revisions, plain.profile_id)[-REVISIONS:]
        plain = replace(plain, profile_id=profile.id, revisions=kept)
        return Change(at=now, cluster=plain, profile=profile, guard=guard, said=said)
    rollout = Rollout(
        id=new_id(),
        from_profile=plain.profile_id,
        to_profile=profile.id,
        strategy=plain.strategy,
        started_at=now,
        progress_at=now,
        reason=f"{who.user} asked for {', '.join(said)}",
    )
    plain = replace(plain, rollout=rollout)
    return Change(at=now, cluster=plain, profile=profile, guard=guard, said=said)


def _server(ask: Ask, basis: _Basis) -> ServerSpec:
    """Return what an instance will be made of; health checks are no reason to replace one."""
    old, found = basis.old.server, basis.found
    changed: dict[str, Any] = {}
    if found.image and found.image.id != old.image:
        changed |= {"image": found.image.id, "image_name": found.image.name}
    if found.flavor:
        changed["flavor"] = found.flavor
    if found.keypair or ask.says("keypair"):
        key = found.keypair
        changed |= {
            "key_name": key.name if key else "",
            "public_key": key.public_key if key else "",
        }
    if ask.says("user_data"):
        changed["user_data"] = ask.user_data or ""
    if ask.says("metadata"):
        changed["metadata"] = dict(ask.metadata or {})
    if ask.says("zones"):
        changed["zones"] = ask.zones or ()
    if ask.says("port"):
        changed["port"] = ask.port
    server = replace(old, **changed)
    if server != old and basis.plain.service:
        server = replace(server, health_path=basis.plain.service.health_path)
    return server


def _differences(basis: _Basis, server: ServerSpec) -> Iterator[str]:
    """Yield in words what changes, the most telling first."""
    seen, plain, old = basis.seen, basis.plain, basis.old.server
    if server.image != old.image:
        yield f"image {server.image_name}"
    if server.flavor != old.flavor:
        yield f"flavor {server.flavor.name}"
    for name in ("port", "key_name", "user_data", "metadata", "zones"):
        if getattr(server, name) != getattr(old, name):
            yield {"key_name": "keypair"}.get(name, name.replace("_", " "))
    if (plain.min_size, plain.max_size) != (seen.min_size, seen.max_size):
        yield f"{plain.min_size} to {plain.max_size} instances"
    if plain.desired != seen.desired:
        yield f"size {seen.desired} -> {plain.desired}"
    for name in _RULES:
        if getattr(plain, name) != getattr(seen, name):
            yield name.replace("_", " ")


def _refuse_second_update(seen: Cluster, change: Change, *, force: bool) -> None:
    rollout = seen.rollout
    if rollout and rollout.under_way and change.profile is not None and not force:
        raise Conflict(
            f"an update of '{seen.name}' is under way ({rollout.state}); wait, roll it back, "
            "or let this one take its place with ?force=true"
        )


def _intent(
    desk: Desk, who: Who, seen: Cluster, change: Change, revisions: tuple[Profile, ...]
) -> Intent[Wished]:
    new = tuple(each for each in (change.profile, change.guard) if each)
    stamp = f"{seen.generation}/{change.said}/{change.profile.server if change.profile else ''}"
    wish = _wish(who, seen, change)

    def write(tx: Transaction) -> Wished:
        stored = still(tx, seen)
        if not change.said:
            return Wished(cluster=stored, action=None)
        tx.profiles.put(*new)
        return record(tx, who, change.on(stored, seen), wish, change.at)

    async def told() -> Foretold:
        said = await foretell(desk, change.cluster, (*revisions, *new), stamp)
        rules = [f"set {each}" for each in change.said if each.replace(" ", "_") in _RULES]
        return replace(said, steps=(*rules, *said.steps))

    return Intent(foretell=told, do=lambda: desk.store.write(write))


def _wish(who: Who, seen: Cluster, change: Change) -> Wish:
    resized = seen.desired != change.cluster.desired
    only_size = change.profile is None and resized
    inputs: dict[str, Any] = {"changes": list(change.said)}
    if resized:
        inputs |= {"before": seen.desired, "desired_size": change.cluster.desired}
    return Wish(
        verb=Verb.CLUSTER_RESIZE if only_size else Verb.CLUSTER_UPDATE,
        kind="cluster.resized" if only_size else "cluster.updated",
        reason=f"{who.user} asked for {', '.join(change.said)}",
        inputs=inputs,
    )


Turn = Callable[[Cluster, datetime, str], Cluster]


def paused(cluster: Cluster, now: datetime, why: str) -> Cluster:
    rollout = _under_way(cluster, RolloutState.ROLLING, RolloutState.BAKING)
    return replace(cluster, rollout=rollout.turned(RolloutState.PAUSED, now, why))


def resumed(cluster: Cluster, now: datetime, why: str) -> Cluster:
    """Return the cluster with its update going on; a canary that was baking counts as passed."""
    rollout = _under_way(cluster, RolloutState.PAUSED, RolloutState.BAKING)
    passed = rollout.canary_passed or rollout.state is RolloutState.BAKING
    going = replace(rollout.turned(RolloutState.ROLLING, now, why), canary_passed=passed)
    return replace(cluster, rollout=going)


def rolled_back(cluster: Cluster, now: datetime, why: str) -> Cluster:
    """Return the cluster on its way to the revision before.

    An update under way or failed turns round. After one that has ended this is a new update, to
    the revision that was in force before it.
    """
    rollout = cluster.rollout
    back = RolloutState.ROLLING_BACK
    if rollout and rollout.state is back:
        raise Conflict(f"the update of '{cluster.name}' is being rolled back already")
    if rollout and (rollout.under_way or rollout.state is RolloutState.FAILED):
        return replace(cluster, rollout=rollout.turned(back, now, why))
    if not cluster.revisions:
        raise Conflict(f"'{cluster.name}' has no earlier revision to go back to")
    return replace(
        cluster,
        rollout=Rollout(
            id=new_id(),
            from_profile=cluster.profile_id,
            to_profile=cluster.revisions[-1],
            strategy=cluster.strategy,
            started_at=now,
            progress_at=now,
            canary_passed=True,  # it was in force before: what would a canary tell?
            reason=why,
        ),
    )


def _under_way(cluster: Cluster, *states: RolloutState) -> Rollout:
    rollout = cluster.rollout
    if rollout is None or rollout.state not in states:
        known = f"its last one is {rollout.state}" if rollout else "it has had none"
        wanted = " or ".join(states)
        raise Conflict(f"no update of '{cluster.name}' is {wanted}; {known}")
    return rollout


# What each verb makes of a cluster, what its event is called, and what to tell people.
TURNS: Mapping[str, tuple[Turn, str, str]] = {
    "pause": (paused, "rollout.paused", "paused by"),
    "resume": (resumed, "rollout.resumed", "resumed by"),
    "rollback": (rolled_back, "rollout.rolling_back", "rolled back by"),
}


async def turn(desk: Desk, who: Who, where: tuple[str, str], verb: str) -> Intent[Wished]:
    """Return the intent to pause, resume or roll back the update of the cluster at `where`."""
    seen, profiles = await desk.store.read(lambda tx: _with_profiles(tx, who, where))
    if seen.leaving:
        raise Conflict(f"cluster '{seen.name}' is being deleted")
    made, kind, by = TURNS[verb]
    now = desk.clock.now()
    why = f"{by} {who.user}"
    paths = {each.id: each.server.health_path for each in profiles if each.server}

    def turned(cluster: Cluster) -> Cluster:
        return returning(made(grown(cluster, now), now, why), paths)

    imagined = turned(seen)
    wish = Wish(verb=Verb.CLUSTER_UPDATE, kind=kind, reason=why, inputs={"operation": verb})

    def write(tx: Transaction) -> Wished:
        return record(tx, who, turned(still(tx, seen)), wish, now)

    return Intent(
        foretell=lambda: foretell(desk, imagined, profiles, f"{verb}/{seen.generation}"),
        do=lambda: desk.store.write(write),
    )
