"""Snapshots in any condition a cluster may be found in, for hypothesis."""

from dataclasses import replace
from datetime import timedelta

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
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus, Healing, Storm
from muster.model.node import Health, Leaving, NodeStatus, Why
from muster.model.observed import Seen
from muster.model.plan import Limits
from muster.model.pool import Condition, MemberState
from muster.model.rollout import RolloutState, Strategy

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
def strategies(draw):
    return Strategy(
        max_surge=draw(st.sampled_from([Amount(25, percent=True), Amount(0), Amount(2)])),
        max_unavailable=draw(st.sampled_from([Amount(0), Amount(1), Amount(34, percent=True)])),
        min_ready_s=draw(st.sampled_from([0, 0, 2.0])),
        canary=draw(st.sampled_from([None, None, Amount(1), Amount(40, percent=True)])),
        canary_bake_s=draw(st.sampled_from([None, 0.0, 2.0])),
        progress_deadline_s=20,
        auto_rollback=draw(st.booleans()),
    )


@st.composite
def rollouts(draw):
    state = draw(st.sampled_from([*UNDER_WAY, *UNDER_WAY, *RolloutState]))
    return a_rollout(
        strategy=draw(strategies()),
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
        protected=draw(st.sampled_from([False] * 7 + [True])),
        tainted=draw(st.sampled_from([False] * 5 + [True])),
        tries=draw(st.sampled_from([0, 0, 0, 1, 3, 4])),
        retry_at=draw(st.sampled_from([None, None, NOW + timedelta(seconds=2)])),
    )
    if not service and fresh:
        node = replace(node, health=Health())
    if draw(st.integers(0, 4)) == 0:
        leaving = Leaving(
            why=draw(st.sampled_from([Why.SCALE_IN, Why.UPDATE, Why.REQUEST])),
            since=ago(3),
            deadline=NOW + timedelta(seconds=draw(st.sampled_from([-1.0, 0.0, 8.0]))),
        )
        node = replace(node, leaving=leaving, status=NodeStatus.DELETING)
    return node


@st.composite
def snapshots(draw, most: int = 7):
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
        strategy=draw(strategies()),
        healing=replace(HEALING, enabled=draw(st.sampled_from([True, True, True, False]))),
        rollout=draw(st.none() | rollouts()),
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
        actions=(a_wish(),) if draw(st.booleans()) else (),
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
