"""One step of an update: who is replaced next, and what stays as it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import (
    LONG_AGO,
    NEW,
    NOW,
    OLD,
    a_cluster,
    a_node,
    a_rollout,
    a_service,
    a_snapshot,
    a_wish,
    in_service,
)
from decide.lives import PASSES, running, serving, start_update, stop
from decide.planned import gone, kinds, steps
from muster.decide.converge import plan
from muster.model.action import ActionStatus, Verb
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus, Healing
from muster.model.placement import Placement
from muster.model.rollout import RolloutState, Strategy, UpdateKind
from muster.model.step import CreateServer


def rolling(**but):
    now = {"started_at": NOW, "progress_at": NOW}
    return a_cluster(desired=4, next_index=5, service=a_service(), rollout=a_rollout(**now | but))


def test_an_update_surges_first():
    decided = plan(in_service(rolling(), *map(a_node, (1, 2, 3, 4))))

    assert [n.profile_id for n in decided.put] == [NEW]
    assert len(decided.steps) == 1
    assert decided.cluster.status is ClusterStatus.UPDATING


def test_without_surge_it_retires_first():
    lean = Strategy(max_surge=Amount(0), max_unavailable=Amount(1))
    decided = plan(in_service(rolling(strategy=lean), *map(a_node, (1, 2, 3, 4))))

    assert gone(decided) == [1]
    assert not steps(decided, CreateServer)


def test_where_its_region_takes_no_more_one_goes_before_one_comes():
    full = replace(rolling(), placement=Placement(cap=4))
    seen = in_service(full, *map(a_node, (1, 2, 3, 4)))
    assert (steps(plan(seen), CreateServer), len(gone(plan(seen)))) == ([], 1)
    roomy = replace(seen, cluster=replace(full, placement=Placement(cap=5)))
    assert (len(steps(plan(roomy), CreateServer)), gone(plan(roomy))) == (1, [])


def test_as_many_serve_as_before_beside_one_that_is_protected_and_ill():
    """Three serve now, and two did before the first of the new revision came: one can go."""
    ill = a_node(1, protected=True, tries=8)
    nodes = [a_node(2), a_node(3), a_node(4, profile_id=NEW)]
    web = replace(rolling(), desired=3, healing=Healing(enabled=False))
    snapshot = in_service(web, ill, *nodes)
    servers = {id: each for id, each in snapshot.servers.items() if each.ref != "s1"}

    assert len(gone(plan(replace(snapshot, servers=servers)))) == 1


def test_the_young_that_serve_are_not_taken_for_idle():
    """None was ready for long enough, and yet they are all that clients have."""
    young = [a_node(i, ready_at=NOW) for i in (1, 2, 3, 4)]
    patient = Strategy(min_ready_s=60)
    web = replace(rolling(strategy=patient), desired=2)

    assert len(gone(plan(in_service(web, *young)))) <= 2


def test_the_revision_in_force_changes_only_when_all_is_new():
    nodes = [a_node(i, profile_id=NEW) for i in (1, 2, 3, 4)]
    wish = a_wish(Verb.CLUSTER_UPDATE)
    snapshot = in_service(replace(rolling(), generation=2), *nodes)
    decided = plan(replace(snapshot, actions=(wish,)))

    assert decided.cluster.profile_id == NEW
    assert decided.cluster.revisions == (OLD,)
    assert decided.cluster.rollout.state is RolloutState.DONE
    assert [a.status for a in decided.actions] == [ActionStatus.SUCCEEDED]
    assert {"rollout.done", "cluster.updated"} <= set(kinds(decided))


def test_a_pause_is_done_by_being_wished_while_the_update_stays_open():
    web = replace(rolling(state=RolloutState.PAUSED), generation=3)
    update = a_wish(Verb.CLUSTER_UPDATE, status=ActionStatus.RUNNING)
    pause = a_wish(Verb.CLUSTER_UPDATE, generation=3, inputs={"operation": "pause"})
    snapshot = replace(in_service(web, *map(a_node, (1, 2, 3, 4))), actions=(update, pause))
    decided = plan(snapshot)

    assert [a.id for a in decided.actions] == [pause.id]
    assert decided.settled
    assert decided.cluster.reason.startswith("Update paused")


def test_opportunistic_replaces_nothing_and_lets_the_outdated_go_first():
    lazy = Strategy(kind=UpdateKind.OPPORTUNISTIC)
    web = a_cluster(desired=2, next_index=3, profile_id=NEW, strategy=lazy)
    nodes = [a_node(1, profile_id=NEW, since=LONG_AGO - timedelta(days=9)), a_node(2)]

    assert plan(a_snapshot(web, *nodes)).settled
    assert gone(plan(a_snapshot(replace(web, desired=1), *nodes))) == [2]


def test_a_protected_node_that_somebody_stopped_keeps_no_update_from_its_end():
    world = running(4, service=a_service(drain_s=1))
    stop(world, 1)
    world.change_node(1, protected=True)
    start_update(world)

    world.settle(PASSES)

    assert world.cluster.rollout.state is RolloutState.DONE
    nodes = world.snapshot.nodes
    assert [n.index for n in nodes if n.profile_id == OLD] == [1]
    assert len(nodes) == 4


@pytest.mark.parametrize("size", [2, 3, 4])
def test_an_update_in_place_waits_with_those_that_serve_for_those_that_start(size):
    strategy = Strategy(kind=UpdateKind.IN_PLACE, max_unavailable=Amount(1))
    world = running(size, service=a_service(drain_s=1), strategy=strategy)
    world.nature = replace(world.nature, boot_s=3.0)
    world.break_servers(size)
    world.step()
    world.step()
    assert serving(world.snapshot) == size - 1
    lowest = []
    world.checks.append(lambda _, __, after: lowest.append(serving(after)))

    start_update(world)
    world.settle(PASSES)

    assert min(lowest) == size - 1
    assert world.cluster.rollout.state is RolloutState.DONE
