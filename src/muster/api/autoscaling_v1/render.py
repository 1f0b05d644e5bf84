"""Clusters, instances and decisions as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from muster.api.autoscaling_v1.states import CAN, stack_status
from muster.api.words import moment
from muster.model.action import Action
from muster.model.capacity import Amount
from muster.model.cluster import Cluster, Service
from muster.model.node import Node
from muster.model.pool import Traffic
from muster.model.profile import Profile
from muster.model.rollout import Strategy
from muster.model.scaling import DecisionRecord, Scaling
from muster.service.clusters import Listed, Whole
from muster.service.instances import Instance
from muster.service.parts import words


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
    return sum(
        node.ready_at is not None and node.leaving is None and not node.standby for node in nodes
    )


def clusters(listed: Listed) -> Clusters:
    names, nodes = listed.profile_names, listed.nodes
    return Clusters(
        [_line(each, nodes[each.id], names.get(each.profile_id, "")) for each in listed.clusters]
    )


def one_cluster(whole: Whole) -> OneCluster:
    profile = whole.profiles.get(whole.cluster.profile_id)
    return OneCluster(_line(whole.cluster, whole.nodes, profile.name if profile else ""))


def _line(cluster: Cluster, nodes: Sequence[Node], profile_name: str) -> ClusterLine:
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
        nodes=[str(node.id) for node in nodes],
        policies=[],
        stack_name=cluster.name,
        stack_id=id,
        stack_status=stack_status(cluster),
        running_instances=running(nodes),
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
    made = _instance(node, cluster, one.profile)
    made.seen = str(one.server.seen) if one.server else None
    return made


def _instance(node: Node, cluster: Cluster, profile: Profile | None) -> InstanceOut:
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


class Details(ClusterLine, kw_only=True):
    """A cluster whole: what was asked, what is, and what goes on."""

    image: str
    image_id: str
    flavor: str
    revision: str
    backend_network: str | None
    keypair: str | None
    desired_size: int
    port: int | None
    protocol: str | None
    health_path: str | None
    dns_name: str | None
    tls: bool
    load_balancer_port: int | None
    create_bastion: bool
    scale_out_threshold: float | None
    scale_in_threshold: float | None
    metric: str | None
    target: float | None
    cooldown: float | None
    scale_in_window: float | None
    scaling_mode: str | None
    update_strategy: dict[str, Any]
    health: dict[str, Any]
    drain_seconds: float | None
    warm_pool: int
    zones: Sequence[str]
    user_data: str
    instances: list[InstanceOut]
    scaling: dict[str, Any] | None
    update: dict[str, Any] | None
    storm: dict[str, Any] | None
    current_action: dict[str, Any] | None
    boot_seconds: float | None


def details(whole: Whole) -> Details:
    cluster, profiles = whole.cluster, whole.profiles
    profile = profiles.get(cluster.target) or profiles.get(cluster.profile_id)
    line = _line(cluster, whole.nodes, profile.name if profile else "")
    return Details(
        **msgspec.structs.asdict(line),
        **_made_of(profile),
        **_service(cluster.service),
        **_rules(cluster.scaling),
        desired_size=cluster.desired,
        create_bastion=cluster.create_bastion,
        update_strategy=strategy(cluster.strategy),
        health=_healing(cluster),
        warm_pool=cluster.warm_pool,
        instances=[_instance(n, cluster, profiles.get(n.profile_id)) for n in whole.nodes],
        scaling=_scaling(cluster.scaling, whole.decision),
        update=_update(whole),
        storm=_storm(cluster),
        current_action=_current(whole),
        boot_seconds=cluster.boot_s,
    )


def _made_of(profile: Profile | None) -> dict[str, Any]:
    server = profile.server if profile else None
    return {
        "image": server.image_name if server else "",
        "image_id": server.image if server else "",
        "flavor": server.flavor.name if server else "",
        "revision": str(profile.id) if profile else "",
        "backend_network": (server.network_name or server.network or None) if server else None,
        "keypair": (server.key_name or None) if server else None,
        "zones": server.zones if server else (),
        "user_data": server.user_data if server else "",
    }


def _service(service: Service | None) -> dict[str, Any]:
    """Return the service's fields; of a certificate only that there is one, never its key."""
    return {
        "port": service.port if service else None,
        "protocol": service.traffic if service else None,
        "health_path": service.health_path if service else None,
        "dns_name": (service.dns_name or None) if service else None,
        "tls": bool(service and service.certificate),
        "load_balancer_port": service.port if service else None,
        "drain_seconds": service.drain_s if service else None,
    }


