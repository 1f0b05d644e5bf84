"""What may be written in a policy, and what is said of what may not."""

import pytest

from decide.policing import FLOOR, LB, POLLED, health
from muster.base.errors import Invalid, Malformed
from muster.decide.policies import POLICY_TYPES, properties_of
from muster.model.policy_type import Floor


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
        ("region_placement-1.0", {"regions": [{"name": "a", "weight": 0}]}, "needs a 'weight'"),
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
