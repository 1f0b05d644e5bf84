"""Writing a wish down: action, changed cluster, event and mark, all in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from muster.base.errors import NotFound, Stale
from muster.base.ids import new_id
from muster.model.action import Action, ActionStatus, Verb
from muster.model.cluster import Cluster
from muster.model.event import About, Event
from muster.model.who import Who
from muster.ports.store import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One thing asked of one cluster; `kind` is what its event is called."""

    verb: Verb
    kind: str
    reason: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    at_once: bool = False  # being written is all there is to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """A cluster after a wish; no action where nothing had to change."""

    cluster: Cluster
    action: Action | None


def record(tx: Transaction, who: Who, cluster: Cluster, wish: Wish, now: datetime) -> Wished:
    """Write the changed cluster with its wish, and ask the engine to look.

    `cluster.generation` is already that of the wish. The project of everything is the
    cluster's own, whoever asked.
    """
    action = Action(
        id=new_id(),
        name=f"{wish.verb.lower()}_{str(cluster.id)[:8]}",
        verb=wish.verb,
        target=cluster.id,
        cluster_id=cluster.id,
        project=cluster.project,
        user=who.user,
        inputs=wish.inputs,
        generation=cluster.generation,
        timeout_s=cluster.timeout_s,
        created_at=now,
    )
    if wish.at_once:
        action = action.turned(ActionStatus.SUCCEEDED, now, "Action completed successfully.")
    tx.clusters.put(cluster)
    tx.actions.put(action)
    tx.events.append(asked(who, cluster, wish, action, now))
    tx.marks.mark(cluster.id)
    return Wished(cluster=cluster, action=action)


def asked(who: Who, cluster: Cluster, wish: Wish, action: Action, now: datetime) -> Event:
    return Event(
        id=new_id(),
        at=now,
        kind=wish.kind,
        otype=About.CLUSTER,
        oid=cluster.id,
        oname=cluster.name,
        cluster_id=cluster.id,
        project=cluster.project,
        user=who.user,
        action=wish.verb,
        action_id=action.id,
        status="start",
        reason=wish.reason,
        data=wish.inputs,
    )


def still(tx: Transaction, seen: Cluster) -> Cluster:
    """Return the cluster as stored, if nobody wished anything since `seen` was read.

    The engine may have written statuses meanwhile; those are kept. Raises `Stale` otherwise:
    whoever asked prepares the same wish again, on what is there now.
    """
    now = tx.clusters.get(seen.id)
    if now is None:
        raise NotFound(f"The cluster '{seen.name}' could not be found.")
    if now.generation != seen.generation:
        raise Stale(f"cluster '{seen.name}' was changed by somebody else just now")
    return now


def grown(cluster: Cluster, now: datetime) -> Cluster:
    """Return the cluster one generation on."""
    return replace(cluster, generation=cluster.generation + 1, updated_at=now)
