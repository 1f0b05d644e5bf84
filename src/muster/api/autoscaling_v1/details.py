"""A cluster whole as JSON: what was asked, what is, and what goes on."""

from collections.abc import Sequence
from typing import Any

import msgspec

from muster.api.autoscaling_v1.bodies import SCHEDULE, STEP
from muster.api.autoscaling_v1.render import InstanceOut, decision, instance_of
from muster.api.lines import ClusterLine, Crew, line_of, running
from muster.api.reading import Fields
from muster.api.states import CAN
from muster.api.words import moment
from muster.model.action import Action
from muster.model.capacity import Amount
from muster.model.cluster import Cluster, Service
from muster.model.profile import Profile
from muster.model.rollout import Strategy
from muster.model.scaling import DecisionRecord, Floor, Scaling
from muster.service.bastion import Bastion
from muster.service.clusters import Whole
from muster.service.parts import words


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
    bastion: dict[str, Any] | None
    scale_out_threshold: float | None
    scale_in_threshold: float | None
    metric: str | None
    query: str | None
    target: float | None
    cooldown: float | None
    scale_in_window: float | None
    scaling_mode: str | None
    predictive: str | None
    warm_up: float | None
    scale_out_window: float | None
    steps: list[dict[str, Any]] | None
    schedules: list[dict[str, Any]] | None
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
    name = profile.name if profile else ""
    line = line_of(cluster, Crew.of(whole.nodes), name, whole.bindings)
    line.status_reason = cluster.reason  # with how far it is
    return Details(
        **msgspec.structs.asdict(line),
        **_made_of(profile),
        **_service(cluster.service),
        **_rules(cluster.scaling),
        desired_size=cluster.desired,
        create_bastion=cluster.create_bastion,
        bastion=_bastion(whole.bastion),
        update_strategy=strategy(cluster.strategy),
        health=_healing(cluster),
        warm_pool=cluster.warm_pool,
        instances=[instance_of(n, cluster, profiles.get(n.profile_id)) for n in whole.nodes],
        scaling=_scaling(cluster.scaling, whole.decision),
        update=_update(whole),
        storm=_storm(cluster),
        current_action=_current(whole),
        boot_seconds=cluster.boot_s,
    )


def _bastion(bastion: Bastion | None) -> dict[str, Any] | None:
    """Return where people get in, and how the node behind it is."""
    if bastion is None:
        return None
    node, service = bastion.node, bastion.keeper.service
    return {
        "id": str(node.id),
        "name": node.name,
        "status": node.status,
        "reason": bastion.keeper.trouble or node.reason,
        "address": (service.address or None) if service else None,
        "port": service.port if service else None,
        "instance_address": node.address or None,
        "server": node.ref or None,
    }


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
        "query": (scaling.query or None) if scaling else None,
        "target": said.target,
        "cooldown": scaling.cooldown_s if scaling else None,
        "scale_in_window": scaling.in_window_s if scaling else None,
        "scaling_mode": scaling.mode if scaling else None,
        "predictive": _predictive(scaling.floor) if scaling else None,
        "warm_up": scaling.warm_up_s if scaling else None,
        "scale_out_window": scaling.out_window_s if scaling else None,
        "steps": [_said(STEP, each) for each in said.steps.bands] if said.steps else None,
        "schedules": _schedules(scaling),
    }


def _predictive(floor: Floor | None) -> str | None:
    return None if floor is None else "on" if floor.enabled else "shadow"


def _schedules(scaling: Scaling | None) -> list[dict[str, Any]] | None:
    made = scaling.schedules if scaling else ()
    return [_said(SCHEDULE, each) for each in made] or None


def _said(fields: Fields, made: Any) -> dict[str, Any]:
    """Return a part of the rules in the words of the form, without what was not said."""
    values = {name: getattr(made, row.ours or name) for name, row in fields.items()}
    return {name: value for name, value in values.items() if value not in (None, "")}


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
        "lost_wait_seconds": healing.lost_wait_s,
        "fencing": healing.fencing,
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
