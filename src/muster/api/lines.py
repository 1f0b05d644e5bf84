"""A cluster in one line, the same on both surfaces: what either of them shows of it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from muster.api.states import stack_status
from muster.api.words import moment, spelled
from muster.model.cluster import Cluster, Service
from muster.model.node import Node
from muster.model.pool import Traffic
from muster.service.clusters import Listed, Member, Whole

# How far a cluster is, at the end of its reason: whoever compares reasons leaves that out.
_SHARE = re.compile(r"( started)?: \d+ of \d+ nodes are [a-z ]+$")


class ClusterLine(msgspec.Struct, kw_only=True):
    """The clustering API's object, and what a stack shows."""

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
    policies: list[str]  # ids of bindings, not of policies
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


class Crew(NamedTuple):
    """What a line says of the nodes."""

    ids: list[str]
    running: int

    @classmethod
    def seen(cls, members: Sequence[Member]) -> "Crew":
        return cls([spelled(each.id) for each in members], sum(each.serves for each in members))

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> "Crew":
        return cls([spelled(each.id) for each in nodes], running(nodes))


def clusters(listed: Listed) -> Clusters:
    names, policies = listed.profile_names, listed.bindings
    return Clusters(
        [
            line_of(
                each,
                Crew.seen(listed.members[each.id]),
                names.get(each.profile_id, ""),
                policies.get(each.id, ()),
            )
            for each in listed.clusters
        ]
    )


def one_cluster(whole: Whole) -> OneCluster:
    return OneCluster(line(whole))


def line(whole: Whole) -> ClusterLine:
    profile = whole.profiles.get(whole.cluster.profile_id)
    name = profile.name if profile else ""
    return line_of(whole.cluster, Crew.of(whole.nodes), name, whole.bindings)


def line_of(
    cluster: Cluster, crew: Crew, profile_name: str, bindings: Iterable[object] = ()
) -> ClusterLine:
    service, id = cluster.service, spelled(cluster.id)
    return ClusterLine(
        id=id,
        name=cluster.name,
        profile_id=spelled(cluster.profile_id),
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
        status_reason=_SHARE.sub(_without_share, cluster.reason),
        metadata=cluster.metadata,
        data=cluster.data,
        dependents=cluster.dependents,
        config=cluster.config,
        nodes=crew.ids,
        policies=[str(each) for each in bindings],
        stack_name=cluster.name,
        stack_id=id,
        stack_status=stack_status(cluster),
        running_instances=crew.running,
        load_balancer_domain=(service.dns_name or None) if service else None,
        load_balancer_address=(service.address or None) if service else None,
        load_balancer_url=url(service),
        cloud=cluster.cloud,
    )


def _without_share(found: re.Match[str]) -> str:
    return f"{found[1]}." if found[1] else ""


def url(service: Service | None) -> str | None:
    """Return where clients go, None while there is no address."""
    if service is None or not service.address:
        return None
    address = service.address
    if ":" not in address:
        address = f"{address}:{service.port}"
    return f"{service.traffic}://{address}/" if service.traffic is not Traffic.TCP else address
