"""What is replaced, how much of it at a time, and when no more is tried."""

from dataclasses import replace
from datetime import timedelta

from builders import (
    LONG_AGO,
    NOW,
    a_cluster,
    a_new_cluster,
    a_node,
    a_probe_of,
    a_server,
    a_server_of,
    a_service,
    a_snapshot,
    a_wish,
    an_empty_place,
    in_service,
)
from decide.planned import kinds, steps, three
from muster.decide.converge import plan
from muster.model.action import ActionStatus, Verb
from muster.model.cluster import ClusterStatus, Healing
from muster.model.node import NodeStatus
from muster.model.observed import Seen
from muster.model.plan import Limits
from muster.model.pool import Condition
from muster.model.rollout import Strategy
from muster.model.step import CreateServer, DeleteServer


def test_more_ill_than_the_share_stop_the_replacing():
    nodes = [a_node(i) for i in range(1, 11)]
    web = a_cluster(desired=10, next_index=11)
    servers = [a_server_of(n) for n in nodes]

    assert len(plan(a_snapshot(web, *nodes, servers=servers[2:])).steps) == 2
    decided = plan(a_snapshot(web, *nodes, servers=servers[3:]))
    assert not decided.steps
    assert "storm.began" in kinds(decided)
    assert decided.cluster.storm
    assert decided.cluster.status is ClusterStatus.WARNING
    assert decided.look_at == NOW + timedelta(seconds=30)


def test_sick_ones_that_run_are_replaced_by_budget():
    nodes = [a_node(i) for i in range(1, 21)]
    web = a_cluster(desired=20, next_index=21, service=a_service(), strategy=Strategy())
    sick = [replace(web, healing=Healing(storm_share=1.0))]
    snapshot = in_service(sick[0], *nodes)
    probes = {n.id: a_probe_of(n, Condition.BAD) for n in nodes}

    assert len(steps(plan(replace(snapshot, probes=probes)), CreateServer)) == 5


def test_too_late_is_a_failure_and_tried_anew_a_little_later():
    late = NOW - timedelta(seconds=120)
    node = an_empty_place(1, status=NodeStatus.CREATING, ref="s1", began_at=late)
    decided = plan(a_snapshot(a_cluster(), node, servers=[a_server(1, Seen.BUILDING)]))

    (after,) = decided.put
    assert (after.incarnation, after.tries, after.ref) == (2, 1, "")
    assert after.retry_at
    assert [type(s) for s in decided.steps] == [DeleteServer]
    assert decided.events[0].reason == "it was not ready within 120 s; try 2 of 8"


def test_after_the_last_try_the_place_rests_and_the_wish_fails():
    late = NOW - timedelta(seconds=120)
    node = an_empty_place(1, status=NodeStatus.CREATING, ref="s1", began_at=late, tries=7)
    web = a_new_cluster(next_index=2)
    wish = a_wish(Verb.CLUSTER_CREATE, generation=1)
    snapshot = a_snapshot(web, node, servers=[a_server(1, Seen.BUILDING)], actions=(wish,))
    decided = plan(snapshot)

    assert decided.settled
    assert decided.put[0].status is NodeStatus.ERROR
    assert [a.status for a in decided.actions] == [ActionStatus.FAILED]
    assert "given up after 8 tries" in decided.actions[0].reason


def test_a_server_that_dies_soon_after_it_came_counts_against_its_place():
    nodes = [a_node(i) for i in (1, 2, 3)]
    nodes[0] = replace(nodes[0], ready_at=NOW - timedelta(seconds=5), tries=2)
    decided = plan(a_snapshot(three(), *nodes, servers=[a_server(2), a_server(3)]))

    assert decided.put[0].tries == 3
    assert not steps(decided, CreateServer)
    steady = replace(nodes[0], ready_at=LONG_AGO)
    decided = plan(a_snapshot(three(), steady, *nodes[1:], servers=[a_server(2), a_server(3)]))
    assert decided.put[0].tries == 0
    assert steps(decided, CreateServer)


def test_a_pass_starts_no_more_than_it_may():
    limits = Limits(creates=3)
    decided = plan(a_snapshot(a_new_cluster(desired=5), limits=limits))

    assert len(decided.steps) == 3
    assert [n.began_at is not None for n in decided.put] == [True, True, True, False, False]
    assert decided.look_at == NOW
