"""What a cloud cannot do for a policy is refused, with its reason."""

from dataclasses import replace
from typing import Any

import pytest

from decide.policing import FLOOR, LB, SAID, health, scene
from muster.decide.policies import POLICY_TYPES, properties_of, refusal
from muster.model.cloud import Ability
from muster.model.policy_type import Scene


def refused(key: str, said: dict[str, Any], where: Scene) -> str | None:
    type = POLICY_TYPES[f"senlin.policy.{key}"]
    return refusal(type, properties_of(type, said, FLOOR), where)


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
        (
            "region_placement-1.0",
            {"regions": [{"name": "simulated"}, {"name": "far"}]},
            replace(scene(), regions=frozenset({"simulated", "far"})),
            "cannot be placed in 'far'",
        ),
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


@pytest.mark.parametrize(
    "other", [{"name": "gone"}, {"name": "far", "weight": 0}, {"name": "far", "cap": 0}]
)
def test_regions_that_get_no_node_are_passed_over(other):
    here = replace(scene(), regions=frozenset({"simulated", "far"}))
    said = {"regions": [{"name": "simulated"}, other]}
    assert refused("region_placement-1.0", said, here) is None
    alone = {"regions": [other, {"name": "gone"}]}
    assert "lives in one region" in (refused("region_placement-1.0", alone, here) or "")


def test_hosts_that_are_rather_apart_are_no_matter_for_a_cloud_with_one():
    soft = {"servergroup": {"policies": "soft-anti-affinity"}}
    assert refused("affinity-1.0", soft, scene({Ability.ANTI_AFFINITY: "one host"})) is None
