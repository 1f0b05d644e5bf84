"""Servers that carry clusters of Muster, over the API: left first, refused where that has a gap."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import builders
from muster.base.copies import altered
from muster.model.placement import Affinity, Group, Placement
from muster.model.placing import Host
from muster.model.reservation import Room
from muster.model.rollout import Amount, Strategy
from office import a_cloud
from yard import HERE, Yard, opened_yard

C1 = f"{HERE}/c1"
THREE = ("m1", "m2", "m3")
APART = Placement(group=Group(id=UUID(int=9), name="ours", affinity=Affinity.ANTI_AFFINITY))


class Rooms:
    """The hosts of a cloud: servers with room for so many nodes each."""

    def __init__(self, free: int, servers: Sequence[str]) -> None:
        self.free = free
        self.servers = servers

    async def room(self) -> Room:
        memory = self.free * builders.a_flavor().memory_mib
        return Room(hosts=tuple(Host(id=name, ram_mib=memory) for name in self.servers))


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with opened_yard(tmp_path) as made:
        await made.create(*THREE)
        await made.go_on()
        yield made


async def carries(yard: Yard, *hosts: str, free: int = 9, node: Any = None, **but: Any) -> None:
    """Have a cluster with nodes on these servers, and room for so many more on each."""
    office, servers = yard.office, (await yard.ask("GET", C1))["server_names"]
    cloud = replace(await a_cloud(office.home, office.clock, "c1"), hosts=Rooms(free, servers))
    office.desk = replace(office.desk, clouds={**office.desk.clouds, "c1": cloud})
    office.app.state.desk = office.desk
    cluster = builders.a_cluster(cloud="c1", desired=len(hosts), **but)
    nodes = [
        altered(builders.a_node(number), host=host, **(node or {}))
        for number, host in enumerate(hosts, 1)
    ]
    profile = builders.a_profile(cluster.profile_id)

    def put(tx: Any) -> None:
        tx.clusters.put(cluster)
        tx.profiles.put(profile)
        tx.nodes.put(*nodes)

    await office.desk.store.write(put)


async def refused(yard: Yard) -> list[tuple[str, str, str]]:
    """Return what speaks against a round, which is refused with just that; nothing is done."""
    told = await yard.ask("POST", f"{C1}/:reboot", {"dry_run": True}, 200)
    found = [(each["what"], each["server"], each["text"]) for each in told["findings"]]
    if found:
        text = await yard.ask("POST", f"{C1}/:reboot", {}, 400)
        assert all(each[2] in text for each in found)
        assert (await yard.ask("GET", C1))["job"]["kind"] == "create"
    assert told["possible"] is not bool(found)
    return found


async def test_a_round_over_servers_with_nodes_of_clusters_drains_each_first(yard):
    await carries(yard, "m1", "m2", "m3")
    assert await refused(yard) == []
    told = await yard.ask("POST", f"{C1}/:reboot", {"dry_run": True}, 200)
    assert [each["step"] for each in told["steps"][:4]] == [
        "drain the server",
        "evacuate the server",
        "reboot the server",
        "restore the server",
    ]


async def test_one_server_that_is_told_to_be_evacuated_is_drained_first(yard):
    await carries(yard, "m1", "m2")
    shown = await yard.ask("POST", "/1.0/provisioning/servers/m1/system/:evacuate", {})
    steps = (await yard.ask("GET", C1))["job"]["steps"] if shown is None else shown["job"]["steps"]
    assert [each["step"] for each in steps] == ["drain the server", "evacuate the server"]


async def test_one_that_serves_alone_and_has_no_place_elsewhere_is_refused(yard):
    await carries(yard, "m2", free=0)
    [(what, server, text)] = await refused(yard)
    assert (what, server) == ("serves_alone", "m2")
    assert text == (
        "node 'web-001' serves cluster 'web' alone: "
        "no host for web-001: of 3, 1 away or in maintenance, 2 too full"
    )
    path = "/1.0/provisioning/servers/m2/system/:evacuate"
    assert "serves cluster 'web' alone" in await yard.ask("POST", path, {}, 400)
    await yard.ask("POST", f"{C1}/:reboot", {"force": True})


async def test_one_that_serves_alone_and_may_have_no_second_is_refused(yard):
    await carries(yard, "m2", placement=Placement(cap=1))
    [(what, server, text)] = await refused(yard)
    assert (what, server) == ("serves_alone", "m2")
    assert "which may have no more than 1" in text


async def test_nodes_that_are_to_be_apart_have_no_place_where_every_server_has_one(yard):
    await carries(yard, *THREE, placement=APART)
    found = await refused(yard)
    assert [each[:2] for each in found] == [("no_place", name) for name in THREE]
    assert "2 with one of group ours already" in found[0][2]


async def test_what_a_cluster_may_spare_needs_no_place(yard):
    may = Strategy(max_surge=Amount(1), max_unavailable=Amount(1))
    await carries(yard, *THREE, placement=APART, strategy=may)
    assert await refused(yard) == []


async def test_a_node_that_nothing_may_replace_is_refused(yard):
    await carries(yard, "m1", "m2", node={"protected": True})
    found = await refused(yard)
    assert [each[:2] for each in found] == [("cannot_leave", "m1"), ("cannot_leave", "m2")]
    assert found[0][2] == "node 'web-001' of cluster 'web' cannot leave: it is protected"


async def test_what_stands_by_or_was_put_to_rest_is_moved_as_it_is(yard):
    await carries(yard, "m1", free=0, node={"standby": True})
    assert await refused(yard) == []


async def test_two_servers_at_once_need_places_for_what_is_on_both(tmp_path):
    async with opened_yard(tmp_path) as yard:
        await yard.create(*THREE, "m4")
        await yard.go_on()
        await carries(yard, "m1", "m1", "m2", "m2", free=1)
        assert await refused(yard) == []
        await yard.ask("PUT", C1, {"config": {"rolling_restart": {"max_parallel": 2}}}, 201)
        [(what, server, text)] = await refused(yard)
        assert (what, server) == ("no_place", "")
        assert text.startswith(
            "while m1, m2 are away: 4 more of cluster 'web' would have to be elsewhere: "
        )
