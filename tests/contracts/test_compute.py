"""What every cloud promises about servers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import anyio
import pytest

from contracts.clouds import Bed
from muster.base.errors import DriverError, Permanent
from muster.model.cloud import Ability
from muster.model.observed import Seen, Usage
from muster.model.placement import Affinity, Group
from muster.model.step import Operation, ServerOrder


@pytest.fixture
async def cluster(bed: Bed) -> AsyncIterator[UUID]:
    """A cluster of the test's own, whose servers do not outlive it."""
    cluster_id = uuid4()
    yield cluster_id
    await bed.emptied(cluster_id)


async def test_creating_twice_creates_once(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    first = await bed.cloud.compute.create_server(order)
    again = await bed.cloud.compute.create_server(order)
    assert first.ref == again.ref
    assert len(await bed.cloud.compute.list_servers(cluster)) == 1


async def test_asking_again_later_returns_the_one_that_runs(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    again = await bed.cloud.compute.create_server(order)
    assert (again.ref, again.address) == (server.ref, server.address)
    assert again.seen is Seen.RUNNING


async def test_creating_many_times_at_once_creates_once(bed: Bed, cluster: UUID) -> None:
    order, refs = bed.order(cluster), set()

    async def create() -> None:
        refs.add((await bed.cloud.compute.create_server(order)).ref)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(create)
    assert len(refs) == 1
    assert len(await bed.cloud.compute.list_servers(cluster)) == 1


async def test_a_server_carries_what_it_was_ordered_with(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    assert (server.server_id, server.node_id, server.cluster_id, server.name, server.project) == (
        order.server_id,
        order.node_id,
        order.cluster_id,
        order.name,
        order.project,
    )
    assert server.image == bed.image
    assert server.address


async def test_a_new_server_is_building_or_running_and_then_runs(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.cloud.compute.create_server(order)
    assert server.seen in (Seen.BUILDING, Seen.RUNNING)
    assert (await bed.running(order)).seen is Seen.RUNNING


async def test_no_two_servers_have_one_address(bed: Bed, cluster: UUID) -> None:
    servers = [await bed.running(bed.order(cluster, index)) for index in range(3)]
    assert len({server.address for server in servers}) == 3


async def test_servers_are_listed_by_cluster_and_all_together(bed: Bed, cluster: UUID) -> None:
    here, there = bed.order(cluster), bed.order(uuid4())
    mine = await bed.cloud.compute.create_server(here)
    other = await bed.cloud.compute.create_server(there)
    listed = await bed.cloud.compute.list_servers(cluster)
    everything = await bed.cloud.compute.list_servers()
    await bed.cloud.compute.delete_server(other.ref)
    assert [server.ref for server in listed] == [mine.ref]
    assert {mine.ref, other.ref} <= {server.ref for server in everything}


async def test_adopting_what_is_ours_already_changes_nothing(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    again = await bed.cloud.compute.adopt_server(server.ref, order)
    assert (again.ref, again.server_id) == (server.ref, order.server_id)
    with pytest.raises(Permanent):
        await bed.cloud.compute.adopt_server(server.ref, bed.order(cluster, 1))


async def test_what_is_not_there_is_not_adopted(bed: Bed, cluster: UUID) -> None:
    with pytest.raises(Permanent):
        await bed.cloud.compute.adopt_server("no-such-server", bed.order(cluster))
    assert not await bed.cloud.compute.list_servers(cluster)


async def test_deleting_makes_it_go_away(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    await bed.cloud.compute.delete_server(server.ref)
    await bed.gone(order)


async def test_what_is_going_away_never_runs_again(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    await bed.cloud.compute.delete_server(server.ref)
    seen = [each.seen for each in await bed.cloud.compute.list_servers(cluster)]
    assert Seen.RUNNING not in seen


async def test_a_server_still_being_built_can_be_deleted(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.cloud.compute.create_server(order)
    await bed.cloud.compute.delete_server(server.ref)
    await bed.gone(order)


async def test_deleting_twice_or_what_never_was_is_no_error(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    await bed.cloud.compute.delete_server(server.ref)
    await bed.cloud.compute.delete_server(server.ref)
    await bed.gone(order)
    await bed.cloud.compute.delete_server(server.ref)
    await bed.cloud.compute.delete_server("never-there")


async def test_what_is_gone_can_be_made_again(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    await bed.cloud.compute.delete_server(server.ref)
    await bed.gone(order)
    assert (await bed.running(order)).seen is Seen.RUNNING


async def test_nothing_of_another_installation_is_listed_or_touched(
    bed: Bed, cluster: UUID
) -> None:
    server = await bed.running(bed.order(cluster))
    assert not await bed.stranger.compute.list_servers()
    assert not await bed.stranger.compute.list_servers(cluster)
    assert not await bed.stranger.compute.usage()
    await bed.stranger.compute.delete_server(server.ref)
    [kept] = await bed.cloud.compute.list_servers(cluster)
    assert (kept.ref, kept.seen) == (server.ref, Seen.RUNNING)


async def test_an_order_that_can_never_work_is_refused_for_good(bed: Bed, cluster: UUID) -> None:
    with pytest.raises(Permanent):
        await bed.cloud.compute.create_server(bed.order(cluster, image="no-such-image"))
    assert not await bed.cloud.compute.list_servers(cluster)


async def test_usage_grows(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    await bed.running(order)
    if bed.cloud.about.refusal(Ability.CPU_USAGE):
        assert not await bed.cloud.compute.usage(cluster)
        return
    first = await _usage(bed, order)
    later = first

    async def more() -> bool:
        nonlocal later
        later = await _usage(bed, order)
        return later.at > first.at

    await bed.until(more)
    assert later.cpu_s >= first.cpu_s
    assert later.vcpus == order.spec.flavor.vcpus
    assert 0 <= later.memory_bytes <= later.memory_limit


async def test_only_servers_that_run_have_usage(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    await bed.cloud.compute.delete_server(server.ref)
    await bed.gone(order)
    assert not await bed.cloud.compute.usage(cluster)


async def test_stopped_and_started(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    await _operated(bed, order, server.ref, Operation.STOP, Seen.STOPPED)
    await _operated(bed, order, server.ref, Operation.STOP, Seen.STOPPED)
    await _operated(bed, order, server.ref, Operation.START, Seen.RUNNING)
    await _operated(bed, order, server.ref, Operation.START, Seen.RUNNING)


async def test_rebooted_it_runs_again_under_the_same_name(bed: Bed, cluster: UUID) -> None:
    order = bed.order(cluster)
    server = await bed.running(order)
    await _operated(bed, order, server.ref, Operation.REBOOT, Seen.RUNNING)
    again = await bed.shown(order)
    assert (again.ref, again.address) == (server.ref, server.address)


@pytest.mark.parametrize("operation", list(Operation))
async def test_operating_what_is_not_there_fails(bed: Bed, operation: Operation) -> None:
    with pytest.raises(DriverError):
        await bed.cloud.compute.operate_server("never-there", operation)


async def test_the_console_shows_the_newest_lines(bed: Bed, cluster: UUID) -> None:
    server = await bed.running(bed.order(cluster))
    whole = await bed.cloud.compute.console_log(server.ref, 100)
    newest = await bed.cloud.compute.console_log(server.ref, 1)
    assert len(newest.splitlines()) <= 1
    assert whole.rstrip("\n").endswith(newest.rstrip("\n"))


async def _usage(bed: Bed, order: ServerOrder) -> Usage:
    """Return the reading of the only server, once it has been read."""
    read: list[Usage] = []

    async def told() -> bool:
        read[:] = await bed.cloud.compute.usage(order.cluster_id)
        return bool(read)

    await bed.until(told)
    [usage] = read
    assert usage.server_id == order.server_id
    return usage


async def _operated(
    bed: Bed, order: ServerOrder, ref: str, operation: Operation, wanted: Seen
) -> None:
    await bed.cloud.compute.operate_server(ref, operation)
    await bed.becomes(order, wanted)


async def test_a_server_comes_to_be_in_the_zone_it_was_ordered_for(bed: Bed, cluster: UUID) -> None:
    for index, zone in enumerate(bed.cloud.about.zones):
        server = await bed.running(replace(bed.order(cluster, index), zone=zone))
        assert server.zone == zone


async def test_a_zone_that_is_not_there_is_refused_by_name(bed: Bed, cluster: UUID) -> None:
    with pytest.raises(Permanent, match="nowhere"):
        await bed.cloud.compute.create_server(replace(bed.order(cluster), zone="nowhere"))
    assert await bed.cloud.compute.list_servers(cluster) == []


async def test_servers_that_are_to_be_apart_are_on_hosts_of_their_own_or_refused(
    bed: Bed, cluster: UUID
) -> None:
    group = Group(id=uuid4(), name="apart", affinity=Affinity.ANTI_AFFINITY)
    orders = [replace(bed.order(cluster, index), group=group) for index in range(3)]
    if bed.cloud.about.refusal(Ability.ANTI_AFFINITY):
        with pytest.raises(Permanent, match="apart"):
            await bed.cloud.compute.create_server(orders[0])
        return
    hosts = [(await bed.running(each)).host for each in orders]
    assert len(set(hosts)) == 3


@pytest.mark.parametrize("affinity", [Affinity.AFFINITY, Affinity.SOFT_AFFINITY])
async def test_servers_that_are_to_be_together_share_a_host(
    bed: Bed, cluster: UUID, affinity: Affinity
) -> None:
    group = Group(id=uuid4(), name="together", affinity=affinity)
    orders = [replace(bed.order(cluster, index), group=group) for index in range(3)]
    hosts = [(await bed.running(each)).host for each in orders]
    assert len(set(hosts)) == 1


async def test_those_who_had_rather_be_apart_come_together_where_they_must(
    bed: Bed, cluster: UUID
) -> None:
    group = Group(id=uuid4(), name="rather", affinity=Affinity.SOFT_ANTI_AFFINITY)
    zone = bed.cloud.about.zones[0]
    orders = [replace(bed.order(cluster, i), group=group, zone=zone) for i in range(6)]
    for each in orders:
        assert (await bed.running(each)).zone == zone
