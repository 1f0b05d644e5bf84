"""One plan at a time: what is seen against what is done."""

from dataclasses import replace
from datetime import timedelta
from time import process_time

import pytest

from builders import (
    GOOD,
    LONG_AGO,
    NEW,
    NOW,
    OLD,
    WEB,
    a_cluster,
    a_leaving,
    a_member_of,
    a_new_cluster,
    a_node,
    a_pool,
    a_probe_of,
    a_profile,
    a_rollout,
    a_server,
    a_server_of,
    a_service,
    a_snapshot,
    a_spec,
    a_wish,
    an_empty_place,
    in_service,
)
from muster.decide.converge import plan
from muster.decide.destiny import Fitness
from muster.decide.draft import place
from muster.decide.victims import spared
from muster.model.action import ActionStatus, Verb
from muster.model.capacity import Amount
from muster.model.cloud import Ability
from muster.model.cluster import ClusterStatus, Healing
from muster.model.node import Health, NodeStatus, Why
from muster.model.observed import Record, Seen
from muster.model.plan import Limits
from muster.model.pool import UNCOUNTED, Condition, MemberState
from muster.model.rollout import RolloutState, Strategy, UpdateKind
from muster.model.step import (
    CreateServer,
    DeleteServer,
    DropRecord,
    OperateServer,
    PutPool,
    PutRecord,
    RemovePool,
)


def three(**but):
    return a_cluster(**{"desired": 3, "next_index": 4} | but)


def kinds(decided):
    return [each.kind for each in decided.events]


def steps(decided, kind):
    return [each for each in decided.steps if isinstance(each, kind)]


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


def test_a_former_server_of_a_living_place_goes_at_once():
    node = a_node(1, incarnation=2, ref="s1b")
    old = a_server(1, ref="s1")

    (delete,) = plan(a_snapshot(a_cluster(), node, servers=[a_server_of(node), old])).steps

    assert (delete.ref, delete.server_id) == ("s1", old.server_id)


def test_a_stray_is_reported_and_goes_after_its_grace():
    young = a_server(9, created=NOW - timedelta(seconds=20))
    decided = plan(a_snapshot(a_cluster(), a_node(1), servers=[a_server(1), young]))
    assert not decided.steps
    assert kinds(decided) == ["server.stray"]
    assert decided.look_at == NOW + timedelta(seconds=40)

    old = replace(young, created=LONG_AGO)
    decided = plan(a_snapshot(a_cluster(), a_node(1), servers=[a_server(1), old]))
    assert [s.ref for s in steps(decided, DeleteServer)] == ["s9"]
    assert kinds(decided) == ["server.stray_removed"]


def test_a_stray_is_told_of_under_one_id_however_often_it_is_seen():
    young = a_server(9, created=NOW - timedelta(seconds=20))
    snapshot = a_snapshot(a_cluster(), a_node(1), servers=[a_server(1), young])
    later = replace(snapshot, now=NOW + timedelta(seconds=5))

    assert plan(snapshot).events[0].id == plan(later).events[0].id


def test_a_server_that_is_slow_to_go_is_not_asked_again_at_once():
    web = a_cluster(cleared_at=NOW - timedelta(seconds=1))
    node = a_node(1, incarnation=2, ref="s1b")
    old = a_server(1, ref="s1")

    assert not plan(a_snapshot(web, node, servers=[a_server_of(node), old])).steps


def test_another_does_not_wait_for_one_that_is_slow_to_go():
    node = a_node(1, incarnation=3, ref="s1c")
    slow, next_one = a_server(1, ref="s1"), a_server_of(replace(node, incarnation=2, ref="s1b"))
    just = {"cleared_at": NOW - timedelta(seconds=1), "clearing": (slow.server_id,)}
    decided = plan(a_snapshot(a_cluster(**just), node, servers=[a_server_of(node), slow, next_one]))

    assert [each.ref for each in decided.steps] == ["s1b"]
    assert set(decided.cluster.clearing) == {slow.server_id, next_one.server_id}


# -- who goes first


def gone(decided):
    return sorted(n.index for n in decided.put if n.leaving)


def test_the_unfinished_go_before_the_running():
    """Scaling in takes the server that still builds, though it is the youngest."""
    young = an_empty_place(2, ref="s2", began_at=NOW, status=NodeStatus.CREATING)
    decided = plan(
        a_snapshot(
            a_cluster(next_index=3),
            a_node(1),
            young,
            servers=[a_server(1), a_server(2, Seen.BUILDING)],
        )
    )

    assert [s.ref for s in steps(decided, DeleteServer)] == ["s2"]


