"""Stories of clusters over an imagined world, each played to its end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NEW, OLD, a_leaving, a_new_cluster, a_service, a_snapshot, a_wish
from decide.generated import HEALING
from decide.imagined import World
from decide.lives import PASSES, consistent, keeps_the_budget, running, serving, start_update, turn
from muster.model.action import ActionStatus, Verb
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus, Healing
from muster.model.node import NodeStatus, Why
from muster.model.observed import Seen
from muster.model.rollout import RolloutState, Strategy


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
