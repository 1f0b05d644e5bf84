"""Events of the actions that tell of the engine's own steps: begun, done, failed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from muster.model.action import Action, ActionStatus
from muster.model.event import OF_VERB, About, Event, Level
from muster.model.node import Node
from muster.model.plan import Plan, Snapshot
from muster.model.rollout import UpdateKind

MANY = 100
_PHASES: Mapping[ActionStatus, tuple[str, Level]] = {
    ActionStatus.RUNNING: ("start", Level.INFO),
    ActionStatus.SUCCEEDED: ("end", Level.INFO),
    ActionStatus.FAILED: ("error", Level.ERROR),
}


# Note [Told by the action]
# The clustering API tells of every action that it began and how it ended. Clusters made
# through it, and nodes alone, are told of so; elsewhere an instance's own events (ready,
# removed, failed) say the same in fewer words. Where more than a hundred do the same at
# once, one event says so with their number.
def tells(snapshot: Snapshot) -> bool:
    """Return whether the engine's own steps are told one by one. See Note [Told by the action]."""
    return snapshot.solo or snapshot.cluster.strategy.kind is UpdateKind.IN_PLACE


def chapters(
    snapshot: Snapshot, plan: Plan, actions: Iterable[Action], now: datetime
) -> list[Event]:
    """Return the events of those of `actions` that began or ended just now."""
    fresh = [each for each in actions if _has_turned(each, now)]
    if not fresh:
        return []
    alike: dict[tuple[str, str], list[Action]] = defaultdict(list)
    for each in fresh:
        alike[each.verb, each.status].append(each)
    nodes = {node.id: node for node in (*snapshot.nodes, *plan.put)}
    return [event for group in alike.values() for event in _of(snapshot, group, nodes, now)]


def _has_turned(action: Action, now: datetime) -> bool:
    if action.status is ActionStatus.RUNNING:
        return action.started_at == now
    return action.status in _PHASES


def _of(
    snapshot: Snapshot, group: Sequence[Action], nodes: Mapping[UUID, Node], now: datetime
) -> Iterator[Event]:
    if len(group) <= MANY:
        for each in group:
            yield _event(snapshot, each, nodes.get(each.target), now)
        return
    first, cluster = group[0], snapshot.cluster
    status, level = _PHASES[first.status]
    yield Event(
        id=uuid5(cluster.id, f"{first.verb}/{status}/{now.isoformat()}"),
        at=now,
        kind=OF_VERB[first.verb],
        level=level,
        otype=About.CLUSTER,
        oid=cluster.id,
        oname=cluster.name,
        cluster_id=cluster.id,
        project=cluster.project,
        user=first.user,
        action=first.verb,
        status=status,
        reason=f"{len(group)} nodes",
        data={"count": len(group)},
    )


def _event(snapshot: Snapshot, action: Action, node: Node | None, now: datetime) -> Event:
    status, level = _PHASES[action.status]
    return Event(
        id=uuid5(action.id, f"{status}/{now.isoformat()}"),
        at=now,
        kind=OF_VERB[action.verb],
        level=level,
        otype=About.NODE,
        oid=action.target,
        oname=node.name if node else "",
        cluster_id=action.cluster_id,
        project=action.project,
        user=action.user,
        action=action.verb,
        action_id=action.id,
        status=status,
        reason=action.reason or str(action.inputs.get("why", "")),
    )