def test_the_tainted_go_first_then_the_outdated_then_the_oldest():
    nodes = [
        a_node(1),
        a_node(2, since=LONG_AGO - timedelta(days=1)),
        a_node(3, profile_id=NEW),
        a_node(4, tainted=True),
    ]
    sizes = {
        desired: gone(plan(a_snapshot(a_cluster(desired=desired, next_index=5), *nodes)))
        for desired in (3, 2, 1)
    }
    assert sizes == {3: [4], 2: [3, 4], 1: [2, 3, 4]}


def test_the_protected_stay_even_if_they_are_too_many():
    nodes = [a_node(i, protected=True) for i in (1, 2, 3)]
    decided = plan(a_snapshot(three(desired=1), *nodes))

    assert decided.settled
    assert gone(decided) == []


def test_what_serves_is_not_let_go_while_too_few_do():
    """Three too many, but of the five only two serve, and two have to."""
    ill = [a_node(i, protected=True, tries=8) for i in (3, 4, 5)]
    web = a_cluster(desired=2, next_index=6)
    servers = [a_server(1), a_server(2)]

    assert gone(plan(a_snapshot(web, a_node(1), a_node(2), *ill, servers=servers))) == []


# -- drains


def draining(opened: int, state: MemberState, **leaving):
    web = three(desired=1, service=a_service())
    going = a_node(2, leaving=a_leaving(**leaving), status=NodeStatus.DELETING)
    pool = a_pool(
        web, a_member_of(a_node(1)), a_member_of(going, state=state, open_requests=opened)
    )
    probes = {n.id: a_probe_of(n) for n in (a_node(1), going)}
    return a_snapshot(web, a_node(1), going, pool=pool, probes=probes)


def members(decided):
    (put,) = steps(decided, PutPool)
    return {m.address: m.state for m in put.pool.members}


def test_who_leaves_is_first_told_to_take_no_new_sessions():
    decided = plan(draining(4, MemberState.SERVE))

    assert members(decided) == {"10.1.0.1": MemberState.SERVE, "10.1.0.2": MemberState.DRAIN}
    assert len(decided.steps) == 1
    assert decided.put[0].open_requests == 4


def test_while_sessions_are_open_it_waits():
    decided = plan(draining(4, MemberState.DRAIN))

    assert not decided.steps
    assert "4 sessions open" in decided.waits[0]


def test_with_no_session_left_it_leaves_the_pool_before_it_is_deleted():
    decided = plan(draining(0, MemberState.DRAIN))

    assert members(decided) == {"10.1.0.1": MemberState.SERVE}
    assert not steps(decided, DeleteServer)


def test_a_member_whose_sessions_nobody_counts_drains_until_its_time_is_over():
    decided = plan(draining(UNCOUNTED, MemberState.DRAIN))
    late = plan(draining(UNCOUNTED, MemberState.DRAIN, deadline=NOW))

    assert not decided.steps
    assert "its time not over yet" in decided.waits[0]
    assert members(late) == {"10.1.0.1": MemberState.SERVE}


def test_at_the_deadline_it_leaves_whatever_is_open():
    decided = plan(draining(9, MemberState.DRAIN, deadline=NOW))

    assert members(decided) == {"10.1.0.1": MemberState.SERVE}


def test_out_of_the_pool_its_server_is_deleted():
    snapshot = draining(0, MemberState.DRAIN)
    pool = a_pool(snapshot.cluster, a_member_of(a_node(1)))

    assert [s.ref for s in steps(plan(replace(snapshot, pool=pool)), DeleteServer)] == ["s2"]


def test_a_node_taken_back_serves_again():
    snapshot = draining(4, MemberState.DRAIN)
    wider = replace(snapshot, cluster=replace(snapshot.cluster, desired=2, generation=2))
    decided = plan(wider)

    assert members(decided) == {"10.1.0.1": MemberState.SERVE, "10.1.0.2": MemberState.SERVE}
    assert "node.taken_back" in kinds(decided)
    assert not steps(decided, CreateServer)
    assert decided.put[0].status is NodeStatus.ACTIVE


