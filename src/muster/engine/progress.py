"""How far a cloud is with what takes long, in the events and actions of whom it concerns."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from muster.engine.site import Site
from muster.model.action import ActionStatus
from muster.model.event import About, Event
from muster.model.node import Node
from muster.model.task import Task
from muster.ports.store import Query, Transaction

WHOLE = 100  # per cent


async def tell(site: Site, cloud: str, news: Sequence[Task]) -> None:
    """Write down how far these are: an event of each, and in the running actions of its node."""
    now = site.clock.now()

    def work(tx: Transaction) -> None:
        for task in news:
            node = tx.nodes.get(task.node_id) if task.node_id else None
            if node is not None:
                _explain(tx, node, task, now)
            tx.events.append(_event(cloud, node, task, now))

    await site.store.write(work)


def _explain(tx: Transaction, node: Node, task: Task, now: datetime) -> None:
    running = {"target": (node.id,), "status": (ActionStatus.RUNNING,)}
    for action in tx.actions.find(Query(where=running)):
        tx.actions.put(replace(action, reason=_words(task), updated_at=now))


def _event(cloud: str, node: Node | None, task: Task, now: datetime) -> Event:
    plain = Event(
        id=uuid5(UUID(int=0), f"{cloud}/{task.id}/{now.isoformat()}/{_words(task)}"),
        at=now,
        kind="node.progressed" if node else "cloud.progressed",
        otype=About.NODE if node else About.CLOUD,
        oid=node.id if node else uuid5(UUID(int=0), cloud),
        oname=node.name if node else cloud,
        cluster_id=node.cluster_id if node else None,
        project=node.project if node else "",
        reason=_words(task),
        data={"operation": task.id, "host": task.host},
    )
    if task.percent is None:
        return plain
    return replace(plain, done=task.percent, total=WHOLE)


def _words(task: Task) -> str:
    where = f" on {task.host}" if task.host else ""
    return f"{task.what}{where}: {task.progress or 'under way'}"
