"""Clusters, instances and decisions as JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from muster.api.words import moment, spelled
from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.model.pool import UNCOUNTED
from muster.model.profile import Profile
from muster.model.scaling import DecisionRecord
from muster.service.instances import Instance


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
    open_requests: int | None  # None: its balancer does not count them
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
        id=spelled(node.id),
        name=node.name,
        cluster_id=spelled(node.cluster_id) if node.cluster_id else None,
        cluster_name=cluster.name if node.cluster_id else "",
        cloud=cluster.cloud,
        status=node.status,
        status_reason=node.reason,
        address=node.address or None,
        host=node.host or None,
        zone=node.zone or None,
        image=server.image_name if server else "",
        image_id=server.image if server else "",
        flavor=server.flavor.name if server else "",
        revision=spelled(node.profile_id),
        outdated=node.profile_id != cluster.target,
        health=HealthOut(node.health.infrastructure, node.health.balancer, node.health.application),
        created_at=moment(node.created_at),
        ready_at=moment(node.ready_at),
        leaving=_leaving(node),
        open_requests=None if node.open_requests == UNCOUNTED else node.open_requests,
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
    outlook: str


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
        outlook=made.outlook,
    )
