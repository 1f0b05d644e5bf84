"""Policies at work in a cluster: attaching, changing and detaching them, and showing which are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from muster.base.errors import Invalid, NotFound
from muster.base.ids import new_id
from muster.decide.policies import attached as put_together
from muster.decide.policies import compiled, refusal
from muster.decide.policies.named import unknown
from muster.model.action import Action, Verb
from muster.model.cluster import Cluster
from muster.model.policy import Binding, Policy
from muster.model.policy_type import Attached, PolicyType, Scene
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.clustering.case import Case
from muster.service.clustering.conflicts import refuse_busy
from muster.service.desk import Desk
from muster.service.identity import CLUSTER, POLICY, find, held, referenced
from muster.service.wish import Wish


def attach(case: Case, said: str, *, enabled: bool) -> Action:
    """Return the action that attaches a policy: done, failed, or for the engine to bring about."""
    policy = held(case.tx, case.who, POLICY, said)
    refuse_busy(case.tx, Verb.CLUSTER_ATTACH_POLICY, case.cluster.id)
    inputs = {"policy_id": str(policy.id), "enabled": enabled}
    wish = _wish(case, Verb.CLUSTER_ATTACH_POLICY, policy, inputs)
    attached = case.attached()
    if any(each.binding.policy_id == policy.id for each in attached):
        return case.record(replace(wish, at_once=True, done="Policy already attached."))
    kind = case.desk.policy_types.get(policy.type)
    if kind is None:
        return case.record(replace(wish, failed=f"Policy type {policy.type} is not installed."))
    binding = _binding(case, policy, kind, enabled=enabled)
    [mine] = put_together(case.desk.policy_types, [(binding, policy)])
    why = _refusal(case, mine, attached)
    if why:
        return case.record(replace(wish, failed=why))
    data = kind.data(mine.properties, case.cluster)
    made = replace(mine, binding=replace(binding, data=data or {}))
    why = case.front_refusal(compiled(case.cluster, [*attached, made]))
    if why:
        return case.record(replace(wish, failed=why))
    case.tx.bindings.put(made.binding)
    return _compiled(case, wish, [*attached, made])


def _refusal(case: Case, mine: Attached, others: Sequence[Attached]) -> str | None:
    """Return why the cluster on its cloud cannot have the policy, or None."""
    about = case.desk.cloud(case.cluster.cloud).about
    scene = Scene(
        cluster=case.cluster,
        profile_type=case.profile_type,
        cloud=about,
        regions=frozenset(case.desk.clouds),
    )
    why = refusal(mine.type, mine.properties, scene, others)
    named = mine.type.names(mine.properties)
    return why or unknown(named, about, case.networks if named.networks else ())


def _wish(case: Case, verb: Verb, policy: Policy, inputs: dict[str, Any]) -> Wish:
    word = verb.removeprefix("CLUSTER_").removesuffix("_POLICY").lower()
    reason = f"{case.who.user} asked to {word} policy {policy.name}"
    return Wish(verb=verb, reason=reason, inputs=inputs)


def _binding(case: Case, policy: Policy, kind: PolicyType, *, enabled: bool) -> Binding:
    return Binding(
        id=new_id(),
        project=case.cluster.project,
        cluster_id=case.cluster.id,
        policy_id=policy.id,
        policy_type=policy.type,
        policy_name=policy.name,
        enabled=enabled,
        priority=kind.priority,
        created_at=case.now,
    )


def _compiled(case: Case, wish: Wish, attached: Sequence[Attached]) -> Action:
    """Write the cluster as its policies have it now. Only what clients see takes an engine."""
    after = compiled(case.cluster, attached)
    return case.record(replace(wish, at_once=_same_front(after, case.cluster)), after)


def _same_front(one: Cluster, other: Cluster) -> bool:
    return one.service == other.service


def detach(case: Case, said: str) -> Action:
    """Return the action that detaches a policy."""
    policy = referenced(case.tx, case.who, POLICY, said)
    binding = _attached(case, policy, said)
    refuse_busy(case.tx, Verb.CLUSTER_DETACH_POLICY, case.cluster.id)
    wish = _wish(case, Verb.CLUSTER_DETACH_POLICY, policy, {"policy_id": str(policy.id)})
    case.tx.bindings.drop(binding.id)
    return _compiled(case, wish, case.attached())


def _attached(case: Case, policy: Policy, said: str) -> Binding:
    binding = _bound(case.tx, case.cluster, policy)
    if binding is None:
        cluster = case.said or case.cluster.id
        raise Invalid(f"The policy '{said}' is not attached to the specified cluster '{cluster}'.")
    return binding


def _bound(tx: Transaction, cluster: Cluster, policy: Policy) -> Binding | None:
    where = {"cluster_id": (cluster.id,), "policy_id": (policy.id,)}
    bindings = tx.bindings.find(Query(where=where, limit=1))
    return bindings[0] if bindings else None


def change(case: Case, said: str, *, enabled: bool | None) -> Action:
    """Return the action that switches an attached policy on or off."""
    policy = referenced(case.tx, case.who, POLICY, said)
    binding = _attached(case, policy, said)
    refuse_busy(case.tx, Verb.CLUSTER_UPDATE_POLICY, case.cluster.id)
    inputs: dict[str, Any] = {"policy_id": str(policy.id)}
    attached = case.attached()
    if enabled is not None:
        inputs["enabled"] = enabled
        binding = replace(binding, enabled=enabled)
        attached = [replace(e, binding=binding) if _is(e, binding) else e for e in attached]
    wish = _wish(case, Verb.CLUSTER_UPDATE_POLICY, policy, inputs)
    why = case.front_refusal(compiled(case.cluster, attached))
    if why:
        return case.record(replace(wish, failed=why))
    case.tx.bindings.put(binding)
    return _compiled(case, wish, attached)


def _is(each: Attached, binding: Binding) -> bool:
    return each.binding.id == binding.id


@dataclass(frozen=True, slots=True)
class Bound:
    """A cluster with some of its bindings."""

    cluster: Cluster
    bindings: Sequence[Binding]


async def listing(desk: Desk, who: Who, said: str, query: Query) -> Bound:
    """Return the bindings of one cluster that the query names."""

    def work(tx: Transaction) -> Bound:
        cluster = find(tx, who, CLUSTER, said)
        where = {**query.where, "cluster_id": (cluster.id,)}
        return Bound(cluster, tx.bindings.find(replace(query, where=where, project=None)))

    return await desk.store.read(work)


async def show(desk: Desk, who: Who, said: str, policy_said: str) -> Bound:
    """Return the binding of one policy. Raises `NotFound`, also where it is not attached."""

    def work(tx: Transaction) -> Bound:
        cluster = find(tx, who, CLUSTER, said)
        binding = _bound(tx, cluster, find(tx, who, POLICY, policy_said))
        if binding is None:
            text = f"The policy '{policy_said}' is not found attached to the specified cluster"
            raise NotFound(f"{text} '{said}'.", type="PolicyBindingNotFound")
        return Bound(cluster, (binding,))

    return await desk.store.read(work)
