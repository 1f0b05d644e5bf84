"""What of a retired service is taken over, what stays behind, and what is said of it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from muster.decide.policies import POLICY_TYPES
from muster.decide.takeover import lots
from muster.model.catalog import Flavor
from muster.model.cloud import About
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus
from muster.model.profile import ServerSpec
from muster.model.removal import Order
from muster.model.retired import Retired
from muster.model.takeover import Choice, Entry, Fate, Ground, Here, Lot

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FLAVOR = Flavor(id=uuid4(), name="1", vcpus=1, memory_mib=512)
SERVER = ServerSpec(image="cirros", image_name="cirros", flavor=FLAVOR)
CLOUD = About(name="simulated", kind="simulated", open_catalog=True)
ALL, HERE = Choice(), Here(SERVER, CLOUD)
PROFILE, CLUSTER, POLICY = uuid4(), uuid4(), uuid4()
OWNED = {"user": "ann", "project": "alpha", "domain": None, "created_at": NOW, "updated_at": None}
DELETION = {"type": "senlin.policy.deletion", "version": "1.1"}


def profile(**but: Any) -> Mapping[str, Any]:
    row = {"id": PROFILE, "name": "small", "type": "os.nova.server-1.0", "spec": {}}
    return {**OWNED, **row, "meta_data": None, **but}


def cluster(**but: Any) -> Mapping[str, Any]:
    row = {"id": CLUSTER, "name": "web", "profile_id": PROFILE, "init_at": NOW, "timeout": 60}
    sizes = {"min_size": 0, "max_size": -1, "desired_capacity": 1, "next_index": 2}
    said = {"status": "ACTIVE", "status_reason": "fine"}
    maps = dict.fromkeys(("meta_data", "data", "dependents", "config"))
    return {**OWNED, **row, **sizes, **said, **maps, **but}


def node(**but: Any) -> Mapping[str, Any]:
    row = {"id": uuid4(), "name": "web-1", "physical_id": str(uuid4()), "cluster_id": CLUSTER}
    row |= {"profile_id": PROFILE, "index": 1, "role": None, "init_at": NOW, "tainted": None}
    said = {"status": "ACTIVE", "status_reason": "fine"}
    maps = dict.fromkeys(("meta_data", "data", "dependents"))
    return {**OWNED, **row, **said, **maps, **but}


def policy(properties: Mapping[str, Any], **but: Any) -> Mapping[str, Any]:
    spec = {**DELETION, "properties": properties}
    row = {"id": POLICY, "name": "order", "type": "senlin.policy.deletion-1.1", "spec": spec}
    return {**OWNED, **row, "data": None, **but}


def binding(**but: Any) -> Mapping[str, Any]:
    row = {"id": uuid4(), "cluster_id": CLUSTER, "policy_id": POLICY, "enabled": True}
    return {**row, "priority": 400, "data": None, "last_op": None, **but}


def receiver(**but: Any) -> Mapping[str, Any]:
    row = {"id": uuid4(), "name": "door", "type": "webhook", "cluster_id": CLUSTER}
    row |= {"action": "CLUSTER_SCALE_OUT", "params": {"count": 2}, "channel": None}
    return {**OWNED, **row, **but}


def taken(
    choice: Choice = ALL,
    there: Iterable[UUID] = (),
    here: Here | str = HERE,
    **rows: Any,
) -> list[Lot]:
    found = {"profiles": (profile(),), "clusters": (cluster(),), **rows}
    ground = Ground(
        now=NOW, profiles={PROFILE: here}, policy_types=POLICY_TYPES, there=frozenset(there)
    )
    return list(lots(Retired(**found), ground, choice))


def entries(found: list[Lot], noun: str) -> list[Entry]:
    return [each for lot in found for each in lot.entries if each.noun == noun]


def the(found: list[Lot], noun: str) -> Entry:
    [entry] = entries(found, noun)
    return entry


def test_a_cluster_is_written_with_all_that_is_its_own_at_once():
    found = taken(
        nodes=(node(),),
        policies=(policy({"criteria": "OLDEST_FIRST"}),),
        bindings=(binding(),),
        receivers=(receiver(),),
    )
    [whole] = [lot for lot in found if lot.cluster]
    assert whole.cluster
    assert whole.cluster.id == CLUSTER
    assert (len(whole.nodes), len(whole.bindings), len(whole.receivers)) == (1, 1, 1)


def test_policies_are_at_work_from_the_first_moment():
    found = taken(policies=(policy({"criteria": "OLDEST_FIRST"}),), bindings=(binding(),))
    [made] = [lot.cluster for lot in found if lot.cluster]
    assert made.removal.order is Order.OLDEST_FIRST


def test_policies_that_rest_go_on_resting():
    found = taken(
        policies=(policy({"criteria": "OLDEST_FIRST"}),), bindings=(binding(enabled=False),)
    )
    [made] = [lot.cluster for lot in found if lot.cluster]
    assert made.removal.order is not Order.OLDEST_FIRST


def test_no_limit_stays_no_limit_and_nothing_is_not_nothing():
    [made] = [
        lot.cluster for lot in taken(clusters=(cluster(desired_capacity=None),)) if lot.cluster
    ]
    assert made.max_size is None
    assert made.desired == 0


def test_an_index_is_never_given_again():
    found = taken(clusters=(cluster(next_index=2),), nodes=(node(index=7),))
    [made] = [lot.cluster for lot in found if lot.cluster]
    assert made.next_index == 8


def test_what_was_in_the_middle_of_something_is_not_in_order():
    found = taken(clusters=(cluster(status="RESIZING"),), nodes=(node(status="UPDATING"),))
    [lot] = [lot for lot in found if lot.cluster]
    assert lot.cluster
    assert lot.cluster.status is ClusterStatus.WARNING
    assert "RESIZING" in lot.cluster.reason
    assert lot.nodes[0].status is NodeStatus.WARNING


def test_a_node_without_a_server_is_not_given_one_by_itself():
    found = taken(nodes=(node(physical_id=None, status="ERROR"),))
    [made] = [each for lot in found for each in lot.nodes]
    assert made.status is NodeStatus.ERROR
    assert made.tries == 3
    assert the(found, "node").why == "it has no server"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ({"clusters": (cluster(min_size=3, max_size=2),)}, "min_size (3) is greater"),
        ({"clusters": (cluster(profile_id=uuid4()),)}, "profile is not taken"),
        ({"nodes": (node(physical_id="one"), node(physical_id="one"))}, "two nodes have"),
        ({"nodes": (node(profile_id=uuid4()),)}, "profile is not taken"),
        ({"unfinished": {CLUSTER: "CLUSTER_RESIZE (RUNNING)"}}, "is not finished"),
    ],
)
def test_what_contradicts_itself_stays_behind_whole(rows: Mapping[str, Any], why: str):
    found = taken(**{"receivers": (receiver(),), **rows})
    assert the(found, "cluster").fate is Fate.LEFT
    assert why in the(found, "cluster").why
    assert not any(lot.cluster or lot.nodes or lot.receivers for lot in found)
    assert {each.fate for each in entries(found, "receiver")} == {Fate.LEFT}


def test_what_is_unfinished_is_taken_where_one_insists():
    busy = {CLUSTER: "CLUSTER_RESIZE (RUNNING)"}
    assert the(taken(Choice(unfinished=True), unfinished=busy), "cluster").fate is Fate.TAKEN


def test_a_profile_that_is_nothing_here_says_why():
    found = taken(here="cloud local cannot make a os.heat.stack")
    assert "cannot make" in the(found, "profile").why
    assert the(found, "cluster").fate is Fate.LEFT


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (policy({"criteria": "NONSENSE"}), "allowed values"),
        (policy({}, type="senlin.policy.other-1.0"), "not known here"),
    ],
)
def test_a_policy_that_cannot_be_leaves_its_cluster_alone(row: Mapping[str, Any], why: str):
    found = taken(policies=(row,), bindings=(binding(),))
    assert why in the(found, "policy").why
    assert the(found, "binding").fate is Fate.LEFT
    assert the(found, "cluster").fate is Fate.TAKEN


def test_a_balancer_of_the_old_cloud_is_not_ours_to_take():
    spec = {"type": "senlin.policy.loadbalance", "version": "1.1"}
    said = {"pool": {"subnet": "s"}, "vip": {"subnet": "s"}}
    row = policy({}, type="senlin.policy.loadbalance-1.1", spec={**spec, "properties": said})
    found = taken(policies=(row,), bindings=(binding(),))
    assert the(found, "policy").fate is Fate.TAKEN
    assert "goes on by itself" in the(found, "binding").why


def test_what_is_there_is_not_written_again():
    one = node()
    found = taken(there=(PROFILE, CLUSTER, one["id"]), nodes=(one,))
    assert not any(lot.cluster or lot.nodes or lot.profiles for lot in found)
    assert {each.fate for lot in found for each in lot.entries} == {Fate.THERE}


def test_a_node_that_went_away_here_does_not_come_back():
    found = taken(there=(PROFILE, CLUSTER), nodes=(node(),))
    assert the(found, "node").fate is Fate.LEFT


def test_a_node_by_itself_gets_a_cluster_that_nobody_sees():
    found = taken(clusters=(), nodes=(node(cluster_id=None, index=-1),))
    [lot] = [lot for lot in found if lot.solo]
    assert lot.solo
    assert lot.solo.id == lot.nodes[0].id
    assert lot.nodes[0].index == -1


def test_a_member_of_a_cluster_that_is_not_there_stays():
    found = taken(clusters=(), nodes=(node(cluster_id=uuid4()),))
    assert "which is not there" in the(found, "node").why


def test_one_project_is_taken_into_another():
    rows = {"clusters": (cluster(), cluster(id=uuid4(), project="beta"))}
    found = taken(Choice(project="alpha", into="ours"), **rows)
    [made] = [lot.cluster for lot in found if lot.cluster]
    assert (made.id, made.project) == (CLUSTER, "ours")


@pytest.mark.parametrize(
    ("but", "why"),
    [
        ({"type": "carrier-pigeon"}, "not known here"),
        ({"action": "CLUSTER_DANCE"}, "no action"),
        ({"cluster_id": None}, "no cluster"),
    ],
)
def test_a_receiver_that_makes_no_sense_stays(but: Mapping[str, Any], why: str):
    assert why in the(taken(receivers=(receiver(**but),)), "receiver").why


def test_moments_are_those_of_the_old_service():
    before = NOW - timedelta(days=400)
    [made] = [lot.cluster for lot in taken(clusters=(cluster(created_at=before),)) if lot.cluster]
    assert made.created_at == before
