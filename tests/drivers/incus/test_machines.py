"""Virtual machines: who makes them, who does not and says why, and what is asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

import builders
from drivers.incus.orders import an_order
from drivers.incus.scripted import (
    Bed,
    begun,
    ended,
    instance,
    member,
    scripted,
    state,
    told,
)
from muster.base.errors import Permanent, Transient
from muster.drivers.incus.cloud import open_cloud
from muster.drivers.incus.shape import instance as body_of
from muster.drivers.incus.shape import source
from muster.drivers.incus.tags import instance_name, written
from muster.model.catalog import VIRTUAL
from muster.model.cloud import Ability
from muster.model.profile import ServerSpec
from muster.ports.cloud import Cloud

CREATE = "POST /1.0/instances"
MACHINE = builders.a_flavor(vcpus=1.5, memory_mib=512, disk_gib=4, machine=VIRTUAL)
ORDER = an_order(spec=ServerSpec(image="ab" * 32, image_name="debian", flavor=MACHINE))
NO_VSOCK, NO_KVM = "vhost_vsock kernel module not loaded", "KVM support is missing"


def servers(**drivers: str) -> Any:
    """Return how each member answers what it runs, by `?target=`."""

    def answer(request: Any) -> Any:
        name = request.query.get("target", "m1")
        about = {"server_clustered": len(drivers) > 1, "server_name": name}
        return told({"environment": about | {"driver": drivers[name]}})

    return answer


def warning(member: str, words: str, **but: str) -> dict[str, str]:
    plain = {"type": "Instance type not operational", "status": "new", "last_message": words}
    return plain | {"location": member} | but


@asynccontextmanager
async def opened(bed: Bed) -> AsyncIterator[Cloud]:
    """Yield another cloud over the same servers, which asks what they are by now."""
    cloud = await open_cloud(bed.config)
    yield cloud
    await cloud.close()


async def refusal(bed: Bed) -> str | None:
    async with opened(bed) as cloud:
        return cloud.about.refusal(Ability.VIRTUAL_MACHINES)


@pytest.mark.parametrize("driver", ["lxc | qemu", "qemu | lxc", "qemu"])
async def test_a_server_with_qemu_makes_them(tmp_path, driver):
    async with scripted(tmp_path) as bed:
        bed.incus.says("GET /1.0", servers(m1=driver))
        assert await refusal(bed) is None


async def test_a_server_without_says_its_own_reason_and_none_that_is_over(tmp_path):
    async with scripted(tmp_path) as bed:
        bed.incus.says("GET /1.0", servers(m1="lxc"))
        assert await refusal(bed) == "the server makes containers only: it runs lxc only"
        said = [warning("m1", NO_KVM, status="resolved"), warning("m1", NO_VSOCK)]
        bed.incus.says("GET /1.0/warnings", told([{**said[0], "type": "Other"}, *said]))
        assert await refusal(bed) == f"the server makes containers only: {NO_VSOCK}"


async def test_of_several_members_each_says_its_own_reason(tmp_path):
    async with scripted(tmp_path, member("m1"), member("m2")) as bed:
        bed.incus.says("GET /1.0", servers(m1="lxc", m2="lxc"))
        warnings = [warning("m1", NO_KVM), warning("m2", NO_VSOCK)]
        bed.incus.says("GET /1.0/warnings", told(warnings))
        assert str(await refusal(bed)).endswith(f"containers only: m1: {NO_KVM}; m2: {NO_VSOCK}")


async def test_they_go_to_the_members_that_make_them(tmp_path):
    async with scripted(tmp_path, member("m1"), member("m2")) as bed:
        bed.incus.says("GET /1.0", servers(m1="lxc", m2="lxc | qemu"))
        assert await refusal(bed) is None
        ref = instance_name(ORDER)
        bed.incus.says(f"GET /1.0/instances/{ref}/state", told(state()))

        def made(_: Any) -> Any:
            there = instance(ref, written(ORDER, bed.installation), location="m2")
            return told(there) if CREATE in bed.incus.lines() else (404, {"error_code": 404})

        bed.incus.says(f"GET /1.0/instances/{ref}", made)
        bed.incus.says(CREATE, begun())
        bed.incus.says("GET /1.0/operations/7/wait", ended())
        async with opened(bed) as cloud:
            assert (await cloud.compute.create_server(ORDER)).host == "m2"
            [asked] = [each for each in bed.incus.requests if each.line == CREATE]
            assert (asked.query["target"], asked.body["type"]) == ("m2", VIRTUAL)
            there = replace(ORDER, server_id=UUID(int=3), host="m1")
            with pytest.raises(Transient, match="m1 makes no virtual-machine"):
                await cloud.compute.create_server(there)


async def test_where_nobody_makes_them_nothing_is_asked_for(tmp_path):
    async with scripted(tmp_path) as bed:
        bed.incus.says("GET /1.0", servers(m1="lxc"))
        bed.incus.says("GET /1.0/warnings", told([warning("m1", NO_VSOCK)]))
        async with opened(bed) as cloud:
            with pytest.raises(Permanent, match=NO_VSOCK):
                await cloud.compute.create_server(ORDER)
        assert all(line.startswith("GET") for line in bed.incus.lines())


def test_what_is_asked_for_is_this_word_for_word():
    tags = written(ORDER, UUID(int=7))
    assert {**body_of(ORDER, UUID(int=7), "default", "fast"), "source": source("ab" * 32)} == {
        "name": instance_name(ORDER),
        "type": "virtual-machine",
        "source": {"type": "image", "fingerprint": "ab" * 32},
        "config": {**tags, "limits.cpu": "2", "limits.memory": "512MiB"},
        "devices": {
            "root": {
                "type": "disk",
                "path": "/",
                "pool": "fast",
                "size": "4GiB",
                **{f"initial.{name}": value for name, value in tags.items()},
            }
        },
        "profiles": ["default"],
        "start": True,
    }


async def test_one_that_others_made_is_tagged_at_its_own_kind_of_disk(tmp_path):
    async with scripted(tmp_path) as bed:
        disk = {"root": {"type": "disk", "path": "/", "pool": "default"}}
        theirs = instance("theirs", {}, type=VIRTUAL, expanded_devices=disk)
        bed.has(theirs)
        where = f"/1.0/storage-pools/default/volumes/{VIRTUAL}/theirs"
        bed.incus.says(f"GET {where}", told({"config": {}, "description": ""}))
        for line in (f"PUT {where}", "PATCH /1.0/instances/theirs"):
            bed.incus.says(line, begun())
        bed.incus.says("GET /1.0/operations/7/wait", ended())
        with pytest.raises(Transient, match="cannot be seen yet"):
            await bed.cloud.compute.adopt_server("theirs", ORDER)
        assert f"PUT {where}" in bed.incus.lines()
