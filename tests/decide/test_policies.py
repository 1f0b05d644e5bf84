"""Policies: what each type refuses, what it makes of a cluster, and that nothing of it stays."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import LONG_AGO, WEB, a_cluster, a_service
from decide.policing import FLOOR, LB, SAID, scene
from muster.base.errors import Conflict
from muster.decide.policies import (
    POLICY_TYPES,
    attached,
    compiled,
    infeasible,
    properties_of,
    refusal,
)
from muster.model.capacity import Amount
from muster.model.cluster import Healing
from muster.model.detection import Cure, Detector
from muster.model.placement import Affinity, Share
from muster.model.policy import Binding, Policy
from muster.model.policy_type import Attached
from muster.model.pool import MonitorKind, Persistence, Traffic
from muster.model.removal import HookType, Order, Removal
from muster.model.rollout import UpdateKind
from muster.model.scaling import Scaling


def bound(key: str, said: dict[str, Any] | None = None, number: int = 1, **but: Any) -> Attached:
    type = POLICY_TYPES[f"senlin.policy.{key}"]
    properties = SAID[key] if said is None else said
    policy = Policy(
        id=UUID(int=900 + number),
        project="demo",
        user="ann",
        name=key,
        type=type.key,
        spec={"type": type.name, "version": type.version, "properties": properties},
        created_at=LONG_AGO,
    )
    plain = {
        "id": UUID(int=number),
        "project": "demo",
        "cluster_id": WEB,
        "policy_id": policy.id,
        "policy_type": policy.type,
        "policy_name": policy.name,
        "priority": type.priority,
        "created_at": LONG_AGO,
    }
    [one] = attached(POLICY_TYPES, [(Binding(**plain | but), policy)])
    return one


def worked_in(key: str, said: dict[str, Any] | None = None, **cluster: Any) -> Any:
    return compiled(a_cluster(**cluster), [bound(key, said)])


def test_a_deletion_policy_says_who_goes_and_how():
    first = worked_in("deletion-1.0").removal
    assert first == Removal(order=Order.OLDEST_FIRST, reduce_desired=False)
    second = worked_in("deletion-1.1").removal
    assert (second.order, second.grace_s) == (Order.RANDOM, 4)
    assert second.hook
    assert (second.hook.type, second.hook.queue, second.hook.timeout_s) == (HookType.QUEUE, "q", 9)


def test_a_batch_policy_says_how_an_update_goes():
    strategy = worked_in("batch-1.0").strategy
    assert (strategy.kind, strategy.max_unavailable) == (UpdateKind.IN_PLACE, Amount(3))
    assert (strategy.min_in_service, strategy.pause_s) == (2, 7)
    assert strategy.progress_deadline_s > a_cluster().strategy.progress_deadline_s
    unlimited = worked_in("batch-1.0", {}).strategy.max_unavailable
    assert unlimited.of(9, up=False) == 9


def test_a_health_policy_says_what_watches_and_what_cures():
    healing = worked_in("health-1.2", healing=Healing(enabled=False, max_tries=3)).healing
    assert (healing.enabled, healing.max_tries, healing.cure) == (True, 3, Cure.REBOOT)
    assert (healing.interval_s, healing.grace_s, healing.all_failed) == (60, 300, False)
    assert [each.detector for each in healing.watches] == [
        Detector.NODE_STATUS_POLL_URL,
        Detector.NODE_STATUS_POLLING,
    ]
    assert (healing.watches[0].url, healing.watches[0].tries) == ("http://h/{nodename}", 3)
    assert healing.visiting
    assert (healing.delete_timeout_s, healing.force_recreate) == (20, False)


def test_a_load_balancing_policy_makes_a_cluster_serve():
    said = {
        "pool": {
            "subnet": "s",
            "protocol_port": 8000,
            "lb_method": "LEAST_CONNECTIONS",
            "session_persistence": {"type": "HTTP_COOKIE", "cookie_name": "c"},
        },
        "vip": {"subnet": "s", "protocol_port": 443, "protocol": "HTTPS", "connection_limit": 9},
        "health_monitor": {"type": "HTTP", "url_path": "/up", "expected_codes": "200, 204"},
    }
    service = worked_in("loadbalance-1.3", said).service
    assert (service.port, service.member_port, service.traffic) == (443, 8000, Traffic.HTTPS)
    assert (service.method, service.persistence) == ("least_conn", Persistence.HTTP_COOKIE)
    assert (service.cookie, service.connections, service.health_path) == ("c", 9, "/up")
    assert (service.monitor.kind, service.monitor.codes) == (MonitorKind.HTTP, "200,204")
    assert (service.monitor.failures, service.member_at(99)) == (3, 8000)


def test_without_a_monitor_whatever_runs_is_well():
    assert not worked_in("loadbalance-1.3").service.asked
    off = {**LB, "health_monitor": {"type": "HTTP", "admin_state_up": False}}
    assert not worked_in("loadbalance-1.3", off).service.asked


def test_the_address_of_a_balancer_is_told_in_the_clusters_data_once_it_is_known():
    one = bound("loadbalance-1.3")
    cluster = compiled(a_cluster(data={"mine": 1}), [one])
    policy = str(one.binding.policy_id)
    assert cluster.data == {"mine": 1, "loadbalancers": {policy: {"vip_address": ""}}}
    known = cluster.addressed("10.0.0.9")
    assert known.data["loadbalancers"] == {policy: {"vip_address": "10.0.0.9"}}
    again = compiled(known, [one])  # as when another policy is attached
    assert again == known
    assert compiled(known, []).data == {"mine": 1}


def test_zones_and_groups_are_worked_in_together():
    both = [bound("zone_placement-1.0"), bound("affinity-1.0", number=2)]
    placement = compiled(a_cluster(), both).placement
    assert placement.shares == (Share(zone="z1"), Share(zone="z2", weight=50))
    assert placement.group
    assert (placement.group.name, placement.group.affinity) == ("g", Affinity.ANTI_AFFINITY)
    alone = worked_in("affinity-1.0").placement
    assert alone.shares == (Share(zone="z1"),)
    assert alone.group == placement.group


def test_a_named_group_is_shared_within_a_project_and_an_unnamed_one_is_the_clusters_own():
    named, other = {"servergroup": {"name": "g"}}, a_cluster(id=UUID(int=2), name="other")
    one = worked_in("affinity-1.0", named).placement.group
    two = compiled(other, [bound("affinity-1.0", named)]).placement.group
    assert one == two
    foreign = compiled(replace(other, project="theirs"), [bound("affinity-1.0", named)])
    assert foreign.placement.group.id != one.id
    mine = worked_in("affinity-1.0", {}).placement.group
    yours = compiled(other, [bound("affinity-1.0", {})]).placement.group
    assert mine.id != yours.id


def test_a_region_has_room_for_so_many():
    cluster = worked_in("region_placement-1.0", desired=3)
    assert infeasible(cluster, 5) is None
    assert infeasible(cluster, 6) == "There is no feasible plan to handle all nodes."


def test_what_its_region_takes_bounds_a_cluster_that_has_a_larger_maximum():
    full = worked_in("region_placement-1.0", desired=3, max_size=9, warm_pool=4)
    assert (full.ceiling, full.standing_by) == (5, 2)
    over = worked_in("region_placement-1.0", desired=7)
    assert (over.ceiling, over.standing_by) == (7, 0)  # it keeps what it has, and gets no more
    assert worked_in("region_placement-1.0", desired=3, max_size=4).ceiling == 4


def test_a_region_without_weight_takes_nobody():
    said = {"regions": [{"name": "simulated", "weight": 0}, {"name": "far"}]}
    cluster = worked_in("region_placement-1.0", said, desired=1)
    assert infeasible(cluster, 2) == "There is no feasible plan to handle all nodes."


def test_there_is_one_policy_of_a_type_and_version_but_any_number_for_scaling():
    there = [bound("deletion-1.0"), bound("scaling-1.0", number=2)]
    said = {
        key: properties_of(each, SAID[key[14:]], FLOOR)
        for key, each in POLICY_TYPES.items()
        if key[14:] in SAID
    }

    def why(key: str) -> str | None:
        full = f"senlin.policy.{key}"
        return refusal(POLICY_TYPES[full], said[full], scene(), there)

    assert "Only one instance of policy type (senlin.policy.deletion-1.0)" in (
        why("deletion-1.0") or ""
    )
    assert why("deletion-1.1") is None
    assert why("scaling-1.0") is None


def test_a_policy_whose_type_is_gone_is_said_by_name():
    one = bound("batch-1.0")
    policy = Policy(
        id=one.binding.policy_id,
        project="demo",
        user="ann",
        name="mine",
        type="theirs-1.0",
        created_at=LONG_AGO,
    )
    with pytest.raises(Conflict, match=r"'mine' is of type theirs-1\.0"):
        attached(POLICY_TYPES, [(one.binding, policy)])


policies = st.lists(
    st.tuples(st.sampled_from(sorted(SAID)), st.booleans()), unique_by=lambda each: each[0]
)


@given(policies, st.randoms(use_true_random=False))
def test_what_policies_make_of_a_cluster_does_not_depend_on_the_order_and_goes_with_them(
    some, dice
):
    own = a_cluster(
        service=a_service(), healing=Healing(failures=7), data={"mine": 1}, scaling=Scaling()
    )
    all_of_them = [
        bound(key, number=number, enabled=enabled) for number, (key, enabled) in enumerate(some, 1)
    ]
    shaped = compiled(own, all_of_them)
    cluster, present = own, []
    for each in dice.sample(all_of_them, len(all_of_them)):
        present.append(each)
        cluster = compiled(cluster, present)
    assert cluster == shaped
    for each in dice.sample(all_of_them, len(all_of_them)):
        present.remove(each)
        cluster = compiled(cluster, present)
    assert cluster == own


def test_what_is_changed_beside_a_policy_outlives_it():
    cluster = worked_in("batch-1.0", healing=Healing(failures=3))
    changed = replace(cluster, healing=Healing(failures=9), timeout_s=5)
    after = compiled(changed, [])
    assert (after.healing.failures, after.timeout_s, after.own) == (9, 5, None)
    assert after.strategy == a_cluster().strategy


def test_an_address_that_was_learned_meanwhile_is_not_forgotten():
    cluster = worked_in("loadbalance-1.3").addressed("10.0.0.9")
    later = replace(cluster, updated_at=LONG_AGO + timedelta(hours=1))
    assert compiled(later, [bound("loadbalance-1.3")]).service == cluster.service
