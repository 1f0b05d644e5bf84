"""What Incus does and does not do to instances that run, each thing seen on real members once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from drivers.incus.orders import an_order
from drivers.incus.scripted import (
    CREATED,
    Bed,
    begun,
    ended,
    instance,
    member,
    refused,
    scripted,
    told,
)
from muster.base.errors import DriverError, Permanent
from muster.drivers.incus.operating import LEAVES
from muster.drivers.incus.shape import alias
from muster.drivers.incus.tags import instance_name, written
from muster.model.observed import Seen
from muster.model.step import Operation

WAIT = "GET /1.0/operations/7/wait"
ORDER = an_order()
REF = instance_name(ORDER)
HERE = f"/1.0/instances/{REF}"
IMAGE = UUID(int=5)


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    """A cluster of two, with an instance of ours on the first."""
    async with scripted(tmp_path, member("m1"), member("m2")) as made:
        made.has(ours(made))
        for line in (f"PUT {HERE}/state", f"POST {HERE}"):
            made.incus.says(line, begun())
        made.incus.says(WAIT, ended())
        made.incus.says(f"PATCH {HERE}", told({}))
        yield made


def ours(bed: Bed, leaves: str = "", **but: Any) -> dict[str, Any]:
    tags = written(ORDER, bed.installation) | ({LEAVES: leaves} if leaves else {})
    return instance(REF, tags, **({"location": "m1"} | but))


def left(bed: Bed) -> list[str]:
    """Return what the instance was to say of the member that it leaves, in order."""
    asked = (each for each in bed.incus.requests if each.line == f"PATCH {HERE}")
    return [each.body["config"][LEAVES] for each in asked]


def changes(bed: Bed) -> list[str]:
    """Return what was asked for of the instance, in order: actions, and where it was moved to."""
    asked = (each for each in bed.incus.requests if each.path.startswith(HERE))
    return [
        each.body.get("action") or f"to {each.query['target']}"
        for each in asked
        if each.method in ("PUT", "POST")
    ]


async def test_one_that_ended_without_a_word_is_seen_at_the_next_look(bed: Bed) -> None:
    """Where the process that watches a container is killed, Incus tells of nothing."""
    [server] = await bed.cloud.compute.list_servers()
    assert server.seen is Seen.RUNNING
    bed.has(ours(bed, status="Stopped"))
    [server] = await bed.cloud.compute.list_servers()
    assert server.seen is Seen.STOPPED


async def test_one_that_runs_is_stopped_before_it_is_moved_and_started_after(bed: Bed) -> None:
    await bed.cloud.compute.operate_server(REF, Operation.EVACUATE)
    assert changes(bed) == ["stop", "to m2", "start"]


@pytest.mark.parametrize(
    ("location", "status", "made"),
    [
        ("m1", "Running", ["stop", "to m2", "start"]),
        ("m1", "Stopped", ["to m2", "start"]),
        ("m2", "Stopped", ["start"]),
        ("m2", "Running", []),
    ],
)
async def test_one_whose_move_broke_off_is_moved_once_and_runs_again(
    bed: Bed, location: str, status: str, made: list[str]
) -> None:
    bed.has(ours(bed, leaves="m1 running", location=location, status=status))
    await bed.cloud.compute.operate_server(REF, Operation.EVACUATE, {})
    assert changes(bed) == made
    assert left(bed)[-1] == ""


async def test_one_that_does_not_run_is_moved_and_not_started(bed: Bed) -> None:
    bed.has(ours(bed, status="Stopped"))
    await bed.cloud.compute.operate_server(REF, Operation.EVACUATE, {})
    assert changes(bed) == ["to m2"]
    assert left(bed) == ["m1 ", ""]


async def test_one_that_could_not_be_moved_runs_again_where_it_was(bed: Bed) -> None:
    running = refused("Instance must be stopped to be moved statelessly", 400)
    bed.incus.says(f"POST {HERE}", (400, running))
    with pytest.raises(Permanent, match="must be stopped"):
        await bed.cloud.compute.operate_server(REF, Operation.EVACUATE)
    assert changes(bed) == ["stop", "to m2", "start"]


@pytest.mark.parametrize("fails", [False, True])
async def test_one_that_runs_is_published_from_a_snapshot_which_goes_again(
    bed: Bed, *, fails: bool
) -> None:
    """Incus refuses to publish an instance while it runs."""
    kept = f"muster-{IMAGE.hex[:10]}"
    full = (200, refused("no space left on device"))
    bed.incus.says(f"POST {HERE}/snapshots", begun("/1.0/operations/8"))
    bed.incus.says("GET /1.0/operations/8/wait", ended())
    bed.incus.says("POST /1.0/images", begun())
    bed.incus.says(WAIT, full if fails else ended())
    bed.incus.says("GET /1.0/images", told([]))
    with pytest.raises(DriverError, match="no space left" if fails else "cannot be seen yet"):
        await bed.cloud.images.snapshot(IMAGE, "kept", "demo", REF)
    [asked] = [each for each in bed.incus.requests if each.line == "POST /1.0/images"]
    assert asked.body["source"] == {"type": "snapshot", "name": f"{REF}/{kept}"}
    assert bed.incus.lines()[-1] == f"DELETE {HERE}/snapshots/{kept}"
    assert f"PUT {HERE}/state" not in bed.incus.lines()


async def test_what_was_published_and_cut_off_leaves_no_snapshot_behind(bed: Bed) -> None:
    bed.incus.says(f"GET /1.0/images/aliases/{alias(IMAGE)}", told({"target": "f"}))
    about = {
        "type": "container",
        "fingerprint": "f",
        "properties": {},
        "uploaded_at": CREATED,
        "size": 1,
    }
    bed.incus.says("GET /1.0/images/f", told(about))
    await bed.cloud.images.snapshot(IMAGE, "kept", "demo", REF)
    assert bed.incus.lines()[-1] == f"DELETE {HERE}/snapshots/muster-{IMAGE.hex[:10]}"
    assert "POST /1.0/images" not in bed.incus.lines()
