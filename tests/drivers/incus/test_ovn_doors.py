"""Instances that their network hides: asked through a forward of it, which goes with the last."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest

import traffic
from drivers.incus.orders import an_order
from drivers.incus.ovns import ADDRESSES, HIDDEN, OPEN, Ovn, laid
from drivers.incus.scripted import ended, instance, refused, scripted, told
from muster.drivers.incus.ovn.doors import FIRST, Door
from muster.drivers.incus.tags import instance_name, written
from muster.model.pool import Traffic
from muster.ports.prober import Question


@pytest.fixture
async def ovn(tmp_path) -> AsyncIterator[Ovn]:
    async with scripted(tmp_path) as bed:
        yield laid(bed)


def door(number: int, server_id: UUID | None = None) -> Door:
    return Door(server_id=server_id or UUID(int=number), address=f"10.90.0.{number}", port=8080)


def doors(ovn: Ovn):
    return ovn.bed.cloud.prober._doors


async def test_all_doors_of_a_network_are_ports_of_one_forward(ovn):
    ways = await doors(ovn).open(HIDDEN, [door(2), door(3)])
    assert ways == {
        door(2): (ADDRESSES[-1], FIRST),
        door(3): (ADDRESSES[-1], FIRST + 1),
    }
    more = await doors(ovn).open(HIDDEN, [door(4), door(2)])
    assert more[door(4)] == (ADDRESSES[-1], FIRST + 2)
    assert len(ovn.of("forwards")) == 1
    before = ovn.changes()
    assert await doors(ovn).open(HIDDEN, [door(2), door(3), door(4)]) == ways | more
    assert ovn.changes() == before


async def test_a_door_that_is_closed_is_free_for_another_and_opens_to_the_same_no_more(ovn):
    await doors(ovn).open(HIDDEN, [door(2), door(3)])
    await doors(ovn).close(HIDDEN, door(2).server_id)
    assert await doors(ovn).open(HIDDEN, [door(2)]) == {}
    reused = door(2, uuid4())  # another instance with the address of the former
    assert (await doors(ovn).open(HIDDEN, [reused]))[reused] == (ADDRESSES[-1], FIRST)


async def test_the_forward_goes_with_the_last_door(ovn):
    await doors(ovn).open(HIDDEN, [door(2), door(3)])
    for each in (2, 3):
        await doors(ovn).close(HIDDEN, door(each).server_id)
    assert ovn.of("forwards") == []
    assert await doors(ovn).open(HIDDEN, [door(4)])


async def test_doors_of_who_is_gone_are_listed_after_a_restart_and_can_be_closed(ovn):
    await doors(ovn).open(HIDDEN, [door(2), door(3)])
    doors(ovn)._forwards.clear()
    ways = ovn.bed.cloud.ways
    assert await ways.list_ways() == {door(2).server_id, door(3).server_id}
    await ways.close_ways(door(2).server_id)
    await ways.close_ways(uuid4())
    assert await ways.list_ways() == {door(3).server_id}
    await ways.close_ways(door(3).server_id)
    assert ovn.of("forwards") == []


async def test_a_forward_that_somebody_removed_is_made_again_once_it_is_doubted(ovn):
    await doors(ovn).open(HIDDEN, [door(2)])
    ovn.kept.clear()
    ovn.where.clear()
    doors(ovn)._forwards[HIDDEN].until = 0.0  # what was looked at a moment ago is not doubted
    await doors(ovn).doubt(HIDDEN)
    assert await doors(ovn).open(HIDDEN, [door(2)])
    assert len(ovn.of("forwards")) == 1


async def test_doors_of_before_a_restart_are_found_again(ovn, tmp_path):
    ways = await doors(ovn).open(HIDDEN, [door(2)])
    doors(ovn)._forwards.clear()
    before = ovn.changes()
    assert await doors(ovn).open(HIDDEN, [door(2)]) == ways
    assert ovn.changes() == before


async def test_a_change_of_somebody_elses_in_between_is_told_and_the_next_try_builds_on_it(ovn):
    await doors(ovn).open(HIDDEN, [door(2)])
    where = f"/1.0/networks/{HIDDEN}/forwards/{ADDRESSES[-1]}"
    real = ovn.bed.incus.answers[f"PUT {where}"][0]
    ovn.bed.incus.says(f"PUT {where}", (412, refused("ETag doesn't match", 412)), real)
    question = ask(3, uuid4())
    assert "no way to it" in (await asked(ovn, {question: HIDDEN}))[question.node_id]
    assert await doors(ovn).open(HIDDEN, [door(3)])
    put = [each for each in ovn.bed.incus.requests if each.line == f"PUT {where}"]
    assert {each.headers["if-match"] for each in put} == {"as-it-was"}


async def test_who_has_a_door_is_asked_though_incus_makes_no_new_ones(ovn):
    old, new = ask(2, uuid4()), ask(3, uuid4())
    await doors(ovn).open(HIDDEN, [door(2, old.server_id)])
    where = f"/1.0/networks/{HIDDEN}/forwards/{ADDRESSES[-1]}"
    down = "Failed updating forward: peer node 10.77.0.11:8443 is down"
    ovn.bed.incus.says(f"PUT {where}", (500, refused(down)))
    answers = await asked(ovn, {old: HIDDEN, new: HIDDEN})
    assert "no way to it" not in str(answers[old.node_id])
    assert "is down" in str(answers[new.node_id])


def ask(number: int, server_id: UUID, port: int = 8080) -> Question:
    return Question(
        node_id=UUID(int=number),
        server_id=server_id,
        address=f"10.90.0.{number}",
        port=port,
        path="/health",
        traffic=Traffic.HTTP,
    )


async def asked(ovn: Ovn, networks: Mapping[Question, str]) -> Mapping[UUID, str | None]:
    """Ask, the instances being where it is said."""
    prober = ovn.bed.cloud.prober
    prober._network_of = {each.server_id: at for each, at in networks.items()}.__getitem__
    return await prober.ask(list(networks))


async def test_who_is_hidden_is_asked_at_his_door_and_who_is_not_at_his_own_address(ovn):
    """The uplink's addresses lead nowhere here, so what is asked is told by what it says."""
    ovn.bed.cloud.prober._http = Noting()
    hidden, plain, bridged = ask(2, uuid4()), ask(3, uuid4()), ask(4, uuid4())
    answers = await asked(ovn, {hidden: HIDDEN, plain: OPEN, bridged: ""})
    assert answers == {
        hidden.node_id: f"{ADDRESSES[-1]}:{FIRST}",
        plain.node_id: "10.90.0.3:8080",
        bridged.node_id: "10.90.0.4:8080",
    }


