"""Outcomes: how the steps of a plan ended, written down."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from muster.base.backoff import delay
from muster.base.copies import altered
from muster.base.errors import Stale
from muster.decide.limits import start_counts_from
from muster.decide.requests import is_request
from muster.engine.chronicle import chapters, tells
from muster.engine.commit import Decided
from muster.engine.journal import NodeStep, ended
from muster.engine.subjects import table
from muster.engine.undoing import taken_back
from muster.model.action import Action, ActionStatus
from muster.model.cluster import Cluster
from muster.model.event import About, Event, Level
from muster.model.node import Leaving, Node, NodeStatus
from muster.model.observed import Seen, Server
from muster.model.step import (
    RESTING,
    WAKING,
    CreateServer,
    Done,
    Failed,
    OperateServer,
    Operation,
    Outcome,
    PostHook,
    PutPool,
    Retry,
    Step,
)
from muster.ports.store import Store, Transaction

Ended = tuple[Step, Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """The cluster and the nodes that changed, as they are now; None if another has it."""

    cluster: Cluster
    nodes: tuple[Node, ...]
    as_left: bool  # no wish came meanwhile: the other nodes are as they were committed


async def record(
    store: Store, decided: Decided, cluster: Cluster, outcomes: Sequence[Ended], now: datetime
) -> Aftermath | None:
    """Write down how the steps ended; `cluster` is the row as committed.

    If the claim is lost by now, only actions are ended that are still open: the nodes are
    another's, and so are requests, which he carries out again, and what he has ended already.
    """
    snapshot = decided.gathered.snapshot
    refused = _refused(decided, outcomes, now)
    actions = [*_actions(decided, outcomes, now), *refused]
    asked_for = [each for each in actions if is_request(each)]
    others = [each for each in actions if not is_request(each)]
    events = _events(cluster, outcomes, now)
    if snapshot.solo:
        events = [replace(each, otype=About.NODE, cluster_id=None) for each in events]
    steps = [each for each in others if each.target != cluster.id]
    events += chapters(snapshot, decided.plan, steps, now) if tells(snapshot) else []

    def work(tx: Transaction) -> Aftermath | None:
        tx.events.append(*events)
        try:
            tx.marks.check(decided.claim)
        except Stale:
            tx.actions.put(*(each for each in others if each.ended and _is_open(tx, each)))
            return None
        tx.actions.put(*others)
        ended = [each for each in asked_for if _is_open(tx, each)]
        tx.actions.put(*ended)
        tx.events.append(*chapters(snapshot, decided.plan, ended, now))
        aftermath = _written(tx, decided, cluster, outcomes, now)
        return _undone(tx, decided, aftermath, refused) if aftermath and refused else aftermath

    return await store.write(work)


def _undone(
    tx: Transaction, decided: Decided, aftermath: Aftermath, refused: Sequence[Action]
) -> Aftermath:
    """Take policies back whose front was refused. See Note [Fronts taken back]."""
    before = aftermath.cluster
    after = taken_back(tx, before, refused, decided.policy_types)
    if after is before:
        return aftermath
    table(tx, solo=decided.gathered.snapshot.solo).put(after)
    return replace(aftermath, cluster=after)


def _is_open(tx: Transaction, action: Action) -> bool:
    """Return whether nobody has withdrawn or ended it while it was being carried out."""
    stored = tx.actions.get(action.id)
    return stored is not None and not stored.ended


def _written(
    tx: Transaction, decided: Decided, cluster: Cluster, outcomes: Sequence[Ended], now: datetime
) -> Aftermath | None:
    rows = table(tx, solo=decided.gathered.snapshot.solo)
    current = rows.get(cluster.id)
    if current is None:
        return None
    known = _nodes(decided)
    if current != cluster:  # a wish came meanwhile; it may have changed nodes as well
        known = {id: node for id in known if (node := tx.nodes.get(id))}
    nodes = tuple(_changed(known, cluster, outcomes, now))
    later = _runs(outcomes) if current == cluster else ()
    tx.nodes.put(*(each for each in nodes if each.id not in later))
    written = _fronted(current, cluster.generation, outcomes)
    if nodes or written != current:
        written = replace(written, updated_at=now)
        rows.put(written)
    return Aftermath(cluster=written, nodes=nodes, as_left=current == cluster)


# Note [Left to the next pass]
# What the cloud shows of a server that runs already, the next pass sees as well, and writes it
# with all else that is new of the node: that it runs, at least. It comes at once and begins with
# the nodes as they are returned here. Should it not come, the rows lack what any listing tells.
def _runs(outcomes: Sequence[Ended]) -> set[UUID]:
    """Return the nodes whose server was made and runs. See Note [Left to the next pass]."""
    return {
        outcome.server.node_id
        for _, outcome in outcomes
        if isinstance(outcome, Done) and outcome.server and outcome.server.seen is Seen.RUNNING
    }


def _nodes(decided: Decided) -> dict[UUID, Node]:
    """Return the nodes that a step was about, as they were committed."""
    about = {step.node_id for step in decided.plan.steps if isinstance(step, NodeStep)}
    if not about:
        return {}
    committed = (*decided.gathered.snapshot.nodes, *decided.plan.put)
    return {node.id: node for node in committed if node.id in about}


def _changed(
    known: Mapping[UUID, Node], cluster: Cluster, outcomes: Sequence[Ended], now: datetime
) -> Iterator[Node]:
    for step, outcome in outcomes:
        if not isinstance(step, NodeStep) or (node := known.get(step.node_id)) is None:
            continue
        if not _about_present_server(step, node):
            continue
        match step:
            case OperateServer():
                yield operated(node, step.operation, outcome, now)
            case PostHook():
                yield asked(node, outcome, now)
            case _:
                changed = after(node, outcome, cluster.healing.max_tries, now)
                if changed is not node:
                    yield changed


def _about_present_server(step: NodeStep, node: Node) -> bool:
    """Return whether the step was about the server that fills the place now, not an earlier."""
    match step:
        case CreateServer():
            return step.order.server_id == node.server_id
        case _ if hasattr(step, "server_id"):
            return bool(step.server_id == node.server_id)
        case _:
            return True


def after(node: Node, outcome: Outcome, max_tries: int, now: datetime) -> Node:
    """Return the node as the outcome of what was done to it leaves it.

    A success does not forget earlier failures: whether the server comes up is seen later.
    What can never succeed uses up all tries at once.
    """
    match outcome:
        case Done():
            return _filled(node, outcome.server, now) if outcome.server else node
        case Retry(reason):
            tries = node.tries + 1
            retry_at = now + delay(str(node.server_id), tries)
            return altered(node, tries=tries, retry_at=retry_at, reason=reason, updated_at=now)
        case Failed(reason):
            tries = max(node.tries + 1, max_tries)
            return altered(node, tries=tries, retry_at=None, reason=reason, updated_at=now)


def operated(node: Node, operation: Operation, outcome: Outcome, now: datetime) -> Node:
    """Return the node after an operation on its server. See Note [Parked].

    What fails here says nothing of the server: it goes on as it was.
    """
    if node.leaving is not None:
        return _stopped_first(node, node.leaving, now)
    if node.stopping_until is not None:  # whatever is not done now is not waited for
        until = node.stopping_until if isinstance(outcome, Done) else now
        return replace(node, stopping_until=until, updated_at=now)
    mending = node.status is NodeStatus.RECOVERING
    match outcome:
        case Done():
            touched = operation in RESTING or operation in WAKING
            done = replace(node, parked=operation.value if touched else node.parked, retry_at=None)
            if mending:
                return replace(done, updated_at=now)
            said = f"Operation '{operation}' succeeded"
            return replace(done.turned(NodeStatus.ACTIVE, said), updated_at=now)
        case Retry(reason):
            retry_at = now + delay(str(node.server_id), 1)
            return replace(node, retry_at=retry_at, reason=reason, updated_at=now)
        case Failed(reason):
            said = f"Operation '{operation}' failed: {reason}"
            status = node.status if mending else NodeStatus.ERROR
            return replace(node.turned(status, said), updated_at=now)


def _stopped_first(node: Node, leaving: Leaving, now: datetime) -> Node:
    """Return a node that was to stop before it goes: whether it did or not, it goes now."""
    return replace(node, leaving=replace(leaving, stopping_until=now), updated_at=now)


def asked(node: Node, outcome: Outcome, now: datetime) -> Node:
    """Return a node on its way out after its lifecycle hook was asked, or never can be."""
    if isinstance(outcome, Retry):
        return replace(node, retry_at=now + delay(str(node.server_id), 1), updated_at=now)
    leaving = replace(node.leaving, told=True) if node.leaving else None
    return replace(node, leaving=leaving, retry_at=None, updated_at=now)


def _filled(node: Node, server: Server, now: datetime) -> Node:
    return altered(
        node,
        ref=server.ref,
        address=server.address or node.address,
        host=server.host,
        zone=server.zone,
        began_at=start_counts_from(node.began_at or server.created, now),
        retry_at=None,
    )


def _fronted(cluster: Cluster, generation: int, outcomes: Sequence[Ended]) -> Cluster:
    """Return the cluster with what the steps for its pool and its name have brought.

    `generation` is the one that the steps were planned for; the cluster may be ahead of it.
    """
    fronts = [(step, end) for step, end in outcomes if not isinstance(step, NodeStep)]
    for step, outcome in fronts:
        if isinstance(step, PutPool) and isinstance(outcome, Done):
            cluster = cluster.addressed(outcome.address)
    trouble = next(filter(None, (_trouble(*each) for each in fronts)), "")
    refused = any(isinstance(outcome, Failed) for _, outcome in fronts)
    return replace(
        cluster,
        trouble=trouble if fronts else cluster.trouble,
        refused_generation=generation if refused else cluster.refused_generation,
    )


def _trouble(step: Step, outcome: Outcome) -> str:
    return "" if isinstance(outcome, Done) else f"{_WORDS[type(step).__name__]}: {outcome.reason}"


# Note [Refused fronts]
# A load balancer that says "never" (the port is taken) may yet be had when somebody
# makes room, so it is tried again once in a while. But whoever waits for the wish should
# not wait for that: it has failed, and says why.
def _refused(decided: Decided, outcomes: Sequence[Ended], now: datetime) -> list[Action]:
    """Return the open wishes in their end, if what they need was refused.

    See Note [Refused fronts].
    """
    cluster = decided.plan.cluster
    said = [
        _trouble(step, outcome)
        for step, outcome in outcomes
        if isinstance(outcome, Failed) and not isinstance(step, NodeStep)
    ]
    if not said or cluster.leaving:
        return []
    known = {each.id: each for each in (*decided.gathered.snapshot.actions, *decided.begun.actions)}
    return [
        each.turned(ActionStatus.FAILED, now, said[0])
        for each in known.values()
        if each.target == cluster.id and not each.ended
    ]


def _actions(decided: Decided, outcomes: Sequence[Ended], now: datetime) -> list[Action]:
    of_steps = zip(decided.begun.of_steps, outcomes, strict=True)
    return [
        ended(action, outcome, now)
        for action, (_, outcome) in of_steps
        if action and not action.ended
    ]


# Note [One event per reason]
# A cloud that is full says so to each of two thousand creations. People need to read it
# once, with a count; the nodes carry it each as their own reason. A load balancer that
# is refused again and again says so at first, and when it says something else.
def _events(cluster: Cluster, outcomes: Sequence[Ended], now: datetime) -> list[Event]:
    """Return what went wrong, told once per reason. See Note [One event per reason]."""
    troubles: dict[tuple[str, str, Level], int] = defaultdict(int)
    for step, outcome in outcomes:
        told = not isinstance(step, NodeStep) and _trouble(step, outcome) == cluster.trouble
        if not isinstance(outcome, Done) and not told:
            level = Level.ERROR if isinstance(outcome, Failed) else Level.WARN
            troubles[type(step).__name__, outcome.reason, level] += 1
    return [
        Event(
            id=uuid5(cluster.id, f"trouble/{now.isoformat()}/{verb}/{reason}"),
            at=now,
            kind="node.failed" if verb.endswith("Server") else "cluster.degraded",
            level=level,
            otype=About.CLUSTER,
            oid=cluster.id,
            oname=cluster.name,
            cluster_id=cluster.id,
            project=cluster.project,
            status="error",
            reason=f"{_WORDS[verb]}: {reason}" + (f" ({times} nodes)" if times > 1 else ""),
            data={"times": times},
        )
        for (verb, reason, level), times in troubles.items()
    ]


_WORDS: Mapping[str, str] = {
    "CreateServer": "creating an instance",
    "DeleteServer": "deleting an instance",
    "OperateServer": "operating an instance",
    "PostHook": "asking whether an instance may go",
    "PutPool": "setting up the load balancer",
    "RemovePool": "removing the load balancer",
    "PutRecord": "publishing the name",
    "DropRecord": "withdrawing the name",
}
