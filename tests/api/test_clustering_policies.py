"""Policies at work in clusters: attached, switched, detached, listed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from caller import Caller
from muster.base.clock import ManualClock
from muster.model.pool import Front
from muster.ports.balancer import Balancer
from office import a_cloud, opened

Shown = dict[str, Any]


async def bindings(ann: Caller, cluster: Shown, query: str = "") -> list[Shown]:
    found: list[Shown] = (await ann.get(f"/clusters/{cluster['id']}/policies{query}"))[
        "cluster_policies"
    ]
    return found


async def test_an_attached_policy_is_shown_with_the_cluster(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    policy = await ann.policy("deletion-1.1", "del")
    action = await ann.attach(cluster, policy)
    assert (action["action"], action["status"]) == ("CLUSTER_ATTACH_POLICY", "SUCCEEDED")
    assert action["name"] == f"attach_policy_{cluster['id'][:8]}"
    assert action["inputs"] == {"policy_id": str(policy.id), "enabled": True}
    [binding] = await bindings(ann, cluster)
    assert (await ann.again(cluster))["policies"] == [binding["id"]]
    assert binding == {
        "id": binding["id"],
        "cluster_id": cluster["id"],
        "cluster_name": "c1",
        "policy_id": str(policy.id),
        "policy_name": "del",
        "policy_type": "senlin.policy.deletion-1.1",
        "enabled": True,
        "priority": 400,
        "data": None,
        "last_op": None,
    }
    for said in (policy.id, "del", str(policy.id)[:8]):
        answer = await ann.get(f"/clusters/c1/policies/{said}")
        assert answer["cluster_policy"] == binding


async def test_attaching_twice_is_done_already(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    policy = await ann.policy("batch-1.0")
    await ann.attach(cluster, policy)
    action = await ann.attach(cluster, policy)
    assert (action["status"], action["status_reason"]) == ("SUCCEEDED", "Policy already attached.")
    assert len(await bindings(ann, cluster)) == 1


async def test_of_most_types_a_cluster_has_one_policy(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    await ann.attach(cluster, await ann.policy("batch-1.0", "one"))
    action = await ann.attach(cluster, await ann.policy("batch-1.0", "two"))
    assert action["status"] == "FAILED"
    assert action["status_reason"].startswith(
        "Only one instance of policy type (senlin.policy.batch-1.0) can be attached to a cluster"
    )
    for event in ("CLUSTER_SCALE_OUT", "CLUSTER_SCALE_IN"):
        policy = await ann.policy("scaling-1.0", event, event=event)
        assert (await ann.attach(cluster, policy))["status"] == "SUCCEEDED"
    assert len(await bindings(ann, cluster)) == 3


async def test_a_policy_that_does_not_suit_the_profile_type_is_refused(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile("stack", "os.heat.stack-1.0"))
    action = await ann.attach(cluster, await ann.policy("affinity-1.0"))
    assert (action["status"], action["status_reason"]) == (
        "FAILED",
        "Policy not applicable on profile type: os.heat.stack-1.0",
    )
    assert (await ann.again(cluster))["status"] == "ACTIVE"


async def test_a_policy_is_switched_off_and_detached(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    policy = await ann.policy("batch-1.0", "batch")
    await ann.attach(cluster, policy)
    action = await ann.act(cluster, policy_update={"policy_id": "batch", "enabled": False})
    assert (action["status"], action["name"]) == ("SUCCEEDED", f"update_policy_{cluster['id'][:8]}")
    assert (await bindings(ann, cluster))[0]["enabled"] is False
    action = await ann.act(cluster, policy_detach={"policy_id": "batch"})
    assert (action["status"], action["name"]) == ("SUCCEEDED", f"detach_policy_{cluster['id'][:8]}")
    assert await bindings(ann, cluster) == []
    assert (await ann.again(cluster))["policies"] == []


async def test_what_a_policy_says_is_worked_into_the_cluster_only_while_it_is_enabled(
    ann: Caller,
) -> None:
    cluster = await ann.cluster(await ann.profile())
    bare = (await ann.office.stored(cluster["id"])).removal
    policy = await ann.policy("deletion-1.0", grace_period=7)
    await ann.attach(cluster, policy)
    assert (await ann.office.stored(cluster["id"])).removal.grace_s == 7
    said = {"policy_id": str(policy.id)}
    await ann.act(cluster, policy_update={**said, "enabled": False})
    assert (await ann.office.stored(cluster["id"])).removal == bare
    await ann.act(cluster, policy_update={**said, "enabled": True})
    assert (await ann.office.stored(cluster["id"])).removal.grace_s == 7
    await ann.act(cluster, policy_detach=said)
    assert (await ann.office.stored(cluster["id"])).removal == bare


async def test_bindings_are_filtered_by_what_they_say(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    await ann.attach(cluster, await ann.policy("batch-1.0", "batch"))
    await ann.attach(cluster, await ann.policy("deletion-1.0", "del"), enabled=False)

    async def names(query: str) -> list[str]:
        return [each["policy_name"] for each in await bindings(ann, cluster, query)]

    assert await names("?enabled=true") == ["batch"]
    assert await names("?enabled=False&sort=enabled") == ["del"]
    assert await names("?policy_name=batch&policy_type=senlin.policy.batch-1.0") == ["batch"]
    assert await names("?sort=enabled:desc") == ["batch", "del"]
    for query, text in (
        ("bogus=1", "Invalid parameter bogus"),
        ("limit=1", "Invalid parameter limit"),
        ("enabled=maybe", "Invalid value 'maybe' specified for 'enabled'"),
        ("sort=priority", "Unsupported sort key 'priority' for 'sort'."),
    ):
        told = await ann.refusal("GET", f"/clusters/c1/policies?{query}")
        assert told == (400, "HTTPBadRequest", text)
    assert (await ann.refusal("GET", "/clusters/nosuch/policies"))[0] == 404


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"policy_attach": {}}, "'policy_id' is a required property"),
        (
            {"policy_attach": {"policy_id": "batch", "x": 1}},
            "Additional properties are not allowed ('x' was unexpected)",
        ),
        (
            {"policy_attach": {"policy_id": "nosuch"}},
            "The specified policy 'nosuch' could not be found.",
        ),
        (
            {"policy_detach": {"policy_id": "batch"}},
            "The policy 'batch' is not attached to the specified cluster 'c1'.",
        ),
        (
            {"policy_update": {"policy_id": "batch", "enabled": True}},
            "The policy 'batch' is not attached to the specified cluster 'c1'.",
        ),
        (
            {"policy_update": {"policy_id": "batch", "enabled": "abc"}},
            "Unrecognized value 'abc', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', "
            "'off', 'on', 't', 'true', 'y', 'yes'",
        ),
        (
            {"policy_update": {"policy_id": "batch", "enabled": "true"}},
            "'true' is not of type 'boolean', 'null'",
        ),
    ],
)
async def test_what_is_wrong_with_a_policy_is_said(ann: Caller, said: Shown, text: str) -> None:
    await ann.cluster(await ann.profile())
    await ann.policy("batch-1.0", "batch")
    assert (await ann.refusal("POST", "/clusters/c1/actions", said))[::2] == (400, text)


async def test_a_policy_that_is_not_attached_is_not_found_there(ann: Caller) -> None:
    await ann.cluster(await ann.profile())
    await ann.policy("batch-1.0", "batch")
    told = await ann.refusal("GET", "/clusters/c1/policies/batch")
    text = "The policy 'batch' is not found attached to the specified cluster 'c1'."
    assert told == (404, "PolicyBindingNotFound", text)
    told = await ann.refusal("GET", "/clusters/c1/policies/nosuch")
    assert told == (404, "ResourceNotFound", "The policy 'nosuch' could not be found.")


async def test_nodes_in_a_pool_say_so_and_no_longer_when_it_is_gone(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    quiet = {"type": "TCP"}
    balanced = await ann.policy(
        "loadbalance-1.1", pool={"subnet": "s"}, vip={"subnet": "s"}, health_monitor=quiet
    )

    async def members() -> list[bool]:
        return ["lb_member" in each["data"] for each in await ann.nodes(cluster)]

    assert await members() == [False, False]
    await ann.attach(cluster, balanced)
    await ann.office.go_on(3)
    assert await members() == [True, True]
    await ann.act(cluster, scale_out={})
    await ann.office.go_on(5)
    assert await members() == [True, True, True]
    await ann.act(cluster, policy_detach={"policy_id": str(balanced.id)})
    await ann.office.go_on(3)
    assert await members() == [False, False, False]


TAKEN = 8099


@dataclass
class Rash:
    """A balancer that says yes to every front, and keeps its promise where it can."""

    inner: Balancer

    async def refusal(self, front: Front) -> str | None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@asynccontextmanager
async def rash(folder: Path) -> AsyncIterator[Caller]:
    """Open an office whose balancer finds out too late that a port is taken."""
    cloud = await a_cloud(folder, ManualClock(), taken_ports=[TAKEN])
    assert cloud.balancer
    hasty: Any = Rash(cloud.balancer)
    async with opened(folder, clouds={"simulated": replace(cloud, balancer=hasty)}) as office:
        yield Caller(office)


async def a_balanced_policy(ann: Caller) -> Any:
    vip = {"subnet": "s", "protocol_port": TAKEN}
    return await ann.policy("loadbalance-1.1", pool={"subnet": "s"}, vip=vip)


async def test_a_policy_whose_front_is_refused_in_the_end_is_not_attached(tmp_path: Path) -> None:
    async with rash(tmp_path) as ann:
        cluster = await ann.cluster(await ann.profile())
        action = await ann.attach(cluster, await a_balanced_policy(ann))
        await ann.office.go_on(3)
        action = (await ann.get(f"/actions/{action['id']}"))["action"]
        assert action["status"] == "FAILED"
        assert f"port {TAKEN} is taken" in action["status_reason"]
        assert await bindings(ann, cluster) == []
        after = await ann.again(cluster)
        assert (after["data"], after["status"]) == ({}, "ACTIVE")


async def test_a_policy_whose_front_is_refused_in_the_end_is_off_again(tmp_path: Path) -> None:
    async with rash(tmp_path) as ann:
        cluster = await ann.cluster(await ann.profile())
        policy = await a_balanced_policy(ann)
        await ann.attach(cluster, policy, enabled=False)
        said = {"policy_id": str(policy.id), "enabled": True}
        action = await ann.act(cluster, policy_update=said)
        await ann.office.go_on(3)
        action = (await ann.get(f"/actions/{action['id']}"))["action"]
        assert action["status"] == "FAILED"
        assert [each["enabled"] for each in await bindings(ann, cluster)] == [False]
        assert (await ann.again(cluster))["status"] == "ACTIVE"


async def test_names_that_no_cloud_knows_are_refused_when_a_policy_is_made(tmp_path: Path) -> None:
    plain = await a_cloud(tmp_path, ManualClock())
    about = replace(plain.about, name="strict", open_catalog=False, zones=("z1", "z2"))
    strict = replace(plain, about=about)
    async with opened(tmp_path, clouds={"strict": strict}) as office:
        here = (await strict.networks.list_networks())[0].name

        async def made(type: str, **properties: Any) -> tuple[int, str, str]:
            name, version = type.rsplit("-", 1)
            spec = {"type": f"senlin.policy.{name}", "version": version, "properties": properties}
            checked = await office.call("POST", "/v1/policies/validate", {"policy": {"spec": spec}})
            assert checked.status_code == 200, checked.text  # it is not asked for by then
            answer = await office.call(
                "POST", "/v1/policies", {"policy": {"name": "p", "spec": spec}}
            )
            error = answer.json().get("error", {})
            return answer.status_code, error.get("type", ""), error.get("message", "")

        known = [("zone_placement-1.0", {"zones": [{"name": "z1"}, {"name": "z9"}]})]
        known += [("affinity-1.0", {"availability_zone": "z2"})]
        known += [("region_placement-1.0", {"regions": [{"name": "strict"}]})]
        known += [("loadbalance-1.1", {"pool": {"subnet": here}, "vip": {"network": here}})]
        for type, said in known:
            assert (await made(type, **said))[0] == 201, type
        unknown = [("zone_placement-1.0", {"zones": [{"name": "z9"}]}, "no zone 'z9'")]
        unknown += [("affinity-1.0", {"availability_zone": "z9"}, "no zone 'z9'")]
        unknown += [("region_placement-1.0", {"regions": [{"name": "far"}]}, "no region 'far'")]
        some = {"regions": [{"name": "strict"}, {"name": "mars"}]}
        unknown += [("region_placement-1.0", some, "no region 'mars'; there is strict")]
        lost = {"pool": {"subnet": here}, "vip": {"network": "lost"}}
        unknown += [("loadbalance-1.1", lost, "no network or subnet 'lost'")]
        for type, said, text in unknown:
            status, kind, message = await made(type, **said)
            assert (status, kind) == (400, "InvalidSpec"), type
            assert text in message


async def test_a_region_takes_so_many_however_they_are_asked_for(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    policy = await ann.policy("region_placement-1.0", regions=[{"name": "simulated", "cap": 2}])
    await ann.attach(cluster, policy)
    for said in ({"scale_out": {"count": 2}}, {"resize": {"number": 3, "strict": False}}):
        (word,) = said
        if word == "resize":
            said[word] |= {"adjustment_type": "EXACT_CAPACITY"}
        action = await ann.act(cluster, **said)
        assert action["status"] == "FAILED"
        assert "There is no feasible plan to handle all nodes." in action["status_reason"]
    assert (await ann.act(cluster, scale_out={"count": 1}))["status"] == "SUCCEEDED"


async def test_a_node_whose_profile_names_its_region_is_made_beyond_what_that_takes(
    ann: Caller,
) -> None:
    cluster = await ann.cluster(plain := await ann.profile(), desired_capacity=1)
    policy = await ann.policy("region_placement-1.0", regions=[{"name": "simulated", "cap": 1}])
    await ann.attach(cluster, policy)
    named = {**plain.spec, "properties": {"context": {"region_name": "simulated"}}}
    own = replace(plain, id=uuid4(), name="own", spec=named)
    await ann.office.desk.store.write(lambda tx: tx.profiles.put(own))
    for profile, status in ((plain, "ERROR"), (own, "ACTIVE")):
        node = await ann.node(profile, cluster_id=cluster["id"])
        assert node["status"] == status, node
    assert len(await ann.nodes(cluster)) == 2


async def test_names_are_looked_at_again_when_a_policy_is_attached(tmp_path: Path) -> None:
    """The policy was made for another cloud, which takes any name."""
    clock = ManualClock()
    plain = await a_cloud(tmp_path, clock)
    about = replace(plain.about, name="strict", open_catalog=False)
    clouds = {"strict": replace(plain, about=about), "simulated": plain}
    async with opened(tmp_path, clouds=clouds) as office:
        ann = Caller(office)
        cluster = await ann.cluster(await ann.profile())
        policy = await ann.policy("loadbalance-1.1", pool={"subnet": "s"}, vip={"subnet": "s"})
        action = await ann.attach(cluster, policy)
        assert action["status"] == "FAILED"
        assert "no network or subnet 's'" in action["status_reason"]


async def test_a_balancer_that_cannot_be_had_fails_the_attaching_and_changes_nothing(
    tmp_path: Path,
) -> None:
    cloud = await a_cloud(tmp_path, ManualClock(), taken_ports=[TAKEN])
    async with opened(tmp_path, clouds={"simulated": cloud}) as office:
        ann = Caller(office)
        cluster = await ann.cluster(await ann.profile())
        vip = {"subnet": "s", "protocol_port": TAKEN}
        policy = await ann.policy("loadbalance-1.1", pool={"subnet": "s"}, vip=vip)
        action = await ann.attach(cluster, policy)
        said = (action["status"], action["status_reason"])
        assert said == ("FAILED", f"port {TAKEN} is taken")
        assert await bindings(ann, cluster) == []
        assert (await ann.again(cluster))["data"] == {}
        asleep = await ann.attach(cluster, policy, enabled=False)
        assert asleep["status"] == "SUCCEEDED"
        woken = await ann.act(cluster, policy_update={"policy_id": str(policy.id), "enabled": True})
        assert (woken["status"], woken["status_reason"]) == said
        assert [each["enabled"] for each in await bindings(ann, cluster)] == [False]
