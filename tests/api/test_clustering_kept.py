"""What is written down and kept in the clustering API: profiles and policies, and their types."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from caller import Caller
from muster.model.catalog import Image
from muster.model.cloud import Ability
from muster.model.engine import EngineSeen
from muster.model.profile import Profile
from muster.model.who import Who
from office import Office, a_cloud, opened

SERVER = {"flavor": "tiny", "image": "demo-web", "networks": [{"network": "private"}]}
SCALING = {"event": "CLUSTER_SCALE_OUT", "adjustment": {"number": 2}}


def of(type: str, properties: Any, version: Any = "1.0") -> dict[str, Any]:
    return {"type": type, "version": version, "properties": properties}


def server(**but: Any) -> dict[str, Any]:
    return of("os.nova.server", {**SERVER, **but})


def scaling(**but: Any) -> dict[str, Any]:
    return of("senlin.policy.scaling", {**SCALING, **but})


async def made(ann: Caller, noun: str, name: str, spec: Any, **more: Any) -> dict[str, Any]:
    path = "/profiles" if noun == "profile" else "/policies"
    answer = await ann.ask("POST", path, {noun: {"name": name, "spec": spec, **more}})
    assert answer.status_code == 201, answer.text
    assert "location" not in answer.headers
    shown: dict[str, Any] = answer.json()[noun]
    return shown


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


def a_real_cloud(office: Office, **cannot: str) -> Caller:
    """Have the office's cloud take no name that it does not know; return ann, who uses it."""
    cloud = office.desk.clouds["simulated"]
    unable = {Ability(name): why for name, why in cannot.items()}
    about = replace(cloud.about, open_catalog=False, cannot=unable)
    office.desk.clouds["simulated"] = replace(cloud, about=about)  # type: ignore[index]
    return Caller(office)


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
    status, kind, _ = await ann.refusal("DELETE", "/clusters/c1")
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


async def test_what_is_only_checked_is_shown_without_an_id_and_not_kept(ann: Caller) -> None:
    shown = await ann.ask("POST", "/profiles/validate", {"profile": {"spec": server()}})
    assert shown.status_code == 200
    assert shown.json()["profile"] == {
        "id": None,
        "name": "validated_profile",
        "type": "os.nova.server-1.0",
        "spec": server(),
        "metadata": None,
        "user": "ann",
        "project": "demo",
        "domain": None,
        "created_at": None,
        "updated_at": None,
    }
    shown = await ann.ask("POST", "/policies/validate", {"policy": {"spec": scaling()}})
    policy = shown.json()["policy"]
    assert (policy["id"], policy["name"], policy["data"]) == (None, "validated_policy", {})
    assert await ann.get("/profiles") == {"profiles": []}
    assert await ann.get("/policies") == {"policies": []}
    for noun, path in (("profile", "/profiles"), ("policy", "/policies")):
        body = {noun: {"name": "p", "spec": {}}}
        text = "Additional properties are not allowed ('name' was unexpected)"
        assert (await ann.refusal("POST", f"{path}/validate", body))[2] == text


async def test_name_and_metadata_of_a_profile_change_and_nothing_else(ann: Caller) -> None:
    shown = await made(ann, "profile", "p1", server())
    ann.office.clock.advance(1)
    body = {"profile": {"name": "p2", "metadata": {"x": "y"}}}
    changed = (await ann.ask("PATCH", "/profiles/p1", body)).json()["profile"]
    assert changed == shown | {
        "name": "p2",
        "metadata": {"x": "y"},
        "updated_at": "2030-01-01T00:00:01Z",
    }
    nothing = (400, "BadRequest", "No property needs an update.")
    for said in ({}, {"name": "p2"}, {"name": None}, {"metadata": {"x": "y"}}):
        assert await ann.refusal("PATCH", "/profiles/p2", {"profile": said}) == nothing
    for body, words in (
        (
            {"profile": {"spec": {}}},
            "Additional properties are not allowed ('spec' was unexpected)",
        ),
        ({"x": 1}, "Malformed request data, missing 'profile' key in request body."),
    ):
        assert (await ann.refusal("PATCH", "/profiles/p2", body))[2] == words


async def test_a_profile_in_use_stays(ann: Caller) -> None:
    profile = await ann.profile("p1")
    refused = (
        409,
        "ResourceInUse",
        f"The profile '{profile.id}' cannot be deleted: still referenced by some clusters "
        "and/or nodes.",
    )
    cluster = await ann.cluster(profile)
    assert await ann.refusal("DELETE", "/profiles/p1") == refused
    await ann.done("DELETE", f"/clusters/{cluster['id']}")
    node = await ann.node(profile)
    assert await ann.refusal("DELETE", "/profiles/p1") == refused
    await ann.done("DELETE", f"/nodes/{node['id']}")
    assert (await ann.ask("DELETE", "/profiles/p1")).status_code == 204
    assert (await ann.refusal("DELETE", "/profiles/p1"))[0] == 404


