"""Watches: which nodes a cluster's health policy calls ill, and what is done about them first."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from muster.decide.destiny import Fitness
from muster.decide.draft import Draft, Place
from muster.decide.health import TROUBLE, Ward, repairs_allowed
from muster.model.action import Action, Verb, action_name
from muster.model.cluster import Healing
from muster.model.detection import Cure, Detector, Watch
from muster.model.observed import Seen

_STOPPED = frozenset({Seen.NOTHING, Seen.STOPPED, Seen.BROKEN})
_ASKED = "RPC Request"


# Note [Watches]
# A cluster without watches is looked after by all that is known of its nodes. One with
# watches is looked after by these alone, as their owner wrote them down: a node is ill when
# one of them says so, or all of them, and what no watch speaks of is shown and left alone. A
# server that is young, or was just seen to, is given time. What is done for an ill node is
# a request like anybody else's, so it is seen in the list of actions and goes the same way.
def heed_watches(draft: Draft) -> None:
    """Judge every node that has served by the cluster's watches. See Note [Watches]."""
    healing = draft.cluster.healing
    if not (healing.enabled and healing.watches) or draft.cluster.leaving:
        return
    for each in draft.places:
        judged = each.leaving is None and each.ready_at is not None
        if judged and each.fitness is not Fitness.PARKED:
            _judge(draft, healing, each)


def _judge(draft: Draft, healing: Healing, each: Place) -> None:
    said = [_COMPLAINTS[watch.detector](draft, watch, each) for watch in healing.watches]
    complaints = [why for why in said if why]
    ill = bool(complaints) and (not healing.all_failed or len(complaints) == len(said))
    until = young_until(healing, each)
    if ill and draft.now >= until:
        each.fitness = _ILL.get(each.fitness, each.fitness)
        each.why, each.available = complaints[0], False
    elif ill:
        each.excused = f"given time until {until:%H:%M:%S}"
    elif each.fitness in TROUBLE:
        each.excused = "no watch of its cluster calls it ill"


# What becomes of what a place seemed, once a watch calls it ill.
_ILL: Mapping[Fitness, Fitness] = {
    Fitness.READY: Fitness.SICK,
    Fitness.UNREADY: Fitness.SICK,
    Fitness.STARTING: Fitness.SICK,
    Fitness.STRANDED: Fitness.DEAD,
    Fitness.LOST: Fitness.DEAD,  # whoever watches hosts wants what they lose replaced
}


def young_until(healing: Healing, each: Place) -> datetime:
    """Return until when the node of a place is too young to be called ill."""
    node = each.node
    began = node.began_at or node.since
    if node.cured_at is None or node.cured_at <= began:
        return began + timedelta(seconds=healing.grace_s)
    patience = max(healing.grace_s, healing.start_timeout_s if not healing.grace_s else 0)
    return node.cured_at + timedelta(seconds=patience)


def _by_state(draft: Draft, watch: Watch, each: Place) -> str:
    seen = each.server.seen if each.server else Seen.NOTHING
    over = seen in _STOPPED or each.fitness is Fitness.STRANDED
    return (each.why or "its server is gone") if over else ""


def _by_host(draft: Draft, watch: Watch, each: Place) -> str:
    lost = each.server is not None and each.server.seen is Seen.UNREACHABLE
    return "its host does not answer" if lost else ""


def _by_visit(draft: Draft, watch: Watch, each: Place) -> str:
    """Return what the address said last, where it was asked since anything was done."""
    if each.server is None or each.server.seen is not Seen.RUNNING:
        building = each.server is not None and each.server.seen is Seen.BUILDING
        unasked = building or not watch.refused_is_ill
        return "" if unasked else f"{watch.url}: nothing is there to answer"
    probe = draft.snapshot.probes.get(each.node.id)
    if probe is None or probe.server_id != each.server.server_id or probe.visited_at is None:
        return ""
    cured = each.node.cured_at
    return probe.visits.get(watch.url, "") if cured is None or probe.visited_at > cured else ""


_COMPLAINTS: Mapping[Detector, Callable[[Draft, Watch, Place], str]] = {
    Detector.NODE_STATUS_POLLING: _by_state,
    # A cloud's notices say what its next listing shows as well.
    Detector.LIFECYCLE_EVENTS: _by_state,
    Detector.HYPERVISOR_STATUS_POLLING: _by_host,
    Detector.NODE_STATUS_POLL_URL: _by_visit,
}


def remedies(draft: Draft, ill: Ward) -> list[Action]:
    """Return a new request to recover every node that watches call ill, as many as may be.

    In a storm only so many are tried as the storm allows. See Note [Watches].
    """
    healing = draft.cluster.healing
    if not (healing.enabled and healing.watches) or draft.cluster.leaving:
        return []
    busy = {each.target for each in draft.snapshot.actions if each.verb in _TENDED}
    waiting = [e for e in ill.troubled if not e.excused and e.node.id not in busy]
    allowed = repairs_allowed(draft, ill)
    return [_remedy(draft, healing, each) for each in waiting[:allowed]]


_TENDED = frozenset({Verb.NODE_RECOVER, Verb.NODE_UPDATE, Verb.NODE_OPERATION, Verb.NODE_DELETE})


def _remedy(draft: Draft, healing: Healing, each: Place) -> Action:
    node = each.node
    there = each.server is not None and each.server.seen is not Seen.UNREACHABLE
    cure = healing.cure if there else Cure.RECREATE  # nothing else is left to be done
    each.edit(cured_at=draft.now)
    inputs: dict[str, Any] = {
        "operation": cure.value,
        "delete_timeout": healing.delete_timeout_s,
        "force_recreate": healing.force_recreate,
    }
    if cure is Cure.REBOOT:
        inputs["operation_params"] = {"type": healing.reboot}
    request = Action(
        id=uuid5(node.id, f"remedy/{draft.now.isoformat()}"),
        name=action_name(Verb.NODE_RECOVER, node.id, ""),
        verb=Verb.NODE_RECOVER,
        target=node.id,
        cluster_id=node.cluster_id,
        project=node.project,
        user=draft.cluster.user,
        cause=_ASKED,
        inputs=inputs,
        data={"why": each.why},
        timeout_s=draft.cluster.timeout_s,
        created_at=draft.now,
    )
    draft.actions[request.id] = request
    return request
