"""What clusters live through in tests of decisions, and what has to hold all along."""

from dataclasses import replace
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st

from builders import a_new_cluster, a_rollout, a_wish
from decide.generated import HEALING
from decide.imagined import Nature, World, a_world
from muster.decide.rolling import budget
from muster.decide.strays import LEFT_BEHIND
from muster.model.action import Verb
from muster.model.node import Node
from muster.model.observed import Seen
from muster.model.plan import Snapshot
from muster.model.pool import Condition, MemberState
from muster.model.rollout import RolloutState
from patience import examples

PASSES = 900
LIFE = settings(max_examples=examples(50), deadline=None)
natures = st.builds(
    Nature,
    boot_s=st.sampled_from([0.0, 0.4, 3.0]),
    warm_s=st.sampled_from([0.0, 0.5]),
    delete_s=st.sampled_from([0.0, 3.0]),
    fails=st.sampled_from([0.0, 0.0, 0.3]),
    duds=st.sampled_from([0.0, 0.0, 0.3]),
    sessions=st.sampled_from([0, 2]),
    seed=st.integers(0, 5),
    back_s=st.sampled_from([1.0, 20.0, 200.0]),
    dead_s=st.sampled_from([0.5, 10.0, float("inf")]),
    dark=st.booleans(),
)


def left_behind(world: World) -> set[UUID]:
    """Return what is on dead hosts of a cluster that is gone, and was told of."""
    told = {each.cluster_id for each in world.told if each.kind == LEFT_BEHIND}
    if not world.gone or world.cluster.id not in told:
        return set()
    servers = world.snapshot.servers
    return {id for id in world.cluster.remains if id in servers and servers[id].abandoned}


def consistent(world: World) -> None:
    """What the cloud has is what the database says, but for what a deletion left behind."""
    nodes = {n.server_id for n in world.snapshot.nodes}
    assert set(world.snapshot.servers) <= nodes | left_behind(world)
    if world.snapshot.pool:
        members, places = set(world.snapshot.pool.members), {n.id for n in world.snapshot.nodes}
        assert members <= places


def turn(world: World, wish: str) -> None:
    rollout, now = world.cluster.rollout, world.snapshot.now
    state = rollout.state
    if wish == "pause" and state in (RolloutState.ROLLING, RolloutState.BAKING):
        world.wish(rollout=rollout.turned(RolloutState.PAUSED, now, "held"))
    elif wish == "resume" and rollout.held:
        going = rollout.turned(RolloutState.ROLLING, now, "on")
        passed = rollout.canary_passed or state is RolloutState.BAKING
        world.wish(rollout=replace(going, canary_passed=passed))
    elif wish == "back" and state is not RolloutState.ROLLING_BACK:
        world.wish(rollout=rollout.turned(RolloutState.ROLLING_BACK, now, "back"))


def keeps_the_budget(before, decided, after) -> None:
    """Checked after every pass of a world in which nothing fails by itself."""
    allowed = budget(decided.cluster)
    staying = [n for n in after.nodes if not n.leaving and not n.standby]
    assert len(staying) <= decided.cluster.desired + allowed.surge
    assert serving(after) >= min(serving(before), allowed.floor)


def running(size: int, **but) -> World:
    """Return a world whose cluster has settled, and forget how it came about."""
    cluster = a_new_cluster(**{"desired": size, "healing": HEALING} | but)
    world = a_world(cluster)
    world.settle()
    world.told.clear()
    world.began = world.snapshot.now
    return world


def start_update(world: World, **but) -> None:
    now = world.snapshot.now
    plain = {"strategy": world.cluster.strategy, "started_at": now, "progress_at": now}
    world.wish(rollout=a_rollout(**plain | but))


def serving(snapshot: Snapshot) -> int:
    """Return how many nodes a client's request may be answered by now."""
    if snapshot.pool is None:
        return sum(_runs(snapshot, n) for n in snapshot.nodes if not n.leaving and not n.standby)
    return sum(
        _runs(snapshot, n)
        and (member := snapshot.pool.members.get(n.id)) is not None
        and member.state is MemberState.SERVE
        and member.condition is not Condition.BAD
        for n in snapshot.nodes
    )


def _runs(snapshot: Snapshot, node: Node) -> bool:
    server = snapshot.servers.get(node.server_id)
    return server is not None and server.seen is Seen.RUNNING


def stop(world: World, index: int) -> None:
    """Have somebody put a node to rest."""
    node = next(each for each in world.snapshot.nodes if each.index == index)
    wish = a_wish(Verb.NODE_OPERATION, target=node.id, inputs={"operation": "stop"})
    world.snapshot = replace(world.snapshot, actions=(*world.snapshot.actions, wish))
    world.settle()
