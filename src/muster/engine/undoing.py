"""Policies whose effect a cloud refused for good: they are taken back from their cluster."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from muster.decide.policies import attached, compiled
from muster.model.action import Action, Verb
from muster.model.cluster import Cluster
from muster.model.policy import Binding
from muster.model.policy_type import PolicyType
from muster.ports.store import Query, Transaction

Undo = Callable[[Transaction, Binding], None]


# Note [Fronts taken back]
# A balancer is asked about a front before a policy is attached, but another may take the port
# before the pool is put there. Then the attachment fails, and what it changed is undone: the
# policy is not attached, or is switched off again, and the cluster is as its others have it.
def taken_back(
    tx: Transaction, cluster: Cluster, failed: Sequence[Action], types: Mapping[str, PolicyType]
) -> Cluster:
    """Return the cluster without what these failed actions wanted. See Note [Fronts taken back]."""
    undone = [each for each in failed if _undone(tx, cluster, each)]
    if not undone:
        return cluster
    bindings = tx.bindings.find(Query(where={"cluster_id": (cluster.id,)}))
    ids = tuple({each.policy_id for each in bindings})
    policies = {each.id: each for each in tx.policies.find(Query(where={"id": ids}))} if ids else {}
    bound = [(each, policies[each.policy_id]) for each in bindings if each.policy_id in policies]
    shaped = compiled(cluster, attached(types, bound))
    return replace(shaped, trouble="", refused_generation=0)


def _undone(tx: Transaction, cluster: Cluster, action: Action) -> bool:
    """Undo what the action did to its binding, and return whether there was anything."""
    undo = _UNDO.get(action.verb)
    if undo is None or not action.inputs.get("enabled", True):
        return False
    ours = Query(where={"cluster_id": (cluster.id,)})
    said = str(action.inputs.get("policy_id"))
    found = [each for each in tx.bindings.find(ours) if str(each.policy_id) == said]
    for each in found:
        undo(tx, each)
    return bool(found)


_UNDO: Mapping[Verb, Undo] = {
    Verb.CLUSTER_ATTACH_POLICY: lambda tx, binding: tx.bindings.drop(binding.id),
    Verb.CLUSTER_UPDATE_POLICY: lambda tx, binding: tx.bindings.put(
        replace(binding, enabled=False)
    ),
}