class Noting:
    """Answers each question with where it was asked."""

    async def ask(self, questions):
        return {each.node_id: f"{each.address}:{each.port}" for each in questions}


async def test_without_hidden_networks_nothing_is_asked_of_incus(ovn):
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(traffic.app())
        question = Question(
            node_id=UUID(int=1),
            server_id=uuid4(),
            address=app.address,
            port=app.port,
            path="/health",
            traffic=Traffic.HTTP,
        )
        before = ovn.bed.incus.lines()
        assert await asked(ovn, {question: ""}) == {question.node_id: None}
        assert ovn.bed.incus.lines() == before


async def test_the_door_of_an_instance_is_closed_before_it_is_deleted(ovn):
    order = an_order()
    name = instance_name(order)
    nics: dict[str, Any] = {"eth0": {"type": "nic", "network": HIDDEN}}
    said = instance(name, written(order, ovn.bed.installation), expanded_devices=nics)
    ovn.bed.has(said)
    ovn.bed.incus.says(f"DELETE /1.0/instances/{name}", told({}))
    ovn.bed.incus.says(f"PUT /1.0/instances/{name}/state", told({}))
    ovn.bed.incus.says("GET /1.0/operations/7/wait", ended())
    [server] = await ovn.bed.cloud.compute.list_servers()
    prober = ovn.bed.cloud.prober
    assert prober._network_of(server.server_id) == HIDDEN
    await doors(ovn).open(HIDDEN, [door(5, server.server_id)])
    await ovn.bed.cloud.compute.delete_server(name)
    lines = ovn.changes()
    forward = f"DELETE /1.0/networks/{HIDDEN}/forwards/{ADDRESSES[-1]}"
    assert lines.index(forward) < lines.index(f"DELETE /1.0/instances/{name}")
    assert await doors(ovn).open(HIDDEN, [door(5, server.server_id)]) == {}


async def test_two_who_open_at_once_do_not_shut_each_other_out(ovn):
    both = await asyncio.gather(*(doors(ovn).open(HIDDEN, [door(n)]) for n in range(2, 8)))
    ports = [port for ways in both for _, port in ways.values()]
    assert sorted(ports) == list(range(FIRST, FIRST + 6))
    assert len(ovn.of("forwards")) == 1
