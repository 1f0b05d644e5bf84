"""Taking over what the retired service left: what becomes what, what stays behind, and why."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from muster.base.errors import Invalid
from muster.decide.joins import alone
from muster.decide.naming import FORMAT
from muster.decide.policies import compiled, properties_of, refusal
from muster.model.action import Verb
from muster.model.cluster import Cluster, ClusterStatus, Healing
from muster.model.node import Node, NodeStatus
from muster.model.policy import Binding, Policy
from muster.model.policy_type import Attached, Floor, PolicyType, Scene
from muster.model.profile import Profile
from muster.model.receiver import Receiver, ReceiverType
from muster.model.retired import Retired, Row
from muster.model.rollout import Strategy, UpdateKind
from muster.model.takeover import Choice, Entry, Fate, Ground, Here, Lot

HEALING = Healing(enabled=False, max_tries=3)
_RESTING = frozenset({"ACTIVE", "WARNING", "ERROR"})
_BALANCED = "senlin.policy.loadbalance"


@dataclass(slots=True)
class _Taking:
    retired: Retired
    ground: Ground
    choice: Choice
    profiles: dict[UUID, Profile] = field(default_factory=dict)
    policies: dict[UUID, Attached | str] = field(default_factory=dict)
    twice: frozenset[str] = frozenset()

    def project(self, row: Row) -> str:
        return self.choice.into or str(row["project"] or "")

    def wanted(self, rows: Iterable[Row]) -> Iterator[Row]:
        only = self.choice.project
        return (row for row in rows if only is None or row["project"] == only)

    def entry(self, noun: str, row: Row, fate: Fate, why: str = "") -> Entry:
        name, project = str(row.get("name") or ""), str(row.get("project") or "")
        return Entry(noun=noun, id=row["id"], name=name, project=project, fate=fate, why=why)

    def found(self, noun: str, row: Row, why: str = "") -> Entry:
        """Return the entry of what may be taken if nothing speaks against it."""
        if row["id"] in self.ground.there:
            return self.entry(noun, row, Fate.THERE)
        return self.entry(noun, row, Fate.LEFT if why else Fate.TAKEN, why)

    def owned(self, row: Row) -> dict[str, Any]:
        """Return what every thing that somebody owns has alike."""
        return {
            "id": row["id"],
            "name": str(row["name"] or ""),
            "project": self.project(row),
            "user": str(row["user"] or ""),
            "domain": row["domain"],
            "created_at": row["created_at"],
            "updated_at": row["updated_at"],
        }


def lots(retired: Retired, ground: Ground, choice: Choice) -> Iterator[Lot]:
    """Yield what to write: profiles and policies first, then cluster by cluster, then the rest."""
    refs = Counter(str(row["physical_id"]) for row in retired.nodes if row["physical_id"])
    twice = frozenset(ref for ref, count in refs.items() if count > 1)
    taking = _Taking(retired, ground, choice, twice=twice)
    yield _profiles(taking)
    yield _policies(taking)
    for row in taking.wanted(retired.clusters):
        yield _cluster(taking, row)
    clusters = {row["id"] for row in retired.clusters}
    for row in taking.wanted(retired.nodes):
        if row["cluster_id"] not in clusters:
            yield _orphan(taking, row)
    for row in taking.wanted(retired.receivers):
        if row["cluster_id"] not in clusters:
            yield _receivers(taking, [row])


def _profiles(taking: _Taking) -> Lot:
    entries, made = [], []
    for row in taking.wanted(taking.retired.profiles):
        here = taking.ground.profiles.get(row["id"], "its type is not known here")
        entry = taking.found("profile", row, here if isinstance(here, str) else "")
        entries.append(entry)
        if isinstance(here, str):
            continue
        profile = Profile(
            **taking.owned(row),
            type=row["type"],
            spec=row["spec"] or {},
            metadata=row["meta_data"] or {},
            server=here.server,
            kept=True,
            cloud=here.cloud.name,
        )
        taking.profiles[profile.id] = profile
        if entry.fate is Fate.TAKEN:
            made.append(profile)
    return Lot(entries=tuple(entries), profiles=tuple(made))


def _policies(taking: _Taking) -> Lot:
    entries, made = [], []
    for row in taking.wanted(taking.retired.policies):
        policy = Policy(
            **{**taking.owned(row), "created_at": row["created_at"] or taking.ground.now},
            type=row["type"],
            spec=row["spec"] or {},
            data=row["data"] or {},
        )
        attached = _understood(taking.ground.policy_types, policy)
        taking.policies[policy.id] = attached
        entry = taking.found("policy", row, attached if isinstance(attached, str) else "")
        entries.append(entry)
        if entry.fate is Fate.TAKEN:
            made.append(policy)
    return Lot(entries=tuple(entries), policies=tuple(made))


def _understood(types: Mapping[str, PolicyType], policy: Policy) -> Attached | str:
    """Return the policy as it would be at work, bound to nothing yet; or why it cannot be."""
    kind = types.get(policy.type)
    if kind is None:
        return f"policy type {policy.type} is not known here"
    try:
        properties = properties_of(
            kind, policy.spec.get("properties", {}), Floor(health_interval_s=0)
        )
    except Invalid as error:
        return error.text
    nowhere = Binding(
        id=policy.id,
        project=policy.project,
        cluster_id=policy.id,
        policy_id=policy.id,
        policy_type=policy.type,
        policy_name=policy.name,
        priority=kind.priority,
        created_at=policy.created_at,
    )
    return Attached(type=kind, binding=nowhere, properties=properties)


def _cluster(taking: _Taking, row: Row) -> Lot:
    """Return a cluster with all that belongs to it, or entries that say why it stays."""
    id = row["id"]
    nodes = [each for each in taking.retired.nodes if each["cluster_id"] == id]
    bindings = [each for each in taking.retired.bindings if each["cluster_id"] == id]
    receivers = [each for each in taking.retired.receivers if each["cluster_id"] == id]
    mine = taking.found("cluster", row, _contradiction(taking, row, nodes))
    if mine.fate is not Fate.TAKEN:
        why = "" if mine.fate is Fate.THERE else "its cluster stays"
        rest = [("node", each) for each in nodes] + [("receiver", each) for each in receivers]
        entries = (taking.found(noun, each, why or "it was taken before") for noun, each in rest)
        return Lot(entries=(mine, *entries))
    cluster = _made(taking, row, nodes)
    bound = [_bound(taking, cluster, each) for each in bindings]
    attached = [each for each, _ in bound if each]
    doors = _receivers(taking, receivers)
    return Lot(
        entries=(
            mine,
            *(taking.entry("node", each, Fate.TAKEN, _about(each)) for each in nodes),
            *(entry for _, entry in bound),
            *doors.entries,
        ),
        cluster=compiled(cluster, attached),
        nodes=tuple(_node(taking, each) for each in nodes),
        bindings=tuple(each.binding for each in attached),
        receivers=doors.receivers,
    )


def _contradiction(taking: _Taking, row: Row, nodes: list[Row]) -> str:
    """Return why a cluster cannot be taken over, "" if it can."""
    low, high = row["min_size"] or 0, _high(row)
    if high is not None and low > high:
        return f"its min_size ({low}) is greater than its max_size ({high})"
    if row["profile_id"] not in taking.profiles:
        return "its profile is not taken over"
    for each in (row, *nodes):
        if why := _in_the_way(taking, each):
            return why if each is row else f"node {each['name']}: {why}"
    return ""


def _in_the_way(taking: _Taking, row: Row) -> str:
    busy = taking.retired.unfinished.get(row["id"])
    if busy and not taking.choice.unfinished:
        return f"{busy} is not finished: let it end, or say --unfinished"
    if row["profile_id"] not in taking.profiles:
        return "its profile is not taken over"
    if row.get("physical_id") in taking.twice:
        return f"two nodes have the server {row['physical_id']}"
    return ""


def _high(row: Row) -> int | None:
    high = row["max_size"]
    return None if high is None or high < 0 else int(high)


def _made(taking: _Taking, row: Row, nodes: list[Row]) -> Cluster:
    profile = taking.profiles[row["profile_id"]]
    status, reason = _resting(row)
    highest = max((each["index"] or 0 for each in nodes), default=0)
    desired = len(nodes) if row["desired_capacity"] is None else row["desired_capacity"]
    cluster = Cluster(
        **taking.owned(row),
        cloud=profile.cloud,
        profile_id=profile.id,
        desired=desired,
        min_size=row["min_size"] or 0,
        max_size=_high(row),
        metadata=row["meta_data"] or {},
        config=row["config"] or {},
        data=row["data"] or {},
        dependents=row["dependents"] or {},
        naming=FORMAT,
        network=profile.server.network,
        keypair=profile.server.key_name,
        healing=HEALING,
        strategy=Strategy(kind=UpdateKind.IN_PLACE),
        next_index=max(row["next_index"] or 1, highest + 1),
        settled_generation=1,
        status=ClusterStatus(status),
        reason=reason,
        init_at=row["init_at"] or row["created_at"] or taking.ground.now,
    )
    return replace(cluster, timeout_s=row["timeout"]) if row["timeout"] else cluster


def _resting(row: Row) -> tuple[str, str]:
    """Return status and reason; what was in the middle of something is not in order now."""
    status, reason = str(row["status"]), str(row["status_reason"] or "")
    if status in _RESTING:
        return status, reason
    return "WARNING", f"It was {status} when it was taken over: {reason}"


def _node(taking: _Taking, row: Row) -> Node:
    """Return the node with its server. One without is not given one unless somebody asks."""
    status, reason = _resting(row)
    ref, placed = str(row["physical_id"] or ""), (row["data"] or {}).get("placement") or {}
    lives = bool(ref) and status != "ERROR"
    made = row["created_at"] or row["init_at"] or taking.ground.now
    return Node(
        **{**taking.owned(row), "created_at": made if ref else None},
        cluster_id=row["cluster_id"],
        index=-1 if row["index"] is None else row["index"],
        profile_id=row["profile_id"],
        since=row["init_at"] or made,
        role=row["role"] or "",
        metadata=row["meta_data"] or {},
        data=row["data"] or {},
        dependents=row["dependents"] or {},
        status=NodeStatus(status if ref else "ERROR"),
        reason=reason,
        ref=ref,
        zone=str(placed.get("zone") or ""),
        ready_at=made if lives else None,
        tainted=bool(row["tainted"]),
        tries=0 if ref else HEALING.max_tries,
    )


def _about(row: Row) -> str:
    return "" if row["physical_id"] else "it has no server"


def _bound(taking: _Taking, cluster: Cluster, row: Row) -> tuple[Attached | None, Entry]:
    """Return the policy as it is at work in the cluster, or None, with what the report says."""
    policy = taking.policies.get(row["policy_id"], "its policy is not there")
    name = policy if isinstance(policy, str) else policy.binding.policy_name
    said = {"id": row["id"], "name": f"{name} of {cluster.name}", "project": cluster.project}
    if isinstance(policy, str):
        return None, taking.entry("binding", {**said, "name": cluster.name}, Fate.LEFT, policy)
    if policy.type.name == _BALANCED:
        why = "its load balancer goes on by itself; attach the policy anew to have one from Muster"
        return None, taking.entry("binding", said, Fate.LEFT, why)
    why = refusal(policy.type, policy.properties, _scene(taking, cluster)) or ""
    if why:
        return None, taking.entry("binding", said, Fate.LEFT, why)
    binding = replace(
        policy.binding,
        id=row["id"],
        project=cluster.project,
        cluster_id=cluster.id,
        enabled=bool(row["enabled"]),
        priority=policy.type.priority if row["priority"] is None else row["priority"],
        data=policy.type.data(policy.properties, cluster) or {},
        last_op=row["last_op"],
        created_at=cluster.created_at or taking.ground.now,
    )
    return replace(policy, binding=binding), taking.entry("binding", said, Fate.TAKEN)


def _scene(taking: _Taking, cluster: Cluster) -> Scene:
    here = taking.ground.profiles[cluster.profile_id]
    assert isinstance(here, Here)
    kind = taking.profiles[cluster.profile_id].type
    return Scene(cluster=cluster, profile_type=kind, cloud=here.cloud)


def _orphan(taking: _Taking, row: Row) -> Lot:
    why = _in_the_way(taking, row)
    if row["cluster_id"]:
        why = f"it says it belongs to cluster {row['cluster_id']}, which is not there"
    entry = taking.found("node", row, why)
    if entry.fate is not Fate.TAKEN:
        return Lot(entries=(entry,))
    node = replace(_node(taking, row), index=-1)
    origin = Cluster(
        id=node.id,
        project=node.project,
        user=node.user,
        name=node.name,
        cloud=taking.profiles[node.profile_id].cloud,
        profile_id=node.profile_id,
        desired=1,
        init_at=node.since,
    )
    entry = replace(entry, why=_about(row))
    return Lot(entries=(entry,), nodes=(node,), solo=alone(node, origin, taking.ground.now))


def _receivers(taking: _Taking, rows: Iterable[Row]) -> Lot:
    entries, made = [], []
    for row in rows:
        entry = taking.found("receiver", row, _odd(row))
        entries.append(entry)
        if entry.fate is Fate.TAKEN:
            dated = {"created_at": row["created_at"] or taking.ground.now}
            made.append(
                Receiver(
                    **{**taking.owned(row), **dated},
                    type=ReceiverType(row["type"]),
                    cluster_id=row["cluster_id"],
                    action=Verb(row["action"]) if row["action"] else None,
                    params=row["params"] or {},
                    channel=_queue(row),
                )
            )
    return Lot(entries=tuple(entries), receivers=tuple(made))


def _queue(row: Row) -> dict[str, Any]:
    """Return the channel of a receiver of messages; the address of a webhook is made anew."""
    if row["type"] == "webhook":
        return {}
    return {"queue_name": (row["channel"] or {}).get("queue_name", f"senlin-receiver-{row['id']}")}


def _odd(row: Row) -> str:
    """Return why a receiver makes no sense, "" if it does."""
    if row["type"] not in tuple(ReceiverType):
        return f"receivers of type {row['type']} are not known here"
    if row["action"] and row["action"] not in tuple(Verb):
        return f"there is no action {row['action']}"
    if row["type"] == "webhook" and not row["cluster_id"]:
        return "it has no cluster"
    return ""
