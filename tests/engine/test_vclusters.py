"""Virtual clusters are there whole or not at all, and what they have claimed ends with them."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.clouds import config
from engine.whole import WHERE, claims, left, made, settled, world
from muster.api.vclusters_v2 import bodies
from muster.base.clock import ManualClock
from muster.base.errors import Unplaceable
from muster.drivers.simulated.cloud import cloud_over
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.vcluster import MemberStatus, VCluster, VClusterStatus
from muster.model.volume import VolumeOrder
from muster.ports.store import Query
from muster.service import flavors, vclusters
from muster.service.desk import Desk
from muster.store.connect import connect
from muster.store.signals import LocalSignal
from office import PEOPLE, Office, SolvedHere, a_cloud, opened
from vclusters import ONE_VOLUME, REDUNDANT, body, repeated, rule, server, volume


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    cloud = await a_cloud(tmp_path, ManualClock(), hosts=3, host_vcpus=4, host_disk_gib=20)
    async with opened(tmp_path, clouds={"simulated": cloud}) as made:
        yield made


@pytest.mark.parametrize("form", [json.dumps, repeated])
@pytest.mark.parametrize("case", [ONE_VOLUME, REDUNDANT])
async def test_the_use_cases_of_the_blueprint_come_to_be(
    office: Office, case: Any, form: Any
) -> None:
    asked = await made(office, form(case))
    found = await settled(office, asked["id"])
    assert (found["status"], found["status_reason"]) == ("ACTIVE", "it is there, whole")
    assert {each["status"] for each in found["instances"]} == {"ACTIVE"}
    assert {each["state"] for each in found["groupings"]} == {"satisfied"}
    cloud = office.desk.clouds["simulated"]
    assert cloud.volumes
    servers = {str(each.server_id): each for each in await cloud.compute.list_servers()}
    volumes = {str(each.id): each for each in await cloud.volumes.list_volumes()}
    by_name = {each["name"]: each for each in found["instances"]}
    for each in found["instances"]:
        there = servers.get(each["id"]) or volumes[each["id"]]
        assert there.host == each["host"]
        if each["attached_to"]:
            user = servers[by_name[each["attached_to"]]["id"]]
            assert volumes[each["id"]].server_ref == user.ref
    assert len(await claims(office)) == len(found["instances"])


async def test_what_takes_its_time_is_waited_for(tmp_path: Path) -> None:
    cloud = await a_cloud(tmp_path, ManualClock(), hosts=3, create_s=5, delete_s=5)
    async with opened(tmp_path, clouds={"simulated": cloud}) as office:
        asked = await made(office, ONE_VOLUME)
        await office.go_on(2)
        shown = (await office.call("GET", f"{WHERE}/{asked['id']}")).json()["vcluster"]
        assert shown["status"] == "CREATING"
        world(office).clock.advance(10)  # type: ignore[attr-defined]
        assert (await settled(office, asked["id"]))["status"] == "ACTIVE"


async def test_it_goes_whole_servers_first(office: Office) -> None:
    asked = await made(office, REDUNDANT)
    await settled(office, asked["id"])
    plan = await office.call("DELETE", f"{WHERE}/{asked['id']}?plan=true")
    assert len(plan.json()["plan"]["loses"]) == 2
    seen: list[str] = []
    world(office).tap = lambda call, about, done: seen.append(call) if not done else None
    answer = await office.call("DELETE", f"{WHERE}/{asked['id']}")
    assert answer.status_code == 202
    assert answer.json()["vcluster"]["status"] == "DELETING"
    await office.go_on(5)
    assert (await office.call("GET", f"{WHERE}/{asked['id']}")).status_code == 404
    assert await left(office) == (0, 0, 0)
    order = [call for call in seen if call in ("delete_server", "detach_volume", "delete_volume")]
    assert order.index("delete_volume") > max(
        place for place, call in enumerate(order) if call == "delete_server"
    )


async def test_volumes_are_kept_where_that_is_asked(office: Office) -> None:
    asked = await made(office, REDUNDANT)
    await settled(office, asked["id"])
    await office.call("DELETE", f"{WHERE}/{asked['id']}?keep_volumes=true")
    await office.go_on(5)
    assert await left(office) == (0, 2, 0)
    listed = (await office.call("GET", "/v1/volumes")).json()["volumes"]
    assert {each["instance_id"] for each in listed} == {None}


@pytest.mark.parametrize("call", ["create_server", "create_volume", "attach_volume"])
async def test_what_never_works_leaves_nothing_and_says_what(office: Office, call: str) -> None:
    world(office).fail(call, "permanent")
    asked = await made(office, REDUNDANT)
    found = await settled(office, asked["id"], 60)
    assert found["status"] == "ERROR"
    assert "cannot be made" in found["status_reason"]
    assert await left(office) == (0, 0, 0)
    await office.call("DELETE", f"{WHERE}/{asked['id']}")
    await office.go_on(2)
    assert (await office.call("GET", WHERE)).json() == {"vclusters": []}


@pytest.mark.parametrize("number", range(8))
async def test_whichever_of_them_cannot_be_made_none_of_them_stays(
    office: Office, number: int
) -> None:
    """The first, the second, ... the last of eight: each server is made before any volume."""
    names = [f"{kind}-{n}" for kind in ("s", "v") for n in range(4)]
    things = [server(n) if n.startswith("s") else volume(n, 2) for n in names]
    call = "create_server" if number < 4 else "create_volume"
    world(office).fail(call, "permanent", match=f"one-{names[number]}")
    found = await settled(office, (await made(office, body(things)))["id"], 60)
    assert found["status"] == "ERROR"
    assert f"{names[number]} cannot be made" in found["status_reason"]
    assert await left(office) == (0, 0, 0)


@pytest.mark.parametrize("call", ["create_server", "create_volume", "attach_volume"])
@pytest.mark.parametrize("error", ["transient", "lost"])
async def test_what_fails_once_comes_to_be_all_the_same(
    office: Office, call: str, error: str
) -> None:
    world(office).fail(call, error, times=1)
    asked = await made(office, ONE_VOLUME)
    found = await settled(office, asked["id"], 60)
    assert found["status"] == "ACTIVE"
    assert await left(office) == (1, 1, 2)


async def test_a_host_that_refuses_is_left_for_another(office: Office) -> None:
    asked = await made(office, ONE_VOLUME)
    first = asked["instances"][0]["host"]
    world(office).power_cut(first)
    found = await settled(office, asked["id"], 60)
    assert found["status"] == "ACTIVE"
    hosts = {each["host"] for each in found["instances"]}
    assert len(hosts) == 1
    assert first not in hosts
    assert {each.host for each in await claims(office)} == hosts


async def test_a_host_that_others_have_filled_meanwhile_is_left_for_another(
    office: Office, tmp_path: Path
) -> None:
    """Also by the server that was made there already: its volume would not fit beside it."""
    asked = await made(office, ONE_VOLUME)
    first = asked["instances"][0]["host"]
    await filled(office, tmp_path, first)
    found = await settled(office, asked["id"], 60)
    assert found["status"] == "ACTIVE", found["status_reason"]
    [host] = {each["host"] for each in found["instances"]}
    assert host != first
    assert {each.host for each in await claims(office)} == {host}
    assert await left(office) == (1, 1, 2)


@pytest.mark.parametrize("error", ["transient", "permanent"])
async def test_a_former_host_that_keeps_what_is_to_go_does_not_count_against_the_new_one(
    office: Office, tmp_path: Path, error: str
) -> None:
    asked = await made(office, ONE_VOLUME)
    first = asked["instances"][0]["host"]
    await filled(office, tmp_path, first)
    world(office).fail("delete_server", error, times=2)
    host = await next_host(office, asked["id"], first)
    assert (await settled(office, asked["id"], 60))["status"] == "ACTIVE"
    assert await hosts_of(office, asked["id"]) == {host}
    assert {each.host for each in await claims(office)} == {host}
    assert await left(office) == (1, 1, 2)


async def test_what_its_former_host_never_lets_go_ends_it_and_that_is_said(
    office: Office, tmp_path: Path
) -> None:
    asked = await made(office, ONE_VOLUME)
    await filled(office, tmp_path, asked["instances"][0]["host"])
    world(office).fail("delete_server", "transient", times=8)
    found = await settled(office, asked["id"], 240)
    assert found["status"] == "ERROR"
    assert "cannot leave its former host" in found["status_reason"]
    assert await left(office) == (0, 0, 0)


async def filled(office: Office, tmp_path: Path, host: str) -> None:
    """Have others fill a host with a volume, so that it holds a server more, and no disk."""
    theirs = cloud_over(world(office), config(tmp_path / "theirs", office.clock))
    assert theirs.volumes
    order = VolumeOrder(volume_id=uuid4(), name="theirs", project="p", size_gib=15, host=host)
    await theirs.volumes.create_volume(order)


async def next_host(office: Office, id: str, first: str) -> str:
    """Return where all of it is to be once that is recorded, and nothing is done about it yet."""
    for _ in range(100):
        office.clock.advance(0.1)
        await office.engine.settle()
        [host] = await hosts_of(office, id)
        if host != first:
            return host
    raise AssertionError(f"all of it is to be on {first} still")


async def hosts_of(office: Office, id: str) -> set[str]:
    found = (await office.call("GET", f"{WHERE}/{id}")).json()["vcluster"]
    return {each["host"] for each in found["instances"]}


async def test_where_no_other_host_is_left_all_of_it_goes(office: Office) -> None:
    three = [server(name) for name in "abc"]
    asked = await made(office, body(three, [rule("anti-affinity", *"abc")]))
    world(office).power_cut("z1-h1")
    found = await settled(office, asked["id"], 120)
    assert found["status"] == "ERROR"
    assert await left(office) == (0, 0, 0)


async def test_one_that_breaks_later_is_told_and_one_that_recovers_too(office: Office) -> None:
    asked = await made(office, ONE_VOLUME)
    await settled(office, asked["id"])
    [one] = await office.desk.clouds["simulated"].compute.list_servers()
    world(office).break_server(one.ref)
    await office.go_on(3)
    found = await settled(office, asked["id"])
    assert found["status"] == "WARNING"
    assert "crashed" in found["status_reason"]
    world(office).heal(one.ref)
    await office.go_on(3)
    assert (await settled(office, asked["id"]))["status"] == "ACTIVE"


async def test_its_servers_are_no_strays(office: Office) -> None:
    asked = await made(office, ONE_VOLUME)
    await settled(office, asked["id"])
    await office.go_on(200)
    assert await left(office) == (1, 1, 2)
    assert (await office.call("GET", "/v1/strays")).json() == {"strays": []}


async def test_one_that_is_deleted_while_it_is_made_leaves_nothing(office: Office) -> None:
    asked = await made(office, body([server("a"), volume("v", attach_to="a")]))
    await office.call("DELETE", f"{WHERE}/{asked['id']}")
    await office.go_on(5)
    assert await left(office) == (0, 0, 0)
    assert (await office.call("GET", WHERE)).json() == {"vclusters": []}


class Cut(Exception):
    """The power went."""


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 5])
@pytest.mark.parametrize("obeyed", [False, True])
async def test_cut_off_at_any_call_it_is_whole_in_the_end_and_so_is_its_end(
    tmp_path: Path, obeyed: bool, every: int
) -> None:
    for number in range(0, 60, every):
        cloud = await a_cloud(tmp_path, ManualClock(), hosts=3, host_vcpus=4, host_disk_gib=20)
        async with opened(tmp_path, clouds={"simulated": cloud}) as office:
            asked = await made(office, REDUNDANT)
            fate = Fate(number, obeyed)
            world(office).tap = fate
            found = await settled(office, asked["id"], 60)
            assert found["status"] == "ACTIVE"
            assert await left(office) == (2, 2, 4)
            await office.call("DELETE", f"{WHERE}/{asked['id']}")
            await office.go_on(30)
            assert await left(office) == (0, 0, 0)
            if not fate.met:
                return
    raise AssertionError("more calls than expected")


class Fate:
    """Cuts the power once: before or after the world has obeyed the call of that number."""

    CALLS = ("create", "attach", "detach", "delete", "room")

    def __init__(self, number: int, obeyed: bool) -> None:
        self._number = number
        self._obeyed = obeyed
        self.met = False

    def __call__(self, call: str, about: str, done: bool) -> None:
        if call.startswith(self.CALLS) and done is self._obeyed:
            self._number -= 1
            if self._number == -1:
                self.met = True
                raise Cut(call)


async def test_an_attachment_that_is_refused_again_and_again_ends_it(office: Office) -> None:
    world(office).fail("attach_volume", "transient")
    asked = await made(office, ONE_VOLUME)
    found = await settled(office, asked["id"], 120)
    assert found["status"] == "ERROR"
    assert await left(office) == (0, 0, 0)


async def test_what_is_listed_only_after_all_was_rolled_back_goes_too(tmp_path: Path) -> None:
    clock = ManualClock()
    cloud = await a_cloud(tmp_path, clock, hosts=3, list_lag_s=30)
    async with opened(tmp_path, clouds={"simulated": cloud}) as office:
        world(office).fail("create_server", "permanent", match="late-b")
        asked = await made(office, body([server("a"), server("b")], name="late"))
        assert (await settled(office, asked["id"]))["status"] == "ERROR"
        assert len(world(office).state.machines) == 1
        clock.advance(60)
        await office.go_on(10)
        assert not world(office).state.machines
        assert await left(office) == (0, 0, 0)


@pytest.mark.parametrize("blow", ["power_cut", "lose", "cut_off"])
async def test_a_host_that_dies_while_it_is_made_leaves_nothing_in_the_end(
    tmp_path: Path, blow: str
) -> None:
    cloud = await a_cloud(tmp_path, ManualClock(), hosts=3, host_disk_gib=20, create_s=5)
    async with opened(tmp_path, clouds={"simulated": cloud}) as office:
        asked = await made(office, REDUNDANT)
        await office.go_on(2)
        host = next(each["host"] for each in asked["instances"])
        getattr(world(office), blow)(host)
        await office.go_on(30)
        world(office).power_back(host)
        found = await settled(office, asked["id"], 120)
        assert found["status"] == "ERROR"
        assert "cannot be made" in found["status_reason"]
        assert await left(office) == (0, 0, 0)


@pytest.mark.postgresql
async def test_of_fifty_asked_of_two_servers_at_once_those_that_fit_are_there_whole(
    office: Office, postgres_url: str
) -> None:
    """Each has an engine of its own; whoever was refused has a reason, and left nothing."""
    stores = [await connect(postgres_url, LocalSignal(), office.clock) for _ in range(2)]
    desks = [replace(office.desk, store=each, placing=asyncio.Lock()) for each in stores]
    await flavors.seed(desks[0])
    ended = await asyncio.gather(*(half_a_host(desks[n % 2], n) for n in range(50)))
    assert Counter(type(each) for each in ended) == {VCluster: 6, Unplaceable: 44}
    assert all("GiB" in each.text for each in ended if isinstance(each, Unplaceable))
    engines = [an_engine(desk, f"engine {n}") for n, desk in enumerate(desks)]
    for _ in range(10):
        office.clock.advance(1)
        await asyncio.gather(*(engine.settle() for engine in engines))
    rows = await desks[1].store.read(lambda tx: tx.vclusters.find(Query()))
    assert [each.status for each in rows] == [VClusterStatus.ACTIVE] * 6
    assert {m.status for each in rows for m in each.members} == {MemberStatus.ACTIVE}
    claimed = await desks[0].store.read(lambda tx: tx.reservations.find(Query()))
    assert (await left(office))[:2] == (6, 12)
    assert {each.id for each in claimed} == {m.id for each in rows for m in each.members}
    for each in stores:
        await each.close()


async def half_a_host(desk: Desk, number: int) -> VCluster | Unplaceable:
    """Ask for half a host's disk; whoever does not get it is told why."""
    things = [server("a"), volume("left", 6), volume("right", 4)]
    rules = [rule("affinity", "a", "left", "right")]
    said, _ = bodies.asked(json.dumps(body(things, rules, name=f"n{number}")).encode())
    try:
        return (await vclusters.created(desk, PEOPLE["ann"], said)).vcluster
    except Unplaceable as refusal:
        return refusal


def an_engine(desk: Desk, owner: str) -> Engine:
    pace = EnginePace(owner=owner)
    made = Engine(desk.store, desk.clouds, desk.clock, desk.store.signal, pace)
    made.place_by(SolvedHere())
    return made
