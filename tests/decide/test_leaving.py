"""Who goes first where there are too many, and how a member leaves."""

from dataclasses import replace
from datetime import timedelta

from builders import (
    LONG_AGO,
    NEW,
    NOW,
    a_cluster,
    a_leaving,
    a_member_of,
    a_node,
    a_pool,
    a_probe_of,
    a_server,
    a_service,
    a_snapshot,
    an_empty_place,
)
from decide.lives import running
from decide.planned import gone, kinds, steps, three
from muster.decide.converge import plan
from muster.model.capacity import Amount
from muster.model.node import NodeStatus, Why
from muster.model.observed import Seen
from muster.model.pool import UNCOUNTED, MemberState
from muster.model.removal import Removal
from muster.model.rollout import Strategy
from muster.model.step import CreateServer, DeleteServer, PutPool


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


def test_the_dead_go_before_those_in_order_also_where_one_of_these_could_be_spared():
    web = three(desired=2, strategy=Strategy(max_unavailable=Amount(1)))
    servers = [a_server(1), a_server(2), a_server(3, Seen.STOPPED)]

    assert gone(plan(a_snapshot(web, a_node(1), a_node(2), a_node(3), servers=servers))) == [3]


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


def test_a_node_is_not_taken_back_once_its_grace_is_over_and_its_server_goes():
    world = running(3, removal=Removal(grace_s=2))
    world.nature = replace(world.nature, delete_s=5.0)
    world.wish(desired=2)
    world.until(lambda now: bool(now.dying))

    world.wish(desired=3)
    world.settle()

    assert [(n.index, n.incarnation) for n in world.snapshot.nodes] == [(2, 1), (3, 1), (4, 1)]
    assert not {"node.sick", "node.taken_back"} & {each.kind for each in world.told}
