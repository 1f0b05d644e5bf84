"""Servers that others made become nodes."""

import pytest

from api.test_clustering_nodes import BAD
from caller import Caller

ADOPTION = {"identity": "phys-1", "type": "os.nova.server-1.0"}


async def test_a_server_that_others_made_becomes_a_node_as_it_runs(ann: Caller) -> None:
    said = {**ADOPTION, "name": "adopted", "role": "r", "metadata": {"a": "b"}, "overrides": None}
    answer = await ann.ask("POST", "/nodes/adopt", said)
    assert answer.status_code == 200, answer.text
    node = answer.json()["node"]
    assert (node["status"], node["status_reason"]) == ("ACTIVE", "Node adopted successfully")
    assert (node["physical_id"], node["cluster_id"], node["index"]) == ("phys-1", "", -1)
    assert (node["name"], node["role"], node["profile_name"]) == ("adopted", "r", "prof-adopted")
    await ann.office.go_on(10)
    again = await ann.node_again(node)
    assert (again["status"], again["physical_id"]) == ("ACTIVE", "phys-1")
    cluster = await ann.cluster(await ann.profile())
    assert (await ann.act(cluster, add_nodes={"nodes": ["adopted"]}))["status"] == "SUCCEEDED"
    path = f"/nodes/{node['id']}"
    assert (await ann.done("DELETE", path))["status"] == "SUCCEEDED"
    assert not await ann.office.desk.cloud("simulated").compute.list_servers()


async def test_a_server_is_adopted_once(ann: Caller) -> None:
    assert (await ann.ask("POST", "/nodes/adopt", ADOPTION)).status_code == 200
    status, type, text = await ann.refusal("POST", "/nodes/adopt", ADOPTION)
    assert (status, type) == (500, "ProfileOperationFailed")
    assert text == (
        "Failed in adopting server 'phys-1': server phys-1 is looked after by somebody else"
    )
    assert len((await ann.get("/nodes"))["nodes"]) == 1, "nothing is left of the second"


async def test_an_adopted_server_may_become_an_image(ann: Caller) -> None:
    answer = await ann.ask("POST", "/nodes/adopt", {**ADOPTION, "snapshot": True})
    node = await ann.stored_node(answer.json()["node"]["id"])
    assert node
    profile = await ann.office.desk.store.read(lambda tx: tx.profiles.get(node.profile_id))
    assert profile
    images = await ann.office.desk.cloud("simulated").images.list_images()
    assert [each.snapshot_of for each in images if each.id == profile.server.image] == ["phys-1"]


async def test_an_adoption_is_previewed(ann: Caller) -> None:
    said = {**ADOPTION, "overrides": {"metadata": {"x": "y"}}, "snapshot": False}
    answer = await ann.ask("POST", "/nodes/adopt-preview", said)
    preview = answer.json()["node_profile"]["node_preview"]
    assert answer.status_code == 200
    assert (preview["type"], preview["version"]) == ("os.nova.server", "1.0")
    assert preview["properties"]["metadata"] == {"x": "y"}
    assert {"flavor", "image", "name", "networks"} <= set(preview["properties"])
    assert (await ann.get("/nodes"))["nodes"] == []


@pytest.mark.parametrize("path", ["/nodes/adopt", "/nodes/adopt-preview"])
async def test_what_is_wrong_with_an_adoption_is_said(ann: Caller, path: str) -> None:
    told = await ann.refusal("POST", path, {**ADOPTION, "type": "bogus-1.0"})
    assert told == (400, "BadRequest", "The profile_type 'bogus-1.0' could not be found.")
    told = await ann.refusal("POST", path, {"type": "os.nova.server-1.0"})
    assert told == (400, BAD, "'identity' is a required property")
    told = await ann.refusal("POST", path, ADOPTION, version="1.6")
    text = "API version '1.6' is not supported on this method."
    assert told == (400, "MethodVersionNotFound", text)
    told = await ann.refusal("POST", path, {**ADOPTION, "type": "os.heat.stack-1.0"})
    assert told[2] == "only servers can be adopted, not a os.heat.stack"
