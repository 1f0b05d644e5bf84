"""Room for a virtual cluster is claimed as it is recorded, and nobody gets what another has."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muster.api.vclusters_v2.bodies import asked
from muster.base.clock import ManualClock
from muster.base.errors import Conflict, NotFound, QuotaExceeded, Unplaceable
from muster.model.reservation import Reservation
from muster.model.vcluster import VCluster
from muster.ports.store import Query
from muster.service import flavors, vclusters
from muster.service.desk import Desk
from muster.store.connect import connect
from muster.store.signals import LocalSignal
from office import PEOPLE, Office, a_cloud, opened
from vclusters import REDUNDANT, body, rule, server, volume

ANN, BOB, ROOT = PEOPLE["ann"], PEOPLE["bob"], PEOPLE["root"]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    cloud = await a_cloud(tmp_path, ManualClock(), hosts=3, host_disk_gib=20, host_vcpus=4)
    async with opened(tmp_path, clouds={"simulated": cloud}, max_clusters=60) as made:
        yield made


async def ask(office: Office, said: Any, who: Any = ANN) -> VCluster:
    return await ask_at(office.desk, said, who)


async def ask_at(desk: Desk, said: Any, who: Any = ANN) -> VCluster:
    wanted, _ = asked(json.dumps(said).encode())
    return (await vclusters.created(desk, who, wanted)).vcluster


async def claims(office: Office) -> list[Reservation]:
    return list(await office.desk.store.read(lambda tx: tx.reservations.find(Query())))


async def test_what_is_recorded_has_claimed_what_it_needs(office: Office) -> None:
    made = await ask(office, REDUNDANT)
    kept = (await vclusters.show(office.desk, ANN, "redundant-data")).vcluster
    assert kept == made
    found = {each.id: each for each in await claims(office)}
    assert {each.id: each.host for each in made.members} == {
        id: each.host for id, each in found.items()
    }
    assert {each.owner for each in found.values()} == {made.id}
    assert sorted(each.disk_gib.get("", 0) for each in found.values()) == [0, 0, 10, 10]


async def test_what_is_claimed_is_not_planned_with(office: Office) -> None:
    for number in range(3):
        await ask(office, body([volume("v", 20)], name=f"full-{number}"))
    with pytest.raises(Unplaceable):
        await ask(office, body([volume("v", 1)], name="late"))
    assert len(await claims(office)) == 3


async def test_of_many_at_once_exactly_those_that_fit_exist_and_whole(office: Office) -> None:
    two = [server("a"), volume("left", 6), volume("right", 4)]
    rules = [rule("affinity", "a", "left"), rule("affinity", "left", "right")]
    said = [body(two, rules, name=f"n{number}") for number in range(50)]
    ended = await asyncio.gather(*(ask(office, each) for each in said), return_exceptions=True)
    made = [each for each in ended if isinstance(each, VCluster)]
    assert len(made) == 6  # with 10 GiB each, on three hosts of 20
    assert {type(each) for each in ended} == {VCluster, Unplaceable}
    await all_is_claimed_once(office.desk, made)


async def all_is_claimed_once(desk: Desk, made: list[VCluster]) -> None:
    """Check that these have filled every host, and that there are no others."""
    found = await desk.store.read(lambda tx: tx.reservations.find(Query()))
    assert {each.id for each in found} == {m.id for one in made for m in one.members}
    used: Counter[str] = Counter()
    for each in found:
        used[each.host] += each.disk_gib.get("", 0)
    assert set(used.values()) == {20}
    kept = await desk.store.read(lambda tx: tx.vclusters.find(Query()))
    assert {each.id for each in kept} == {each.id for each in made}


@pytest.mark.postgresql
async def test_servers_over_one_database_never_give_a_slot_twice(
    office: Office, postgres_url: str
) -> None:
    """Neither knows of the other: each has its own lock, and looks at the same cloud."""
    stores = [await connect(postgres_url, LocalSignal()) for _ in range(2)]
    desks = [replace(office.desk, store=each, placing=asyncio.Lock()) for each in stores]
    await flavors.seed(desks[0])
    said = [body([volume("left", 6), volume("right", 4)], name=f"n{n}") for n in range(12)]
    for each in said:
        each["vcluster"]["groupings"] = [rule("affinity", "left", "right")]
    turns = (ask_at(desks[number % 2], each) for number, each in enumerate(said))
    ended = await asyncio.gather(*turns, return_exceptions=True)
    made = [each for each in ended if isinstance(each, VCluster)]
    assert len(made) == 6, ended
    assert {type(each) for each in ended} == {VCluster, Unplaceable}
    await all_is_claimed_once(desks[1], made)
    for each in stores:
        await each.close()


async def test_a_name_is_free_once_in_a_project(office: Office) -> None:
    one = body([volume("v", 1)])
    await ask(office, one)
    with pytest.raises(Conflict, match="named 'one' already"):
        await ask(office, one)
    await ask(office, one, BOB)
    assert len(await claims(office)) == 2


async def test_two_of_one_name_at_once_are_one(office: Office) -> None:
    one = body([volume("v", 1)])
    ended = await asyncio.gather(*[ask(office, one) for _ in range(5)], return_exceptions=True)
    assert sum(isinstance(each, VCluster) for each in ended) == 1
    assert len(await claims(office)) == 1


async def test_a_project_has_so_many_and_not_more(tmp_path: Path) -> None:
    async with opened(tmp_path, max_clusters=1) as office:
        await ask(office, body([volume("v", 1)]))
        with pytest.raises(QuotaExceeded):
            await ask(office, body([volume("v", 1)], name="other"))


async def test_those_of_others_are_not_found(office: Office) -> None:
    made = await ask(office, body([volume("v", 1)]))
    for said in (made.name, str(made.id)):
        with pytest.raises(NotFound):
            await vclusters.show(office.desk, BOB, said)
    assert (await vclusters.show(office.desk, ROOT, str(made.id))).vcluster == made


async def test_it_is_shown_where_and_how_it_is(office: Office) -> None:
    four = [server(name) for name in "abcd"]
    await ask(office, body(four, [rule("soft-anti-affinity", *"abcd")]))
    [shown] = (await office.call("GET", "/v2/demo/vclusters")).json()["vclusters"]
    assert (shown["status"], shown["groupings"][0]["state"]) == ("CREATING", "violated")
    assert {each["zone"] for each in shown["instances"]} == {"z1", "z2", "z3"}
    alone = await office.call("GET", f"/v2/demo/vclusters/{shown['id']}")
    assert alone.json() == {"vcluster": shown}
    assert (await office.call("GET", "/v2/ops/vclusters", None, "root")).json()["vclusters"] == []
    every = await office.call("GET", "/v2/ops/vclusters?global_project=true", None, "root")
    assert every.json()["vclusters"] == [shown]
