"""What is asked of nodes, one case after another."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import (
    LONG_AGO,
    NEW,
    NOW,
    OLD,
    a_cluster,
    a_leaving,
    a_member_of,
    a_node,
    a_pool,
    a_probe_of,
    a_server,
    a_service,
    a_snapshot,
    a_wish,
)
from decide.asking import CALM, PLACES, asked
from decide.generated import HEALING
from muster.decide.converge import plan
from muster.decide.departures import HOOKED
from muster.model.action import ActionStatus as S
from muster.model.action import Verb
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus as N
from muster.model.node import Why
from muster.model.observed import Seen
from muster.model.pool import MemberState
from muster.model.removal import Hook, Removal
from muster.model.step import CreateServer, DeleteServer, OperateServer, PostHook, PutPool


def calm(**but):
    return a_cluster(**{"healing": CALM, "strategy": PLACES} | but)


def of(decided, action):
    return next(each for each in decided.actions if each.id == action.id)


def node_of(decided, index=1):
    return next(each for each in decided.put if each.index == index)


def test_a_request_and_its_one_effect_are_written_together():
    recover = asked(Verb.NODE_RECOVER)
    decided = plan(a_snapshot(calm(), a_node(1), actions=(recover,)))

    assert of(decided, recover).status is S.RUNNING
    node = node_of(decided)
    assert (node.incarnation, node.status) == (2, N.RECOVERING)
    assert {type(step) for step in decided.steps} == {CreateServer}

    begun = replace(recover, status=S.RUNNING)
    again = plan(a_snapshot(calm(), node, servers=[a_server(1)], actions=(begun,)))
    assert [type(step) for step in again.steps] == [CreateServer]
    assert not any(each.incarnation == 3 for each in again.put)


def test_of_two_requests_of_one_node_the_second_waits():
    stop = asked(Verb.NODE_OPERATION, inputs={"operation": "stop"})
    lock = asked(Verb.NODE_OPERATION, id=NEW, inputs={"operation": "lock"})
    decided = plan(a_snapshot(calm(), a_node(1), actions=(stop, lock)))

    (step,) = decided.steps
    assert isinstance(step, OperateServer)
    assert step.action_id == stop.id
    assert not decided.settled
    assert node_of(decided).status is N.OPERATING
    assert node_of(decided).reason == "Operation 'stop' in progress"


@pytest.mark.parametrize(
    ("seen", "status", "reason"),
    [
        (Seen.RUNNING, N.ACTIVE, "Check: Node is ACTIVE."),
        (Seen.STOPPED, N.ERROR, "Check: Node is not ACTIVE."),
        (Seen.BROKEN, N.ERROR, "Check: Node is not ACTIVE."),
        (Seen.UNREACHABLE, N.ERROR, "Check: Node is not ACTIVE."),
        (None, N.ERROR, "Check: Node is not ACTIVE."),
    ],
)
def test_a_check_tells_what_is_seen(seen, status, reason):
    check = asked(Verb.NODE_CHECK)
    servers = [a_server(1, seen)] if seen else []
    decided = plan(a_snapshot(calm(), a_node(1), servers=servers, actions=(check,)))

    assert of(decided, check).status is S.SUCCEEDED
    assert (node_of(decided).status, node_of(decided).reason) == (status, reason)


def test_a_check_of_what_has_no_server_fails():
    check = asked(Verb.NODE_CHECK)
    node = a_node(1, ref="", status=N.ERROR, ready_at=None, tries=3)
    decided = plan(a_snapshot(calm(), node, actions=(check,)))
    assert of(decided, check).status is S.FAILED


def test_a_parked_node_is_neither_repaired_nor_served_nor_missed():
    web = a_cluster(desired=2, service=a_service())
    rests, serves = a_node(1, parked="pause"), a_node(2)
    shown = a_snapshot(
        web,
        rests,
        serves,
        servers=[a_server(1, Seen.STOPPED), a_server(2)],
        pool=a_pool(web, a_member_of(rests), a_member_of(serves)),
        probes={each.id: a_probe_of(each) for each in (rests, serves)},
    )
    decided = plan(shown)

    (step,) = decided.steps
    assert isinstance(step, PutPool)
    assert [each.node_id for each in step.pool.members] == [serves.id]
    assert decided.cluster.status is ClusterStatus.ACTIVE


def test_what_was_woken_has_the_time_of_a_start():
    web = a_cluster(healing=HEALING)
    woken = a_node(1, parked="start", sick_since=NOW - timedelta(seconds=2))
    waits = plan(a_snapshot(web, woken, servers=[a_server(1, Seen.STOPPED)]))
    assert not waits.steps
    assert not waits.settled

    slow = replace(woken, sick_since=NOW - timedelta(seconds=6))
    late = plan(a_snapshot(web, slow, servers=[a_server(1, Seen.STOPPED)]))
    assert any(isinstance(step, CreateServer) for step in late.steps)

    up = plan(a_snapshot(web, woken))
    assert node_of(up).parked == ""


def test_a_member_is_drained_before_it_is_renewed():
    web = calm(service=a_service(), strategy=PLACES)
    node, recover = a_node(1), asked(Verb.NODE_RECOVER)
    probes = {node.id: a_probe_of(node)}
    serving = a_snapshot(
        web, node, pool=a_pool(web, a_member_of(node)), probes=probes, actions=(recover,)
    )
    first = plan(serving)
    (step,) = first.steps
    assert [each.state for each in step.pool.members] == [MemberState.DRAIN]
    assert node_of(first).renew_by == NOW + timedelta(seconds=30)

    drained = a_pool(web, a_member_of(node, state=MemberState.DRAIN, open_requests=1))
    busy = replace(
        serving,
        nodes=(node_of(first),),
        pool=drained,
        actions=(replace(recover, status=S.RUNNING),),
    )
    assert not plan(busy).steps
    quiet = replace(busy, pool=a_pool(web, a_member_of(node, state=MemberState.DRAIN)))
    (out,) = plan(quiet).steps
    assert out.pool.members == ()
    gone = plan(replace(busy, pool=a_pool(web)))
    assert node_of(gone).incarnation == 2
    assert node_of(gone).renew_by is None


def test_a_drain_for_a_request_that_was_withdrawn_is_called_off():
    web = calm(service=a_service())
    node = a_node(1, renew_by=NOW + timedelta(seconds=9), status=N.RECOVERING)
    member = a_member_of(node, state=MemberState.DRAIN)
    shown = a_snapshot(web, node, pool=a_pool(web, member), probes={node.id: a_probe_of(node)})
    decided = plan(shown)

    (step,) = decided.steps
    assert [each.state for each in step.pool.members] == [MemberState.SERVE]
    assert (node_of(decided).renew_by, node_of(decided).status) == (None, N.ACTIVE)


def test_a_wish_about_many_is_named_by_what_is_done_until_all_have_ended():
    wish = a_wish(
        Verb.CLUSTER_OPERATION, inputs={"operation": "stop", "nodes": [str(a_node(1).id)]}
    )
    first = plan(a_snapshot(calm(generation=2), a_node(1), actions=(wish,)))

    assert first.cluster.status is ClusterStatus.OPERATING
    assert first.cluster.reason == "Operation 'stop' in progress"
    (child,) = [each for each in first.actions if each.parent == wish.id]
    assert (child.verb, child.status, child.target) == (
        Verb.NODE_OPERATION,
        S.RUNNING,
        a_node(1).id,
    )
    assert child.name.startswith("node_stop_")
    starts = [each for each in first.events if each.status == "start"]
    assert [each.action_id for each in starts] == [child.id]

    ended = child.turned(S.FAILED, NOW, "no")
    running = wish.turned(S.RUNNING, NOW)
    last = plan(a_snapshot(calm(generation=2), a_node(1), actions=(running, ended)))
    assert of(last, wish).status is S.FAILED
    assert last.cluster.status is ClusterStatus.ACTIVE
    assert last.cluster.reason.startswith("stop: number of active nodes is equal or above")


def test_a_wish_about_nobody_is_fulfilled_at_once():
    wish = a_wish(Verb.CLUSTER_RECOVER)
    decided = plan(a_snapshot(calm(generation=2), a_node(1), actions=(wish,)))
    assert of(decided, wish).status is S.SUCCEEDED


def test_a_wish_about_many_that_takes_too_long_ends_with_all_that_was_asked_for_it():
    wish = a_wish(Verb.CLUSTER_RECOVER, status=S.RUNNING, timeout_s=1, created_at=LONG_AGO)
    child = asked(Verb.NODE_RECOVER, status=S.RUNNING, parent=wish.id, inputs={})
    starting = a_node(1, ready_at=None, ref="", began_at=NOW)
    decided = plan(a_snapshot(calm(generation=2), starting, actions=(wish, child)))

    assert of(decided, wish).status is S.FAILED
    assert of(decided, wish).reason.endswith("timeout")
    assert of(decided, child).status is S.CANCELLED


def test_requests_end_when_their_node_goes():
    stop = asked(Verb.NODE_OPERATION, inputs={"operation": "stop"})
    delete = asked(Verb.NODE_DELETE, id=OLD)
    goes = a_node(1, leaving=a_leaving(Why.REQUEST))
    decided = plan(a_snapshot(calm(desired=0), goes, actions=(stop, delete)))
    assert of(decided, stop).status is S.CANCELLED
    assert of(decided, delete).status is S.RUNNING

    gone = plan(a_snapshot(calm(desired=0), goes, servers=[], actions=(delete,)))
    assert of(gone, delete).status is S.SUCCEEDED


# -- going


def shrinking(**removal):
    return calm(desired=0, removal=Removal(**removal))


def test_who_is_to_agree_is_asked_once_and_by_the_same_token():
    hook = Hook(queue="going", timeout_s=10)
    first = plan(a_snapshot(shrinking(hook=hook), a_node(1), actions=(a_wish(),)))
    (step,) = first.steps
    (question,) = [each for each in first.actions if each.cause == HOOKED]
    assert isinstance(step, PostHook)
    assert (step.token, step.ref) == (question.id, "s1")

    leaving = replace(node_of(first).leaving, told=True)
    told = replace(node_of(first), leaving=leaving)
    waits = plan(a_snapshot(shrinking(hook=hook), told, actions=(question,)))
    assert not waits.steps
    assert waits.look_at == NOW + timedelta(seconds=10)
    assert not waits.put

    withdrawn = plan(a_snapshot(shrinking(hook=hook), told))
    assert [type(each) for each in withdrawn.steps] == [DeleteServer]
    agreed = replace(question, status=S.READY)
    goes = plan(a_snapshot(shrinking(hook=hook), told, actions=(agreed,)))
    assert [type(each) for each in goes.steps] == [DeleteServer]


def test_whoever_is_not_in_order_is_asked_about_by_nobody():
    hook = Hook(queue="going", timeout_s=10)
    dead = a_snapshot(shrinking(hook=hook), a_node(1), servers=[a_server(1, Seen.BROKEN)])
    assert [type(each) for each in plan(dead).steps] == [DeleteServer]


def test_a_leaver_is_written_with_the_cluster_that_nobody_sees():
    decided = plan(a_snapshot(shrinking(destroy=False), a_node(1)))

    (keeper,) = decided.solos
    node = decided.put[-1]
    assert (keeper.id, keeper.desired, keeper.healing.enabled) == (node.id, 1, False)
    assert (node.cluster_id, node.index, node.leaving) == (None, -1, None)
    assert node.tag == a_cluster().id
    assert not decided.steps
    assert not decided.drop
    assert not decided.settled


def test_a_deleted_cluster_leaves_nobody_behind():
    web = calm(leaving=True, removal=Removal(destroy=False, grace_s=60))
    decided = plan(a_snapshot(web, a_node(1)))
    assert [type(each) for each in decided.steps] == [DeleteServer]
    assert not decided.solos


def test_a_wish_about_many_is_withdrawn_with_the_cluster():
    wish = a_wish(Verb.CLUSTER_RECOVER, status=S.RUNNING)
    child = asked(Verb.NODE_RECOVER, status=S.RUNNING, parent=wish.id, inputs={})
    decided = plan(a_snapshot(calm(leaving=True), a_node(1), actions=(wish, child)))
    assert {of(decided, each).status for each in (wish, child)} == {S.CANCELLED}


def test_who_is_operated_goes_no_sooner_than_in_the_next_pass():
    stop = asked(Verb.NODE_OPERATION, inputs={"operation": "stop"})
    decided = plan(a_snapshot(calm(desired=0), a_node(1), actions=(stop,)))
    assert [type(each) for each in decided.steps] == [OperateServer]
    assert node_of(decided).leaving is not None


def test_who_stood_by_and_goes_is_not_taken_for_one_that_serves():
    leaving = a_leaving(Why.SCALE_IN, not_before=NOW + timedelta(seconds=9))
    goes = a_node(1, standby=True, leaving=leaving)
    decided = plan(a_snapshot(calm(desired=1), goes))
    opened = [each for each in decided.put if each.index == 2]
    assert len(opened) == 1
