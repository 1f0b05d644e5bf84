"""What Octavia is at is waited for, what went wrong is mended, and nothing is there twice."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from drivers.openstack.written import Octavia, WrittenRest, octavia_over
from muster.base.clock import ManualClock
from muster.base.errors import Transient
from muster.drivers.openstack.octavia.balancer import OctaviaBalancer
from muster.drivers.openstack.octavia.options import Options, parsed
from muster.model.pool import Front, MemberWanted, PoolWanted, Traffic

NOW = ManualClock()
FLOATING = parsed({"floating_network": "outside"})


def front() -> Front:
    return Front(cluster_id=uuid4(), name="web", project="demo", port=80)


def balancer(
    cloud: Octavia, options: Options | None = None, patience_s: float = 0.1
) -> OctaviaBalancer:
    return octavia_over(WrittenRest(cloud), NOW, options, patience_s)


def wanted(said: Front, *hosts: int) -> PoolWanted:
    members = tuple(
        MemberWanted(node_id=UUID(int=each), address=f"10.0.0.{each}", port=8080) for each in hosts
    )
    return PoolWanted(front=said, members=members)


async def test_what_is_as_wanted_is_asked_for_and_not_changed() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud)
    address = await ours.put_pool(wanted(said, 1, 2))
    cloud.asked.clear()
    assert await ours.put_pool(wanted(said, 1, 2)) == address
    assert {each.partition(" ")[0] for each in cloud.asked} == {"GET"}


async def test_members_are_one_call() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud)
    await ours.put_pool(wanted(said, 1, 2))
    cloud.asked.clear()
    await ours.put_pool(wanted(said, 2, 3, 4))
    [change] = [each for each in cloud.asked if not each.startswith("GET")]
    assert change.endswith("/members")


async def test_a_look_at_a_pool_soon_after_another_asks_nothing() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud)
    await ours.put_pool(wanted(said, 1))
    first = await ours.pool(said.cluster_id)
    cloud.asked.clear()
    assert await ours.pool(said.cluster_id) is first
    assert cloud.asked == []


async def test_one_that_octavia_never_ends_with_is_told_and_not_made_twice() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud)
    await ours.put_pool(wanted(said, 1))
    [there] = cloud.made["loadbalancers"].values()
    there["updated_at"] = NOW.now().replace(tzinfo=None).isoformat()
    cloud.put("PENDING_UPDATE", looks=10**9)
    for _ in range(3):
        with pytest.raises(Transient, match="PENDING_UPDATE: Octavia is still at it"):
            await ours.put_pool(wanted(said, 1, 2))
    pool = await ours.pool(said.cluster_id)
    assert pool
    assert pool.owed == "Octavia calls the load balancer PENDING_UPDATE"
    with pytest.raises(Transient):
        await ours.remove_pool(said.cluster_id)
    assert len(cloud.made["loadbalancers"]) == 1
    cloud.put("ACTIVE")
    await ours.put_pool(wanted(said, 1, 2))
    found = await ours.pool(said.cluster_id)
    assert found
    assert len(found.members) == 2


async def test_after_a_quarter_of_an_hour_an_administrator_is_asked_for() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud)
    await ours.put_pool(wanted(said, 1))
    cloud.put("PENDING_UPDATE", looks=10**9)
    [there] = cloud.made["loadbalancers"].values()
    there["updated_at"] = "2020-01-01T00:00:00"
    with pytest.raises(Transient, match="administrator"):
        await ours.put_pool(wanted(said, 1, 2))


async def test_one_in_error_is_failed_over_and_then_changed() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud)
    address = await ours.put_pool(wanted(said, 1))
    [before] = cloud.made["loadbalancers"]
    cloud.put("ERROR")
    assert await ours.put_pool(wanted(said, 1, 2)) == address
    assert list(cloud.made["loadbalancers"]) == [before]


async def test_who_may_not_fail_over_makes_it_anew_at_its_address() -> None:
    cloud, said = Octavia(may_fail_over=False), front()
    ours = balancer(cloud)
    address = await ours.put_pool(wanted(said, 1))
    [before] = cloud.made["loadbalancers"]
    cloud.put("ERROR")
    assert await ours.put_pool(wanted(said, 1, 2)) == address
    [after] = cloud.made["loadbalancers"]
    assert after != before


async def test_one_in_error_that_serves_as_it_is_to_is_left_alone() -> None:
    cloud, said = Octavia(may_fail_over=False), front()
    ours = balancer(cloud)
    await ours.put_pool(wanted(said, 1))
    cloud.put("ERROR")
    [there] = cloud.made["loadbalancers"].values()
    there["operating_status"] = "ONLINE"
    with pytest.raises(Transient, match="serves as it is to"):
        await ours.put_pool(wanted(said, 1))
    assert list(cloud.made["loadbalancers"]) == [there["id"]]


async def test_the_second_of_one_cluster_is_removed_and_the_first_keeps_its_clients() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud)
    address = await ours.put_pool(wanted(said, 1))
    [first] = cloud.made["loadbalancers"].values()
    cloud._created({"name": first["name"], "tags": first["tags"]})
    cloud.put("ACTIVE")
    assert await ours.put_pool(wanted(said, 1)) == address
    assert list(cloud.made["loadbalancers"]) == [first["id"]]


async def test_one_that_somebody_deleted_is_made_again_behind_the_same_floating_address() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud, FLOATING)
    address = await ours.put_pool(wanted(said, 1))
    [there] = list(cloud.made["loadbalancers"])
    cloud._drop(there)
    assert await ours.pool(said.cluster_id) is None
    assert await ours.put_pool(wanted(said, 1)) == address
    found = await ours.pool(said.cluster_id)
    assert found
    assert found.address == address


async def test_a_floating_address_without_its_load_balancer_is_a_stray_and_swept() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud, FLOATING)
    await ours.put_pool(wanted(said, 1))
    [there] = list(cloud.made["loadbalancers"])
    cloud._drop(there)
    assert await ours.list_pools() == [said.cluster_id]
    await ours.remove_pool(said.cluster_id)
    assert await ours.list_pools() == []
    assert cloud.floating == {}


async def test_a_network_that_is_not_there_is_a_refusal() -> None:
    ours = balancer(Octavia(), parsed({"network": "nowhere"}))
    assert "nowhere" in (await ours.refusal(front()) or "")
    assert "Barbican" in (await ours.refusal(replace(front(), traffic=Traffic.HTTPS)) or "")


async def test_what_is_a_change_of_others_in_between_is_waited_for() -> None:
    cloud, said = Octavia(at_it=1), front()
    ours = balancer(cloud, patience_s=20)
    await ours.put_pool(wanted(said, 1))
    cloud.put("PENDING_UPDATE", looks=1)
    await ours.put_pool(wanted(said, 1, 2))
    await ours.remove_pool(said.cluster_id)
    assert cloud.made["loadbalancers"] == {}


async def test_what_people_add_by_hand_is_no_member_and_does_not_disturb() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud, FLOATING)
    await ours.put_pool(wanted(said, 1))
    [members] = cloud.members.values()
    members.append({**members[0], "name": "by hand", "address": "10.0.0.99"})
    [address] = cloud.floating.values()
    address["description"] += " (ask Ann)"
    pool = await ours.pool(said.cluster_id)
    assert pool
    assert pool.members.keys() == {UUID(int=1)}


async def test_a_failover_that_octavia_has_no_time_for_is_asked_for_again() -> None:
    cloud, said = Octavia(), front()
    ours = balancer(cloud)
    await ours.put_pool(wanted(said, 1))
    [before] = cloud.made["loadbalancers"]
    cloud.put("ERROR")
    cloud.away = 1
    with pytest.raises(Transient):
        await ours.put_pool(wanted(said, 1, 2))
    await ours.put_pool(wanted(said, 1, 2))
    assert list(cloud.made["loadbalancers"]) == [before]
