"""Which nodes belong to a cluster: adding, removing and replacing members."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from muster.base.copies import altered
from muster.base.errors import Conflict, Invalid
from muster.decide.admit import Sizes, check_size
from muster.decide.joins import alone, joined, left
from muster.decide.sizes import sizes
from muster.model.action import Action, Verb
from muster.model.cluster import Cluster
from muster.model.node import BASTION_OF, Leaving, Node, NodeStatus, Why
from muster.model.who import Who
from muster.service.clustering.case import Case, keeper_of
from muster.service.clustering.conflicts import refuse_busy, under_way, withdraw
from muster.service.identity import NODE, found
from muster.service.wish import Tended, Wish, record_node

DERIVED = "Derived Action"
_DELETION = "senlin.policy.deletion-"


@dataclass(slots=True)
class Faults:
    """What is wrong with the nodes of a request, all of it, by what it is."""

    texts: Mapping[str, str]  # kind -> text; they are told in this order
    seen: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, node: object) -> None:
        self.seen.setdefault(kind, []).append(str(node))

    def refuse(self) -> None:
        """Raise `Invalid` with all of it, a line for each kind."""
        told = ((text, self.seen.get(kind)) for kind, text in self.texts.items())
        lines = [text.format(nodes) for text, nodes in told if nodes]
        if lines:
            raise Invalid("\n".join(lines))


_ADDING = {
    "type": "Profile type of nodes {} does not match that of the cluster.",
    "owned": "Nodes {} already owned by some cluster.",
    "cloud": "Nodes {} are on another cloud than the cluster.",
    "idle": "Nodes are not ACTIVE: {}.",
    "missing": "Nodes not found: {}.",
}
_REMOVING = {
    "missing": "Nodes not found: {}.",
    "foreign": "Nodes not members of specified cluster: {}.",
}


def _replacing(cluster: Cluster) -> Mapping[str, str]:
    foreign = f"to be replaced are not members of the cluster {cluster.id}."
    return {
        "foreign": f"The specified nodes {{}} {foreign}",
        "owned": "Nodes {} already member of a cluster.",
        "idle": "Nodes are not ACTIVE: {}.",
        "type": "Profile type of nodes {} do not match that of the cluster.",
        "cloud": "Nodes {} are on another cloud than the cluster.",
        "old": "Original nodes not found: {}.",
        "missing": "Replacement nodes not found: {}.",
    }


def add(case: Case, said: Sequence[str]) -> Action:
    """Return the action that takes nodes in; they are members once it is written."""
    faults = Faults(_ADDING)
    newcomers = [node for each in said if (node := _newcomer(case, each, faults))]
    faults.refuse()
    wanted = _admitted(case, case.cluster.desired + len(newcomers))
    refuse_busy(case.tx, Verb.CLUSTER_ADD_NODES, case.cluster.id)
    ids = [str(each.id) for each in newcomers]
    wish = Wish(
        verb=Verb.CLUSTER_ADD_NODES,
        reason=f"{case.who.user} asked to add {_names(newcomers)}",
        inputs={"nodes": ids},
        outputs={"nodes_added": ids},
    )
    after = replace(_room(case.cluster, newcomers), desired=wanted)
    action = case.record(wish, after)
    _take_in(case, newcomers, action)
    return action


def _newcomer(case: Case, said: str, faults: Faults) -> Node | None:
    """Return a node that may join, noting why it may not."""
    node = found(case.tx, case.who, NODE, said)
    if node is None:
        faults.add("missing", said)
        return None
    if _type_of(case, node) != case.profile_type:
        faults.add("type", node.id)
    elif keeper_of(case.tx, case.desk, node).cloud != case.cluster.cloud:
        faults.add("cloud", node.id)
    if node.cluster_id is not None or node.dependents.get(BASTION_OF):
        faults.add("owned", node.id)
    if node.status is not NodeStatus.ACTIVE or node.leaving:
        faults.add("idle", node.id)
    return node


def _type_of(case: Case, node: Node) -> str:
    profile = case.tx.profiles.get(node.profile_id)
    return profile.type if profile else ""


def _admitted(case: Case, desired: int) -> int:
    """Return the size. Raises `Invalid` where the cluster may not have it."""
    limit = case.desk.max_cluster_size
    refusal = check_size(Sizes(desired=desired), sizes(case.cluster), limit=limit)
    if refusal:
        raise Invalid(refusal.reason)
    return desired


def _names(nodes: Iterable[Node]) -> str:
    return ", ".join(each.name for each in nodes)


def _room(cluster: Cluster, newcomers: Sequence[Node]) -> Cluster:
    return replace(cluster, next_index=cluster.next_index + len(newcomers))


def _take_in(case: Case, newcomers: Sequence[Node], parent: Action) -> None:
    """Make the nodes members, each with the next index, and end their own clusters.

    `case.cluster` is as it was before there was room for them.
    """
    for place, node in enumerate(newcomers):
        host = replace(case.cluster, next_index=case.cluster.next_index + place)
        case.tx.solos.drop(node.id)
        _child(case, joined(node, host, case.now), Verb.NODE_JOIN, parent)


def _child(case: Case, node: Node, verb: Verb, parent: Action) -> None:
    """Write a changed node with the action that tells of it, already done.

    What was asked of the node and has not ended is its new keeper's to do from now on.
    """
    case.tx.nodes.put(node)
    waiting = under_way(case.tx, node.id)
    case.tx.actions.put(*(altered(each, cluster_id=node.cluster_id) for each in waiting))
    keeper = case.tx.clusters.get(node.cluster_id) if node.cluster_id else None
    wish = Wish(
        verb=verb,
        reason=parent.name,
        inputs={"cluster_id": str(case.cluster.id)} if verb is Verb.NODE_JOIN else {},
        at_once=True,
        cause=DERIVED,
    )
    tended = Tended(node=node, keeper=keeper or alone(node, case.cluster, case.now))
    child = record_node(case.tx, case.who, tended, wish, case.now)
    case.tx.actions.put(altered(child, parent=parent.id, cluster_id=case.cluster.id))


def remove(case: Case, said: Sequence[str], *, destroy: bool | None) -> Action:
    """Return the action that has members leave; `destroy` None: as a deletion policy says.

    Those that are not destroyed are on their own once it is written, or their grace is over.
    """
    faults = Faults(_REMOVING)
    members = [node for each in said if (node := _member(case, each, faults))]
    faults.refuse()
    _refuse_needed(members)
    smaller = _admitted(case, case.cluster.desired - len(members))
    refuse_busy(case.tx, Verb.CLUSTER_DEL_NODES, case.cluster.id)
    cluster, ids = case.cluster, [str(each.id) for each in members]
    destroys = _destroys(case) if destroy is None else destroy
    wish = Wish(
        verb=Verb.CLUSTER_DEL_NODES,
        reason=f"{case.who.user} asked to remove {_names(members)}",
        inputs={"candidates": ids, "count": len(ids), "destroy_after_deletion": destroys},
        outputs={"nodes_removed": ids},
    )
    desired = smaller if cluster.removal.reduce_desired else cluster.desired
    action = case.record(wish, replace(cluster, desired=desired))
    if destroys:
        for each in members:
            withdraw(case.tx, each.id, case.now, "the node is being deleted")
        case.tx.nodes.put(*(going(each, cluster, case.now, case.who) for each in members))
    elif cluster.removal.grace_s:
        parting = (going(each, cluster, case.now, case.who, destroy=False) for each in members)
        case.tx.nodes.put(*parting)
    else:
        _let_go(case, members, action)
    return action


def _member(case: Case, said: str, faults: Faults) -> Node | None:
    node = found(case.tx, case.who, NODE, said)
    if node is None:
        faults.add("missing", said)
    elif node.cluster_id != case.cluster.id:
        faults.add("foreign", node.id)
    return node


def _refuse_needed(nodes: Iterable[Node]) -> None:
    for each in nodes:
        if any(each.dependents.values()):
            why = "still depended by other clusters and/or nodes."
            text = f"The node '{each.id}' cannot be deleted: {why}"
            raise Conflict(text, type="ResourceInUse")


def _destroys(case: Case) -> bool:
    """Return whether a deletion policy has those destroyed that leave."""
    ruled = any(
        each.binding.enabled and each.binding.policy_type.startswith(_DELETION)
        for each in case.attached()
    )
    return ruled and case.cluster.removal.destroy


def _let_go(case: Case, members: Sequence[Node], parent: Action) -> None:
    """Have members live on by themselves."""
    for node in members:
        _child(case, left(node, case.now), Verb.NODE_LEAVE, parent)


def replacement(case: Case, said: Mapping[str, str]) -> Action:
    """Return the action that puts other nodes in the places of members, which live on.

    They have changed places once it is written; sizes stay as they are.
    """
    faults = Faults(_replacing(case.cluster))
    pairs = [_pair(case, old, new, faults) for old, new in said.items()]
    faults.refuse()
    refuse_busy(case.tx, Verb.CLUSTER_REPLACE_NODES, case.cluster.id)
    olds = [old for old, _ in pairs if old]
    news = [new for _, new in pairs if new]
    wish = Wish(
        verb=Verb.CLUSTER_REPLACE_NODES,
        reason=f"{case.who.user} asked to replace {_names(olds)} by {_names(news)}",
        inputs={
            "candidates": {str(o.id): str(n.id) for o, n in zip(olds, news, strict=True)},
        },
        outputs={
            "nodes_added": [str(each.id) for each in news],
            "nodes_removed": [str(each.id) for each in olds],
        },
    )
    action = case.record(wish, _room(case.cluster, news))
    _take_in(case, news, action)
    _let_go(case, olds, action)
    return action


def _pair(case: Case, old: str, new: str, faults: Faults) -> tuple[Node | None, Node | None]:
    member = found(case.tx, case.who, NODE, old)
    if member is None:
        faults.add("old", old)
    elif member.cluster_id != case.cluster.id:
        faults.add("foreign", member.id)
    return member, _newcomer(case, new, faults)


def going(node: Node, cluster: Cluster, now: datetime, who: Who, *, destroy: bool = True) -> Node:
    """Return the node on its way out, after a grace where a policy gives one.

    Open sessions have their time; nobody's agreement is asked for, for it was named.
    """
    patience = timedelta(seconds=cluster.service.drain_s if cluster.service else 0)
    grace = timedelta(seconds=cluster.removal.grace_s)
    leaving = Leaving(
        why=Why.REQUEST,
        since=now,
        deadline=now + patience,
        reason=f"{who.user} asked for it",
        destroy=destroy,
        not_before=now + grace if grace else None,
    )
    return altered(node, leaving=leaving)
