"""One plan at a time: what is seen against what is done."""

from dataclasses import replace
from datetime import timedelta
from time import process_time

import pytest

from builders import (
    GOOD,
    LONG_AGO,
    NOW,
    OLD,
    WEB,
    a_cluster,
    a_new_cluster,
    a_node,
    a_pool,
    a_probe_of,
    a_server,
    a_server_of,
    a_service,
    a_snapshot,
    a_wish,
    an_empty_place,
    in_service,
)
from decide.planned import steps, three
from muster.decide.converge import plan
from muster.decide.destiny import Fitness
from muster.decide.draft import place
from muster.decide.victims import spared
from muster.model.action import ActionStatus, Verb
from muster.model.cluster import ClusterStatus, Healing
from muster.model.node import Health, NodeStatus
from muster.model.observed import Record, Seen
from muster.model.step import CreateServer, DeleteServer, DropRecord, OperateServer, PutPool


def test_an_empty_cluster_gets_its_servers():
    """Every missing place is opened and filled in the same pass, its pool put up with it."""
    decided = plan(a_snapshot(a_new_cluster(desired=2, service=a_service(address=""))))

    assert [n.index for n in decided.put] == [1, 2]
    assert [n.name for n in decided.put] == ["web-001", "web-002"]
    assert [type(s) for s in decided.steps] == [CreateServer, CreateServer, PutPool]
    assert decided.cluster.status is ClusterStatus.CREATING
    assert decided.cluster.next_index == 3
    assert {n.status for n in decided.put} == {NodeStatus.CREATING}


def test_a_settled_cluster_is_left_alone():
    web = three(service=a_service())
    web = plan(in_service(web, *map(a_node, (1, 2, 3)))).cluster

    decided = plan(in_service(web, *map(a_node, (1, 2, 3))))

    assert decided.settled
    assert decided.look_at is None
    assert decided.cluster == web
    assert not decided.put
    assert not decided.events


def test_a_node_joins_the_pool_once_its_application_has_answered():
    web = three(desired=2, service=a_service())
    nodes = [
        an_empty_place(i, status=NodeStatus.CREATING, ref=f"s{i}", began_at=NOW) for i in (1, 2)
    ]
    snapshot = a_snapshot(
        web,
        *nodes,
        servers=[a_server_of(n) for n in nodes],
        pool=a_pool(web),
        probes={nodes[0].id: a_probe_of(nodes[0])},
    )

    (put,) = plan(snapshot).steps

    assert isinstance(put, PutPool)
    assert [m.node_id for m in put.pool.members] == [nodes[0].id]


def test_the_good_answer_of_an_earlier_server_says_nothing_about_this_one():
    web = three(desired=1, service=a_service())
    before = a_node(1)
    node = an_empty_place(1, incarnation=2, ref="s1b", began_at=NOW)
    snapshot = a_snapshot(
        web,
        node,
        servers=[a_server_of(node)],
        pool=a_pool(web),
        probes={node.id: a_probe_of(before)},
    )

    assert not plan(snapshot).steps


def test_a_server_whose_creation_was_never_answered_is_found_by_its_tag():
    node = an_empty_place(1, status=NodeStatus.CREATING, began_at=NOW)
    decided = plan(a_snapshot(a_cluster(), node, servers=[a_server(1)]))

    assert not decided.steps
    assert decided.put[0].ref == "s1"
    assert decided.put[0].address == "10.1.0.1"


def test_a_server_that_the_cloud_does_not_list_yet_is_asked_for_under_the_same_id():
    node = an_empty_place(1, status=NodeStatus.CREATING, ref="s1", began_at=NOW)

    (create,) = plan(a_snapshot(a_cluster(), node, servers=[])).steps

    assert create.order.server_id == node.server_id


@pytest.mark.parametrize("seen", [Seen.BROKEN, Seen.STOPPED, None])
def test_a_dead_server_is_replaced_in_its_place(seen):
    nodes = [a_node(i) for i in (1, 2, 3)]
    servers = [a_server_of(n) for n in nodes[1:]]
    if seen:
        servers.append(a_server(1, seen))
    decided = plan(a_snapshot(three(), *nodes, servers=servers))

    (create,) = decided.steps
    assert create.order.server_id == replace(nodes[0], incarnation=2).server_id
    assert decided.put[0].incarnation == 2
    assert decided.put[0].status is NodeStatus.RECOVERING
    assert decided.cluster.status is ClusterStatus.RECOVERING


def test_an_unreachable_server_is_waited_for():
    nodes = [a_node(i) for i in (1, 2, 3)]
    servers = [a_server(1, Seen.UNREACHABLE), a_server(2), a_server(3)]
    decided = plan(a_snapshot(three(), *nodes, servers=servers))

    assert not decided.steps
    assert decided.waits
    assert decided.cluster.status is ClusterStatus.WARNING


def test_a_cluster_of_nothing_is_gone():
    web = a_cluster(leaving=True, status=ClusterStatus.DELETING)
    assert plan(a_snapshot(web)).gone
    assert not plan(a_snapshot(web, servers=[a_server(4)])).gone


