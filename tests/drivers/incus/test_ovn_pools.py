"""Pools as load balancers of OVN networks: what Incus is told, and what is refused."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from drivers.incus.ovns import ADDRESSES, HIDDEN, OPEN, Ovn, laid, network, uplink
from drivers.incus.scripted import refused, scripted, told
from muster.base.errors import Permanent
from muster.model.pool import (
    UNCOUNTED,
    Condition,
    Front,
    MemberState,
    MemberWanted,
    Monitor,
    MonitorKind,
    Persistence,
    PoolWanted,
    Traffic,
    digest,
)

WEB = Front(cluster_id=UUID(int=9), name="web", project="demo", port=80, network=HIDDEN)


@pytest.fixture
async def ovn(tmp_path) -> AsyncIterator[Ovn]:
    async with scripted(tmp_path) as bed:
        yield laid(bed)


def member(number: int, **but: object) -> MemberWanted:
    plain = {"node_id": UUID(int=number), "address": f"10.90.0.{number}", "port": 80}
    return MemberWanted(**plain | but)


def balancer(ovn: Ovn):
    return ovn.bed.cloud.network_balancer


async def put(ovn: Ovn, *members: MemberWanted, front: Front = WEB):
    await balancer(ovn).put_pool(PoolWanted(front=front, members=members))
    return await balancer(ovn).pool(front.cluster_id)


async def test_a_pool_is_a_balancer_of_its_members_network_at_an_address_of_its_uplink(ovn):
    pool = await put(ovn, member(2), member(3))
    [made] = ovn.of("load-balancers")
    assert made["listen_address"] == pool.address == ADDRESSES[-1]
    assert made["backends"] == [
        {
            "name": f"node-{UUID(int=number)}",
            "description": "",
            "target_address": f"10.90.0.{number}",
            "target_port": "80",
        }
        for number in (2, 3)
    ]
    [port] = made["ports"]
    assert (port["protocol"], port["listen_port"]) == ("tcp", "80")
    assert port["target_backend"] == [each["name"] for each in made["backends"]]
    assert made["config"]["healthcheck"] == "true"
    assert pool.front_digest == digest(WEB)


async def test_who_drains_stays_a_backend_that_no_port_leads_to(ovn):
    pool = await put(ovn, member(2), member(3, state=MemberState.DRAIN))
    [made] = ovn.of("load-balancers")
    assert made["ports"][0]["target_backend"] == [f"node-{UUID(int=2)}"]
    leaving = pool.members[UUID(int=3)]
    assert (leaving.state, leaving.open_requests) == (MemberState.DRAIN, UNCOUNTED)
    assert pool.members[UUID(int=2)].open_requests == 0


async def test_a_pool_that_nobody_serves_has_no_port_for_one_to_nowhere_is_refused(ovn):
    pool = await put(ovn, member(3, state=MemberState.DRAIN))
    assert ovn.of("load-balancers")[0]["ports"] == []
    assert pool.port == 80


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("online", Condition.GOOD),
        ("offline", Condition.BAD),
        ("error", Condition.BAD),
        ("unknown", Condition.UNKNOWN),
        ("a word to come", Condition.UNKNOWN),
    ],
)
async def test_what_ovn_says_of_a_backend_is_its_members_condition(ovn, said, condition):
    ovn.health["10.90.0.2"] = said
    pool = await put(ovn, member(2))
    assert pool.members[UUID(int=2)].condition is condition


async def test_behind_another_port_incus_knows_no_health_and_that_is_held_against_nobody(ovn):
    ovn.health["10.90.0.2"] = "offline"
    pool = await put(ovn, member(2, port=8080))
    assert pool.members[UUID(int=2)].condition is Condition.UNKNOWN


async def test_nothing_is_asked_of_who_is_not_to_be_asked(ovn):
    front = replace(WEB, monitor=Monitor(kind=MonitorKind.NONE))
    await put(ovn, member(2), front=front)
    assert "healthcheck" not in ovn.of("load-balancers")[0]["config"]
    assert not any(line.endswith("/state") for line in ovn.bed.incus.lines())


async def test_what_is_so_already_is_not_told_again(ovn):
    await put(ovn, member(2))
    before = ovn.changes()
    await put(ovn, member(2))
    assert ovn.changes() == before
    await put(ovn, member(2), member(3))
    assert len(ovn.changes()) == len(before) + 1


async def test_addresses_that_others_have_are_passed_over(ovn):
    one, two = replace(WEB, cluster_id=uuid4()), replace(WEB, cluster_id=uuid4())
    ovn.where[ADDRESSES[-1]] = "of another project"
    ovn.bed.incus.says("GET /1.0/network-allocations", told([]))  # which we may not see
    pools = [await put(ovn, member(2), front=each) for each in (one, two)]
    assert [pool.address for pool in pools] == [ADDRESSES[-2], ADDRESSES[-3]]


async def test_where_all_addresses_are_taken_that_is_said(tmp_path):
    async with scripted(tmp_path) as bed:
        ovn = laid(bed)
        ovn.where |= dict.fromkeys(ADDRESSES, "others")
        with pytest.raises(Permanent, match="no address of up is free"):
            await put(ovn, member(2))


async def test_an_uplink_without_addresses_to_give_is_named(ovn):
    bare = uplink()
    bare["config"] = {}
    ovn.bed.incus.says("GET /1.0/networks/up", told(bare))
    with pytest.raises(Permanent, match=r"'up' has no ipv4\.ovn\.ranges"):
        await put(ovn, member(2))


async def test_a_pool_goes_along_when_its_members_come_to_another_network(ovn):
    await put(ovn, member(2))
    moved = replace(WEB, network=OPEN)
    await put(ovn, member(2, address="10.91.0.2"), front=moved)
    assert [ovn.where[each["listen_address"]] for each in ovn.of("load-balancers")] == [OPEN]


async def test_a_balancer_that_somebody_removed_is_no_pool_and_is_made_again(ovn):
    await put(ovn, member(2))
    ovn.kept.clear()
    ovn.where.clear()
    balancer(ovn)._until = 0.0  # what was listed a moment ago is told once more
    assert await balancer(ovn).pool(WEB.cluster_id) is None
    assert await put(ovn, member(2))


async def test_another_installations_balancers_are_nobodys_pools(ovn):
    await put(ovn, member(2))
    [made] = ovn.of("load-balancers")
    made["config"]["user.muster.installation"] = str(uuid4())
    assert await balancer(ovn).list_pools() == []
    await balancer(ovn).remove_pool(WEB.cluster_id)
    assert ovn.of("load-balancers") == [made]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"traffic": Traffic.HTTPS}, "ends no TLS"),
        ({"counted": True}, "counts no requests"),
        ({"method": "source_ip"}, "keeps no client"),
        ({"persistence": Persistence.SOURCE_IP}, "keeps no client"),
        ({"persistence": Persistence.HTTP_COOKIE}, "keeps no client"),
        ({"connections": 5}, "does not limit"),
        ({"monitor": Monitor(kind=MonitorKind.PING)}, "by connecting"),
        ({"port": 0}, "a port is a number"),
        ({"network": "fab"}, "'fab' is not of OVN"),
    ],
)
async def test_what_ovn_cannot_do_is_refused_by_name(ovn, wrong, said):
    front = replace(WEB, **wrong)
    assert said in await balancer(ovn).refusal(front)
    with pytest.raises(Permanent, match=said):
        await balancer(ovn).put_pool(PoolWanted(front=front))
    assert not ovn.of("load-balancers")


async def test_a_network_is_balanced_by_itself_unless_somebody_has_said_otherwise(tmp_path):
    async with scripted(tmp_path) as bed:
        laid(bed, network(HIDDEN), network(OPEN, **{"user.muster.balancer": "haproxy"}))
        own = bed.cloud.network_balancer
        served = {each: await own.serves(replace(WEB, network=each)) for each in (HIDDEN, OPEN)}
        assert served == {HIDDEN: True, OPEN: False}
        assert not await own.serves(replace(WEB, network="fab"))
        assert not await own.serves(replace(WEB, network=""))


async def test_without_a_name_it_is_the_network_of_the_profile(ovn):
    nic = {"type": "nic", "network": HIDDEN, "name": "eth0"}
    ovn.bed.incus.says("GET /1.0/profiles/default", told({"devices": {"eth0": nic}}))
    assert await balancer(ovn).serves(replace(WEB, network=""))


async def test_which_networks_there_are_is_remembered_while_nobody_answers(ovn):
    own = balancer(ovn)
    assert await own.serves(WEB)
    ovn.bed.incus.says("GET /1.0/networks", (500, refused("database is closed")))
    own._grounds.forget()
    assert await own.serves(WEB)


async def test_all_pools_of_a_network_are_listed_by_one_question(ovn):
    fronts = [replace(WEB, cluster_id=uuid4()) for _ in range(3)]
    for each in fronts:
        await put(ovn, member(2), front=each)
    balancer(ovn)._until = 0.0
    ovn.bed.incus.requests.clear()
    for each in fronts:
        assert await balancer(ovn).pool(each.cluster_id)
    lists = [line for line in ovn.bed.incus.lines() if line.endswith("/load-balancers")]
    assert lists == [f"GET /1.0/networks/{name}/load-balancers" for name in (HIDDEN, OPEN)]


async def test_a_network_made_a_moment_ago_is_known_without_waiting(ovn):
    own = balancer(ovn)
    fresh = replace(WEB, network="fresh")
    assert not await own.serves(fresh)
    made = network(HIDDEN) | {"name": "fresh"}
    ovn.bed.incus.says("GET /1.0/networks", told([*ovn.networks, made]))
    assert await own.serves(fresh)


async def test_a_network_that_leads_nowhere_has_no_way_in(tmp_path):
    async with scripted(tmp_path) as bed:
        laid(bed, network(HIDDEN, network="none"))
        assert "has no uplink" in await bed.cloud.network_balancer.refusal(WEB)
