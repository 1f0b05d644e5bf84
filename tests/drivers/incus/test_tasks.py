"""Operations: heard of rather than asked for, asked for all the same, and shown to people."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import anyio
import pytest

from drivers.incus.members import opened, until
from drivers.incus.scripted import Bed, Scripted, ended, scripted, told
from drivers.incus.tellers import DEADLINE_S, OURS, Teller, telling
from muster.base.errors import Permanent, Transient
from muster.drivers.incus.lines import Lines
from muster.drivers.incus.options import Options
from muster.drivers.incus.rest import Call, Rest
from muster.drivers.incus.tasks import IncusTasks
from muster.model.observed import Seen
from muster.model.task import Task
from muster.ports.tasks import Tasks
from testbed.incus.place import FABRIC_ADDRESS
from testbed.incus.rest import call

NODE = UUID(int=7)
RUNNING, SUCCESS, FAILURE = 103, 200, 400
POST = Call(method="POST", path="/1.0/instances", body={})


def operation(status: int = RUNNING, **but: Any) -> dict[str, Any]:
    return {
        "id": "one",
        "class": "task",
        "description": "Creating instance",
        "created_at": "2030-01-01T00:00:00.1Z",
        "updated_at": "2030-01-01T00:00:00.1Z",
        "status_code": status,
        "resources": {"instances": [f"/1.0/instances/{OURS}?project=lab"]},
        "metadata": None,
        "may_cancel": False,
        "err": "",
        "location": "m1",
    } | but


def at(percent: int, second: int) -> dict[str, Any]:
    """An operation that is so far in that second."""
    words = {
        "unpack_progress": f"Unpacking image: {percent}%",
        "progress": {"percent": f"{percent}"},
    }
    return operation(metadata=words, updated_at=f"2030-01-01T00:00:0{second}.1Z")


@pytest.mark.parametrize("odd", [[], {"type": "operation", "metadata": {"id": "x"}}], ids=repr)
async def test_what_nobody_understands_does_not_end_the_line(teller: Teller, odd: Any) -> None:
    rest = Rest(Options(url=f"unix:{teller.door}"))
    lines = Lines(rest)
    tasks = IncusTasks(rest, lines, lambda _: None)
    lines.begin()
    await teller.heard()
    await teller.say(odd)
    await teller.say({"type": "operation", "metadata": operation(SUCCESS)})
    assert await tasks.ended(operation(), DEADLINE_S) == operation(SUCCESS)
    assert len(teller.asked) == 1
    await lines.close()
    await rest.close()


@pytest.fixture
async def teller(tmp_path: Path) -> AsyncIterator[Teller]:
    async with telling(tmp_path / "socket") as made:
        yield made


@pytest.fixture
async def tasks(teller: Teller) -> AsyncIterator[IncusTasks]:
    rest = Rest(Options(url=f"unix:{teller.door}"))
    lines = Lines(rest)
    made = IncusTasks(rest, lines, {OURS: NODE}.get, every_s=0.01)
    lines.begin()
    await teller.heard()
    yield made
    await lines.close()
    await rest.close()


async def say(teller: Teller, *operations: Mapping[str, Any]) -> None:
    for each in operations:
        await teller.say({"type": "operation", "metadata": each})


async def test_an_end_is_heard_while_it_is_waited_for(tasks: IncusTasks, teller: Teller) -> None:
    waiting = asyncio.create_task(tasks.ended(operation(), DEADLINE_S))
    left = operation(SUCCESS, metadata={"fingerprint": "f"})
    await say(teller, operation(SUCCESS, id="another"), at(50, 1), left, at(60, 2))
    assert await waiting == left
    assert tasks.hears("m1")


async def test_an_end_that_came_too_soon_is_remembered(tasks: IncusTasks, teller: Teller) -> None:
    listening = asyncio.create_task(tasks.ended(operation(id="other"), DEADLINE_S))
    await say(teller, operation(SUCCESS), operation(SUCCESS, id="other"))
    await listening
    assert await tasks.ended(operation(), 0) == operation(SUCCESS)


async def test_what_was_not_heard_of_is_said_to_be_so(tasks: IncusTasks) -> None:
    assert await tasks.ended(operation(), 0.01) is None


async def test_progress_is_told_once_each_and_never_goes_back(
    tasks: IncusTasks, teller: Teller
) -> None:
    waiting = asyncio.create_task(tasks.ended(operation(), DEADLINE_S))
    seen: list[int | None] = []
    with anyio.fail_after(DEADLINE_S):
        await asyncio.sleep(0)
        await say(teller, at(30, 3), at(10, 1))
        while 30 not in seen:
            [task] = await tasks.progressed()
            seen.append(task.percent)
        assert (task.what, task.ref, task.node_id) == ("Creating instance", OURS, NODE)
        assert (task.progress, task.host) == ("Unpacking image: 30%", "m1")
        await say(teller, at(20, 2), at(90, 4))
        while 90 not in seen:
            [task] = await tasks.progressed()
            seen.append(task.percent)
    assert [each for each in seen if each is not None] == [30, 90]
    await say(teller, operation(SUCCESS))
    await waiting
    tasks.forget(operation())
    with anyio.move_on_after(0.1) as quiet:
        await tasks.progressed()
    assert quiet.cancelled_caught


class Told:
    """An ear that hears what it is told beforehand; None: nothing."""

    def __init__(self, *ends: Mapping[str, Any] | None, hears: bool = True) -> None:
        self._ends = list(ends)
        self._hears = hears
        self.forgotten = 0

    def hears(self, member: str) -> bool:
        return self._hears

    async def ended(self, begun: Mapping[str, Any], within_s: float) -> Mapping[str, Any] | None:
        return self._ends.pop(0)

    def forget(self, begun: Mapping[str, Any]) -> None:
        self.forgotten += 1


@pytest.fixture
async def spoken(tmp_path: Path) -> AsyncIterator[tuple[Scripted, Rest]]:
    incus = Scripted()
    server = await asyncio.start_unix_server(incus.serve, tmp_path / "socket")
    rest = Rest(Options(url=f"unix:{tmp_path}/socket"))
    answer = (202, {"type": "async", "operation": "/1.0/operations/one", "metadata": operation()})
    incus.says("POST /1.0/instances", answer)
    yield incus, rest
    await rest.close()
    server.close()


async def test_who_hears_the_end_asks_nothing(spoken: tuple[Scripted, Rest]) -> None:
    incus, rest = spoken
    ear = Told(operation(SUCCESS, metadata={"left": "it"}))
    rest.listen_by(ear)
    assert await rest.put_into_effect(POST) == {"left": "it"}
    assert (incus.lines(), ear.forgotten) == (["POST /1.0/instances"], 1)


async def test_a_failure_that_is_heard_is_one(spoken: tuple[Scripted, Rest]) -> None:
    _, rest = spoken
    rest.listen_by(Told(operation(FAILURE, err="Image not found")))
    with pytest.raises(Permanent, match="Image not found"):
        await rest.put_into_effect(POST)


async def test_an_end_that_nobody_heard_is_found_by_asking(spoken: tuple[Scripted, Rest]) -> None:
    incus, rest = spoken
    going_on, done = told(operation()), told(operation(SUCCESS, metadata={"left": "it"}))
    incus.says("GET /1.0/operations/one", going_on, done)
    rest.listen_by(Told(None, None))
    assert await rest.put_into_effect(POST) == {"left": "it"}
    assert incus.lines()[1:] == ["GET /1.0/operations/one"] * 2


async def test_where_nobody_listens_it_is_waited_for(spoken: tuple[Scripted, Rest]) -> None:
    incus, rest = spoken
    incus.says("GET /1.0/operations/one/wait", ended())
    rest.listen_by(Told(hears=False))
    await rest.put_into_effect(POST)
    assert incus.lines()[1:] == ["GET /1.0/operations/one/wait"]


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with scripted(tmp_path) as made:
        yield made


async def test_what_is_under_way_is_listed_and_sessions_are_not(bed: Bed) -> None:
    later = operation(id="two", created_at="2030-01-01T00:00:05Z", may_cancel=True, resources=None)
    bed.incus.says(
        "GET /1.0/operations",
        told(
            {
                "running": [later, at(40, 1), operation(id="shell", **{"class": "websocket"})],
                "success": [operation(SUCCESS, id="over")],
            }
        ),
    )
    assert bed.cloud.tasks
    first, second = await bed.cloud.tasks.list_tasks()
    assert (first.id, first.percent, first.may_cancel, first.ref) == ("one", 40, False, OURS)
    assert (second.id, second.percent, second.may_cancel, second.ref) == ("two", None, True, "")


async def test_what_may_be_cancelled_is_and_nothing_else(bed: Bed) -> None:
    tasks = bed.cloud.tasks
    assert tasks
    bed.incus.says("GET /1.0/operations/one", told(operation(may_cancel=True)))
    bed.incus.says("DELETE /1.0/operations/one", told({}))
    await tasks.cancel_task("one")
    assert "DELETE /1.0/operations/one" in bed.incus.lines()
    for said, why in (
        (told(operation()), "goes on to its end"),
        (told(operation(SUCCESS, may_cancel=True)), "no operation one"),
    ):
        bed.incus.says("GET /1.0/operations/one", said)
        with pytest.raises(Permanent, match=why):
            await tasks.cancel_task("one")
    with pytest.raises(Permanent, match="no operation never"):
        await tasks.cancel_task("never")
    assert bed.incus.lines().count("DELETE /1.0/operations/one") == 1


async def under_way(tasks: Tasks) -> Sequence[Task]:
    """Return what members say that they are at; nothing where they cannot say it for now."""
    try:
        return await tasks.list_tasks()
    except Transient:
        return ()


@pytest.mark.incus
async def test_real_members_tell_ends_at_once_and_what_they_are_at(
    incus_testbeds: Callable[[int], Any], tmp_path: Path
) -> None:
    async with opened(incus_testbeds(3), tmp_path) as site:
        tasks = site.cloud.tasks
        assert isinstance(tasks, IncusTasks)
        listening = asyncio.create_task(tasks.progressed())

        async def heard() -> bool:
            return all(tasks.hears(each) for each in site.place.members())

        await until(heard)
        orders = [site.order(index) for index in range(3)]
        began = monotonic()
        making = asyncio.create_task(site.running(*orders))
        seen: dict[str, Task] = {}
        while not making.done():
            seen |= {each.id: each for each in await under_way(tasks)}
        servers = await making
        print(f"3 created in {monotonic() - began:.2f} s; {[each.what for each in seen.values()]}")
        nodes = {order.node_id for order in orders}
        assert nodes & {each.node_id for each in seen.values()}
        assert {each.host for each in seen.values()} <= set(site.place.members())
        for server in servers:
            began = monotonic()
            await site.cloud.compute.delete_server(server.ref)
            print(f"deleted in {monotonic() - began:.2f} s")
        listening.cancel()


HASH = "0" * 64


@asynccontextmanager
async def without_end() -> AsyncIterator[str]:
    """Yield the URL of an image, as seen from the members, of which only the beginning comes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[0]
        named = f"Incus-Image-Hash: {HASH}\r\nIncus-Image-URL: {url}\r\n"
        length = 0 if method == b"HEAD" else 1 << 20
        writer.write(f"HTTP/1.1 200 OK\r\n{named}Content-Length: {length}\r\n\r\n".encode())
        if length:
            writer.write(bytes(1 << 10))
            await reader.read()  # until whoever downloads it hangs up
        writer.close()

    server = await asyncio.start_server(answer, FABRIC_ADDRESS, 0)
    url = f"http://{FABRIC_ADDRESS}:{server.sockets[0].getsockname()[1]}/image"
    async with server:
        yield url


