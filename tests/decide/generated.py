"""Snapshots in any condition a cluster may be found in, for hypothesis."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid5

from hypothesis import strategies as st

from builders import (
    GOOD,
    NEW,
    NOW,
    OLD,
    a_cluster,
    a_member_of,
    a_node,
    a_pool,
    a_probe_of,
    a_rollout,
    a_server_of,
    a_service,
    a_snapshot,
    a_wish,
)
from muster.model.action import ActionStatus, Verb
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus, Healing, Storm
from muster.model.node import Health, Leaving, NodeStatus, Why
from muster.model.observed import Seen
from muster.model.plan import Limits
from muster.model.pool import Condition, MemberState
from muster.model.removal import Hook, Order, Removal
from muster.model.rollout import RolloutState, Strategy, UpdateKind

HEALING = Healing(start_timeout_s=5, storm_rest_s=3, max_tries=4)
AGES = st.sampled_from([0.0, 0.5, 3.0, 6.0, 100.0, 90_000.0])
UNDER_WAY = [
    RolloutState.ROLLING,
    RolloutState.BAKING,
    RolloutState.PAUSED,
    RolloutState.ROLLING_BACK,
]


def ago(seconds: float):
    return NOW - timedelta(seconds=seconds)


@st.composite
def strategies(draw, kinds=(UpdateKind.ROLLING,)):
    return Strategy(
        kind=draw(st.sampled_from(kinds)),
        min_in_service=draw(st.sampled_from([0, 0, 2])),
        pause_s=draw(st.sampled_from([0, 0, 2])),
        max_surge=draw(st.sampled_from([Amount(25, percent=True), Amount(0), Amount(2)])),
        max_unavailable=draw(st.sampled_from([Amount(0), Amount(1), Amount(34, percent=True)])),
        min_ready_s=draw(st.sampled_from([0, 0, 2.0])),
        canary=draw(st.sampled_from([None, None, Amount(1), Amount(40, percent=True)])),
        canary_bake_s=draw(st.sampled_from([None, 0.0, 2.0])),
        progress_deadline_s=20,
        auto_rollback=draw(st.booleans()),
    )


@st.composite
def rollouts(draw, kinds=(UpdateKind.ROLLING,)):
    state = draw(st.sampled_from([*UNDER_WAY, *UNDER_WAY, *RolloutState]))
    return a_rollout(
        strategy=draw(strategies(kinds)),
        state=state,
        started_at=ago(30),
        progress_at=ago(draw(st.sampled_from([0.0, 5.0, 30.0]))),
        canary_passed=draw(st.booleans()),
        ended_at=None if state in UNDER_WAY else ago(5),
    )


@st.composite
def nodes(draw, index: int, service: bool):
    fresh = draw(st.booleans())
    began = draw(st.sampled_from([None, *map(ago, (0.0, 1.0, 4.0, 9.0))]))
    asked = draw(st.booleans()) if fresh else True
    mending = draw(st.booleans())
    node = a_node(
        index,
        profile_id=draw(st.sampled_from([OLD, OLD, NEW])),
        since=ago(draw(AGES)),
        status=draw(st.sampled_from([NodeStatus.CREATING, NodeStatus.INIT, NodeStatus.RECOVERING]))
        if fresh
        else draw(st.sampled_from([NodeStatus.ACTIVE, NodeStatus.WARNING, NodeStatus.ERROR])),
        incarnation=draw(st.sampled_from([1, 1, 2, 3])),
        ref=f"s{index}" if asked else "",
        began_at=began if fresh else ago(100),
        ready_at=None if fresh else ago(draw(AGES)),
        sick_since=ago(2) if mending else None,
        health=Health() if fresh else GOOD,
        standby=draw(st.sampled_from([False, False, False, True])),
        parked="" if fresh else draw(st.sampled_from([""] * 9 + ["stop", "start"])),
        renew_by=draw(st.sampled_from([None] * 6 + [NOW + timedelta(seconds=1)])),
        protected=draw(st.sampled_from([False] * 7 + [True])),
        tainted=draw(st.sampled_from([False] * 5 + [True])),
        tries=draw(st.sampled_from([0, 0, 0, 1, 3, 4])),
        retry_at=draw(st.sampled_from([None, None, NOW + timedelta(seconds=2)])),
    )
    if not service and fresh:
        node = replace(node, health=Health())
    if draw(st.integers(0, 4)) == 0:
        hook = draw(st.sampled_from([None] * 5 + [HOOK]))
        leaving = Leaving(
            why=draw(st.sampled_from([Why.SCALE_IN, Why.UPDATE, Why.REQUEST])),
            since=ago(3),
            deadline=NOW + timedelta(seconds=draw(st.sampled_from([-1.0, 0.0, 8.0]))),
            destroy=draw(st.sampled_from([True] * 4 + [False])),
            not_before=draw(st.sampled_from([None] * 3 + [NOW + timedelta(seconds=5)])),
            hook=hook,
            hook_until=NOW + timedelta(seconds=5) if hook else None,
            told=draw(st.booleans()),
        )
        node = replace(node, leaving=leaving, status=NodeStatus.DELETING)
    return node


VERBS = [Verb.NODE_CHECK, Verb.NODE_RECOVER, Verb.NODE_UPDATE, Verb.NODE_OPERATION]
HOOK = Hook(queue="going", timeout_s=5)
REMOVALS = [
    Removal(),
    Removal(),
    Removal(destroy=False, order=Order.RANDOM),
    Removal(grace_s=3),
    Removal(hook=HOOK),
]


@st.composite
def requests(draw, all_nodes):
    """Return what somebody asked of some of the nodes, begun or not, and of all of them."""
    asked = []
    for node in all_nodes:
        if draw(st.integers(0, 4)):
            continue
        verb = draw(st.sampled_from(VERBS))
        inputs = {
            "operation": draw(st.sampled_from(["REBOOT", "RECREATE"]))
            if verb is Verb.NODE_RECOVER
            else draw(st.sampled_from(["stop", "start", "lock", "dance"])),
            "new_profile_id": str(draw(st.sampled_from([OLD, NEW]))),
        }
        status = draw(st.sampled_from([ActionStatus.READY, ActionStatus.RUNNING]))
        id = uuid5(node.id, str(verb))
        asked.append(a_wish(verb, id=id, target=node.id, inputs=inputs, status=status))
    tree = draw(st.sampled_from([None, None, Verb.CLUSTER_CHECK, Verb.CLUSTER_RECOVER]))
    return (*asked, *([a_wish(tree)] if tree else ()))


@st.composite
def snapshots(draw, most: int = 7, kinds=(UpdateKind.ROLLING,)):
    """Return a cluster in the middle of anything."""
    service = a_service(drain_s=2) if draw(st.booleans()) else None
    all_nodes = [
        draw(nodes(i, service is not None)) for i in range(1, draw(st.integers(0, most)) + 1)
    ]
    low = draw(st.integers(0, 2))
    cluster = a_cluster(
        desired=draw(st.integers(low, most)),
        min_size=low,
        max_size=most + 3,
        next_index=len(all_nodes) + 1,
        service=service,
        strategy=draw(strategies(kinds)),
        removal=draw(st.sampled_from(REMOVALS)),
        healing=replace(HEALING, enabled=draw(st.sampled_from([True, True, True, False]))),
        rollout=draw(st.none() | rollouts(kinds)),
        warm_pool=draw(st.sampled_from([0, 0, 0, 2])),
        storm=draw(st.none() | storms()),
        status=draw(st.sampled_from([s for s in ClusterStatus if s is not ClusterStatus.DELETING])),
        leaving=draw(st.sampled_from([False] * 9 + [True])),
        generation=2,
    )
    servers, probes, members = [], {}, []
    for node in all_nodes:
        seen = draw(st.sampled_from([None, *Seen, Seen.RUNNING, Seen.RUNNING, Seen.RUNNING]))
        if seen not in (None, Seen.NOTHING) and (node.ref or draw(st.booleans())):
            servers.append(a_server_of(node, seen, created=ago(50), ref=f"s{node.index}"))
        if node.incarnation > 1 and draw(st.booleans()):
            before = replace(node, incarnation=node.incarnation - 1)
            servers.append(a_server_of(before, ref=f"old{node.index}", address="10.9.9.9"))
        if service:
            condition = draw(st.sampled_from([*Condition, Condition.GOOD]))
            probes[node.id] = a_probe_of(node, condition)
            if not node.standby and draw(st.booleans()):
                members.append(draw(pool_members(node)))
    if draw(st.booleans()):
        stray = a_node(90, ref="stray")
        servers.append(a_server_of(stray, created=ago(draw(st.sampled_from([1.0, 500.0])))))
    return a_snapshot(
        cluster,
        *all_nodes,
        servers=servers,
        pool=a_pool(cluster, *members) if service and draw(st.booleans()) else None,
        probes=probes,
        actions=(*([a_wish()] if draw(st.booleans()) else ()), *draw(requests(all_nodes))),
        limits=Limits(
            creates=draw(st.sampled_from([2, 100])),
            deletes=draw(st.sampled_from([2, 100])),
            stray_grace=timedelta(seconds=30),
        ),
    )


@st.composite
def pool_members(draw, node):
    state = draw(st.sampled_from(MemberState)) if node.leaving else MemberState.SERVE
    return a_member_of(
        node,
        state=state,
        condition=draw(st.sampled_from([Condition.GOOD, Condition.GOOD, Condition.BAD])),
        open_requests=draw(st.integers(0, 2)),
    )


@st.composite
def storms(draw):
    return Storm(
        since=ago(10),
        retry_at=NOW + timedelta(seconds=draw(st.sampled_from([-1.0, 2.0]))),
        allowed=draw(st.sampled_from([0, 1, 2])),
        reason="many are ill",
    )
