"""Events as they happen: nothing is skipped, nothing of others is told, any place is resumed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from muster.api.autoscaling_v1.stream import LATER, NOT_KNOWN
from muster.base.errors import Unavailable
from muster.ports.signal import EVENTS
from office import Guests, Office, opened
from server import Wire, served


async def kinds(office: Office) -> list[tuple[int, str]]:
    answer = await office.call("GET", "/v1/events?sort=seq", None, "root")
    return [(each["seq"], each["kind"]) for each in answer.json()["events"]]


@asynccontextmanager
async def listening(wire: Wire, query: str = "", **headers: str) -> AsyncIterator[Any]:
    """Yield a function that returns the next event of the stream, comments left out."""
    async with wire.stream(f"/v1/events/stream{query}", {"x-name": "ann", **headers}) as blocks:

        async def following() -> dict[str, Any]:
            async for block in blocks:
                fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
                if "data" in fields:
                    return fields | {"data": json.loads(fields["data"])}
            raise AssertionError("the stream has ended")

        yield lambda: asyncio.wait_for(following(), 5)


async def test_the_stream_tells_what_happens_from_now_on(office: Office) -> None:
    await office.made()
    async with served(office.app) as wire, listening(wire) as following:
        await office.made(name="web2")
        event = await following()
        assert event["event"] == "cluster.created"
        assert event["data"]["oname"] == "web2"
        assert event["data"]["status_reason"] == "ann asked for 2 of demo-web"
        assert int(event["id"]) == event["data"]["seq"]


async def test_the_stream_is_resumed_behind_the_last_one_seen(office: Office) -> None:
    for name in ("a", "b", "c"):
        await office.made(name=name)
    first, *rest = await kinds(office)
    async with served(office.app) as wire:
        for query, headers in ((f"?after={first[0]}", {}), ("", {"Last-Event-ID": str(first[0])})):
            async with listening(wire, query, **headers) as following:
                seen = [await following() for _ in rest]
                assert [int(each["id"]) for each in seen] == [seq for seq, _ in rest]
                assert [each["data"]["oname"] for each in seen] == ["b", "c"]


async def test_the_browsers_own_number_is_newer_than_the_one_in_the_address(
    office: Office,
) -> None:
    for name in ("a", "b", "c"):
        await office.made(name=name)
    seqs = [seq for seq, _ in await kinds(office)]
    async with (
        served(office.app) as wire,
        listening(wire, "?after=0", **{"Last-Event-ID": str(seqs[1])}) as following,
    ):
        assert (await following())["data"]["oname"] == "c"


async def test_the_stream_tells_of_one_cluster_only_if_asked(office: Office) -> None:
    await office.made(name="a")
    await office.made(name="b")
    async with served(office.app) as wire, listening(wire, "?after=0&cluster=b") as following:
        assert (await following())["data"]["oname"] == "b"


async def test_a_quiet_cluster_among_busy_ones_is_heard_of(office: Office) -> None:
    await office.made(name="quiet")
    async with (
        served(office.app) as wire,
        wire.socket("/v1/events/ws?cluster=quiet", {"x-name": "ann"}) as socket,
    ):
        office.clock.advance(15)
        await office.made(name="busy")
        assert json.loads(await asyncio.wait_for(socket.recv(), 5)) == {"kind": "heartbeat"}


async def test_the_stream_tells_nothing_of_other_projects(office: Office) -> None:
    await office.made("bob", name="secret")
    await office.made("ann", name="mine")
    async with served(office.app) as wire, listening(wire, "?after=0") as following:
        assert (await following())["data"]["oname"] == "mine"


async def test_a_wrong_number_is_refused(office: Office) -> None:
    for query in ("?after=x", "?after=-1", "?bogus=1"):
        assert (await office.call("GET", f"/v1/events/stream{query}")).status_code == 400


@pytest.mark.parametrize("where", ["/v1/events/stream", "/v1/events/ws"])
async def test_a_socket_tells_the_same_and_resumes_alike(office: Office, where: str) -> None:
    await office.made(name="a")
    await office.made(name="b")
    first = (await kinds(office))[0][0]
    async with (
        served(office.app) as wire,
        wire.socket(f"{where}?after={first}", {"x-name": "ann"}) as socket,
    ):
        told = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert (told["kind"], told["oname"]) == ("cluster.created", "b")
        await office.made(name="c")
        told = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert told["oname"] == "c"


async def test_the_lines_of_one_who_is_no_longer_known_end(tmp_path: Path) -> None:
    guests, rita = Guests(), {"x-name": "rita"}
    async with (
        opened(tmp_path, guests) as office,
        served(office.app) as wire,
        wire.socket("/v1/events/ws", rita) as socket,
        listening(wire, **rita) as following,
    ):
        office.clock.advance(15)
        await office.made(name="a")
        assert (await following())["data"]["oname"] == "a"
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))["oname"] == "a"

        guests.left.add("rita")
        office.clock.advance(15)
        await office.made(name="b")

        with pytest.raises(AssertionError, match="the stream has ended"):
            await following()
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)
        assert socket.close_code == NOT_KNOWN


class Failing:
    """A store that can be had fail for a while."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.failing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read(self, work: Any) -> Any:
        if self.failing:
            raise Unavailable("the database starts again")
        return await self._store.read(work)


async def test_a_socket_on_which_nothing_more_can_be_told_is_closed(office: Office) -> None:
    failing = Failing(office.desk.store)
    office.app.state.desk = replace(office.desk, store=failing)
    async with served(office.app) as wire, wire.socket("/v1/events/ws", {"x-name": "ann"}) as line:
        failing.failing = True
        office.desk.signal.wake(EVENTS)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(line.recv(), 5)
        assert line.close_code == LATER


async def test_a_socket_is_refused_to_nobody_and_to_other_peoples_pages(office: Office) -> None:
    async with served(office.app) as wire:
        assert await wire.refused("/v1/events/ws", {})
        foreign = {"x-name": "ann", "Origin": "http://evil.example"}
        assert await wire.refused("/v1/events/ws", foreign)
        own = {"x-name": "ann", "Origin": wire.url}
        assert not await wire.refused("/v1/events/ws", own)