def _rules(scaling: Scaling | None) -> dict[str, Any]:
    said = words(scaling)
    return {
        "scale_out_threshold": said.high,
        "scale_in_threshold": said.low,
        "metric": said.metric if scaling else None,
        "target": said.target,
        "cooldown": scaling.cooldown_s if scaling else None,
        "scale_in_window": scaling.in_window_s if scaling else None,
        "scaling_mode": scaling.mode if scaling else None,
    }


def _scaling(scaling: Scaling | None, last: DecisionRecord | None) -> dict[str, Any] | None:
    if scaling is None:
        return None
    rules = msgspec.to_builtins(scaling)
    rules.pop("mode")
    shown = decision(last) if last else None
    return {"mode": scaling.mode, "rules": rules, "last_decision": shown}


def amount(value: Amount | None) -> int | str | None:
    if value is None:
        return None
    return str(value) if value.percent else value.value


def strategy(made: Strategy) -> dict[str, Any]:
    return {
        "kind": made.kind,
        "max_surge": amount(made.max_surge),
        "max_unavailable": amount(made.max_unavailable),
        "min_ready_seconds": made.min_ready_s,
        "canary": amount(made.canary),
        "canary_bake_seconds": made.canary_bake_s,
        "progress_deadline_seconds": made.progress_deadline_s,
        "auto_rollback": made.auto_rollback,
    }


def _healing(cluster: Cluster) -> dict[str, Any]:
    healing = cluster.healing
    return {
        "enabled": healing.enabled,
        "failures": healing.failures,
        "start_timeout_seconds": healing.start_timeout_s,
        "storm_share": healing.storm_share,
        "storm_rest_seconds": healing.storm_rest_s,
        "max_tries": healing.max_tries,
    }


def _update(whole: Whole) -> dict[str, Any] | None:
    """Return how far the last update is; done counts instances of its target in service."""
    rollout = whole.cluster.rollout
    if rollout is None:
        return None
    staying = [node for node in whole.nodes if node.leaving is None and not node.standby]
    there = [node for node in staying if node.profile_id == rollout.target]
    return {
        "id": str(rollout.id),
        "state": rollout.state,
        "reason": rollout.reason,
        "from": _image(whole, rollout.from_profile),
        "to": _image(whole, rollout.to_profile),
        "done": running(there),
        "total": whole.cluster.desired,
        "strategy": strategy(rollout.strategy),
        "canary_passed": rollout.canary_passed,
        "started_at": moment(rollout.started_at),
        "progress_at": moment(rollout.progress_at),
        "ended_at": moment(rollout.ended_at),
        "can": CAN[rollout.state],
    }


def _image(whole: Whole, id: Any) -> dict[str, Any]:
    profile = whole.profiles.get(id)
    server = profile.server if profile else None
    return {
        "revision": str(id),
        "image": server.image_name if server else "",
        "flavor": server.flavor.name if server else "",
    }


def _storm(cluster: Cluster) -> dict[str, Any] | None:
    storm = cluster.storm
    if storm is None:
        return None
    return {
        "since": moment(storm.since),
        "retry_at": moment(storm.retry_at),
        "allowed": storm.allowed,
        "reason": storm.reason,
    }


def _current(whole: Whole) -> dict[str, Any] | None:
    """Return the newest wish while it is under way, with how far it is."""
    wish: Action | None = whole.wish
    if wish is None or wish.ended:
        return None
    cluster = whole.cluster
    left = len(whole.nodes)
    gone = int(wish.data.get("total", left)) - left
    return {
        "id": str(wish.id),
        "action": wish.verb,
        "status": wish.status,
        "done": max(gone, 0) if cluster.leaving else running(whole.nodes),
        "total": max(gone, 0) + left if cluster.leaving else cluster.desired,
        "reason": wish.reason or cluster.reason,
    }
