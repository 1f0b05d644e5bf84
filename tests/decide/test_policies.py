"""Policies: what each type refuses, what it makes of a cluster, and that nothing of it stays."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import LONG_AGO, SIMULATED, WEB, a_cluster, a_service
from muster.base.errors import Conflict, Invalid, Malformed
from muster.decide.policies import (
    POLICY_TYPES,
    attached,
    compiled,
    infeasible,
    properties_of,
    refusal,
)
from muster.model.capacity import Amount
from muster.model.cloud import Ability
from muster.model.cluster import Healing
from muster.model.detection import Cure, Detector
from muster.model.placement import Affinity, Share
from muster.model.policy import Binding, Policy
from muster.model.policy_type import Attached, Floor, Scene
from muster.model.pool import MonitorKind, Persistence, Traffic
from muster.model.removal import HookType, Order, Removal
from muster.model.rollout import UpdateKind
from muster.model.scaling import Scaling

FLOOR = Floor()
SERVER = "os.nova.server-1.0"
LB = {"pool": {"subnet": "s"}, "vip": {"subnet": "s"}}
POLLED = {"type": "NODE_STATUS_POLL_URL", "options": {"poll_url": "http://h/{nodename}"}}


def health(*modes: dict[str, Any], action: str = "RECREATE", **detection: Any) -> dict[str, Any]:
    return {
        "detection": {"interval": 60, "detection_modes": list(modes)} | detection,
        "recovery": {"actions": [{"name": action}]},
    }


# One policy of each type that says something.
SAID: dict[str, dict[str, Any]] = {
    "affinity-1.0": {"servergroup": {"name": "g"}, "availability_zone": "z1"},
    "batch-1.0": {"min_in_service": 2, "max_batch_size": 3, "pause_time": 7},
    "deletion-1.0": {"criteria": "OLDEST_FIRST", "reduce_desired_capacity": False},
    "deletion-1.1": {"grace_period": 4, "hooks": {"params": {"queue": "q"}, "timeout": 9}},
    "health-1.2": health(POLLED, {"type": "NODE_STATUS_POLLING"}, action="REBOOT"),
    "loadbalance-1.3": LB,
    "region_placement-1.0": {"regions": [{"name": "simulated", "cap": 5}]},
    "scaling-1.0": {"event": "CLUSTER_SCALE_OUT"},
    "zone_placement-1.0": {"zones": [{"name": "z1"}, {"name": "z2", "weight": 50}]},
}


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


def scene(cannot: dict[Ability, str] | None = None, **but: Any) -> Scene:
    cloud = replace(SIMULATED, cannot=cannot or {}, **but)
    return Scene(cluster=a_cluster(), profile_type=SERVER, cloud=cloud)


def refused(key: str, said: dict[str, Any], where: Scene) -> str | None:
    type = POLICY_TYPES[f"senlin.policy.{key}"]
    return refusal(type, properties_of(type, said, FLOOR), where)


@pytest.mark.parametrize("type", POLICY_TYPES.values(), ids=lambda each: each.key)
def test_a_type_is_known_by_its_name_and_version_and_says_how_far_it_goes(type):
    assert POLICY_TYPES[type.key] is type
    assert type.support[type.version]
    assert type.governs <= {"service", "healing", "removal", "placement", "strategy"}
    assert bool(type.governs) == (type.name != "senlin.policy.scaling")


def test_the_order_in_which_policies_speak_is_total():
    order = sorted(POLICY_TYPES.values(), key=lambda each: each.priority)
    assert [order[0].name, order[-1].name] == ["senlin.policy.scaling", "senlin.policy.health"]
    assert [e.singleton for e in POLICY_TYPES.values()].count(False) == 1


@pytest.mark.parametrize(
    ("key", "said", "text"),
    [
        ("scaling-1.0", {"event": "BOGUS"}, "must be one of the allowed values: CLUSTER_SCALE_IN"),
        ("scaling-1.0", {}, "Required spec item 'event' not provided"),
        ("deletion-1.0", {"bogus": 1}, "Unrecognizable spec item 'bogus'"),
        ("health-1.0", {"detection": {"type": "x"}, "recovery": {}}, "spec item 'type'"),
        (
            "health-1.1",
            {
                "detection": {},
                "recovery": {"actions": [{"name": "REBOOT"}, {"name": "REBUILD"}]},
            },
            "Only one 'actions'",
        ),
    ],
)
def test_what_the_schema_of_a_policy_does_not_allow_is_the_fault_that_clients_know(key, said, text):
    type = POLICY_TYPES[f"senlin.policy.{key}"]
    with pytest.raises(Malformed, match=text) as caught:
        properties_of(type, said, FLOOR)
    assert caught.value.details["type"] == "ESchema"


DUPLICATE, INVALID = "(?i)duplicate detection modes", "(?i)invalid detection modes"


@pytest.mark.parametrize(
    ("key", "said", "text"),
    [
        ("scaling-1.0", {"event": "CLUSTER_SCALE_IN", "adjustment": {"number": -1}}, "must be > 0"),
        (
            "scaling-1.0",
            {"event": "CLUSTER_SCALE_IN", "adjustment": {"cooldown": -1}},
            "the 'cooldown' for 'adjustment' must be >= 0",
        ),
        ("batch-1.0", {"max_batch_size": 0}, "max_batch_size"),
        ("batch-1.0", {"pause_time": -1}, "pause_time"),
        ("deletion-1.1", {"grace_period": -1}, "grace_period"),
        ("deletion-1.1", {"hooks": {"timeout": 5}}, "needs a 'queue'"),
        ("deletion-1.1", {"hooks": {"type": "webhook", "timeout": 5}}, "needs a 'url'"),
        ("health-1.2", health({"type": "NODE_STATUS_POLLING"}, interval=59), "has to be larger"),
        ("health-1.2", health(*[{"type": "NODE_STATUS_POLLING"}] * 2), DUPLICATE),
        ("health-1.2", health(POLLED, POLLED), DUPLICATE),
        ("health-1.2", health(POLLED, {"type": "LIFECYCLE_EVENTS"}), INVALID),
        ("health-1.2", health(*[{"type": "LIFECYCLE_EVENTS"}] * 2), INVALID),
        ("health-1.2", health({"type": "NODE_STATUS_POLL_URL"}), "must be an http"),
        (
            "health-1.2",
            health(
                {
                    "type": "NODE_STATUS_POLL_URL",
                    "options": {"poll_url": "http://h", "poll_url_healthy_response": "("},
                }
            ),
            "no regular expression that can be used: missing",
        ),
        ("loadbalance-1.1", {"pool": {"subnet": "s"}, "vip": {}}, "VIP Subnet or Network"),
        ("loadbalance-1.1", {**LB, "vip": {"subnet": "s", "protocol_port": 0}}, "protocol_port"),
        (
            "loadbalance-1.1",
            {**LB, "pool": {"subnet": "s", "session_persistence": {"type": "APP_COOKIE"}}},
            "cookie_name",
        ),
        ("loadbalance-1.1", {**LB, "health_monitor": {"expected_codes": "ok"}}, "expected_codes"),
        ("loadbalance-1.1", {**LB, "health_monitor": {"delay": 0}}, "'delay'"),
        ("loadbalance-1.1", {**LB, "health_monitor": {"url_path": "x"}}, "slash"),
        ("zone_placement-1.0", {"zones": [{"weight": 1}]}, "needs a 'name'"),
        ("zone_placement-1.0", {"zones": [{"name": "a", "weight": -1}]}, "must be >= 0"),
        ("zone_placement-1.0", {"zones": [{"name": "a", "weight": 0}]}, "needs a 'weight'"),
        ("region_placement-1.0", {"regions": [{}]}, "needs a 'name'"),
    ],
)
def test_what_makes_no_sense_is_an_invalid_specification(key, said, text):
    type = POLICY_TYPES[f"senlin.policy.{key}"]
    with pytest.raises(Invalid, match=text) as caught:
        properties_of(type, said, FLOOR)
    assert caught.value.details["type"] == "InvalidSpec"


def test_an_installation_may_allow_checks_more_often():
    type, said = POLICY_TYPES["senlin.policy.health-1.2"], health(POLLED, interval=10)
    properties_of(type, said, Floor(health_interval_s=10))
    with pytest.raises(Invalid):
        properties_of(type, said, FLOOR)


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


@pytest.mark.parametrize(
    ("key", "said", "where", "text"),
    [
        ("affinity-1.0", {}, scene({Ability.ANTI_AFFINITY: "one host"}), "one host"),
        ("affinity-1.0", {"enable_drs_extension": True}, scene(), "vSphere"),
        (
            "health-1.2",
            {**SAID["health-1.2"], "recovery": {"fencing": ["COMPUTE"]}},
            scene({Ability.FENCING: "nobody tells what is off"}),
            "cannot fence servers: nobody tells",
        ),
        (
            "affinity-1.0",
            {"availability_zone": "a"},
            scene({Ability.ZONES: "one zone"}),
            "one zone",
        ),
        (
            "zone_placement-1.0",
            SAID["zone_placement-1.0"],
            scene({Ability.ZONES: "no"}),
            "no zones",
        ),
        ("zone_placement-1.0", {"zones": [{"name": "x"}]}, scene(zones=("a", "b")), "it has a, b"),
        ("region_placement-1.0", {"regions": [{"name": "far"}]}, scene(), "'far'"),
        ("loadbalance-1.0", LB, scene({Ability.BALANCER: "none here"}), "none here"),
        ("loadbalance-1.0", {**LB, "flavor_id": "f"}, scene(), "flavor_id"),
        (
            "loadbalance-1.0",
            {**LB, "health_monitor": {}},
            scene({Ability.PING: "it does not"}),
            "cannot ping: it does not",
        ),
        (
            "loadbalance-1.0",
            {**LB, "vip": {"subnet": "s", "protocol": "TCP"}},
            scene({Ability.TCP: "http only"}),
            "cannot do TCP: http only",
        ),
        (
            "loadbalance-1.0",
            {**LB, "vip": {"subnet": "s", "connection_limit": 5}},
            scene({Ability.CONNECTION_LIMIT: "no limits"}),
            "no limits",
        ),
        (
            "loadbalance-1.0",
            {**LB, "pool": {"subnet": "s", "protocol": "HTTPS"}},
            scene({Ability.MEMBER_TLS: "plain only"}),
            "cannot speak TLS with members: plain only",
        ),
        (
            "health-1.0",
            health(action="REBUILD"),
            scene({Ability.REBUILD: "it is new each time"}),
            "cannot rebuild servers: it is new each time",
        ),
        (
            "health-1.0",
            health(action="REBOOT"),
            replace(scene(), profile_type="os.heat.stack-1.0"),
            "REBOOT cannot be the recovery of nodes of type os.heat.stack-1.0",
        ),
        (
            "zone_placement-1.0",
            SAID["zone_placement-1.0"],
            replace(scene(), profile_type="os.heat.stack-1.0"),
            "Policy not applicable on profile type: os.heat.stack-1.0",
        ),
    ],
)
def test_what_a_cloud_cannot_do_is_refused_with_its_reason(key, said, where, text):
    assert text in (refused(key, said, where) or "")


@pytest.mark.parametrize("key", SAID)
def test_a_cloud_that_can_do_everything_refuses_nothing(key):
    assert refused(key, SAID[key], scene(zones=("z1", "z2"))) is None


def test_hosts_that_are_rather_apart_are_no_matter_for_a_cloud_with_one():
    soft = {"servergroup": {"policies": "soft-anti-affinity"}}
    assert refused("affinity-1.0", soft, scene({Ability.ANTI_AFFINITY: "one host"})) is None


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
