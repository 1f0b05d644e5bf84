"""From anything a cluster may be found in, a bounded number of passes settles it."""

from hypothesis import given
from hypothesis import strategies as st

from builders import NEW, OLD, a_rollout, a_service
from decide.generated import snapshots
from decide.imagined import Nature, World
from decide.lives import (
    LIFE,
    PASSES,
    consistent,
    keeps_the_budget,
    left_behind,
    natures,
    running,
    serving,
    start_update,
    turn,
)
from muster.decide.rolling import budget
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus, Healing
from muster.model.observed import Seen
from muster.model.plan import Plan, Snapshot
from muster.model.rollout import RolloutState, Strategy
from muster.model.step import PutPool


@LIFE
@given(snapshots(), natures)
def test_any_cluster_settles(snapshot, nature):
    world = World(snapshot=snapshot, nature=nature)

    decided = world.settle(PASSES)

    assert decided.settled or decided.gone
    if decided.gone:
        assert set(world.snapshot.servers) <= left_behind(world)
        assert world.snapshot.pool is None
        return
    consistent(world)
    cluster, staying = world.cluster, [n for n in world.snapshot.nodes if not n.standby]
    assert not any(n.leaving for n in staying)
    assert len(staying) >= cluster.desired - cluster.strategy.max_unavailable.of(
        cluster.desired, up=False
    )
    held = cluster.rollout is not None and cluster.rollout.under_way and cluster.rollout.held
    assert cluster.settled_generation == cluster.generation
    assert held == (cluster.status is ClusterStatus.UPDATING)
    assert plan_changes_nothing(world)


def plan_changes_nothing(world: World) -> bool:
    """A settled cluster planned again is left alone: no put, no event, no other cluster."""
    before = world.cluster
    decided = world.step()
    return not decided.put and not decided.events and decided.cluster == before


@LIFE
@given(
    snapshots(),
    natures,
    st.lists(
        st.sampled_from(["grow", "shrink", "update", "pause", "resume", "back", "kill", "sick"]),
        max_size=6,
    ),
    st.integers(1, 9),
)
def test_it_settles_whatever_is_wished_meanwhile(snapshot, nature, wishes, apart):
    world = World(snapshot=snapshot, nature=nature)
    for wish in wishes:
        for _ in range(apart):
            world.step()
        make(world, wish)

    decided = world.settle(PASSES)

    assert decided.gone or world.cluster.settled_generation == world.cluster.generation
    consistent(world)


def make(world: World, wish: str) -> None:
    cluster, now = world.cluster, world.snapshot.now
    rollout = cluster.rollout
    if cluster.leaving:
        return
    if wish == "grow":
        world.wish(desired=cluster.desired + 2)
    elif wish == "shrink":
        world.wish(desired=max(0, cluster.desired - 2))
    elif wish == "update" and not (rollout and rollout.under_way):
        to = NEW if cluster.profile_id == OLD else OLD
        new = a_rollout(
            from_profile=cluster.profile_id,
            to_profile=to,
            strategy=cluster.strategy,
            started_at=now,
            progress_at=now,
        )
        world.wish(rollout=new)
    elif wish in ("pause", "resume", "back") and rollout and rollout.under_way:
        turn(world, wish)
    elif wish in ("kill", "sick") and world.snapshot.nodes:
        (world.break_servers if wish == "kill" else world.make_sick)(world.snapshot.nodes[0].index)


strategies = st.builds(
    Strategy,
    max_surge=st.sampled_from([Amount(0), Amount(1), Amount(25, percent=True), Amount(5)]),
    max_unavailable=st.sampled_from([Amount(0), Amount(1), Amount(40, percent=True)]),
    min_ready_s=st.sampled_from([0.0, 1.0]),
    canary=st.sampled_from([None, Amount(1), Amount(50, percent=True)]),
    canary_bake_s=st.sampled_from([0.0, 2.0]),
)


@LIFE
@given(strategies, st.integers(0, 9), st.booleans(), st.lists(st.integers(1, 25), max_size=4))
def test_an_update_keeps_the_budget_paused_resumed_and_rolled_back(strategy, size, service, turns):
    world = running(size, service=a_service() if service else None, strategy=strategy)
    start_update(world)
    world.checks.append(keeps_the_budget)
    for number, passes in enumerate(turns):
        for _ in range(passes):
            world.step()
        if world.cluster.rollout.under_way:
            turn(world, ["pause", "resume", "back", "pause"][number])
    if world.cluster.rollout.held:
        turn(world, "resume")

    world.settle(PASSES)

    rolled_back = world.cluster.rollout.state is RolloutState.ROLLED_BACK
    wanted = OLD if rolled_back else NEW
    assert world.cluster.rollout.state in (RolloutState.DONE, RolloutState.ROLLED_BACK)
    assert [n.profile_id for n in world.snapshot.nodes] == [wanted] * size
    assert world.cluster.profile_id == wanted
    assert world.cluster.revisions == (() if rolled_back else (OLD,))


@LIFE
@given(
    strategies,
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), min_size=1, max_size=5),
)
def test_scaling_during_an_update_keeps_the_budget(strategy, sizes):
    world = running(5, service=a_service(), strategy=strategy)
    start_update(world)
    for size, passes in sizes:
        world.wish(desired=size)
        for _ in range(passes):
            floor_before = serving(world.snapshot)
            decided = world.step()
            assert serving(world.snapshot) >= min(floor_before, budget(decided.cluster).floor)

    world.settle(PASSES)

    assert world.cluster.rollout.state is RolloutState.DONE
    assert [n.profile_id for n in world.snapshot.nodes] == [NEW] * sizes[-1][0]


def one_serves_each_place(before: Snapshot, decided: Plan, after: Snapshot) -> None:
    """The pool is only ever told of the present server of a place, never of a former one."""
    present = {n.id: (n.server_id, n.address) for n in after.nodes}
    for step in decided.steps:
        if isinstance(step, PutPool):
            for member in step.pool.members:
                server_id, known = present[member.node_id]
                server = before.servers.get(server_id)
                assert member.address == ((server and server.address) or known)


@LIFE
@given(
    st.integers(1, 9),
    st.sampled_from([0.0, 5.0, 12.0, 40.0]),
    st.sampled_from([5.0, 12.0, float("inf")]),
    st.booleans(),
    st.sets(st.integers(0, 2), min_size=1, max_size=2),
    st.integers(0, 5),
)
def test_hosts_that_go_and_come_back_leave_one_server_to_each_place(
    size, back_s, dead_s, dark, hosts, seed
):
    world = running(size, service=a_service())
    world.nature = Nature(back_s=back_s, dead_s=dead_s, dark=dark, seed=seed, fails=0.1)
    world.checks.append(one_serves_each_place)
    there = {n.index for n in world.snapshot.nodes if int(n.index) % 3 in hosts}
    answered = not dark
    world.break_servers(*there, seen=Seen.UNREACHABLE)

    world.settle(PASSES)

    consistent(world)
    assert world.cluster.status is ClusterStatus.ACTIVE
    servers = world.snapshot.servers.values()
    assert sorted(s.server_id for s in servers) == sorted(n.server_id for n in world.snapshot.nodes)
    if answered or dead_s > back_s or back_s < Healing().lost_wait_s:
        assert {n.incarnation for n in world.snapshot.nodes} == {1}
