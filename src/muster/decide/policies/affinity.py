"""Affinity policies: whether nodes share a host, or must not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from muster.decide.policies.named import zones_refusal
from muster.model.cloud import Ability
from muster.model.cluster import Cluster
from muster.model.placement import Affinity, Group, Share
from muster.model.policy_type import Attached, Named, PolicyType, Properties, Scene
from muster.model.schema import Schema, Support, boolean, mapping, string

_SERVERGROUP: Schema = {
    "name": string(description="The name of the server group"),
    "policies": string(
        description="The server group policies.",
        default="anti-affinity",
        allowed=("affinity", "soft-affinity", "anti-affinity", "soft-anti-affinity"),
    ),
}
SCHEMA: Schema = {
    "availability_zone": string(description="Name of the availability zone to place the nodes."),
    "enable_drs_extension": boolean(description="Enable vSphere DRS extension.", default=False),
    "servergroup": mapping(
        implied=True, description="Properties of the VM server group", fields=_SERVERGROUP
    ),
}


# Note [Server groups]
# A server group is kept by nobody: it is a name that orders carry, and what belongs
# together is found by it. Clusters of one project that name the same group share it, as
# they would a named group of a compute service; an unnamed one is the cluster's own.
def _group(properties: Properties, cluster: Cluster) -> Group:
    """See Note [Server groups]."""
    said = properties["servergroup"]
    name = said.get("name") or f"server_group_{cluster.id.hex}"
    whose = f"{cluster.cloud}/{cluster.project}/{said['policies']}/{name}"
    id = uuid5(NAMESPACE_OID, f"server-group/{whose}")
    return Group(id=id, name=name, affinity=Affinity(said["policies"]))


def _refusal(properties: Properties, scene: Scene) -> str | None:
    if properties["enable_drs_extension"]:
        return "The DRS extension needs vSphere, which no cloud here is"
    hard = Affinity(properties["servergroup"]["policies"]) is Affinity.ANTI_AFFINITY
    reason = scene.cloud.refusal(Ability.ANTI_AFFINITY)
    if hard and reason:
        return f"The cloud '{scene.cloud.name}' cannot keep nodes apart: {reason}"
    return zones_refusal(_names(properties).zones, scene.cloud)


def _names(properties: Properties) -> Named:
    zone = properties.get("availability_zone")
    return Named(zones=(zone,) if zone else ())


def _effect(cluster: Cluster, attached: Attached) -> Cluster:
    said, placement = attached.properties, cluster.placement
    zone = said.get("availability_zone")
    shares = placement.shares or ((Share(zone=zone),) if zone else ())
    group = _group(said, cluster)
    return replace(cluster, placement=replace(placement, shares=shares, group=group))


def _data(properties: Properties, cluster: Cluster) -> Mapping[str, Any]:
    group = _group(properties, cluster)
    data = {"servergroup_id": str(group.id), "inherited_group": False}
    return {"AffinityPolicy": {"version": "1.0", "data": data}}


TYPE = PolicyType(
    name="senlin.policy.affinity",
    support={"1.0": (Support(status="SUPPORTED", since="2016.10"),)},
    priority=300,
    profile_types=("os.nova.server-1.0",),
    schema=SCHEMA,
    names=_names,
    governs=frozenset({"placement"}),
    effect=_effect,
    refusal=_refusal,
    data=_data,
)
