"""Flavors, keypairs, images, networks, clouds, health."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muster.base.errors import Unavailable
from muster.model.cloud import Ability
from office import MANIFEST, WEB, Office, opened

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ ann"


def tarball(manifest: str = MANIFEST) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("muster-image.toml")
        info.size = len(manifest.encode())
        archive.addfile(info, io.BytesIO(manifest.encode()))
    return packed.getvalue()


async def upload(office: Office, content: bytes, query: str = "", who: str = "ann") -> Any:
    headers = {"x-name": who, "content-type": "application/octet-stream"}
    return await office.clients["all"].post(f"/v1/images{query}", content=content, headers=headers)


async def test_three_flavors_are_there_from_the_start(office: Office) -> None:
    found = (await office.call("GET", "/v1/flavors")).json()["flavors"]
    assert {each["name"]: (each["vcpus"], each["memory_mib"]) for each in found} == {
        "tiny": (0.25, 128),
        "small": (0.5, 256),
        "medium": (1.0, 512),
    }


async def test_a_flavor_is_the_projects_own(office: Office) -> None:
    body = {"name": "big", "vcpus": 2, "memoryMib": 1024}
    made = await office.call("POST", "/v1/flavors", body)
    assert made.status_code == 201
    assert (await office.call("POST", "/v1/flavors", body)).status_code == 409
    assert (await office.call("POST", "/v1/flavors", {**body, "name": "tiny"})).status_code == 409
    assert (await office.call("POST", "/v1/flavors", body, "bob")).status_code == 201
    seen = await office.call("GET", "/v1/flavors/big")
    assert seen.json()["flavor"]["id"] == made.json()["flavor"]["id"]
    assert (await office.call("DELETE", "/v1/flavors/big")).status_code == 204
    assert (await office.call("DELETE", "/v1/flavors/tiny")).status_code == 403
    assert (await office.call("DELETE", "/v1/flavors/tiny", None, "root")).status_code == 204


@pytest.mark.parametrize(
    ("where", "body", "fields"),
    [
        ("/v1/flavors", {}, {"name", "vcpus", "memory_mib"}),
        (
            "/v1/flavors",
            {"name": "/", "vcpus": 0, "memory_mib": "x"},
            {"name", "vcpus", "memory_mib"},
        ),
        ("/v1/keypairs", {}, {"name", "public_key"}),
        ("/v1/keypairs", {"name": "k", "publicKey": "x"}, {"public_key"}),
        (
            "/v1/keypairs",
            {"name": "k", "public_key": "-----BEGIN PRIVATE KEY-----"},
            {"public_key"},
        ),
        ("/v1/keypairs", {"name": "k", "public_key": "ssh-ed25519 AAAA"}, {"public_key"}),
        ("/v1/keypairs", {"name": "k", "public_key": "ssh-ed25519 !!!"}, {"public_key"}),
        ("/v1/keypairs", {"name": "k", "public_key": f"{KEY}\n{KEY}"}, {"public_key"}),
        ("/v1/tokens", {"note": 1, "expires_in_seconds": 0}, {"note", "expires_in_seconds"}),
        ("/v1/images", {}, {"path"}),
    ],
)
async def test_small_bodies_tell_all_their_faults_too(
    office: Office, where: str, body: Any, fields: set[str]
) -> None:
    answer = await office.call("POST", where, body)
    assert answer.status_code == 400
    assert {each["field"] for each in answer.json()["error"]["errors"]} == fields


async def test_a_keypair_is_stored_with_its_fingerprint(office: Office) -> None:
    body = {"name": "mine", "public_key": KEY}
    made = await office.call("POST", "/v1/keypairs", body)
    assert made.status_code == 201
    kept = made.json()["keypair"]
    assert kept["fingerprint"] == "SHA256:T7SvZ2cslqpPj6nKzitCBHHlpVF3r3MvLwmFL0fk0IE"
    assert (await office.call("POST", "/v1/keypairs", body)).status_code == 409
    cluster = await office.made(keypair="mine")
    assert cluster["keypair"] == "mine"
    assert (await office.call("DELETE", "/v1/keypairs/mine")).status_code == 204
    assert (await office.call("GET", "/v1/keypairs/mine")).status_code == 404


async def test_an_image_is_uploaded_used_and_deleted(office: Office) -> None:
    made = await upload(office, tarball())
    assert made.status_code == 201, made.text
    image = made.json()["image"]
    assert (image["name"], image["port"], image["health_path"]) == ("mine", 9000, "/up")
    cluster = await office.made(image="mine", port=9000)
    assert (cluster["image_id"], cluster["health_path"]) == (image["id"], "/up")
    assert (await office.call("DELETE", "/v1/images/mine")).status_code == 409
    other = (await upload(office, tarball(), "?name=other")).json()["image"]
    assert other["name"] == "other"
    assert (await office.call("DELETE", f"/v1/images/{other['id']}")).status_code == 204
    assert (await office.call("GET", "/v1/images/other")).status_code == 404
    assert (await office.call("DELETE", "/v1/images/demo-web")).status_code == 403


@pytest.mark.parametrize(
    ("content", "query"),
    [(b"", ""), (b"nonsense", ""), (tarball("x = 1"), ""), (tarball(), "?cloud=none")],
)
async def test_a_wrong_image_is_refused_and_leaves_nothing(
    office: Office, content: bytes, query: str
) -> None:
    before = (await office.call("GET", "/v1/images")).text
    answer = await upload(office, content, query)
    assert answer.status_code == 400, answer.text
    assert (await office.call("GET", "/v1/images")).text == before


async def test_only_an_admin_names_a_folder_of_the_server(office: Office, tmp_path: Path) -> None:
    body = {"path": str(office.scratch), "name": "mine"}
    assert (await office.call("POST", "/v1/images", body)).status_code == 403
    made = await office.call("POST", "/v1/images", body, "root")
    assert made.status_code == 201
    missing = await office.call("POST", "/v1/images", {"path": "/no/such"}, "root")
    assert missing.json()["error"]["field"] == "path"


async def test_every_small_change_can_be_planned(office: Office) -> None:
    for method, where, body in (
        ("POST", "/v1/flavors", {"name": "big", "vcpus": 2, "memory_mib": 1024}),
        ("POST", "/v1/keypairs", {"name": "mine", "public_key": KEY}),
        ("POST", "/v1/tokens", {}),
    ):
        answer = await office.call(method, f"{where}?plan=true", body)
        assert answer.json()["plan"]["steps"], answer.text
        stale = await office.call(method, f"{where}?plan_hash=0", body)
        assert stale.status_code == 409
    assert (await office.call("GET", "/v1/keypairs")).json() == {"keypairs": []}


async def test_networks_and_clouds_are_listed_the_default_first(office: Office) -> None:
    networks = (await office.call("GET", "/v1/networks?cloud=simulated")).json()["networks"]
    assert [each["default"] for each in networks] == [True, False]
    assert (await office.call("GET", "/v1/networks?cloud=none")).status_code == 400
    clouds = (await office.call("GET", "/v1/clouds")).json()["clouds"]
    assert clouds[0]["name"] == "simulated"
    assert "bastion" in clouds[0]["cannot"]


async def test_the_service_is_well_or_says_why_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        assert (await office.call("GET", "/healthz", None, "")).json()["status"] == "ok"
        await office.made()
        office.clock.advance(120)
        late = await office.call("GET", "/healthz", None, "")
        assert late.status_code == 503
        assert "1 clusters wait" in late.json()["engine"]

        class Broken:
            async def write(self, work: Any) -> Any:
                raise Unavailable("the disk is full")

        object.__setattr__(office.desk, "store", Broken())
        down = await office.call("GET", "/healthz", None, "")
        assert (down.status_code, down.json()["store"]) == (503, "the disk is full")
        refused = await office.call("POST", "/v1/tokens", {})
        assert refused.status_code == 503
        assert refused.headers["retry-after"]


async def test_what_nobody_foresaw_is_an_id_and_no_details(office: Office) -> None:
    class Odd:
        async def read(self, work: Any) -> Any:
            raise RuntimeError("the secret inside")

    object.__setattr__(office.desk, "store", Odd())
    answer = await office.call("GET", "/v1/clusters")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-openstack-request-id"] in answer.json()["error"]["message"]


async def test_a_flavor_says_what_its_instances_are(office: Office) -> None:
    body = {"name": "whole", "vcpus": 2, "memory_mib": 1024, "machine": "virtual-machine"}
    made = await office.call("POST", "/v1/flavors", body)
    assert made.json()["flavor"]["machine"] == "virtual-machine"
    wrong = await office.call("POST", "/v1/flavors", {**body, "name": "x", "machine": "mainframe"})
    assert wrong.status_code == 400
    cloud = office.desk.clouds["simulated"]
    unable = {Ability.VIRTUAL_MACHINES: "it has no KVM"}
    about = replace(cloud.about, cannot=unable)
    office.desk.clouds["simulated"] = replace(cloud, about=about)  # type: ignore[index]
    refused = await office.call("POST", "/v1/clusters", {**WEB, "flavor": "whole"})
    assert refused.status_code == 400
    assert "it has no KVM" in refused.text
