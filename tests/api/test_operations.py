"""What a cloud is at: shown to whoever runs it, and cancelled where it can be."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from muster.base.clock import ManualClock
from muster.base.errors import Permanent
from muster.model.task import Task
from office import Office, a_cloud, opened

WHERE = "/v1/clouds/lab/operations"
COPYING = Task(
    id="7",
    what="Copying image",
    since=datetime(2030, 1, 1, tzinfo=UTC),
    host="m1",
    ref="web-001",
    node_id=UUID(int=3),
    progress="12%",
    percent=12,
    may_cancel=True,
)


class Busy:
    """A cloud that is at one thing until that is cancelled."""

    def __init__(self) -> None:
        self.tasks = [COPYING]

    async def list_tasks(self) -> Sequence[Task]:
        return self.tasks

    async def cancel_task(self, id: str) -> None:
        if not self.tasks or self.tasks[0].id != id:
            raise Permanent(f"there is no operation {id}")
        self.tasks.clear()

    async def progressed(self) -> Sequence[Task]:
        return self.tasks


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[Office]:
    clock = ManualClock()
    idle = await a_cloud(tmp_path, clock)
    lab = replace(await a_cloud(tmp_path, clock, "lab"), tasks=Busy())
    async with opened(tmp_path, clouds={"simulated": idle, "lab": lab}) as office:
        yield office


async def test_what_a_cloud_is_at_is_listed_and_cancelled(busy: Office) -> None:
    [seen] = (await busy.call("GET", WHERE, None, "root")).json()["operations"]
    assert (seen["description"], seen["host"], seen["server"]) == ("Copying image", "m1", "web-001")
    assert (seen["percent"], seen["may_cancel"], seen["node_id"]) == (12, True, str(UUID(int=3)))
    plan = (await busy.call("DELETE", f"{WHERE}/7?plan=true", None, "root")).json()["plan"]
    assert plan["steps"] == ["cancel operation 7 of cloud lab"]
    assert (await busy.call("DELETE", f"{WHERE}/7", None, "root")).status_code == 204
    assert (await busy.call("GET", WHERE, None, "root")).json() == {"operations": []}
    answer = await busy.call("GET", "/v1/events?every=true", None, "root")
    [event] = answer.json()["events"]
    assert (event["kind"], event["oname"]) == ("cloud.task_cancelled", "lab")
    assert event["status_reason"] == "root cancelled operation 7"


async def test_what_cannot_be_is_refused_and_told_of_by_no_event(busy: Office) -> None:
    for method, where, who, status in (
        ("DELETE", f"{WHERE}/8", "root", 502),
        ("GET", "/v1/clouds/simulated/operations", "root", 400),
        ("GET", "/v1/clouds/nowhere/operations", "root", 404),
        ("GET", WHERE, "ann", 403),
        ("DELETE", f"{WHERE}/7", "ann", 403),
    ):
        assert (await busy.call(method, where, None, who)).status_code == status
    assert (await busy.call("GET", "/v1/events?every=true", None, "root")).json()["events"] == []
