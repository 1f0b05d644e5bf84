"""Nodes as the clustering API makes, changes, mends and deletes them, in clusters or alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from muster.base.copies import altered
from muster.base.errors import Conflict, Invalid
from muster.base.ids import new_id
from muster.decide.admit import Sizes, check_size
from muster.decide.joins import solo
from muster.decide.naming import member_name
from muster.decide.policies import infeasible
from muster.decide.sizes import sizes
from muster.model.action import Action, Verb
from muster.model.cluster import Cluster
from muster.model.node import Leaving, Node, NodeStatus, Why, node_id
from muster.model.profile import Profile
from muster.model.who import Who
from muster.ports.store import Transaction
from muster.service.clustering.case import NodeCase
from muster.service.clustering.clusters import INITIALIZING
from muster.service.clustering.conflicts import locked, refuse_busy, under_way, withdraw
from muster.service.clustering.membership import going
from muster.service.clustering.operations import NODE_RECOVER, lacking, parameters, recovery
from muster.service.desk import Desk
from muster.service.identity import CLUSTER, NODE, PROFILE, held, referenced, refuse_taken
from muster.service.wish import Tended, Wish, grown, record_node

_S = NodeStatus
# A node in one of these is not deleted unless somebody insists.
BUSY = frozenset({_S.CREATING, _S.UPDATING, _S.DELETING, _S.RECOVERING})


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAsk:
    """A node to be made, as a request says it."""

    name: str
    profile_id: str
    cluster_id: str = ""
    role: str = ""
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A node with its profile, and the action that was written with it."""

    node: Node
    profile: Profile
    action: Action


async def create(desk: Desk, who: Who, ask: NodeAsk) -> Made:
    """Return the node with the action that brings it about, in a cluster or alone."""
    return await desk.store.write(lambda tx: _created(tx, desk, who, ask))


def _created(tx: Transaction, desk: Desk, who: Who, ask: NodeAsk) -> Made:
    refuse_taken(tx, desk, who.project, (NODE, ask.name))
    profile = held(tx, who, PROFILE, ask.profile_id)
    cluster = referenced(tx, who, CLUSTER, ask.cluster_id) if ask.cluster_id else None
    now = desk.clock.now()
    node = Node(
        id=new_id(),
        cluster_id=None,
        project=who.project,
        user=who.user,
        domain=who.domain,
        index=-1,
        name=ask.name,
        profile_id=profile.id,
        role=ask.role,
        metadata=ask.metadata or {},
        port=profile.server.port or 0,
        reason=INITIALIZING,
        since=now,
    )
    wish = Wish(verb=Verb.NODE_CREATE, reason=f"{who.user} asked for node {ask.name}")
    if cluster is None:
        cloud = profile.cloud or desk.default_cloud
        tended = Tended(node=node, keeper=solo(node, cloud, now))
    else:
        _refuse_stranger(tx, profile, cluster)
        why = _no_room(desk, cluster, profile)
        if why:
            return _refused(tx, who, _Refusal(node, profile, cluster, why))
        tended = _member(node, grown(cluster, now))
    return Made(tended.node, profile, record_node(tx, who, tended, wish, now))


def _refuse_stranger(tx: Transaction, profile: Profile, cluster: Cluster) -> None:
    own = tx.profiles.get(cluster.profile_id)
    if own is None or own.type != profile.type:
        raise Invalid("Node and cluster have different profile type, operation aborted.")
    if profile.cloud and profile.cloud != cluster.cloud:
        raise Invalid(f"The profile is for cloud '{profile.cloud}', the cluster on another one.")
    if cluster.leaving:
        raise locked(Verb.NODE_CREATE, cluster.id)


def _no_room(desk: Desk, cluster: Cluster, profile: Profile) -> str:
    """Return why the cluster may not have one node more of that profile, "" if it may.

    A profile that names its region has chosen it: no region policy is asked then.
    """
    wanted = Sizes(desired=cluster.desired + 1)
    refusal = check_size(wanted, sizes(cluster), limit=desk.max_cluster_size)
    if refusal:
        return refusal.reason
    context = profile.spec.get("properties", {}).get("context") or {}
    return "" if context.get("region_name") else infeasible(cluster, cluster.desired + 1) or ""


def _member(node: Node, cluster: Cluster) -> Tended:
    """Return the node as the next member; the name it was given is not kept."""
    index = cluster.next_index
    id = node_id(cluster.id, index)
    member = altered(
        node,
        id=id,
        cluster_id=cluster.id,
        project=cluster.project,
        index=index,
        name=member_name(cluster, index, id),
    )
    after = replace(cluster, next_index=index + 1, desired=cluster.desired + 1)
    return Tended(node=member, keeper=after)


@dataclass(frozen=True, slots=True)
class _Refusal:
    node: Node
    profile: Profile
    cluster: Cluster
    why: str


def _refused(tx: Transaction, who: Who, no: _Refusal) -> Made:
    """Write a node that no cluster took in: on its own, in error, and without a server."""
    now = no.node.since
    node = altered(no.node, status=NodeStatus.ERROR, reason=no.why, updated_at=now)
    tx.nodes.put(node)
    wish = Wish(
        verb=Verb.NODE_CREATE,
        reason=f"{who.user} asked for node {node.name} in cluster {no.cluster.name}",
        failed=no.why,
    )
    tended = Tended(node=node, keeper=solo(node, no.cluster.cloud, now))
    return Made(node, no.profile, record_node(tx, who, tended, wish, now))


@dataclass(frozen=True, slots=True)
class Changed:
    """A node as it was before a change, with its profile then, and the action of the change."""

    before: Node
    profile: Profile | None
    action: Action


