"""State machines: every status can be reached, and an illegal turn is a bug that says so."""

from collections.abc import Mapping
from typing import Any

import pytest

from builders import NOW, a_cluster, a_front, a_node, a_rollout, a_service, a_wish
from muster.base.errors import IllegalTransition
from muster.model.action import ACTION_TRANSITIONS, ActionStatus
from muster.model.capacity import Amount
from muster.model.cluster import CLUSTER_TRANSITIONS, ClusterStatus
from muster.model.node import NODE_TRANSITIONS, NodeStatus, node_id, server_id
from muster.model.pool import digest
from muster.model.rollout import ROLLOUT_TRANSITIONS, UNDER_WAY, RolloutState
from muster.model.vcluster import (
    MEMBER_TRANSITIONS,
    VCLUSTER_TRANSITIONS,
    MemberStatus,
    VClusterStatus,
)

MACHINES: list[tuple[Any, Mapping[Any, frozenset[Any]], Any]] = [
    (ClusterStatus, CLUSTER_TRANSITIONS, ClusterStatus.INIT),
    (NodeStatus, NODE_TRANSITIONS, NodeStatus.INIT),
    (ActionStatus, ACTION_TRANSITIONS, ActionStatus.READY),
    (RolloutState, ROLLOUT_TRANSITIONS, RolloutState.ROLLING),
    (VClusterStatus, VCLUSTER_TRANSITIONS, VClusterStatus.CREATING),
    (MemberStatus, MEMBER_TRANSITIONS, MemberStatus.PLANNED),
]


@pytest.mark.parametrize(("states", "table", "first"), MACHINES)
def test_tables_are_total_and_reach_every_state(states, table, first):
    assert set(table) == set(states)
    reached, todo = {first}, [first]
    while todo:
        for state in table[todo.pop()] - reached:
            reached.add(state)
            todo.append(state)
    assert reached == set(states)


def test_staying_is_always_allowed():
    for status in ClusterStatus:
        assert a_cluster(status=status).turned(status, "still").status is status
    for status in NodeStatus:
        assert a_node(1, status=status).turned(status, "still").status is status


def test_an_illegal_turn_is_a_bug():
    with pytest.raises(IllegalTransition):
        a_cluster(status=ClusterStatus.DELETING).turned(ClusterStatus.ACTIVE, "")
    with pytest.raises(IllegalTransition):
        a_node(1).turned(NodeStatus.INIT, "")
    with pytest.raises(IllegalTransition):
        a_rollout(state=RolloutState.DONE).turned(RolloutState.ROLLING, NOW, "")


def test_an_action_that_has_ended_stays_ended():
    done = a_wish().turned(ActionStatus.SUCCEEDED, NOW, "well")
    assert (done.ended_at, done.started_at) == (NOW, NOW)
    with pytest.raises(IllegalTransition):
        done.turned(ActionStatus.FAILED, NOW)


@pytest.mark.parametrize("state", list(RolloutState))
def test_a_rollout_that_goes_back_aims_at_where_it_came_from(state):
    rollout = a_rollout(state=state)
    back = state in (RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK)
    assert rollout.target == (rollout.from_profile if back else rollout.to_profile)
    assert rollout.under_way == (state in UNDER_WAY)


def test_the_target_is_the_rollouts_only_while_it_is_under_way():
    under_way, failed = a_rollout(), a_rollout(state=RolloutState.FAILED)
    assert a_cluster(rollout=under_way).target == under_way.to_profile
    assert a_cluster(rollout=failed).target == a_cluster().profile_id


def test_a_share_is_rounded_as_asked():
    assert Amount(25, percent=True).of(10, up=True) == 3
    assert Amount(25, percent=True).of(10, up=False) == 2
    assert Amount(7).of(3, up=True) == 7


def test_names_are_derived_and_never_the_same_for_two_servers():
    web = a_cluster().id
    ids = {server_id(node_id(web, index), number) for index in range(50) for number in range(5)}
    assert len(ids) == 250
    assert a_node(3, incarnation=2).server_id == server_id(node_id(web, 3), 2)


def test_a_front_that_differs_in_anything_has_another_fingerprint():
    plain = a_cluster(service=a_service())
    other = a_cluster(service=a_service(key="secret"))
    assert digest(a_front(plain)) != digest(a_front(other))
    assert "secret" not in digest(a_front(other))
