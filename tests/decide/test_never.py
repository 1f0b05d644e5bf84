"""What no plan ever does, whatever it is shown."""

from collections import Counter
from dataclasses import replace
from uuid import UUID

from hypothesis import given, settings

from decide.generated import snapshots
from muster.decide.converge import plan
from muster.decide.rolling import budget
from muster.model.cluster import CLUSTER_TRANSITIONS
from muster.model.node import NODE_TRANSITIONS, Node, Why
from muster.model.observed import Seen
from muster.model.plan import Plan, Snapshot
from muster.model.pool import Condition, MemberState
from muster.model.rollout import UpdateKind
from muster.model.step import CreateServer, DeleteServer, OperateServer, PutPool
from patience import examples

MANY = settings(max_examples=examples(150), deadline=None)
TOUCHES = (CreateServer, DeleteServer, OperateServer)


def after(snapshot: Snapshot, decided: Plan) -> dict[UUID, Node]:
    nodes = {n.id: n for n in snapshot.nodes} | {n.id: n for n in decided.put}
    return {id: n for id, n in nodes.items() if id not in decided.drop and n.cluster_id}


def serves(snapshot: Snapshot, node: Node) -> bool:
    """Say whether clients are answered by this node now, as far as can be seen."""
    server = snapshot.servers.get(node.server_id)
    if server is None or server.seen is not Seen.RUNNING or node.standby or node.leaving:
        return False
    if snapshot.cluster.service is None:
        return True  # it runs, and nobody asks for more
    probe = snapshot.probes.get(node.id)
    member = snapshot.pool.members.get(node.id) if snapshot.pool else None
    answers = probe is not None and probe.condition is Condition.GOOD
    served = member is not None and member.condition is not Condition.BAD
    return answers and served and member.address == server.address


def somebody_asked(snapshot: Snapshot, node: Node) -> bool:
    """Say whether a node is out of service because of what somebody asked of it by name."""
    asked = any(node.id == each.target for each in snapshot.actions)
    return asked or bool(node.parked or node.renew_by)


@MANY
@given(snapshots())
def test_a_plan_never_touches_a_node_twice(snapshot):
    touched = Counter(s.node_id for s in plan(snapshot).steps if isinstance(s, TOUCHES))
    assert all(times == 1 for times in touched.values())


@MANY
@given(snapshots())
def test_planning_twice_says_the_same(snapshot):
    assert plan(snapshot) == plan(snapshot)


@MANY
@given(snapshots(kinds=(UpdateKind.ROLLING, UpdateKind.IN_PLACE)))
def test_nothing_that_serves_is_taken_below_the_floor(snapshot):
    decided = plan(snapshot)
    if snapshot.cluster.leaving:
        return
    before = [n for n in snapshot.nodes if serves(snapshot, n)]
    nodes = after(snapshot, decided)
    deleted = {s.server_id for s in decided.steps if isinstance(s, DeleteServer)}
    pool = next((s.pool for s in decided.steps if isinstance(s, PutPool)), None)
    in_pool = {m.node_id for m in pool.members if m.state is MemberState.SERVE} if pool else None

    def still(node: Node) -> bool:
        now = nodes.get(node.id)
        kept = now is not None and not now.leaving and now.server_id == node.server_id
        return kept and node.server_id not in deleted and (in_pool is None or node.id in in_pool)

    floor = budget(decided.cluster).floor
    by_request = sum(not still(n) and somebody_asked(snapshot, n) for n in before)
    assert sum(map(still, before)) + by_request >= min(len(before), floor)


@MANY
@given(snapshots())
def test_never_more_stay_than_desired_and_surge(snapshot):
    decided = plan(snapshot)
    if snapshot.cluster.leaving:
        return
    before = [n for n in snapshot.nodes if not n.leaving and not n.standby]
    now = [n for n in after(snapshot, decided).values() if not n.leaving and not n.standby]
    assert len(now) <= max(len(before), snapshot.cluster.desired + budget(decided.cluster).surge)


@MANY
@given(snapshots())
def test_the_right_number_stays(snapshot):
    decided = plan(snapshot)
    if snapshot.cluster.leaving:
        return
    now = [n for n in after(snapshot, decided).values() if not n.leaving and not n.standby]
    under_way = decided.cluster.rollout is not None and decided.cluster.rollout.under_way
    spare = snapshot.cluster.desired - budget(decided.cluster).floor
    assert len(now) >= snapshot.cluster.desired - (spare if under_way else 0)
    standing = [n for n in after(snapshot, decided).values() if not n.leaving and n.standby]
    assert len(standing) >= snapshot.cluster.warm_pool


@MANY
@given(snapshots())
def test_the_protected_are_let_go_by_nobody_but_people(snapshot):
    decided = plan(snapshot)
    for node in decided.put:
        was = next((n for n in snapshot.nodes if n.id == node.id), None)
        if was and was.protected and not was.leaving and node.leaving:
            assert node.leaving.why is Why.DELETE


@MANY
@given(snapshots())
def test_statuses_only_turn_as_their_tables_allow(snapshot):
    decided = plan(snapshot)
    before, now = snapshot.cluster.status, decided.cluster.status
    assert now is before or now in CLUSTER_TRANSITIONS[before]
    known = {n.id: n for n in snapshot.nodes}
    for node in decided.put:
        was = known.get(node.id)
        if was and was.status is not node.status:
            assert node.status in NODE_TRANSITIONS[was.status]


@MANY
@given(snapshots())
def test_a_server_that_clients_may_be_sent_to_is_never_deleted(snapshot):
    """The pool shows it no more before its server goes."""
    members = snapshot.pool.members if snapshot.pool else {}
    servers = snapshot.servers
    for step in plan(snapshot).steps:
        if isinstance(step, DeleteServer):
            server, member = servers[step.server_id], members.get(step.node_id)
            shown = member is not None and member.address == server.address
            assert not (shown and server.seen is Seen.RUNNING) or _fresh(snapshot, step)


def _fresh(snapshot: Snapshot, step: DeleteServer) -> bool:
    node = next((n for n in snapshot.nodes if n.id == step.node_id), None)
    return node is None or node.ready_at is None


@MANY
@given(snapshots())
def test_whatever_waits_says_when_to_look_again(snapshot):
    decided = plan(snapshot)
    if decided.gone:
        return
    assert (decided.look_at is None) == decided.settled
    if decided.look_at:
        assert decided.look_at >= snapshot.now


@MANY
@given(snapshots())
def test_no_event_is_told_twice(snapshot):
    ids = Counter(e.id for e in plan(snapshot).events)
    assert all(times == 1 for times in ids.values())


@MANY
@given(snapshots())
def test_no_more_starts_in_one_pass_than_it_may(snapshot):
    decided = plan(snapshot)
    creates = sum(isinstance(s, CreateServer) for s in decided.steps)
    deletes = sum(isinstance(s, DeleteServer) for s in decided.steps)
    assert creates <= snapshot.limits.creates
    assert deletes <= snapshot.limits.deletes


@MANY
@given(snapshots())
def test_nodes_that_change_nothing_are_not_written(snapshot):
    known = {n.id: n for n in snapshot.nodes}
    assert all(known.get(n.id) != n for n in plan(snapshot).put)


@MANY
@given(snapshots())
def test_a_plan_without_caps_is_no_smaller(snapshot):
    wide = replace(snapshot, limits=replace(snapshot.limits, creates=10**6, deletes=10**6))
    assert len(plan(wide).steps) >= len(plan(snapshot).steps)