def test_an_operation_somebody_asked_for_becomes_a_step():
    reboot = a_wish(Verb.NODE_OPERATION, target=a_node(1).id, inputs={"operation": "reboot"})
    derived = replace(reboot, id=OLD, cause="Derived Action")

    (step,) = plan(a_snapshot(a_cluster(), a_node(1), actions=(reboot, derived))).steps

    assert isinstance(step, OperateServer)
    assert (step.ref, step.action_id) == ("s1", reboot.id)


@pytest.mark.parametrize(
    ("sizes", "status", "text"),
    [
        ({"min_size": 3}, ClusterStatus.ERROR, "below min_size (3)."),
        ({"min_size": 1}, ClusterStatus.WARNING, "below desired_capacity (3)."),
        ({"desired": 2}, ClusterStatus.ACTIVE, "equal or above desired_capacity (2)."),
    ],
)
def test_a_settled_cluster_is_called_by_how_many_are_active(sizes, status, text):
    ill = a_node(3, status=NodeStatus.ERROR, protected=True)
    web = three(healing=Healing(enabled=False), **sizes)
    decided = plan(a_snapshot(web, a_node(1), a_node(2), ill, servers=[a_server(1), a_server(2)]))

    assert decided.settled
    assert decided.cluster.status is status
    assert text in decided.cluster.reason


def test_a_cluster_that_cannot_let_go_of_those_above_its_bound_says_so():
    web = three(healing=Healing(enabled=False), desired=1, max_size=1)
    kept = [a_node(number, protected=True) for number in (1, 2)]
    decided = plan(a_snapshot(web, *kept, servers=[a_server(1), a_server(2)]))

    assert decided.cluster.status is ClusterStatus.WARNING
    assert decided.cluster.reason.endswith(": number of active nodes is above max_size (1).")


def test_a_wish_that_takes_too_long_fails():
    wish = a_wish(Verb.CLUSTER_RESIZE, timeout_s=60, created_at=LONG_AGO)
    web = a_cluster(desired=2, generation=2)
    (ended,) = plan(a_snapshot(web, a_node(1), actions=(wish,))).actions

    assert ended.status is ActionStatus.FAILED
    assert ended.reason.endswith("timeout")


def test_how_long_a_start_takes_is_learned_smoothly():
    node = an_empty_place(1, ref="s1", began_at=NOW - timedelta(seconds=5))
    assert plan(a_snapshot(a_cluster(), node)).cluster.boot_s == 5.0
    assert plan(a_snapshot(a_cluster(boot_s=15.0), node)).cluster.boot_s == 12.0


def test_a_thousand_nodes_that_do_the_same_are_told_of_once():
    nodes = [an_empty_place(i, ref=f"s{i}", began_at=NOW) for i in range(1, 1001)]
    decided = plan(a_snapshot(a_new_cluster(desired=1000, next_index=1001), *nodes))

    ready = [each for each in decided.events if each.kind == "node.ready"]
    assert [each.data for each in ready] == [{"count": 1000}]
    assert ready[0].reason == "1000 nodes: web-001, web-002, web-003 and 997 more: in service"


def test_the_three_kinds_of_health_are_kept_apart():
    web = three(desired=1, service=a_service())
    node = a_node(1, health=Health())
    decided = plan(in_service(web, node))

    assert decided.put[0].health == GOOD


def test_before_the_front_is_gone_no_server_is_deleted_not_even_an_idle_one():
    ours = Record(name="web.example.org", address="10.0.0.1", owner=WEB)
    web = a_cluster(service=a_service(dns_name="web.example.org"), leaving=True)
    idle = an_empty_place(1, ref="s1", began_at=NOW)
    snapshot = a_snapshot(web, idle, servers=[a_server(1, Seen.BUILDING)], record=ours)

    assert [type(s) for s in plan(snapshot).steps] == [DropRecord]
    assert [type(s) for s in plan(replace(snapshot, record=None)).steps] == [DeleteServer]


@pytest.mark.parametrize(("floor", "taken"), [(0, [1, 2, 3]), (1, [2, 3]), (2, [2]), (3, [])])
def test_the_ready_and_the_available_both_stay_above_the_floor(floor, taken):
    """Three serve, and only the first has done so for long enough to count."""
    places = [place(a_node(index)) for index in (1, 2, 3)]
    for each in places:
        each.fitness, each.available = Fitness.READY, each.node.index == 1

    assert [each.node.index for each in spared(places, 3, places, floor)] == taken


@pytest.mark.slow
def test_the_cost_of_a_plan_grows_with_the_nodes_and_not_with_their_square():
    size = 5000
    web = a_cluster(desired=size, next_index=size + 1, service=a_service())
    snapshot = in_service(web, *(a_node(i) for i in range(1, size + 1)))
    began = process_time()

    decided = plan(replace(snapshot, cluster=replace(web, desired=size - 500)))

    (put,) = steps(decided, PutPool)
    assert len(put.pool.members) == size
    assert process_time() - began < 3  # a quarter of a second; squared it is a minute
