"""Specifications in the clustering API: what they may name, and what is wrong with them."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.keeping import SERVER, a_real_cloud, made, of, scaling, server
from caller import Caller
from muster.model.profile import Profile
from office import Office, a_cloud, opened


async def stored(ann: Caller, shown: dict[str, Any]) -> Profile:
    id = UUID(shown["id"])
    profile = await ann.office.desk.store.read(lambda tx: tx.profiles.get(id))
    assert profile is not None
    return profile


async def test_a_profile_is_shown_as_it_was_said(ann: Caller) -> None:
    spec = server(metadata={"k": "v"})
    shown = await made(ann, "profile", "p1", spec, metadata={"a": 1})
    assert shown == {
        "id": shown["id"],
        "name": "p1",
        "type": "os.nova.server-1.0",
        "spec": spec,
        "metadata": {"a": 1},
        "user": "ann",
        "project": "demo",
        "domain": None,
        "created_at": "2030-01-01T00:00:00Z",
        "updated_at": None,
    }
    assert await ann.get("/profiles") == {"profiles": [shown]}
    assert await ann.get("/profiles/p1") == {"profile": shown}


async def test_what_a_profile_names_is_looked_up_and_pinned(ann: Caller) -> None:
    spec = server(key_name="mine", user_data="#!/bin/sh", metadata={"n": 3}, availability_zone="z1")
    profile = await stored(ann, await made(ann, "profile", "p1", spec))
    made_of = profile.server
    assert (profile.kept, profile.cloud) == (True, "simulated")
    assert (made_of.image_name, made_of.port, made_of.health_path) == ("demo-web", 8080, "/health")
    assert (made_of.flavor.name, made_of.flavor.memory_mib) == ("tiny", 128)
    assert (made_of.network_name, made_of.zones) == ("private", ("z1",))
    assert (made_of.key_name, made_of.user_data) == ("mine", "#!/bin/sh")
    assert made_of.metadata == {"n": "3"}


async def test_any_name_will_do_where_nothing_is_behind_the_names(ann: Caller) -> None:
    spec = of("os.nova.server", {"flavor": "1", "image": "cirros", "key_name": "oskey"})
    profile = await stored(ann, await made(ann, "profile", "p1", spec))
    assert profile.server.taken
    assert (profile.server.image, profile.server.flavor.name) == ("cirros", "1")
    cluster = await ann.cluster(profile, desired_capacity=2)
    assert cluster["status"] == "ACTIVE", cluster


@pytest.mark.parametrize(
    ("but", "words"),
    [
        ({"image": "nosuch"}, "The specified image 'nosuch' could not be found."),
        ({"image": None}, "Required spec item 'image' not provided"),
        ({"flavor": "huge"}, "The specified flavor 'huge' could not be found."),
        ({"key_name": "k"}, "The specified key_name 'k' could not be found."),
        ({"networks": [{"network": "n"}]}, "The specified network 'n' could not be found."),
        ({"networks": [{"network": "private"}] * 2}, "on one network, not on 2"),
        ({"networks": [{"port": "p"}]}, "cannot do 'port' of a network"),
        ({"availability_zone": "z9"}, "The specified availability_zone 'z9' could not be found."),
        ({"user_data": "x"}, "cannot do 'user_data': it is too small"),
        ({"personality": [{"path": "a", "contents": "b"}]}, "cannot do 'personality'"),
        ({"config_drive": True}, "cannot do 'config_drive'"),
        ({"admin_pass": "x"}, "cannot do 'admin_pass'"),
        ({"context": {"region_name": "mars"}}, "There is no region 'mars'; there is simulated."),
    ],
)
async def test_what_a_real_cloud_does_not_have_or_cannot_do_is_named(
    office: Office, but: dict[str, Any], words: str
) -> None:
    ann = a_real_cloud(office, user_data="it is too small")
    body = {"profile": {"name": "p1", "spec": server(**but)}}
    status, kind, text = await ann.refusal("POST", "/profiles", body)
    assert (status, kind) == (400, "InvalidSpec")
    assert text.startswith("Failed in creating profile p1: ")
    assert words in text
    body = {"profile": {"spec": server(**but)}}
    status, _, text = await ann.refusal("POST", "/profiles/validate", body)
    assert (status, words in text, "Failed in" in text) == (400, True, False)
    assert await ann.get("/profiles") == {"profiles": []}


async def test_only_servers_are_made_by_a_real_cloud(office: Office) -> None:
    ann = a_real_cloud(office)
    spec = of("os.heat.stack", {"template": {"a": 1}})
    body = {"profile": {"name": "h", "spec": spec}}
    status, _, text = await ann.refusal("POST", "/profiles", body)
    assert (status, "cannot make a os.heat.stack" in text) == (400, True)


async def test_a_region_is_one_of_the_clouds(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        other = await a_cloud(tmp_path, office.clock, "other")
        office.desk.clouds["other"] = other  # type: ignore[index]
        ann = Caller(office)
        for said, cloud in (("other", "other"), ("simulated", "simulated"), ("RegionOne", None)):
            spec = server(context={"region_name": said})
            profile = await stored(ann, await made(ann, "profile", said, spec))
            assert profile.cloud == (cloud or "simulated")


async def test_stacks_and_containers_are_played_where_any_name_will_do(ann: Caller) -> None:
    stack = of("os.heat.stack", {"template": {"a": 1}})
    profile = await stored(ann, await made(ann, "profile", "h", stack))
    cluster = await ann.cluster(profile, desired_capacity=1)
    assert cluster["status"] == "ACTIVE"
    box = of("container.dockerinc.docker", {"image": "hello", "host_cluster": "c1"})
    shown = await made(ann, "profile", "box", box)
    assert (await ann.again(cluster))["dependents"] == {"profiles": [shown["id"]]}
    for how in ("", "?force=true"):
        status, kind, _ = await ann.refusal("DELETE", f"/clusters/c1{how}")
        assert (status, kind) == (409, "ResourceInUse")
    await ann.ask("DELETE", "/profiles/box")
    assert (await ann.again(cluster))["dependents"] == {}


async def test_a_container_on_a_node_holds_the_node(ann: Caller) -> None:
    node = await ann.node(await ann.profile())
    box = of("container.dockerinc.docker", {"image": "hello", "host_node": node["id"]})
    shown = await made(ann, "profile", "box", box)
    assert (await ann.node_again(node))["dependents"] == {"profiles": [shown["id"]]}
    await ann.ask("DELETE", "/profiles/box")
    assert (await ann.node_again(node))["dependents"] == {}


async def test_a_container_needs_a_host_that_is_there(ann: Caller) -> None:
    for host in ("host_node", "host_cluster"):
        spec = of("container.dockerinc.docker", {"image": "hello", host: "nosuch"})
        body = {"profile": {"name": "box", "spec": spec}}
        status, _, text = await ann.refusal("POST", "/profiles", body)
        word = host.removeprefix("host_")
        assert (status, f"The specified {word} 'nosuch' could not be found." in text) == (400, True)


PROFILE_FAULTS = (
    ({}, 400, "InvalidSpec", "The 'type' key is missing from the provided spec map."),
    (
        {"type": "os.nova.server"},
        400,
        "InvalidSpec",
        "The 'version' key is missing from the provided spec map.",
    ),
    (
        {"type": "os.nova.server", "version": "1.0"},
        400,
        "InvalidSpec",
        "Required spec item 'properties' not provided",
    ),
    (server() | {"x": 1}, 400, "InvalidSpec", "Unrecognizable spec item 'x'"),
    (of("os.nova.server", {**SERVER, "x": 1}), 400, "InvalidSpec", "Unrecognizable spec item 'x'"),
    (of("os.nova.server", {}), 400, "InvalidSpec", "Required spec item 'flavor' not provided"),
    (of("os.nova.server", []), 400, "InvalidSpec", "'[]' is not a Map"),
)


@pytest.mark.parametrize(("spec", "status", "kind", "words"), PROFILE_FAULTS)
async def test_a_wrong_specification_of_a_profile_is_told(
    ann: Caller, spec: Any, status: int, kind: str, words: str
) -> None:
    body: dict[str, Any] = {"profile": {"spec": spec}}
    assert await ann.refusal("POST", "/profiles/validate", body) == (status, kind, words)
    body["profile"]["name"] = "p"
    told = f"Failed in creating profile p: {words}"
    assert await ann.refusal("POST", "/profiles", body) == (status, kind, told)


@pytest.mark.parametrize(
    ("spec", "status", "kind", "words"),
    [
        ({}, 500, "ESchema", "The 'type' key is missing from the provided spec map."),
        (scaling(x=1), 500, "ESchema", "Unrecognizable spec item 'x'"),
        (
            of("senlin.policy.scaling", {}),
            500,
            "ESchema",
            "Required spec item 'event' not provided",
        ),
        (
            scaling(event="X"),
            500,
            "ESchema",
            "'X' must be one of the allowed values: CLUSTER_SCALE_IN, CLUSTER_SCALE_OUT",
        ),
        (
            scaling(adjustment={"number": -1}),
            400,
            "InvalidSpec",
            "the 'number' for 'adjustment' must be > 0",
        ),
    ],
)
async def test_a_wrong_specification_of_a_policy_is_told(
    ann: Caller, spec: Any, status: int, kind: str, words: str
) -> None:
    body: dict[str, Any] = {"policy": {"spec": spec}}
    assert await ann.refusal("POST", "/policies/validate", body) == (status, kind, words)
    body["policy"]["name"] = "p"
    assert await ann.refusal("POST", "/policies", body) == (status, kind, words)


@pytest.mark.parametrize(("noun", "path"), [("profile", "/profiles"), ("policy", "/policies")])
@pytest.mark.parametrize(
    ("type", "version"), [("bogus", "1.0"), ("os.nova.server", "9"), ("senlin.policy.batch", 2)]
)
async def test_a_type_that_is_not_there_is_not_found(
    ann: Caller, noun: str, path: str, type: str, version: Any
) -> None:
    body: dict[str, Any] = {noun: {"spec": of(type, {}, version)}}
    text = f"The {noun}_type '{type}-{version}' could not be found."
    for where in (f"{path}/validate", path):
        assert await ann.refusal("POST", where, body) == (404, "ResourceNotFound", text)
        body[noun]["name"] = "x"


async def test_a_version_may_be_a_number(ann: Caller) -> None:
    spec = of("os.nova.server", SERVER, 1.0)
    assert (await made(ann, "profile", "p", spec))["type"] == "os.nova.server-1.0"
