"""A way in by SSH, as it is asked for, shown, planned and kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muster.base.clock import ManualClock
from muster.model.cloud import Ability, Gate
from office import WEB, Office, a_cloud, opened, path

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIJ2vOeXyjnOWIEFWnXnFBQJmNEZbH4MnB3v0tT3qHVYz"
KEY = {"name": "hers", "public_key": f"ssh-ed25519 {BLOB} hers"}
OTHER = BLOB.replace("3qHVYz", "3qHVYw")
HIS = {"name": "his", "public_key": f"ssh-ed25519 {OTHER} his"}


@asynccontextmanager
async def an_office(home: Path, gate: Gate) -> AsyncIterator[Office]:
    """Open an office whose cloud builds bastions, with a key pair."""
    cloud = await a_cloud(home, ManualClock())
    cannot = {k: v for k, v in cloud.about.cannot.items() if k is not Ability.BASTION}
    cloud = replace(cloud, about=replace(cloud.about, cannot=cannot, gate=gate))
    async with opened(home, clouds={"simulated": cloud}) as office:
        assert (await office.call("POST", "/v1/keypairs", KEY)).status_code == 201
        yield office


async def guarded(office: Office) -> dict[str, Any]:
    made = await office.made(keypair="hers", create_bastion=True)
    await office.go_on(8)
    shown: dict[str, Any] = (await office.call("GET", path(made))).json()
    return shown


async def test_a_bastion_is_shown_with_where_it_is_found(tmp_path: Path) -> None:
    async with an_office(tmp_path, Gate(flavor="small", port=2022)) as office:
        shown = await guarded(office)
        bastion = shown["bastion"]
        assert (bastion["name"], bastion["status"], bastion["port"]) == (
            "web-bastion",
            "ACTIVE",
            2022,
        )
        assert bastion["address"]
        assert bastion["address"] != shown["load_balancer_address"]
        assert len(shown["instances"]) == 2
        listed = (await office.call("GET", "/v1/instances")).json()["instances"]
        assert {each["cluster_name"] for each in listed} == {"web"}, (
            "it is no instance of anybody's"
        )
        assert (await office.call("GET", "/v1/instances/web-bastion")).status_code == 404
        node = await office.call("GET", f"/v1/nodes/{bastion['id']}")
        profile = await office.call("GET", f"/v1/profiles/{node.json()['node']['profile_id']}")
        properties = profile.json()["profile"]["spec"]["properties"]
        assert (properties["flavor"], properties["image"]) == ("small", "demo-web")
        assert properties["key_name"] == "hers"


async def test_a_cluster_keeps_its_bastion_and_the_bastion_its_key(tmp_path: Path) -> None:
    async with an_office(tmp_path, Gate()) as office:
        shown = await guarded(office)
        refused = await office.call("DELETE", f"/v1/nodes/{shown['bastion']['id']}")
        assert refused.status_code == 409
        asked = {"add_nodes": {"nodes": [shown["bastion"]["id"]]}}
        plain = await office.made(name="plain", port=8081)
        taken = await office.call("POST", f"/v1/clusters/{plain['id']}/actions", asked)
        assert (taken.status_code, "already owned" in taken.text) == (400, True), taken.text
        none = await office.call("PATCH", path(shown), {"keypair": None})
        assert "the bastion lets nobody in without one" in none.text
        same = await office.call("PATCH", path(shown), {"keypair": "hers"})
        assert same.status_code == 200


@pytest.mark.slow
async def test_a_bastion_is_replaced_for_another_key_and_goes_back_with_its_cluster(
    tmp_path: Path,
) -> None:
    async with an_office(tmp_path, Gate(flavor="small")) as office:
        shown = await guarded(office)
        assert (await office.call("POST", "/v1/keypairs", HIS)).status_code == 201
        change = {"keypair": "his"}
        foretold = await office.call("PATCH", f"{path(shown)}?plan=true", change)
        assert "replace the bastion web-bastion" in foretold.text
        assert (await office.call("PATCH", path(shown), change)).status_code == 202
        await office.go_on(16)
        assert await key_of(office, shown) == ("small", "his")
        after = (await office.call("GET", path(shown))).json()
        assert (after["keypair"], after["bastion"]["status"]) == ("his", "ACTIVE")
        assert after["bastion"]["address"] == shown["bastion"]["address"]
        assert after["bastion"]["server"] != shown["bastion"]["server"]

        await office.call("PATCH", path(shown), {"image": "demo-web-v2"})
        await office.go_on(16)
        now = (await office.call("GET", path(shown))).json()
        assert now["bastion"]["server"] == after["bastion"]["server"], "its key is the same"

        await office.call("POST", f"{path(shown)}/rollback")
        await office.go_on(16)
        assert await key_of(office, shown) == ("small", "his")
        await office.call("DELETE", path(shown))
        await office.go_on(20)
        assert (await office.call("GET", "/v1/profiles")).json()["profiles"] == []


async def test_a_bastion_has_its_former_key_again_after_a_change_was_turned_back(
    tmp_path: Path,
) -> None:
    async with an_office(tmp_path, Gate()) as office:
        shown = await guarded(office)
        assert (await office.call("POST", "/v1/keypairs", HIS)).status_code == 201
        await office.call("PATCH", path(shown), {"keypair": "his"})
        await office.go_on(16)
        assert (await key_of(office, shown))[1] == "his"
        await office.call("POST", f"{path(shown)}/rollback")
        await office.go_on(16)
        assert (await key_of(office, shown))[1] == "hers"


async def key_of(office: Office, shown: dict[str, Any]) -> tuple[str, str]:
    """Return of which flavor the bastion is now, and which key it lets in."""
    node = (await office.call("GET", f"/v1/nodes/{shown['bastion']['id']}")).json()["node"]
    found = await office.call("GET", f"/v1/profiles/{node['profile_id']}")
    properties = found.json()["profile"]["spec"]["properties"]
    return properties["flavor"], properties["key_name"]


@pytest.mark.slow
async def test_plans_name_the_bastion(tmp_path: Path) -> None:
    async with an_office(tmp_path, Gate()) as office:
        body = {**WEB, "keypair": "hers", "create_bastion": True}
        asked = await office.call("POST", "/v1/clusters?plan=true", body)
        assert "create the bastion web-bastion" in asked.text
        shown = await guarded(office)
        foretold = (await office.call("DELETE", f"{path(shown)}?plan=true")).json()
        assert "delete the bastion web-bastion" in str(foretold)
        await office.call("DELETE", path(shown))
        await office.go_on(20)
        assert (await office.call("GET", "/v1/nodes")).json()["nodes"] == []
        assert (await office.call("GET", "/v1/profiles")).json()["profiles"] == []


async def test_what_a_bastion_is_made_of_has_to_be_there(tmp_path: Path) -> None:
    async with an_office(tmp_path, Gate(image="none", flavor="neither")) as office:
        body = {**WEB, "keypair": "hers", "create_bastion": True}
        answer = await office.call("POST", "/v1/clusters", body)
        assert answer.status_code == 400
        assert "has no image 'none' for it" in answer.text
        assert "no flavor 'neither' for it" in answer.text
