"""What clouds are at: shown, and cancelled where they can be."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from muster.base.errors import Unsupported
from muster.base.ids import new_id
from muster.model.event import About, Event
from muster.model.task import Task
from muster.model.who import Who
from muster.ports.tasks import Tasks
from muster.service.clouds import show
from muster.service.desk import Desk
from muster.service.intent import Intent, plain


async def listing(desk: Desk, cloud: str) -> Sequence[Task]:
    """Return what the cloud is at just now, whoever asked for it."""
    return await _tasks(desk, cloud).list_tasks()


async def cancellation(desk: Desk, who: Who, cloud: str, id: str) -> Intent[None]:
    """Return the intent to have a cloud end what it is at, which is told as an event."""
    tasks = _tasks(desk, cloud)

    async def cancel() -> None:
        await tasks.cancel_task(id)
        event = Event(
            id=new_id(),
            at=desk.clock.now(),
            kind="cloud.task_cancelled",
            otype=About.CLOUD,
            oid=uuid5(UUID(int=0), cloud),
            oname=cloud,
            project="",
            user=who.user,
            reason=f"{who.user} cancelled operation {id}",
        )
        await desk.store.write(lambda tx: tx.events.append(event))

    return plain(cancel, f"cancel operation {id} of cloud {cloud}", reversible=False)


def _tasks(desk: Desk, cloud: str) -> Tasks:
    show(desk, cloud)
    found = desk.clouds[cloud].tasks
    if found is None:
        raise Unsupported(f"cloud {cloud} does not say what it is at")
    return found
