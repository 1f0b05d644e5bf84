"""The routes of volumes."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from litestar import Response, delete, get, post

from muster.api.autoscaling_v1.catalog import gone
from muster.api.call import PLAN, Asked, Call, Param, Prepare, Word, carried_out
from muster.api.reading import Field, Fields, integer, text
from muster.api.words import moment
from muster.service import volumes
from muster.service.volumes import VolumeAsk, VolumeOf

_SIZE = integer(1, 2**20)
_WHERE = text(high=255)
VOLUME: Fields = {
    "name": Field(
        text(high=63, like=r"[A-Za-z0-9][A-Za-z0-9._-]*", must="letters, digits, '.', '_', '-'"),
        "unique in project and cloud",
        required=True,
    ),
    "size_gib": Field(_SIZE, "GiB", required=True),
    "cloud": Field(text(high=63), "default: the server's default cloud"),
    "zone": Field(_WHERE, "where it is to lie; default: anywhere"),
    "host": Field(_WHERE, "the very host; default: any of the zone"),
}
ATTACHMENT: Fields = {
    "instance": Field(_WHERE, "a name or an id", required=True),
    "path": Field(
        text(high=1024, like=r"/[^/].*", must="an absolute path"),
        "where the instance finds it; default: where its cloud puts it",
    ),
}
MOVE: Fields = {"host": Field(_WHERE, "where it is to lie", required=True)}
ENLARGEMENT: Fields = {"size_gib": Field(_SIZE, "GiB; not less than it has", required=True)}
CLOUD: Mapping[str, Param] = {"cloud": Param("of this cloud only")}


class VolumeOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    cloud: str
    size_gib: int
    size_enforced: bool
    status: str
    instance_id: str | None
    instance_name: str | None
    server: str | None
    path: str | None
    host: str | None
    zone: str | None
    with_instance: bool
    note: str | None
    project: str
    created_at: str | None


def _shown(one: VolumeOf) -> VolumeOut:
    volume, user = one.volume, one.instance
    return VolumeOut(
        id=str(volume.id),
        name=volume.name,
        cloud=one.cloud,
        size_gib=volume.size_gib,
        size_enforced=volume.limited,
        status="in-use" if volume.server_ref else "available",
        instance_id=str(user.id) if user else None,
        instance_name=user.name if user else None,
        server=volume.server_ref or None,
        path=volume.path or None,
        host=volume.host or None,
        zone=volume.zone or None,
        with_instance=volume.keeper is not None,
        note=one.note or None,
        project=volume.project,
        created_at=moment(volume.created),
    )


@get("/v1/volumes", opt={"query": CLOUD})
async def list_volumes(call: Asked) -> dict[str, list[VolumeOut]]:
    """List the volumes of one cloud or of all, and which instance has each."""
    found = await volumes.listing(call.desk, call.who, call.word("cloud"))
    return {"volumes": [_shown(each) for each in found]}


@get("/v1/volumes/{identity:str}")
async def show_volume(call: Asked, identity: Word) -> dict[str, VolumeOut]:
    """Show a volume, by id or name."""
    return {"volume": _shown(await volumes.show(call.desk, call.who, identity))}


@post("/v1/volumes", opt={"query": PLAN, "body": VOLUME})
async def create_volume(call: Asked) -> Response[Any]:
    """Make an empty volume, which nobody has."""
    ask = VolumeAsk(**await call.fields(VOLUME))
    return await _changed(call, partial(volumes.creation, call.desk, call.who, ask), 201)


@post("/v1/volumes/{identity:str}/attach", status_code=200, opt={"query": PLAN, "body": ATTACHMENT})
async def attach_volume(call: Asked, identity: Word) -> Response[Any]:
    """Give the volume to an instance; it is brought to the instance's host."""
    said = await call.fields(ATTACHMENT)
    whom, path = said["instance"], said.get("path", "")
    prepare = partial(volumes.attachment, call.desk, call.who, identity, whom, path)
    return await _changed(call, prepare)


@post("/v1/volumes/{identity:str}/detach", status_code=200, opt={"query": PLAN})
async def detach_volume(call: Asked, identity: Word) -> Response[Any]:
    """Take the volume from the instance that has it; what is in it stays."""
    return await _changed(call, partial(volumes.detachment, call.desk, call.who, identity))


@post("/v1/volumes/{identity:str}/move", status_code=200, opt={"query": PLAN, "body": MOVE})
async def move_volume(call: Asked, identity: Word) -> Response[Any]:
    """Bring a volume that nobody has to another host, with what is in it."""
    host = (await call.fields(MOVE))["host"]
    return await _changed(call, partial(volumes.moving, call.desk, call.who, identity, host))


@post(
    "/v1/volumes/{identity:str}/resize", status_code=200, opt={"query": PLAN, "body": ENLARGEMENT}
)
async def resize_volume(call: Asked, identity: Word) -> Response[Any]:
    """Make a volume larger."""
    size = (await call.fields(ENLARGEMENT))["size_gib"]
    return await _changed(call, partial(volumes.enlargement, call.desk, call.who, identity, size))


@delete("/v1/volumes/{identity:str}", status_code=200, opt={"query": PLAN})
async def delete_volume(call: Asked, identity: Word) -> Response[Any]:
    """Delete a volume that nobody has, with what is in it."""
    return await carried_out(call, partial(volumes.deletion, call.desk, call.who, identity), gone)


async def _changed(call: Call, prepare: Prepare[VolumeOf], status: int = 200) -> Response[Any]:
    async def answer(made: VolumeOf) -> Response[dict[str, VolumeOut]]:
        return Response({"volume": _shown(made)}, status_code=status)

    return await carried_out(call, prepare, answer)


ROUTES = (
    list_volumes,
    show_volume,
    create_volume,
    attach_volume,
    detach_volume,
    move_volume,
    resize_volume,
    delete_volume,
)
