"""What a simulated world shows as it was is what it would show if it looked anew."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import anyio
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.simulated.worlds import Scene, a_scene
from muster.base.errors import MusterError
from muster.model.observed import Server
from muster.model.pool import PoolSeen, Traffic
from muster.model.step import Operation
from muster.ports.prober import Question

Fate = Callable[[Scene, list[Server]], Awaitable[object]]


async def _advance(scene: Scene, _: list[Server]) -> None:
    scene.clock.advance(3)


def _to(word: str) -> Fate:
    """Return the fate that befalls one server, by the world's word for it."""

    async def befall(scene: Scene, servers: list[Server]) -> None:
        getattr(scene.world, word)(servers[0].ref)

    return befall


def _host(word: str) -> Fate:
    async def befall(scene: Scene, servers: list[Server]) -> None:
        getattr(scene.world, word)((await scene.listed())[-1].host)

    return befall


def _done(operation: Operation) -> Fate:
    async def operate(scene: Scene, servers: list[Server]) -> None:
        await scene.cloud.compute.operate_server(servers[-1].ref, operation)

    return operate


async def _delete(scene: Scene, servers: list[Server]) -> None:
    await scene.cloud.compute.delete_server(servers[1].ref)


async def _load(scene: Scene, servers: list[Server]) -> None:
    scene.world.set_load(servers[0].cluster_id, 50)


async def _no_load(scene: Scene, servers: list[Server]) -> None:
    scene.world.set_load(servers[0].cluster_id, 0)


async def _hold(scene: Scene, servers: list[Server]) -> None:
    scene.world.hold(servers[0].cluster_id, servers[0].node_id, 3, 5)


async def _drain(scene: Scene, servers: list[Server]) -> None:
    await scene.put(servers[0].cluster_id, *servers, drains=servers[0])


async def _serve(scene: Scene, servers: list[Server]) -> None:
    await scene.put(servers[0].cluster_id, *servers)


async def _take_out(scene: Scene, servers: list[Server]) -> None:
    await scene.put(servers[0].cluster_id, *servers[1:])


FATES: dict[str, Fate] = {
    "time": _advance,
    **{word: _to(word) for word in ("break_server", "make_sick", "heal")},
    **{word: _host(word) for word in ("power_cut", "lose", "cut_off", "silence", "power_back")},
    **{str(each): _done(each) for each in (Operation.STOP, Operation.START, Operation.REBOOT)},
    "rebuild": _done(Operation.REBUILD),
    "delete": _delete,
    "load": _load,
    "no load": _no_load,
    "hold": _hold,
    "drain": _drain,
    "serve": _serve,
    "take out": _take_out,
}


async def _told(scene: Scene, servers: list[Server]) -> tuple[PoolSeen | None, object]:
    assert scene.cloud.balancer
    questions = [
        Question(
            node_id=each.node_id,
            server_id=each.server_id,
            address=each.address,
            port=8080,
            path="/health",
            traffic=Traffic.HTTP,
        )
        for each in servers
    ]
    pool = await scene.cloud.balancer.pool(servers[0].cluster_id)
    return pool, await scene.cloud.prober.ask(questions)


def _forget(scene: Scene) -> None:
    """Have the world look anew at everything."""
    for pool in scene.world.state.pools.values():
        pool.shown_until = 0.0
    for machine in scene.world.state.machines.values():
        machine.answered_until = 0.0


async def _lived_through(fates: list[str], moved: bool) -> None:
    scene = await a_scene(create_s=2, boot_s=2, delete_s=2, drain_s=4)
    cluster = uuid4()
    servers = [await scene.create(cluster, index) for index in range(3)]
    if moved:  # a node that joined brought its server, which bears the tag of where it was made
        servers.append(await scene.create(uuid4()))
    await scene.put(cluster, *servers)
    for name in fates:
        await _told(scene, servers)
        try:
            await FATES[name](scene, servers)
        except MusterError:
            continue  # there is no such server any more, or nobody reaches it
        seen = await _told(scene, servers)
        _forget(scene)
        assert await _told(scene, servers) == seen, name


@example(["time", "time", str(Operation.STOP)], True)
@given(st.lists(st.sampled_from(sorted(FATES)), max_size=12), st.booleans())
def test_nothing_that_happens_is_missed(fates: list[str], moved: bool) -> None:
    anyio.run(_lived_through, fates, moved)


async def test_a_pool_to_which_nothing_happens_is_not_put_together_again() -> None:
    scene, cluster = await a_scene(), uuid4()
    await scene.put(cluster, await scene.create(cluster))
    assert scene.cloud.balancer
    seen = await scene.cloud.balancer.pool(cluster)
    scene.clock.advance(60)
    assert await scene.cloud.balancer.pool(cluster) is seen