def test_a_node_that_somebody_asked_to_go_is_not_taken_back():
    snapshot = draining(4, MemberState.DRAIN, why=Why.REQUEST)
    wider = replace(snapshot, cluster=replace(snapshot.cluster, desired=2))

    assert steps(plan(wider), CreateServer)


# -- storms, back-off, giving up


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


# -- updates


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


def test_what_is_protected_and_ill_does_not_make_room_for_others_to_go():
    """Four stay where three have to serve, and three do: nobody can be spared."""
    ill = a_node(1, protected=True, tries=8)
    nodes = [a_node(2), a_node(3), a_node(4, profile_id=NEW)]
    web = replace(rolling(), desired=3, healing=Healing(enabled=False))
    snapshot = in_service(web, ill, *nodes)
    servers = {id: each for id, each in snapshot.servers.items() if each.ref != "s1"}

    assert gone(plan(replace(snapshot, servers=servers))) == []


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


# -- pool, name, operations


def test_while_the_port_changes_each_member_is_met_where_it_listens():
    """The front is on the new port at once; instances come to it when their turn comes."""
    web = a_cluster(desired=2, service=a_service(port=9090))
    old, new = a_node(1, port=8080), a_node(2, port=9090)
    snapshot = in_service(web, old, new)

    [pool] = [s.pool for s in plan(snapshot).steps if isinstance(s, PutPool)]

    assert pool.front.port == 9090
    assert {m.node_id: m.port for m in pool.members} == {old.id: 8080, new.id: 9090}


def test_a_new_node_listens_where_its_revision_says():
    web = a_cluster(desired=1, service=a_service(port=9090))
    profiles = {OLD: a_profile(OLD, server=a_spec(port=9191))}
    opened = plan(replace(a_snapshot(web), profiles=profiles)).put

    assert [node.port for node in opened] == [9191]


def test_a_pool_that_is_as_it_should_be_is_not_put_again():
    web = three(desired=1, service=a_service())
    assert not plan(in_service(web, a_node(1))).steps


def test_a_changed_front_is_put():
    web = three(desired=1, service=a_service())
    snapshot = in_service(web, a_node(1))
    moved = replace(web, service=replace(web.service, method="round_robin"))

    (put,) = plan(replace(snapshot, cluster=moved)).steps
    assert put.pool.front.method == "round_robin"


def test_a_member_that_the_balancer_calls_bad_is_not_ready_but_left_alone():
    web = three(desired=1, service=a_service())
    node = a_node(1)
    pool = a_pool(web, a_member_of(node, condition=Condition.BAD))
    decided = plan(replace(in_service(web, node), pool=pool))

    assert not decided.steps
    assert decided.put[0].status is NodeStatus.WARNING
    assert decided.put[0].health.balancer is Condition.BAD


def test_a_cluster_without_service_loses_a_pool_it_still_has():
    web = a_cluster()
    pool = a_pool(a_cluster(service=a_service()))

    assert plan(a_snapshot(web, a_node(1), pool=pool)).steps == (
        RemovePool(cluster_id=WEB, why="nothing is served any more"),
    )


def named(**but):
    web = a_cluster(service=a_service(dns_name="web.example.org"))
    return replace(in_service(web, a_node(1)), **but)


def test_the_name_is_published_once_there_is_an_address():
    (put,) = plan(named()).steps
    assert (put.name, put.address) == ("web.example.org", "10.0.0.1")
    assert isinstance(put, PutRecord)


def test_a_name_of_somebody_else_is_not_taken():
    theirs = Record(name="web.example.org", address="1.2.3.4", owner=OLD)
    decided = plan(named(record=theirs))

    assert not decided.steps
    assert decided.cluster.status is ClusterStatus.WARNING
    assert "held by somebody else" in decided.cluster.reason


def test_a_cloud_without_names_is_not_asked_for_one():
    snapshot = named()
    cloud = replace(snapshot.cloud, cannot={Ability.DNS: "it has none"})

    assert not plan(replace(snapshot, cloud=cloud)).steps


def test_the_name_is_withdrawn_with_the_pool():
    ours = Record(name="web.example.org", address="10.0.0.1", owner=WEB)
    snapshot = named(record=ours)
    leaving = replace(snapshot, cluster=replace(snapshot.cluster, leaving=True))

    assert {type(s) for s in plan(leaving).steps} == {RemovePool, DropRecord}


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


# -- names and numbers


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