async def test_a_profile_that_an_update_leads_to_stays(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile("old"))
    await ann.profile("new")
    body = {"cluster": {"profile_id": "new"}}
    assert (await ann.ask("PATCH", f"/clusters/{cluster['id']}", body)).status_code == 202
    for name in ("old", "new"):
        assert (await ann.refusal("DELETE", f"/profiles/{name}"))[0] == 409


async def test_a_policy_is_shown_as_it_was_said(ann: Caller) -> None:
    spec = scaling() | {"description": "more"}
    shown = await made(ann, "policy", "out", spec)
    assert shown == {
        "id": shown["id"],
        "name": "out",
        "type": "senlin.policy.scaling-1.0",
        "spec": spec,
        "data": {},
        "user": "ann",
        "project": "demo",
        "domain": None,
        "created_at": "2030-01-01T00:00:00Z",
        "updated_at": None,
    }
    assert await ann.get("/policies") == {"policies": [shown]}
    assert await ann.get("/policies/out") == {"policy": shown}


async def test_every_adjustment_has_a_default(ann: Caller) -> None:
    spec = of("senlin.policy.scaling", {"event": "CLUSTER_SCALE_IN"})
    assert (await made(ann, "policy", "in", spec))["spec"] == spec


async def test_a_policy_is_renamed_wherever_it_is_attached(ann: Caller) -> None:
    policy = await ann.policy("scaling-1.0", "out", event="CLUSTER_SCALE_OUT")
    cluster = await ann.cluster(await ann.profile())
    await ann.attach(cluster, policy)
    answer = await ann.ask("PATCH", "/policies/out", {"policy": {"name": "more"}})
    assert (answer.status_code, answer.json()["policy"]["name"]) == (200, "more")
    [binding] = (await ann.get(f"/clusters/{cluster['id']}/policies"))["cluster_policies"]
    assert binding["policy_name"] == "more"
    for body, words in (
        ({"policy": {"name": "more"}}, "No property needs an update."),
        ({"policy": {}}, "'name' is a required property"),
        ({}, "Malformed request data, missing 'policy' key in request body."),
    ):
        assert (await ann.refusal("PATCH", "/policies/more", body))[2] == words


async def test_a_policy_that_is_attached_stays(ann: Caller) -> None:
    policy = await ann.policy("scaling-1.0", "out", event="CLUSTER_SCALE_OUT")
    cluster = await ann.cluster(await ann.profile())
    await ann.attach(cluster, policy)
    text = "The policy 'out' cannot be deleted: still attached to some clusters."
    assert await ann.refusal("DELETE", "/policies/out") == (409, "ResourceInUse", text)
    await ann.act(cluster, policy_detach={"policy_id": "out"})
    assert (await ann.ask("DELETE", "/policies/out")).status_code == 204
    assert (await ann.refusal("GET", "/policies/out"))[0] == 404


async def test_profiles_and_policies_are_filtered_sorted_and_paged(ann: Caller) -> None:
    for name in ("b", "a", "c"):
        await made(ann, "profile", name, server())
        await made(ann, "policy", name, scaling())
        ann.office.clock.advance(1)
    for noun, type in (("profiles", "os.nova.server"), ("policies", "senlin.policy.scaling")):

        async def names(query: str, noun: str = noun) -> list[str]:
            return [each["name"] for each in (await ann.get(f"/{noun}?{query}"))[noun]]

        assert await names("") == ["b", "a", "c"]
        assert await names("sort=name:desc") == ["c", "b", "a"]
        assert await names("name=a&name=c") == ["a", "c"]
        assert await names("name=a,c") == []
        assert await names(f"type={type}-1.0&limit=1") == ["b"]
        assert await names("type=x") == []
        last = (await ann.get(f"/{noun}?limit=2"))[noun][-1]["id"]
        assert await names(f"marker={last}&limit=2") == ["c"]


async def test_an_admin_sees_and_uses_what_every_project_has(ann: Caller) -> None:
    await made(ann, "profile", "p1", server())
    root = Caller(ann.office, who="root")
    for query in ("", "?global_project=true"):
        listed = (await root.get(f"/profiles{query}"))["profiles"]
        assert [each["project"] for each in listed] == ["demo"]
    answer = await root.ask("PATCH", "/profiles/p1", {"profile": {"name": "p2"}})
    assert answer.json()["profile"]["project"] == "demo"


PROFILE_TYPES = ("container.dockerinc.docker", "os.heat.stack", "os.nova.server")