_PLAIN = ("name", "role", "metadata", "tainted")


def update(case: NodeCase, ask: Mapping[str, Any]) -> Changed:
    """Return the action that changes what `ask` names; what is so already is no change.

    As with clusters a null changes nothing, but it is something to do.
    """
    node = case.node
    profile = _new_profile(case, ask.get("profile_id"))
    plain = {name: ask[name] for name in _PLAIN if name in ask and getattr(node, name) != ask[name]}
    if profile is None and not plain and ask.get("profile_id", "") is not None:
        raise Invalid("No property needs an update.")
    refuse_busy(case.tx, Verb.NODE_UPDATE, node.id)
    inputs: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
    after = altered(node, **inputs, updated_at=case.now)
    if profile is not None:
        inputs["new_profile_id"] = str(profile.id)
    elif node.status is NodeStatus.ACTIVE:
        after = altered(after, reason="Update succeeded")
    wish = Wish(
        verb=Verb.NODE_UPDATE,
        reason=f"{case.who.user} asked to change {', '.join(inputs) or 'nothing'}",
        inputs=inputs,
        at_once=profile is None,
        failed=_NO_SERVER if profile and not node.ref else "",
    )
    keeper = replace(case.keeper, name=after.name) if case.tended.alone else case.keeper
    own = case.tx.profiles.get(node.profile_id)
    return Changed(node, own, case.record(wish, after, keeper))


_NO_SERVER = "The node has no server."


def _new_profile(case: NodeCase, said: str | None) -> Profile | None:
    if said is None:
        return None
    profile = held(case.tx, case.who, PROFILE, said)
    if profile.id == case.node.profile_id:
        return None
    if profile.type != case.profile_type:
        raise Invalid("Cannot update a node to a different profile type, operation aborted.")
    if profile.cloud and profile.cloud != case.keeper.cloud:
        raise Invalid(f"The profile is for cloud '{profile.cloud}', the node on another one.")
    return profile


def delete(case: NodeCase, *, force: bool) -> Action:
    """Return the action that deletes the node; what else was asked of it ends with this."""
    node = case.node
    if any(node.dependents.values()):
        why = "still depended by other clusters and/or nodes."
        raise Conflict(f"The node '{node.id}' cannot be deleted: {why}", type="ResourceInUse")
    if not force and (node.status in BUSY or node.leaving):
        status = _S.DELETING if node.leaving else node.status
        text = f"The node '{node.id}' is in status {status}."
        raise Conflict(text, type="ActionInProgress")
    known = [each for each in under_way(case.tx, node.id) if each.verb is Verb.NODE_DELETE]
    if node.leaving and known:
        return known[-1]
    wish = Wish(verb=Verb.NODE_DELETE, reason=f"{case.who.user} asked to delete {node.name}")
    return _alone_deleted(case, wish) if case.tended.alone else _member_deleted(case, wish)


def _alone_deleted(case: NodeCase, wish: Wish) -> Action:
    node, tx = case.node, case.tx
    withdraw(tx, node.id, case.now, "the node is being deleted")
    if tx.solos.get(node.id) is None:  # no cluster took it in: there is nothing but its row
        action = case.record(replace(wish, at_once=True))
        tx.nodes.drop(node.id)
        tx.solos.drop(node.id)
        return action
    leaving = Leaving(why=Why.DELETE, since=case.now, deadline=case.now, reason=wish.reason)
    return case.record(wish, altered(node, leaving=leaving), replace(case.keeper, leaving=True))


def _member_deleted(case: NodeCase, wish: Wish) -> Action:
    cluster, smaller = case.keeper, case.keeper.desired - (case.node.leaving is None)
    limit = case.desk.max_cluster_size
    refusal = check_size(Sizes(desired=smaller), sizes(cluster), limit=limit)
    if refusal:
        return case.record(replace(wish, failed=refusal.reason))
    withdraw(case.tx, case.node.id, case.now, "the node is being deleted")
    desired = smaller if cluster.removal.reduce_desired else cluster.desired
    gone = going(case.node, cluster, case.now, case.who)
    return case.record(wish, gone, replace(cluster, desired=desired))


def check(case: NodeCase, inputs: Mapping[str, Any]) -> Action:
    """Return the action that looks at the node anew."""
    refuse_busy(case.tx, Verb.NODE_CHECK, case.node.id)
    return _asked(case, Verb.NODE_CHECK, inputs, "check")


def recover(case: NodeCase, inputs: Mapping[str, Any]) -> Action:
    """Return the action that mends the node."""
    asked = recovery(inputs, NODE_RECOVER)
    refuse_busy(case.tx, Verb.NODE_RECOVER, case.node.id)
    reason = f"{case.who.user} asked to recover {case.node.name}"
    return case.record(Wish(verb=Verb.NODE_RECOVER, reason=reason, inputs=asked))


def operate(case: NodeCase, operation: str, said: Any) -> Action:
    """Return the action that does one operation to the node's server."""
    kind = case.desk.profile_types.get(case.profile_type)
    params = parameters(kind, case.profile_type, operation, said)
    inputs = {"operation": operation, "params": params}
    return _asked(case, Verb.NODE_OPERATION, inputs, operation, lacking(operation, params))


def _asked(
    case: NodeCase, verb: Verb, inputs: Mapping[str, Any], word: str, failed: str = ""
) -> Action:
    """Return the action for something that takes a server, failed where there is none."""
    node = case.node
    bare = not node.ref and node.status is NodeStatus.ERROR
    wish = Wish(
        verb=verb,
        reason=f"{case.who.user} asked to {word} {node.name}",
        inputs=inputs,
        failed=failed or (_NO_SERVER if bare else ""),
    )
    return case.record(wish)
