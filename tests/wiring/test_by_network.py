"""A cloud some of whose networks balance by themselves: whose pool is whose."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.clouds import config
from drivers.haproxy.rooms import House, WrittenRooms
from muster.base.clock import ManualClock
from muster.base.errors import Invalid
from muster.drivers.balancers.by_network import ByNetwork
from muster.drivers.balancers.caddy.balancer import CaddyBalancer
from muster.drivers.balancers.haproxy.balancer import HaproxyBalancer
from muster.drivers.simulated.balancer import SimulatedBalancer
from muster.drivers.simulated.cloud import open_cloud
from muster.model.cloud import Ability
from muster.model.pool import Front, PoolWanted
from muster.ports.cloud import Cloud
from muster.wiring.fittings import fitted, fittings


class Own(SimulatedBalancer):
    """Balances on networks called own."""

    async def serves(self, front: Front) -> bool:
        return front.network == "own"

    async def close(self) -> None:
        """Nothing is held."""


async def balancer(home: Path) -> Own:
    cloud = await open_cloud(config(home, ManualClock()))
    assert isinstance(cloud.balancer, SimulatedBalancer)
    return Own(cloud.balancer._world, cloud.balancer._installation)


@pytest.fixture
async def parts(tmp_path: Path) -> tuple[Own, Own]:
    return await balancer(tmp_path / "own"), await balancer(tmp_path / "usual")


def front(network: str) -> Front:
    return Front(cluster_id=uuid4(), name="web", project="demo", port=80, network=network)


async def test_each_pool_is_where_its_network_says_and_all_are_found(
    parts: tuple[Own, Own],
) -> None:
    own, usual = parts
    both, here, there = ByNetwork(own, usual), front("own"), front("fab")
    for each in (here, there):
        await both.put_pool(PoolWanted(front=each))
        assert await both.pool(each.cluster_id)
    assert list(await own.list_pools()) == [here.cluster_id]
    assert list(await usual.list_pools()) == [there.cluster_id]
    assert set(await both.list_pools()) == {here.cluster_id, there.cluster_id}
    for each in (here, there):
        await both.remove_pool(each.cluster_id)
    assert await both.list_pools() == []


async def test_a_pool_whose_network_changed_its_mind_moves(parts: tuple[Own, Own]) -> None:
    own, usual = parts
    both, before = ByNetwork(own, usual), front("fab")
    await both.put_pool(PoolWanted(front=before))
    await both.put_pool(PoolWanted(front=replace(before, network="own")))
    assert list(await own.list_pools()) == [before.cluster_id]
    assert await usual.list_pools() == []


async def bare(home: Path) -> Cloud:
    """Return a cloud that has no balancer but for those of its networks."""
    own = await balancer(home / "own")
    cloud = await open_cloud(config(home, ManualClock()))
    return replace(cloud, balancer=None, dns=None, network_balancer=own)


@pytest.mark.parametrize(
    ("said", "kind"), [({}, ByNetwork), ({"balancer": "haproxy"}, HaproxyBalancer)]
)
async def test_networks_balance_by_themselves_unless_a_balancer_was_chosen_for_all(
    tmp_path: Path, said: dict[str, str], kind: type
) -> None:
    cloud = await fitted(
        await bare(tmp_path), fittings("incus", said, "lab"), config(tmp_path, ManualClock())
    )
    assert isinstance(cloud.balancer, kind)
    await cloud.close()


async def test_a_cloud_may_balance_by_its_networks_alone(tmp_path: Path) -> None:
    said = fittings("incus", {"balancer": "ovn"}, "lab")
    cloud = await bare(tmp_path)
    cloud = replace(cloud, about=replace(cloud.about, kind="incus"))
    cloud = await fitted(cloud, said, config(tmp_path, ManualClock()))
    assert cloud.balancer is cloud.network_balancer
    assert "ends no TLS" in (cloud.about.refusal(Ability.HTTPS) or "")
    assert cloud.about.refusal(Ability.TCP) is None
    await cloud.close()


async def test_a_cloud_with_rooms_has_balancers_in_them_for_all_networks_or_for_some(
    tmp_path: Path,
) -> None:
    house, told = House(asked=True), config(tmp_path, ManualClock())
    cloud = replace(await bare(tmp_path), rooms=WrittenRooms(house))
    for said, inside in (({"balancer": "instance"}, ("fab", "inside")), ({}, ("inside",))):
        made = await fitted(cloud, fittings("incus", said, "lab"), told)
        assert made.balancer
        for network in ("own", "fab", "inside"):
            wanted = front(network)
            if network in inside:
                await made.balancer.put_pool(PoolWanted(front=wanted))
                assert [each.cluster_id for each in house.rooms.values()] == [wanted.cluster_id]
                await made.balancer.remove_pool(wanted.cluster_id)
        assert not house.rooms
        await made.close()


async def test_a_cloud_without_rooms_cannot_have_balancers_in_them(tmp_path: Path) -> None:
    said, told = fittings("local", {"balancer": "instance"}, "lab"), config(tmp_path, ManualClock())
    with pytest.raises(Invalid, match="has no instances for balancers"):
        await fitted(await bare(tmp_path), said, told)


async def test_openstack_balances_by_octavia_where_it_is_and_else_by_what_comes_with_muster(
    tmp_path: Path,
) -> None:
    said, told = fittings("openstack", {}, "lab"), config(tmp_path, ManualClock())
    bare_one = await bare(tmp_path)
    has = replace(bare_one, about=replace(bare_one.about, kind="openstack"))
    cloud = await fitted(has, said, told)
    assert cloud.balancer is has.network_balancer
    assert "Barbican" in (cloud.about.refusal(Ability.HTTPS) or "")
    without = await fitted(replace(has, network_balancer=None), said, told)
    assert isinstance(without.balancer, CaddyBalancer)
    with pytest.raises(Invalid, match="has no OVN"):
        await fitted(has, fittings("openstack", {"balancer": "ovn"}, "lab"), told)
    await without.close()


async def test_a_cloud_without_ovn_cannot_balance_by_it(tmp_path: Path) -> None:
    cloud = replace(await bare(tmp_path), network_balancer=None)
    with pytest.raises(Invalid, match="has no OVN"):
        await fitted(
            cloud, fittings("local", {"balancer": "ovn"}, "lab"), config(tmp_path, ManualClock())
        )
