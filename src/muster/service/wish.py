"""Writing a wish down: action, changed cluster or node, events and mark, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from muster.base.errors import NotFound, Stale
from muster.base.ids import new_id
from muster.model.action import Action, ActionStatus, Verb, action_name, told
from muster.model.cluster import Cluster
from muster.model.event import OF_VERB, About, Event, Level
from muster.model.node import Node
from muster.model.who import Who
from muster.ports.store import Table, Transaction

DONE = "Action completed successfully."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One thing asked of one cluster or node; `kind` is what its event is called."""

    verb: Verb
    reason: str
    kind: str = ""  # "": by the verb
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    at_once: bool = False  # being written is all there is to do
    done: str = DONE  # what is said of it then
    failed: str = ""  # why it cannot be; then nothing but the action is written
    name: str = ""  # of the action; "": by verb and target
    cause: str = "RPC Request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """A cluster after a wish; no action where nothing had to change."""

    cluster: Cluster
    action: Action | None


def record(tx: Transaction, who: Who, cluster: Cluster, wish: Wish, now: datetime) -> Wished:
    """Write the changed cluster with its wish, and ask the engine to look.

    `cluster.generation` is already that of the wish. The project of everything is the
    cluster's own, whoever asked. Of a wish that has failed the action alone is written.
    """
    action = _action(who, cluster, None, wish, now)
    tx.actions.put(action)
    tx.events.append(*_told(who, cluster, None, wish, action))
    if not wish.failed:
        tx.clusters.put(cluster)
        tx.marks.mark(cluster.id)
    return Wished(cluster=cluster, action=action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tended:
    """A node, and who looks after it: its cluster, or its own one. See Note [Solo]."""

    node: Node
    keeper: Cluster

    @property
    def alone(self) -> bool:
        return self.node.cluster_id is None

    def rows(self, tx: Transaction) -> Table[Cluster]:
        """Return the table that the keeper is in."""
        return tx.solos if self.alone else tx.clusters


def record_node(tx: Transaction, who: Who, tended: Tended, wish: Wish, now: datetime) -> Action:
    """Write the changed node and its keeper with a wish, and ask the engine to look.

    The keeper's generation is already that of the wish. Of a wish that has failed the action
    alone is written.
    """
    action = _action(who, tended.keeper, tended.node, wish, now)
    tx.actions.put(action)
    tx.events.append(*_told(who, tended.keeper, tended.node, wish, action))
    if not wish.failed:
        tended.rows(tx).put(tended.keeper)
        tx.nodes.put(tended.node)
        tx.marks.mark(tended.keeper.id)
    return action


def _action(who: Who, keeper: Cluster, node: Node | None, wish: Wish, now: datetime) -> Action:
    target = node.id if node else keeper.id
    operation = str(wish.inputs.get("operation", ""))
    action = Action(
        id=new_id(),
        name=wish.name or action_name(wish.verb, target, operation),
        verb=wish.verb,
        target=target,
        cluster_id=node.cluster_id if node else keeper.id,
        project=node.project if node else keeper.project,
        user=who.user,
        cause=wish.cause,
        inputs=wish.inputs,
        outputs=wish.outputs,
        data=wish.data,
        generation=keeper.generation,
        timeout_s=keeper.timeout_s,
        created_at=now,
    )
    if wish.failed:
        return action.turned(ActionStatus.FAILED, now, wish.failed)
    return action.turned(ActionStatus.SUCCEEDED, now, wish.done) if wish.at_once else action


def _told(
    who: Who, keeper: Cluster, node: Node | None, wish: Wish, action: Action
) -> tuple[Event, ...]:
    """Return the events of a wish: that it was asked, and its end where that has come already."""
    asked = Event(
        id=new_id(),
        at=action.created_at,
        kind=wish.kind or OF_VERB[wish.verb],
        otype=About.NODE if node else About.CLUSTER,
        oid=action.target,
        oname=node.name if node else keeper.name,
        cluster_id=action.cluster_id,
        project=action.project,
        user=who.user,
        action=wish.verb,
        action_id=action.id,
        status="start",
        reason=wish.reason,
        data=told(wish.inputs),
    )
    if not action.ended:
        return (asked,)
    level = Level.ERROR if wish.failed else Level.INFO
    status = "error" if wish.failed else "end"
    end = replace(asked, id=new_id(), status=status, level=level, reason=action.reason, data={})
    return asked, end


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
