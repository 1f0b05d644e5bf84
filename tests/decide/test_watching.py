"""Watches: who is called ill by a health policy, and what is done about it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import (
    LONG_AGO,
    NOW,
    a_cluster,
    a_node,
    a_probe_of,
    a_server_of,
    a_snapshot,
)
from decide.imagined import World
from muster.decide.converge import plan
from muster.model.action import ActionStatus, Verb
from muster.model.cluster import Healing
from muster.model.detection import Cure, Detector, Watch
from muster.model.node import NodeStatus
from muster.model.observed import Seen
from muster.model.pool import Condition
from muster.model.rollout import Strategy, UpdateKind
from muster.model.step import CreateServer, DeleteServer, OperateServer, Operation

URL = "http://h/{nodename}"
STATE = Watch(detector=Detector.NODE_STATUS_POLLING)
EVENTS = Watch(detector=Detector.LIFECYCLE_EVENTS)
HOST = Watch(detector=Detector.HYPERVISOR_STATUS_POLLING)
POLLED = Watch(detector=Detector.NODE_STATUS_POLL_URL, url=URL)
JUST = NOW - timedelta(seconds=5)
IN_PLACE = Strategy(kind=UpdateKind.IN_PLACE)


def watched(*watches: Watch, **but) -> Healing:
    plain = {"watches": watches, "interval_s": 60, "grace_s": 300, "max_tries": 3}
    return Healing(**plain | but)


def seen(healing: Healing, state: Seen | None = Seen.RUNNING, ill: str = "", **node):
    """Return a cluster of three of which the first is so, and its address says so much."""
    nodes = [a_node(1, **node), a_node(2), a_node(3)]
    servers = [a_server_of(each) for each in nodes]
    first = [replace(servers[0], seen=state)] if state else []
    visits = {URL: ill} if ill else {}
    probe = a_probe_of(nodes[0], Condition.UNKNOWN, visits=visits, visited_at=JUST)
    cluster = a_cluster(desired=3, next_index=4, healing=healing, strategy=IN_PLACE)
    return a_snapshot(cluster, *nodes, servers=[*first, *servers[1:]], probes={nodes[0].id: probe})


def recoveries(decided):
    return [each for each in decided.actions if each.verb is Verb.NODE_RECOVER]


@pytest.mark.parametrize("state", [None, Seen.STOPPED, Seen.BROKEN])
@pytest.mark.parametrize("watch", [STATE, EVENTS])
def test_a_server_that_has_stopped_or_gone_is_recovered_by_a_request_everybody_sees(watch, state):
    decided = plan(seen(watched(watch), state))
    [action] = recoveries(decided)
    assert (action.status, action.cause) == (ActionStatus.RUNNING, "RPC Request")
    assert action.inputs["operation"] == "RECREATE"
    [step] = [each for each in decided.steps if isinstance(each, CreateServer)]
    assert step.node_id == action.target == a_node(1).id
    [node] = [each for each in decided.put if each.id == action.target]
    assert (node.incarnation, node.status) == (2, NodeStatus.RECOVERING)


def test_an_address_that_says_no_makes_a_running_node_ill():
    decided = plan(seen(watched(POLLED), ill="answered 500"))
    [action] = recoveries(decided)
    assert action.data["why"] == "answered 500"
    assert any(isinstance(each, CreateServer) for each in decided.steps)


def test_an_address_that_is_content_leaves_everything_alone():
    assert recoveries(plan(seen(watched(POLLED)))) == []


def test_what_was_said_before_the_last_cure_counts_no_more():
    stale = seen(watched(POLLED), ill="no", cured_at=JUST + timedelta(seconds=1))
    late = replace(stale, now=NOW + timedelta(seconds=400))
    assert recoveries(plan(late)) == []


@pytest.mark.parametrize(
    ("healing", "state", "operation", "params"),
    [
        (watched(POLLED, cure=Cure.REBOOT, reboot="SOFT"), Seen.RUNNING, Operation.REBOOT, "SOFT"),
        (watched(STATE, POLLED, cure=Cure.REBOOT), Seen.STOPPED, Operation.REBOOT, "HARD"),
        (watched(POLLED, cure=Cure.REBUILD), Seen.RUNNING, Operation.REBUILD, None),
    ],
)
def test_the_cure_is_the_policys(healing, state, operation, params):
    decided = plan(seen(healing, state, ill="no"))
    [step] = decided.steps
    assert isinstance(step, OperateServer)
    assert (step.operation, step.params.get("type")) == (operation, params)
    [node] = [each for each in decided.put if each.id == step.node_id]
    assert (node.incarnation, node.cured_at) == (1, NOW)


def test_what_is_gone_is_made_anew_whatever_the_cure():
    [action] = recoveries(plan(seen(watched(STATE, cure=Cure.REBOOT), None)))
    assert action.inputs["operation"] == "RECREATE"


@pytest.mark.parametrize(
    ("node", "now"),
    [
        ({"began_at": JUST, "since": JUST}, NOW),
        ({"cured_at": JUST}, NOW),
    ],
)
def test_who_is_young_or_was_just_seen_to_is_given_time(node, now):
    young = seen(watched(POLLED), ill="no", **node)
    young = replace(young, cluster=replace(young.cluster, healing=watched(STATE, POLLED)))
    stopped = {id: replace(each, seen=Seen.STOPPED) for id, each in young.servers.items()}
    for snapshot in (
        young,
        replace(young, servers={**young.servers, **dict([*stopped.items()][:1])}),
    ):
        assert recoveries(plan(replace(snapshot, now=now))) == []
    later = replace(young, now=NOW + timedelta(seconds=300))
    visited = {id: replace(p, visited_at=NOW) for id, p in later.probes.items()}
    assert len(recoveries(plan(replace(later, probes=visited)))) == 1


@pytest.mark.parametrize(("everybody", "asked"), [(True, 0), (False, 1)])
def test_one_complaint_is_enough_unless_all_have_to_agree(everybody, asked):
    healing = watched(STATE, POLLED, all_failed=everybody)
    assert len(recoveries(plan(seen(healing, ill="no")))) == asked


def test_all_have_agreed_when_all_have_complained():
    healing = watched(STATE, POLLED, all_failed=True)
    assert len(recoveries(plan(seen(healing, Seen.STOPPED)))) == 1
    lenient = watched(STATE, replace(POLLED, refused_is_ill=False), all_failed=True)
    assert recoveries(plan(seen(lenient, Seen.STOPPED))) == []


def test_what_no_watch_speaks_of_is_shown_and_left_alone():
    decided = plan(seen(watched(HOST), Seen.STOPPED))
    assert (recoveries(decided), decided.steps, decided.waits) == ([], (), ())
    [node] = [each for each in decided.put if each.index == 1]
    assert node.status is NodeStatus.ERROR


def test_a_host_that_does_not_answer_is_awaited_unless_somebody_watches_hosts():
    assert recoveries(plan(seen(watched(STATE), Seen.UNREACHABLE))) == []
    [action] = recoveries(plan(seen(watched(HOST, cure=Cure.REBOOT), Seen.UNREACHABLE)))
    assert action.inputs["operation"] == "RECREATE"


@pytest.mark.parametrize(("fencing", "count"), [(True, 1), (False, 0)])
def test_a_server_on_a_dead_host_counts_as_stopped_where_hosts_are_fenced(fencing, count):
    snapshot = seen(watched(STATE, fencing=fencing), Seen.UNREACHABLE, lost_since=LONG_AGO)
    dead = {
        id: replace(s, abandoned=s.seen is Seen.UNREACHABLE) for id, s in snapshot.servers.items()
    }
    assert len(recoveries(plan(replace(snapshot, servers=dead)))) == count


def test_the_former_server_has_to_go_first_where_the_policy_says_so():
    decided = plan(seen(watched(STATE, delete_timeout_s=20, force_recreate=False), Seen.STOPPED))
    assert [type(each) for each in decided.steps] == [DeleteServer]
    assert any("its former server is not gone" in each for each in decided.waits)


@pytest.mark.parametrize(("force", "creates"), [(True, 1), (False, 0)])
def test_a_former_server_that_will_not_go_is_ignored_only_where_that_is_allowed(force, creates):
    healing = watched(STATE, delete_timeout_s=20, force_recreate=force)
    first = plan(seen(healing, Seen.STOPPED))
    before = seen(healing, Seen.STOPPED)
    changed = {each.id: each for each in first.put}
    later = replace(
        before,
        cluster=first.cluster,
        nodes=tuple(changed.get(each.id, each) for each in before.nodes),
        actions=first.actions,
        now=NOW + timedelta(seconds=20),
    )
    steps = plan(later).steps
    assert sum(isinstance(each, CreateServer) for each in steps) == creates


@pytest.mark.parametrize(
    ("former", "abandoned", "creates"),
    [(Seen.STOPPED, False, 0), (Seen.UNREACHABLE, False, 0), (Seen.UNREACHABLE, True, 1)],
)
def test_a_fenced_place_gets_no_next_server_before_the_former_is_surely_off(
    former, abandoned, creates
):
    """Neither the time that it has nor leave to go on without counts here."""
    healing = watched(HOST, fencing=True, delete_timeout_s=20, force_recreate=True)
    before = seen(healing, former)
    silent = {
        id: replace(each, abandoned=abandoned and each.seen is Seen.UNREACHABLE)
        for id, each in before.servers.items()
    }
    before = replace(before, servers=silent)
    first = plan(before)
    changed = {each.id: each for each in first.put}
    later = replace(
        before,
        cluster=first.cluster,
        nodes=tuple(changed.get(each.id, each) for each in before.nodes),
        actions=first.actions,
        now=NOW + timedelta(hours=1),
    )
    steps = (*first.steps, *plan(later).steps)
    assert any(isinstance(each, CreateServer) for each in steps) == bool(creates)


def test_nobody_is_seen_to_twice_at_once():
    snapshot = seen(watched(STATE), None)
    first = plan(snapshot)
    again = plan(replace(snapshot, actions=first.actions))
    assert [each.id for each in recoveries(again)] == [each.id for each in recoveries(first)]


def test_in_a_storm_nobody_is_replaced_for_a_while_and_then_one():
    healing = watched(STATE, storm_rest_s=30)
    nodes = [a_node(index) for index in range(1, 6)]
    cluster = a_cluster(desired=5, next_index=6, healing=healing, strategy=IN_PLACE)
    snapshot = a_snapshot(cluster, *nodes, servers=[])
    first = plan(snapshot)
    assert recoveries(first) == []
    assert first.cluster.storm
    later = replace(snapshot, cluster=first.cluster, now=NOW + timedelta(seconds=30))
    assert len(recoveries(plan(later))) == 1


def test_a_watched_cluster_whose_servers_vanish_comes_back_whole():
    healing = watched(STATE, grace_s=0, delete_timeout_s=20, force_recreate=False)
    nodes = [a_node(index, since=LONG_AGO) for index in range(1, 6)]
    cluster = a_cluster(desired=5, next_index=6, healing=healing, strategy=IN_PLACE)
    world = World(a_snapshot(cluster, *nodes))
    gone = [each.server_id for each in nodes[:1]]
    left = {id: each for id, each in world.snapshot.servers.items() if id not in gone}
    world.snapshot = replace(world.snapshot, servers=left)
    world.settle()
    assert [each.status for each in world.snapshot.nodes] == [NodeStatus.ACTIVE] * 5
    assert {each.incarnation for each in world.snapshot.nodes} == {1, 2}
