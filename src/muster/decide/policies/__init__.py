"""Policy types: the built-in table, and what attached policies make of a cluster."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from muster.base.errors import Conflict, Invalid, Malformed
from muster.decide.policies import (
    affinity,
    batch,
    deletion,
    health,
    loadbalance,
    region_placement,
    scaling,
    zone_placement,
)
from muster.decide.specs import checked
from muster.model.cluster import Cluster, Own
from muster.model.policy import Binding, Policy
from muster.model.policy_type import Attached, Floor, PolicyType, Properties, Scene

_BUILT_IN = (
    affinity.TYPE,
    batch.TYPE,
    deletion.TYPE,
    health.TYPE,
    loadbalance.TYPE,
    region_placement.TYPE,
    scaling.TYPE,
    zone_placement.TYPE,
)


def versions(type: PolicyType) -> Iterable[PolicyType]:
    """Return one type for each version that it supports; all share one schema."""
    return (replace(type, version=version) for version in type.support)


POLICY_TYPES: Mapping[str, PolicyType] = {
    each.key: each for type in _BUILT_IN for each in versions(type)
}


def properties_of(type: PolicyType, said: Any, floor: Floor) -> dict[str, Any]:
    """Return the properties of a policy with defaults, or raise what the API answers.

    What the schema does not allow raises `Malformed` with the type ESchema, which is
    answered by a 500: clients of the clustering API depend on it. What makes no sense
    raises `Invalid` with the type InvalidSpec.
    """
    try:
        properties = checked(type.schema, said)
        type.check(properties, floor)
    except Malformed as error:
        error.details["type"] = "ESchema"
        raise
    except Invalid as error:
        error.details.setdefault("type", "InvalidSpec")
        raise
    return properties


def attached(
    types: Mapping[str, PolicyType], bound: Iterable[tuple[Binding, Policy]]
) -> list[Attached]:
    """Return attached policies with their types and the defaults of their properties."""
    return [_attached(types, binding, policy) for binding, policy in bound]


def _attached(types: Mapping[str, PolicyType], binding: Binding, policy: Policy) -> Attached:
    type = types.get(policy.type)
    if type is None:
        text = f"Policy '{policy.name}' is of type {policy.type}, which is not installed any more."
        raise Conflict(text, type="ResourceInUse")
    properties = checked(type.schema, policy.spec.get("properties", {}))
    return Attached(type=type, binding=binding, properties=properties)


def refusal(
    type: PolicyType, properties: Properties, scene: Scene, others: Sequence[Attached] = ()
) -> str | None:
    """Return why a policy cannot be attached, or None.

    `others` are those attached already. What a cloud's balancer itself has against the
    front is another question, which only the balancer can answer.
    """
    if not type.suits(scene.profile_type):
        return f"Policy not applicable on profile type: {scene.profile_type}"
    if type.singleton and any(each.type.key == type.key for each in others):
        return (
            f"Only one instance of policy type ({type.key}) can be attached to a cluster, "
            "but another instance is found attached to the cluster already."
        )
    return type.refusal(properties, scene)


def compiled(cluster: Cluster, attached: Iterable[Attached]) -> Cluster:
    """Return the cluster as all its enabled policies together want it. See Note [Compiled]."""
    bare = _restored(cluster)
    active = sorted(
        (each for each in attached if each.binding.enabled),
        key=lambda each: (each.binding.priority, each.binding.id),
    )
    governed = sorted({name for each in active for name in each.type.governs})
    kept: dict[str, Any] = {name: getattr(bare, name) for name in governed}
    shaped = replace(bare, own=Own(governed=tuple(governed), **kept) if governed else None)
    for each in active:
        shaped = each.type.effect(shaped, each)
    if shaped.service and cluster.service:  # the pool is the same one, so its address is
        shaped = shaped.addressed(cluster.service.address)
    return shaped


def _restored(cluster: Cluster) -> Cluster:
    """Return the cluster as it is of itself, without any policy's will."""
    data = {name: said for name, said in cluster.data.items() if name != "loadbalancers"}
    own = cluster.own
    names = own.governed if own else ()
    return replace(cluster, data=data, own=None, **{name: getattr(own, name) for name in names})


def infeasible(cluster: Cluster, desired: int) -> str | None:
    """Return why so many nodes have no place where the cluster lives, or None."""
    cap = cluster.placement.cap
    if cap is not None and desired > max(cap, cluster.desired):
        return "There is no feasible plan to handle all nodes."
    return None
