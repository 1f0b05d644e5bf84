"""All that an Incus has: of every project, by every member that answers, and what it tells."""

from pathlib import Path

import anyio
import pytest

from drivers.incus.scripted import scripted, told
from drivers.incus.tellers import DEADLINE_S, telling
from muster.base.errors import Permanent
from muster.drivers.incus.options import Options
from muster.drivers.incus.rest import Rest
from muster.drivers.incus.stock import IncusStock

ALL = "/1.0/images?recursion=1&all-projects=true"


async def test_everything_is_read_and_not_only_what_is_in_the_project_of_the_cloud(tmp_path: Path):
    async with scripted(tmp_path) as bed:
        images = [{"fingerprint": "f1", "project": "lab"}]
        bed.incus.says("GET /1.0/images", told(images))
        assert bed.cloud.stock
        assert await bed.cloud.stock.read(ALL) == images
        asked = bed.incus.requests[-1]
        assert dict(asked.query) == {"recursion": "1", "all-projects": "true"}
        assert await bed.cloud.stock.read("/1.0/images?project=lab") == images
        assert bed.incus.requests[-1].query["project"] == "lab"


async def test_what_is_not_there_is_told_with_its_status(tmp_path: Path):
    async with scripted(tmp_path) as bed:
        missing = {"type": "error", "error": "not found", "error_code": 404}
        bed.incus.says("GET /1.0/images/f9", (404, missing))
        assert bed.cloud.stock
        with pytest.raises(Permanent) as refused:
            await bed.cloud.stock.read("/1.0/images/f9?project=default")
        assert refused.value.details["status"] == 404


async def test_events_of_all_projects_are_heard_and_a_broken_line_is_told(tmp_path: Path):
    async with telling(tmp_path / "socket") as teller:
        rest = Rest(Options(url=f"unix:{teller.door}"))
        stock = IncusStock(rest)
        async with anyio.create_task_group() as group:
            group.start_soon(_told, teller)
            with anyio.fail_after(DEADLINE_S):
                news = await stock.heard()
        assert news.events[0]["metadata"]["action"] == "instance-created"
        assert "all-projects=true" in teller.asked[0]
        assert "project=default" not in teller.asked[0]
        await teller.hang_up()
        with anyio.fail_after(DEADLINE_S):
            assert (await stock.heard()).missed
        await stock.close()
        await rest.close()


async def _told(teller) -> None:
    await teller.heard()
    await teller.tell("instance-created")
