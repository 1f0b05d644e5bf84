"""A terminal in an instance, by WebSocket: who may, what is said, and what is written down."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.exceptions import ConnectionClosed

from muster.api.guard import Door
from muster.base.clock import ManualClock
from muster.base.errors import Permanent
from muster.model.command import Command, Ended, Screen
from muster.ports.commands import Terminal
from muster.ports.signal import EVENTS
from office import Guests, Office, a_cloud, opened
from server import Wire, served

DEADLINE_S = 30.0


class Player:
    """Plays a program: says back what is typed, and what is done to it; `q` ends it."""

    def __init__(self, command: Command, screen: Screen) -> None:
        self.begun = (command.words, dict(command.environment), screen)
        self.hung_up = anyio.Event()
        self._say, self._said = anyio.create_memory_object_stream[bytes](100)
        self._say.send_nowait(b"begun")

    async def printed(self) -> bytes:
        return await self._said.receive()

    async def type(self, keys: bytes) -> None:
        self._say.send_nowait(b"" if keys == b"q" else b"typed " + keys)

    async def resize(self, screen: Screen) -> None:
        self._say.send_nowait(f"{screen.rows}x{screen.columns}".encode())

    async def signal(self, number: int) -> None:
        self._say.send_nowait(f"signal {number}".encode())

    async def hang_up(self) -> int:
        self.hung_up.set()
        self._say.close()
        self._said.close()
        return 5


class Stage:
    """Commands of a cloud in which programs are played."""

    def __init__(self) -> None:
        self.players: list[Player] = []

    async def run_command(self, ref: str, command: Command) -> Ended:
        return Ended(code=0)

    async def open_terminal(self, ref: str, command: Command, screen: Screen) -> Terminal:
        if command.words[0] == "broken":
            raise Permanent("it does not run")
        self.players.append(Player(command, screen))
        return self.players[-1]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def staged(tmp_path: Path, stage: Stage) -> AsyncIterator[Office]:
    cloud = replace(await a_cloud(tmp_path, ManualClock()), commands=stage)
    async with opened(tmp_path, clouds={"simulated": cloud}) as office:
        yield office


async def an_instance(office: Office) -> str:
    made = await office.made(min_size=1)
    await office.go_on(5)
    listed = await office.call("GET", f"/v1/instances?cluster={made['stack_name']}")
    name: str = listed.json()["instances"][0]["name"]
    return name


@asynccontextmanager
async def sitting(
    wire: Wire, instance: str, said: Mapping[str, Any], who: str = "ann"
) -> AsyncIterator[Any]:
    with anyio.fail_after(DEADLINE_S):
        async with wire.socket(f"/v1/instances/{instance}/exec", {"x-name": who}) as socket:
            await socket.send(json.dumps(said))
            yield socket


async def told(office: Office) -> list[dict[str, Any]]:
    answer = await office.call("GET", "/v1/events?sort=seq&kind=node.command", None, "root")
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def test_what_is_typed_shown_and_signalled_gets_there(staged: Office, stage: Stage) -> None:
    name = await an_instance(staged)
    first = {"command": ["sh", "-l"], "environment": {"TERM": "vt100"}, "rows": 50, "columns": 132}
    async with served(staged.app) as wire, sitting(wire, name, first) as socket:
        assert await socket.recv() == b"begun"
        await socket.send(b"ls\r")
        assert await socket.recv() == b"typed ls\r"
        await socket.send(json.dumps({"resize": {"rows": 10, "columns": 20}}))
        assert await socket.recv() == b"10x20"
        await socket.send(json.dumps({"signal": 15}))
        assert await socket.recv() == b"signal 15"
        await socket.send(b"q")
        assert json.loads(await socket.recv()) == {"exit_code": 5}
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    [player] = stage.players
    screen = Screen(rows=50, columns=132)
    assert player.begun == (("sh", "-l"), {"TERM": "vt100"}, screen)


async def test_who_sat_where_is_written_down_as_it_begins_and_ends(
    staged: Office, stage: Stage
) -> None:
    name = await an_instance(staged)
    async with (
        served(staged.app) as wire,
        sitting(wire, name, {"command": ["sh", "secret"]}) as socket,
    ):
        assert await socket.recv() == b"begun"
        [start] = await told(staged)
        assert (start["status"], start["user"], start["oname"]) == ("start", "ann", name)
        assert start["status_reason"] == f"ann ran sh at a terminal in {name}"
        await socket.send(b"q")
        await socket.recv()
    _, end = await told(staged)
    assert end["status_reason"] == f"ann ran sh at a terminal in {name}; it ended with 5"
    assert "secret" not in json.dumps([start, end])


async def test_whoever_goes_away_hangs_up(staged: Office, stage: Stage) -> None:
    name = await an_instance(staged)
    async with served(staged.app) as wire:
        async with sitting(wire, name, {"command": ["sh"]}) as socket:
            assert await socket.recv() == b"begun"
        with anyio.fail_after(DEADLINE_S):
            await stage.players[0].hung_up.wait()
            while len(await told(staged)) < 2:
                await staged.desk.signal.wait(EVENTS, DEADLINE_S)
    assert [each["status"] for each in await told(staged)] == ["start", "end"]


async def test_the_terminal_of_one_who_is_no_longer_known_is_closed(
    staged: Office, stage: Stage
) -> None:
    name, guests = await an_instance(staged), Guests()
    staged.app.state.door = Door(identity=guests, ask_again_s=0.01)
    async with served(staged.app) as wire, sitting(wire, name, {"command": ["sh"]}) as socket:
        assert await socket.recv() == b"begun"
        guests.left.add("ann")
        said = json.loads(await socket.recv())
        assert "not known here any more" in said["error"]["message"]
        await stage.players[0].hung_up.wait()


async def test_what_is_wrong_is_said(staged: Office, stage: Stage) -> None:
    name = await an_instance(staged)
    async with served(staged.app) as wire:
        for instance, said, kind in (
            (name, {"command": []}, "invalid"),
            (name, {"command": ["sh"], "rows": 0}, "invalid"),
            (name, {"colour": "red"}, "invalid"),
            (name, {"command": ["broken"]}, "driver.permanent"),
            ("nobody", {"command": ["sh"]}, "not_found"),
        ):
            async with sitting(wire, instance, said) as socket:
                assert json.loads(await socket.recv())["error"]["type"] == kind
    assert (stage.players, await told(staged)) == ([], [])


async def test_nonsense_later_on_ends_it(staged: Office, stage: Stage) -> None:
    name = await an_instance(staged)
    async with served(staged.app) as wire:
        for words in ("no JSON", '{"signal": 0}', '{"resize": 7}'):
            async with sitting(wire, name, {"command": ["sh"]}) as socket:
                assert await socket.recv() == b"begun"
                await socket.send(words)
                assert json.loads(await socket.recv())["error"]["type"] == "invalid"
                assert stage.players[-1].hung_up.is_set()


async def test_whoever_may_only_read_or_is_of_elsewhere_gets_no_terminal(
    staged: Office, stage: Stage
) -> None:
    name = await an_instance(staged)
    async with served(staged.app) as wire:
        where = f"/v1/instances/{name}/exec"
        assert await wire.refused(where, {})
        assert await wire.refused(where, {"x-name": "rita"})
        foreign = {"x-name": "ann", "Origin": "http://evil.example"}
        assert await wire.refused(where, foreign)
        async with sitting(wire, name, {"command": ["sh"]}, who="bob") as socket:
            assert json.loads(await socket.recv())["error"]["type"] == "not_found"
    assert stage.players == []


async def test_a_cloud_that_runs_nothing_says_why(office: Office) -> None:
    name = await an_instance(office)
    async with served(office.app) as wire, sitting(wire, name, {"command": ["sh"]}) as socket:
        error = json.loads(await socket.recv())["error"]
        assert error["type"] == "unsupported"
        assert "simulated" in error["message"]
