"""Block devices of server profiles: disks that nodes come and go with, or a refusal by name."""

from dataclasses import replace
from typing import Any

import pytest

from caller import Caller
from muster.model.volume import Disk
from muster.ports.store import Query
from office import Office

EMPTY = {"source_type": "blank", "destination_type": "volume", "volume_size": 3}
SERVER = {"flavor": "tiny", "image": "demo-web"}


def spec(*devices: dict[str, Any]) -> dict[str, Any]:
    properties = {**SERVER, "block_device_mapping_v2": list(devices)}
    return {"type": "os.nova.server", "version": "1.0", "properties": properties}


def a_real_cloud(office: Office) -> Caller:
    """Have the office's cloud refuse what it cannot do; return ann, who uses it."""
    cloud = office.desk.clouds["simulated"]
    about = replace(cloud.about, open_catalog=False)
    office.desk.clouds["simulated"] = replace(cloud, about=about)  # type: ignore[index]
    return Caller(office)


async def made(ann: Caller, *devices: dict[str, Any]) -> Any:
    body = {"profile": {"name": "p1", "spec": spec(*devices)}}
    answer = await ann.ask("POST", "/profiles", body)
    assert answer.status_code == 201, answer.text
    [profile] = await ann.office.desk.store.read(lambda tx: tx.profiles.find(Query()))
    return profile


async def test_nodes_come_with_their_disks_and_take_them_along(office: Office) -> None:
    ann = a_real_cloud(office)
    own = {"source_type": "image", "destination_type": "local", "boot_index": 0}
    own |= {"uuid": "demo-web", "volume_size": 1}
    profile = await made(ann, own, EMPTY, {**EMPTY, "volume_size": 4, "delete_on_termination": 1})
    assert profile.server.disks == (Disk(size_gib=3), Disk(size_gib=4))
    cluster = await ann.cluster(profile, desired_capacity=2)
    assert cluster["status"] == "ACTIVE", cluster
    listed = (await office.call("GET", "/v1/volumes")).json()["volumes"]
    assert sorted(each["size_gib"] for each in listed) == [3, 3, 4, 4]
    assert {each["with_instance"] for each in listed} == {True}
    assert len({each["instance_id"] for each in listed}) == 2
    detached = await office.call("POST", f"/v1/volumes/{listed[0]['id']}/detach")
    assert detached.status_code == 409
    assert (await ann.ask("DELETE", f"/clusters/{cluster['id']}")).status_code == 202
    await office.go_on(5)
    assert (await office.call("GET", "/v1/volumes")).json()["volumes"] == []


@pytest.mark.parametrize(
    ("but", "words"),
    [
        ({"source_type": "volume", "uuid": "v"}, "source_type 'volume'"),
        ({"source_type": "snapshot", "uuid": "s"}, "source_type 'snapshot'"),
        ({"source_type": "image", "uuid": "i"}, "source_type 'image'"),
        ({"destination_type": "tape"}, "destination_type 'tape'"),
        ({"boot_index": 0}, "boots from its image"),
        ({"device_type": "cdrom"}, "type 'cdrom'"),
        ({"delete_on_termination": False}, "delete_on_termination"),
        ({"volume_size": 0}, "volume_size"),
        ({"volume_type": "ssd"}, "volume_type"),
        ({"device_name": "vdb"}, "device_name"),
        ({"guest_format": "swap"}, "guest_format"),
        (
            {"source_type": "image", "destination_type": "local", "uuid": "another"},
            "the image of the server, and no other",
        ),
    ],
)
async def test_what_no_disk_can_be_is_refused_by_name(
    office: Office, but: dict[str, Any], words: str
) -> None:
    ann = a_real_cloud(office)
    body = {"profile": {"name": "p1", "spec": spec(EMPTY, {**EMPTY, **but})}}
    status, kind, text = await ann.refusal("POST", "/profiles", body)
    assert (status, kind) == (400, "InvalidSpec")
    assert "cannot do 'block_device_mapping_v2[1]'" in text
    assert words in text


async def test_a_cloud_without_volumes_says_so(office: Office) -> None:
    ann = a_real_cloud(office)
    cloud = office.desk.clouds["simulated"]
    office.desk.clouds["simulated"] = replace(cloud, volumes=None)  # type: ignore[index]
    body = {"profile": {"name": "p1", "spec": spec(EMPTY)}}
    _, _, text = await ann.refusal("POST", "/profiles", body)
    assert "it keeps no volumes" in text