async def test_types_are_listed_in_one_word_or_in_parts(ann: Caller) -> None:
    old = await ann.ask("GET", "/profile-types", version="1.4")
    assert old.json() == {"profile_types": [{"name": f"{each}-1.0"} for each in PROFILE_TYPES]}
    new = (await ann.get("/profile-types"))["profile_types"]
    assert [(each["name"], each["version"]) for each in new] == [
        (each, "1.0") for each in PROFILE_TYPES
    ]
    support = {"1.0": [{"status": "EXPERIMENTAL", "since": "2017.02"}]}
    assert new[0]["support_status"] == support
    old = (await ann.ask("GET", "/policy-types", version="1.0")).json()["policy_types"]
    new = (await ann.get("/policy-types"))["policy_types"]
    assert [each["name"] for each in old] == [f"{e['name']}-{e['version']}" for e in new]
    assert len(new) == 14


async def test_a_type_shows_its_schema(ann: Caller) -> None:
    shown = (await ann.get("/policy-types/senlin.policy.deletion-1.1"))["policy_type"]
    assert shown["name"] == "senlin.policy.deletion-1.1"
    assert set(shown["support_status"]) == {"1.0", "1.1"}
    criteria = shown["schema"]["criteria"]
    assert criteria["constraints"][0]["type"] == "AllowedValues"
    assert (criteria["type"], criteria["default"]) == ("String", "RANDOM")
    old = await ann.ask("GET", "/policy-types/senlin.policy.deletion-1.1", version="1.4")
    assert set(old.json()["policy_type"]) == {"name", "schema"}
    networks = (await ann.get("/profile-types/os.nova.server-1.0"))["profile_type"]["schema"][
        "networks"
    ]
    assert networks["schema"]["*"]["schema"]["network"]["type"] == "String"


async def test_a_type_shows_what_can_be_done_to_its_nodes(ann: Caller) -> None:
    shown = (await ann.get("/profile-types/os.nova.server-1.0/ops"))["operations"]
    assert set(shown) == {
        "reboot",
        "rebuild",
        "change_password",
        "pause",
        "unpause",
        "suspend",
        "resume",
        "lock",
        "unlock",
        "start",
        "stop",
        "rescue",
        "unrescue",
        "evacuate",
    }
    assert shown["reboot"]["parameters"]["type"]["default"] == "SOFT"
    assert shown["stop"]["parameters"] == {}


async def test_a_type_without_its_version_is_not_found(ann: Caller) -> None:
    for kind in ("profile", "policy"):
        for name in ("bogus", "os.nova.server", "senlin.policy.scaling"):
            text = f"The {kind}_type '{name}' could not be found."
            said = await ann.refusal("GET", f"/{kind}-types/{name}")
            assert said == (404, "ResourceNotFound", text)
    said = await ann.refusal("GET", "/profile-types/bogus/ops")
    assert said == (400, "BadRequest", "The profile_type 'bogus' could not be found.")
    assert (await ann.refusal("GET", "/profile-types?name=x"))[2] == "Invalid parameter name"


async def test_revisions_are_told_to_everybody_and_engines_to_operators(ann: Caller) -> None:
    revision = {"revision": "1.0"}
    assert await ann.get("/build-info") == {"build_info": {"api": revision, "engine": revision}}
    now = ann.office.clock.now()
    for number, host in ((1, "a"), (2, "b")):
        seen = EngineSeen(id=UUID(int=number), host=host, started_at=now, seen_at=now)
        await ann.office.desk.store.write(lambda tx, seen=seen: tx.engines.put(seen))
        ann.office.clock.advance(61 if number == 1 else 0)
        now = ann.office.clock.now()
    text = "You are not authorized to complete this operation."
    assert await ann.refusal("GET", "/services") == (403, "Forbidden", text)
    services = (await Caller(ann.office, who="root").get("/services"))["services"]
    assert [(each["host"], each["state"]) for each in services] == [("a", "down"), ("b", "up")]
    assert services[1] == {
        "id": str(UUID(int=2)),
        "binary": "muster-engine",
        "host": "b",
        "topic": "muster-engine",
        "status": "enabled",
        "state": "up",
        "disabled_reason": None,
        "updated_at": "2030-01-01T00:01:01Z",
    }


async def test_an_image_that_is_not_whole_yet_is_refused(office: Office) -> None:
    ann = a_real_cloud(office)

    class Saving:
        async def list_images(self) -> list[Image]:
            return [Image(id="i", name="half", status="saving")]

    cloud = office.desk.clouds["simulated"]
    office.desk.clouds["simulated"] = replace(cloud, images=Saving())  # type: ignore
    body = {"profile": {"name": "p", "spec": server(image="half")}}
    text = (await ann.refusal("POST", "/profiles", body))[2]
    assert text.endswith("The image 'half' cannot be used: it is saving.")


class OfADomain:
    challenge = ""

    async def who(self, headers: Any) -> Who:
        return Who(user="dora", project="demo", domain="d1")


async def test_a_domain_goes_with_its_caller(tmp_path: Path) -> None:
    async with opened(tmp_path, OfADomain()) as office:
        shown = await made(Caller(office), "profile", "p", server())
        assert (shown["user"], shown["domain"]) == ("dora", "d1")
