"""What becomes of profiles and policies once they are kept in the clustering API."""

from api.keeping import made, of, scaling, server
from caller import Caller


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
