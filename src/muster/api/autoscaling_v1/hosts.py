"""The route of hosts."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import get

from muster.api.call import Asked, Param
from muster.model.placing import Host
from muster.model.who import Right
from muster.service.hosts import CloudRoom, standing

_CLOUD: Mapping[str, Param] = {"cloud": Param("of this cloud only")}


class HostOut(msgspec.Struct):
    """A host; null stands for as much as one likes."""

    name: str
    zone: str | None
    open: bool
    free_vcpus: int | None
    free_memory_mib: int | None
    free_disk_gib: Mapping[str, int | None]


class CloudOut(msgspec.Struct):
    name: str
    reason: str | None
    hosts: list[HostOut]


@get("/v1/hosts", opt={"query": _CLOUD, "right": Right.OPERATE})
async def list_hosts(call: Asked) -> dict[str, Any]:
    """List the hosts of every cloud with what nobody uses on them, or why a cloud tells none."""
    return {"clouds": [_cloud(each) for each in await standing(call.desk, call.word("cloud"))]}


def _cloud(one: CloudRoom) -> CloudOut:
    hosts = [_host(each) for each in one.room.hosts] if one.room else []
    return CloudOut(name=one.cloud, reason=one.reason or None, hosts=hosts)


def _host(one: Host) -> HostOut:
    return HostOut(
        name=one.id,
        zone=one.zone or None,
        open=one.open,
        free_vcpus=one.vcpus,
        free_memory_mib=one.ram_mib,
        free_disk_gib=dict(one.disk_gib),
    )


ROUTES = (list_hosts,)
