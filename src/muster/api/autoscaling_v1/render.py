"""Clusters, instances and decisions as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from muster.api.autoscaling_v1.states import stack_status
from muster.api.words import moment
from muster.model.cluster import Cluster, Service
from muster.model.node import Node
from muster.model.pool import Traffic
from muster.model.profile import Profile
from muster.model.scaling import DecisionRecord
from muster.service.clusters import Listed, Member, Whole
from muster.service.instances import Instance


class ClusterLine(msgspec.Struct, kw_only=True):
    """A cluster in a list: the clustering API's object, and what a stack shows."""

    id: str
    name: str
    profile_id: str
    profile_name: str
    user: str
    project: str
    domain: str | None
    init_at: str | None
    created_at: str | None
    updated_at: str | None
    min_size: int
    max_size: int
    desired_capacity: int
    timeout: int
    status: str
    status_reason: str
    metadata: Mapping[str, Any]
    data: Mapping[str, Any]
    dependents: Mapping[str, Any]
    config: Mapping[str, Any]
    nodes: list[str]
    policies: list[str]
    stack_name: str
    stack_id: str
    stack_status: str
    running_instances: int
    load_balancer_domain: str | None
    load_balancer_address: str | None
    load_balancer_url: str | None
    cloud: str


class Clusters(msgspec.Struct):
    clusters: list[ClusterLine]


class OneCluster(msgspec.Struct):
    cluster: ClusterLine


def running(nodes: Sequence[Node]) -> int:
    """Return how many are in service: ready, not on the way out, not kept aside."""
    return sum(_serves(node) for node in nodes)


def _serves(node: Node) -> bool:
    return node.ready_at is not None and node.leaving is None and not node.standby


def clusters(listed: Listed) -> Clusters:
    names = listed.profile_names
    return Clusters(
        [
            line_of(each, Crew.seen(listed.members[each.id]), names.get(each.profile_id, ""))
            for each in listed.clusters
        ]
    )


class Crew(NamedTuple):
    """What a line says of the nodes."""

    ids: list[str]
    running: int

    @classmethod
    def seen(cls, members: Sequence[Member]) -> "Crew":
        return cls([str(each.id) for each in members], sum(each.serves for each in members))

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> "Crew":
        return cls([str(each.id) for each in nodes], running(nodes))


def one_cluster(whole: Whole) -> OneCluster:
    profile = whole.profiles.get(whole.cluster.profile_id)
    return OneCluster(line_of(whole.cluster, Crew.of(whole.nodes), profile.name if profile else ""))


def line_of(cluster: Cluster, crew: Crew, profile_name: str) -> ClusterLine:
    service, id = cluster.service, str(cluster.id)
    return ClusterLine(
        id=id,
        name=cluster.name,
        profile_id=str(cluster.profile_id),
        profile_name=profile_name,
        user=cluster.user,
        project=cluster.project,
        domain=cluster.domain,
        init_at=moment(cluster.init_at),
        created_at=moment(cluster.created_at),
        updated_at=moment(cluster.updated_at),
        min_size=cluster.min_size,
        max_size=-1 if cluster.max_size is None else cluster.max_size,
        desired_capacity=cluster.desired,
        timeout=cluster.timeout_s,
        status=cluster.status,
        status_reason=cluster.reason,
        metadata=cluster.metadata,
        data={},
        dependents={},
        config=cluster.config,
        nodes=crew.ids,
        policies=[],
        stack_name=cluster.name,
        stack_id=id,
        stack_status=stack_status(cluster),
        running_instances=crew.running,
        load_balancer_domain=(service.dns_name or None) if service else None,
        load_balancer_address=(service.address or None) if service else None,
        load_balancer_url=url(service),
        cloud=cluster.cloud,
    )


def url(service: Service | None) -> str | None:
    """Return where clients go, None while there is no address."""
    if service is None or not service.address:
        return None
    address = service.address
    if ":" not in address:
        address = f"{address}:{service.port}"
    return f"{service.traffic}://{address}/" if service.traffic is not Traffic.TCP else address


class HealthOut(msgspec.Struct):
    infrastructure: str
    load_balancer: str
    application: str


class InstanceOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    cluster_id: str | None
    cluster_name: str
    cloud: str
    status: str
    status_reason: str
    address: str | None
    host: str | None
    zone: str | None
    image: str
    image_id: str
    flavor: str
    revision: str
    outdated: bool
    health: HealthOut
    created_at: str | None
    ready_at: str | None
    leaving: dict[str, Any] | None
    open_requests: int
    protected: bool
    standby: bool
    ref: str | None
    seen: str | None = None  # how the cloud shows it now, where one was asked for


class Instances(msgspec.Struct):
    instances: list[InstanceOut]


class OneInstance(msgspec.Struct):
    instance: InstanceOut


def instance(one: Instance) -> InstanceOut:
    node, cluster = one.node, one.cluster
    made = instance_of(node, cluster, one.profile)
    made.seen = str(one.server.seen) if one.server else None
    return made


def instance_of(node: Node, cluster: Cluster, profile: Profile | None) -> InstanceOut:
    server = profile.server if profile else None
    return InstanceOut(
        id=str(node.id),
        name=node.name,
        cluster_id=str(node.cluster_id) if node.cluster_id else None,
        cluster_name=cluster.name,
        cloud=cluster.cloud,
        status=node.status,
        status_reason=node.reason,
        address=node.address or None,
        host=node.host or None,
        zone=node.zone or None,
        image=server.image_name if server else "",
        image_id=server.image if server else "",
        flavor=server.flavor.name if server else "",
        revision=str(node.profile_id),
        outdated=node.profile_id != cluster.target,
        health=HealthOut(node.health.infrastructure, node.health.balancer, node.health.application),
        created_at=moment(node.created_at),
        ready_at=moment(node.ready_at),
        leaving=_leaving(node),
        open_requests=node.open_requests,
        protected=node.protected,
        standby=node.standby,
        ref=node.ref or None,
    )


def _leaving(node: Node) -> dict[str, Any] | None:
    leaving = node.leaving
    if leaving is None:
        return None
    return {
        "why": leaving.why,
        "since": moment(leaving.since),
        "deadline": moment(leaving.deadline),
        "reason": leaving.reason,
    }


class DecisionOut(msgspec.Struct, kw_only=True):
    id: str
    at: str | None
    last_at: str | None
    times: int
    verdict: str
    before: int
    wanted: int
    after: int
    reason: str
    formula: str
    inputs: Mapping[str, float | None]
    cuts: list[dict[str, Any]]
    mode: str
    next_at: str | None
    next_how: str


def decision(record: DecisionRecord) -> DecisionOut:
    made = record.decision
    cuts = [
        {"limiter": cut.limiter, "before": cut.before, "after": cut.after, "why": cut.why}
        for cut in made.cuts
    ]
    return DecisionOut(
        id=str(record.id),
        at=moment(record.at),
        last_at=moment(record.last_at),
        times=record.times,
        verdict=made.verdict,
        before=made.before,
        wanted=made.wanted,
        after=made.after,
        reason=made.reason,
        formula=made.formula,
        inputs=made.inputs,
        cuts=cuts,
        mode=made.mode,
        next_at=moment(made.next_at),
        next_how=made.next_how,
    )
