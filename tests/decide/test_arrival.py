"""From anything a cluster may be found in, a bounded number of passes settles it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import (
    NEW,
    OLD,
    a_leaving,
    a_new_cluster,
    a_rollout,
    a_service,
    a_snapshot,
    a_wish,
)
from decide.generated import HEALING, snapshots
from decide.imagined import Nature, World, a_world, serving
from muster.decide.rolling import budget
from muster.model.action import ActionStatus, Verb
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus, Healing
from muster.model.node import NodeStatus, Why
from muster.model.observed import Seen
from muster.model.plan import Plan, Snapshot
from muster.model.rollout import RolloutState, Strategy
from muster.model.step import PutPool
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


def consistent(world: World) -> None:
    """What the cloud has is what the database says."""
    nodes = {n.server_id for n in world.snapshot.nodes}
    assert set(world.snapshot.servers) <= nodes
    if world.snapshot.pool:
        members, places = set(world.snapshot.pool.members), {n.id for n in world.snapshot.nodes}
        assert members <= places


@LIFE
@given(snapshots(), natures)
def test_any_cluster_settles(snapshot, nature):
    world = World(snapshot=snapshot, nature=nature)

    decided = world.settle(PASSES)

    assert decided.settled or decided.gone
    if decided.gone:
        assert not world.snapshot.servers
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


def kinds(world: World) -> list[str]:
    return [event.kind for event in world.told]


def test_a_new_cluster_becomes_active():
    wish = a_wish(Verb.CLUSTER_CREATE, generation=1)
    world = World(a_snapshot(a_new_cluster(desired=3, service=a_service()), actions=(wish,)))

    world.settle()

    assert world.cluster.status is ClusterStatus.ACTIVE
    assert world.cluster.created_at is not None
    assert world.cluster.boot_s == pytest.approx(0.9, abs=0.3)
    assert [each.status for each in world.ended] == [ActionStatus.SUCCEEDED]
    assert kinds(world).count("node.ready") == 3
    assert "cluster.created" in kinds(world)
    assert world.cluster.reason == (
        "CLUSTER_CREATE: number of active nodes is equal or above desired_capacity (3)."
    )


def test_a_killed_node_is_replaced_in_its_place():
    world = running(5)
    world.break_servers(2)

    world.settle()

    assert [(n.index, n.incarnation) for n in world.snapshot.nodes] == [
        (1, 1),
        (2, 2),
        (3, 1),
        (4, 1),
        (5, 1),
    ]
    assert kinds(world) == ["node.sick", "node.repaired", "cluster.settled"]


def test_what_a_repair_replaced_is_taken_away():
    world = running(5, service=a_service())
    world.make_sick(3)

    world.settle()

    assert len(world.snapshot.servers) == 5
    consistent(world)


def test_many_ill_at_once_stop_the_replacing_until_trials_succeed():
    world = running(10)
    world.break_servers(1, 2, 3, 4)
    world.step()
    assert world.cluster.storm
    assert world.cluster.status is ClusterStatus.WARNING
    assert "4 of 10 nodes are ill at once" in world.cluster.reason
    assert all(n.incarnation == 1 for n in world.snapshot.nodes)

    world.settle()

    assert world.cluster.storm is None
    assert world.cluster.status is ClusterStatus.ACTIVE
    trials = [e.reason for e in world.told if e.kind == "storm.trial"]
    assert trials == ["1 of 4 that are ill may be replaced", "2 of 3 that are ill may be replaced"]


def test_in_a_storm_whose_cause_lasts_only_one_at_a_time_is_tried():
    world = running(10, service=a_service(), healing=replace(HEALING, max_tries=100))
    world.nature = replace(world.nature, duds=1.0)
    world.break_servers(1, 2, 3, 4)

    for _ in range(60):
        world.step()
        assert sum(n.incarnation > 1 for n in world.snapshot.nodes) <= 1
    assert world.cluster.storm


def test_a_node_that_never_comes_up_is_given_up_and_said_so():
    wish = a_wish(Verb.CLUSTER_RESIZE, generation=2)
    world = running(3, service=a_service())
    world.nature = replace(world.nature, duds=1.0)
    world.snapshot = replace(world.snapshot, actions=(wish,))
    world.wish(desired=4)

    world.settle(PASSES)

    assert world.snapshot.nodes[-1].status is NodeStatus.ERROR
    assert "given up after 4 tries" in world.snapshot.nodes[-1].reason
    assert world.cluster.status is ClusterStatus.WARNING
    assert "web-004" in world.cluster.reason
    assert [each.status for each in world.ended] == [ActionStatus.FAILED]


def test_scaling_out_takes_back_what_still_drains():
    world = running(4, service=a_service())
    world.nature = replace(world.nature, sessions=20)
    world.wish(desired=2)
    world.step()
    world.step()
    assert sum(n.leaving is not None for n in world.snapshot.nodes) == 2

    world.wish(desired=4)
    world.settle()

    assert [n.incarnation for n in world.snapshot.nodes] == [1, 1, 1, 1]
    assert world.cluster.next_index == 5
    assert kinds(world).count("node.taken_back") == 2


def test_a_drain_ends_with_its_sessions_or_at_its_deadline():
    patient, hasty = (
        running(2, service=a_service(drain_s=60)),
        running(2, service=a_service(drain_s=2)),
    )
    for world in (patient, hasty):
        world.nature = replace(world.nature, sessions=30)
        world.wish(desired=1)
        world.settle()

    assert timedelta(seconds=10) < patient.snapshot.now - patient.began < timedelta(seconds=20)
    assert hasty.snapshot.now - hasty.began < timedelta(seconds=5)


def test_a_bad_revision_is_rolled_back_by_itself():
    world = running(4, service=a_service())
    world.nature = replace(world.nature, bad_profiles=frozenset([NEW]))
    start_update(world, strategy=Strategy(progress_deadline_s=20))
    world.checks.append(keeps_the_budget)

    world.settle(PASSES)

    assert world.cluster.rollout.state is RolloutState.ROLLED_BACK
    assert "no progress for 20 s" in world.cluster.rollout.reason
    assert world.cluster.profile_id == OLD
    assert {n.profile_id for n in world.snapshot.nodes} == {OLD}
    assert serving(world.snapshot) == 4


def test_without_rollback_a_bad_revision_stops_the_update():
    world = running(4, service=a_service())
    world.nature = replace(world.nature, bad_profiles=frozenset([NEW]))
    start_update(world, strategy=Strategy(progress_deadline_s=20, auto_rollback=False))

    world.settle(PASSES)

    assert world.cluster.rollout.state is RolloutState.FAILED
    assert world.cluster.profile_id == OLD
    assert serving(world.snapshot) == 4


def test_a_canary_waits_for_somebody_and_more_load_gets_the_proven_revision():
    world = running(4, service=a_service())
    start_update(world, strategy=Strategy(canary=Amount(1)))
    world.settle()
    assert world.cluster.rollout.state is RolloutState.BAKING
    assert sorted(n.profile_id for n in world.snapshot.nodes) == [OLD, OLD, OLD, NEW]

    world.wish(desired=6)
    world.settle()
    assert [n.profile_id for n in world.snapshot.nodes].count(NEW) == 1
    turn(world, "resume")
    world.settle()

    assert {n.profile_id for n in world.snapshot.nodes} == {NEW}
    assert world.cluster.rollout.state is RolloutState.DONE


def test_a_sick_canary_turns_the_update_back_at_once():
    world = running(4, service=a_service())
    start_update(world, strategy=Strategy(canary=Amount(1)))
    world.settle()
    world.make_sick(*(n.index for n in world.snapshot.nodes if n.profile_id == NEW))

    world.settle()

    assert world.cluster.rollout.state is RolloutState.ROLLED_BACK
    assert "canary is sick" in world.cluster.rollout.reason
    assert {n.profile_id for n in world.snapshot.nodes} == {OLD}


def test_while_paused_repair_and_scaling_go_on():
    world = running(6, service=a_service())
    start_update(world)
    for _ in range(12):
        world.step()
    turn(world, "pause")
    world.settle()
    mixed = {n.id: n.profile_id for n in world.snapshot.nodes}
    world.break_servers(world.snapshot.nodes[0].index)
    world.wish(desired=9)

    world.settle()

    assert world.cluster.status is ClusterStatus.UPDATING
    assert world.cluster.reason.startswith("Update paused")
    assert len(world.snapshot.nodes) >= 9
    assert {n.id: n.profile_id for n in world.snapshot.nodes if n.id in mixed} == mixed


def test_a_warm_pool_is_promoted_before_anything_is_made():
    world = running(2, service=a_service(), warm_pool=2)
    assert sum(n.standby for n in world.snapshot.nodes) == 2
    assert len(world.snapshot.pool.members) == 2

    world.wish(desired=4)
    began = world.snapshot.now
    world.until(lambda w: serving(w.snapshot) == 4)

    assert world.snapshot.now - began < timedelta(seconds=0.3)
    world.settle()
    assert sum(n.standby for n in world.snapshot.nodes) == 2
    assert len(world.snapshot.nodes) == 6


def test_nothing_is_left_of_a_deleted_cluster():
    world = running(5, service=a_service())
    world.snapshot = replace(world.snapshot, actions=(a_wish(Verb.CLUSTER_DELETE),))
    world.wish(leaving=True)

    decided = world.settle()

    assert decided.gone
    assert not world.snapshot.nodes
    assert not world.snapshot.servers
    assert world.snapshot.pool is None
    assert [each.status for each in world.ended] == [ActionStatus.SUCCEEDED]


def test_the_pool_goes_before_any_server():
    world = running(2, service=a_service())
    world.wish(leaving=True)

    assert [type(s).__name__ for s in world.step().steps] == ["RemovePool"]
    assert [type(s).__name__ for s in world.step().steps] == ["DeleteServer"] * 2


def test_a_node_asked_to_be_replaced_serves_until_its_successor_does():

    world = running(2, service=a_service())
    world.change_node(1, leaving=a_leaving(Why.REQUEST, since=world.snapshot.now))
    world.wish()
    world.checks.append(lambda before, decided, after: _at_least(serving(after), 2))

    world.settle()

    assert [n.index for n in world.snapshot.nodes] == [2, 3]


def _at_least(count: int, least: int) -> None:
    assert count >= least


def test_a_host_that_does_not_answer_is_waited_for():
    world = running(5, service=a_service())
    world.nature = replace(world.nature, back_s=20)
    world.break_servers(1, seen=Seen.UNREACHABLE)

    world.settle()

    assert all(n.incarnation == 1 for n in world.snapshot.nodes)
    assert world.cluster.status is ClusterStatus.ACTIVE


def test_with_healing_switched_off_nothing_is_replaced():
    world = running(3, healing=Healing(enabled=False))
    world.break_servers(1)

    assert world.settle().settled

    assert world.cluster.status is ClusterStatus.WARNING
    assert world.snapshot.nodes[0].status is NodeStatus.ERROR
    assert all(n.incarnation == 1 for n in world.snapshot.nodes)


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