@pytest.mark.incus
@pytest.mark.parametrize("member", ["m1", "m2"])
async def test_a_real_download_that_is_cancelled_ends_and_leaves_no_image(
    incus_testbeds: Callable[[int], Any], tmp_path: Path, member: str
) -> None:
    """Cancelled through whichever member is asked, also where another is at it."""
    async with opened(incus_testbeds(3), tmp_path) as site, without_end() as url:
        tasks = site.cloud.tasks
        assert tasks
        body = {"source": {"type": "url", "url": url}}
        socket = site.place.socket(member)
        begun = call(socket, "POST", "/1.0/images", body, wait=False)
        ours: list[Task] = []

        async def may_be_cancelled() -> bool:
            ours[:] = [each for each in await tasks.list_tasks() if each.id == begun["id"]]
            return any(each.may_cancel for each in ours)

        await until(may_be_cancelled)
        [task] = ours
        assert (task.what, task.host) == ("Downloading image", member)
        await tasks.cancel_task(task.id)

        async def over() -> bool:
            return task.id not in {each.id for each in await tasks.list_tasks()}

        await until(over)
        listed = site.asked("/1.0/operations?recursion=1", member)
        left = [each for group in listed.values() for each in group if each["id"] == task.id]
        assert all(each["status_code"] > SUCCESS and "cancel" in each["err"] for each in left)
        assert HASH not in {each["fingerprint"] for each in site.asked("/1.0/images?recursion=1")}
        with pytest.raises(Permanent, match="no operation"):
            await tasks.cancel_task(task.id)


@pytest.mark.incus
async def test_what_real_members_do_not_cancel_is_refused_by_name_and_goes_on(
    incus_testbeds: Callable[[int], Any], tmp_path: Path
) -> None:
    async with opened(incus_testbeds(3), tmp_path) as site:
        tasks = site.cloud.tasks
        assert tasks
        making = asyncio.create_task(site.running(*(site.order(each) for each in range(3))))
        refused: list[str] = []
        while not making.done() and not refused:
            for each in await under_way(tasks):
                if each.what != "Creating instance":  # members have things of their own to do
                    continue
                try:
                    await tasks.cancel_task(each.id)
                except Transient:
                    continue
                except Permanent as error:
                    refused += [error.text] if each.what in error.text else []
        assert set(refused) == {"Creating instance goes on to its end: Incus cannot cancel it"}
        assert {each.seen for each in await making} == {Seen.RUNNING}
