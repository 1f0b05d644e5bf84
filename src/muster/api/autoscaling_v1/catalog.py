"""The routes of what a form's menus list: flavors, keypairs, images."""

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from litestar import Response, delete, get, post

from muster.api.call import PLAN, Asked, Call, Param, Word, carried_out
from muster.api.reading import Field, Fields, integer, number, object_of, one_of, text
from muster.api.words import moment
from muster.base.errors import Forbidden, Invalid
from muster.base.ids import new_id
from muster.model.catalog import MACHINES, PROTOCOLS, Flavor, Keypair, Pull
from muster.model.who import Right
from muster.service import flavors, images, keypairs
from muster.service.ask import Fault, refuse
from muster.service.images import ImageOf
from muster.service.intent import Intent

_NAME = text(
    high=255, like=r"[A-Za-z0-9][A-Za-z0-9._ -]*", must="letters, digits, '.', '_', '-' and blanks"
)
FLAVOR: Fields = {
    "name": Field(_NAME, "unique in the project", required=True),
    "vcpus": Field(number(0, 1024, above=True), "processors, or a share of one", required=True),
    "memory_mib": Field(integer(1, 2**24), "MiB", required=True),
    "disk_gib": Field(integer(0, 2**20), "GiB"),
    "machine": Field(
        one_of({each: each for each in MACHINES}), "what an instance is; default: its cloud's way"
    ),
}
KEYPAIR: Fields = {
    "name": Field(_NAME, "unique in the project", required=True),
    "public_key": Field(text(high=16384, lines=True), "one line of OpenSSH", required=True),
}
PULL: Fields = {
    "server": Field(
        text(high=2048, like=r"https://[^\s/?#]+[^\s?#]*", must="a URL such as https://host"),
        "who offers it",
        required=True,
    ),
    "image": Field(text(high=255), "what it is called there, or its fingerprint", required=True),
    "protocol": Field(one_of({each: each for each in PROTOCOLS}), "default: simplestreams"),
    "machine": Field(
        one_of({each: each for each in MACHINES}), "which, where the server has both kinds"
    ),
    "certificate": Field(
        text(high=65536, lines=True), "PEM: what that server shows; default: a trusted one"
    ),
}
IMAGE: Fields = {
    "name": Field(_NAME, "default: the manifest's; of one that is fetched, what it is called"),
    "path": Field(text(high=4096), "a folder or tarball on the server"),
    "pull": Field(object_of(PULL), "in its place: an image that another server offers"),
    "cloud": Field(text(high=63), "default: the server's default cloud"),
}
CLOUD: Mapping[str, Param] = {"cloud": Param("of this cloud only")}
UPLOAD: Mapping[str, Param] = {
    **PLAN,
    "cloud": Param("into this cloud; default: the server's default cloud"),
    "name": Param("default: the manifest's"),
}
LARGEST = 2**30  # bytes of an uploaded image


class FlavorOut(msgspec.Struct):
    id: str
    name: str
    vcpus: float
    memory_mib: int
    disk_gib: int
    project: str | None
    machine: str | None


def _flavor(one: Flavor) -> FlavorOut:
    return FlavorOut(
        id=str(one.id),
        name=one.name,
        vcpus=one.vcpus,
        memory_mib=one.memory_mib,
        disk_gib=one.disk_gib,
        project=one.project or None,
        machine=one.machine or None,
    )


async def gone(_: None) -> Response[None]:
    return Response(None, status_code=204)


@get("/v1/flavors")
async def list_flavors(call: Asked) -> dict[str, list[FlavorOut]]:
    """List the flavors this caller may use."""
    return {"flavors": [_flavor(each) for each in await flavors.listing(call.desk, call.who)]}


@get("/v1/flavors/{identity:str}")
async def show_flavor(call: Asked, identity: Word) -> dict[str, FlavorOut]:
    """Show a flavor, by id or name."""
    return {"flavor": _flavor(await flavors.show(call.desk, call.who, identity))}


@post("/v1/flavors", opt={"query": PLAN, "body": FLAVOR})
async def create_flavor(call: Asked) -> Response[Any]:
    """Add a flavor to the project."""
    asked = Flavor(id=new_id(), **await call.fields(FLAVOR))

    async def answer(made: Flavor) -> Response[dict[str, FlavorOut]]:
        return Response({"flavor": _flavor(made)}, status_code=201)

    return await carried_out(call, partial(flavors.creation, call.desk, call.who, asked), answer)


@delete("/v1/flavors/{identity:str}", status_code=200, opt={"query": PLAN})
async def delete_flavor(call: Asked, identity: Word) -> Response[Any]:
    """Delete a flavor; instances that have it keep it."""
    return await carried_out(call, partial(flavors.deletion, call.desk, call.who, identity), gone)


class KeypairOut(msgspec.Struct):
    id: str
    name: str
    fingerprint: str
    public_key: str
    user: str
    created_at: str | None


def _keypair(one: Keypair) -> KeypairOut:
    id, created = str(one.id), moment(one.created_at)
    return KeypairOut(id, one.name, one.fingerprint, one.public_key, one.user, created)


@get("/v1/keypairs")
async def list_keypairs(call: Asked) -> dict[str, list[KeypairOut]]:
    """List the keypairs of the project."""
    return {"keypairs": [_keypair(each) for each in await keypairs.listing(call.desk, call.who)]}


@get("/v1/keypairs/{name:str}")
async def show_keypair(call: Asked, name: Word) -> dict[str, KeypairOut]:
    """Show a keypair."""
    return {"keypair": _keypair(await keypairs.show(call.desk, call.who, name))}


@post("/v1/keypairs", opt={"query": PLAN, "body": KEYPAIR})
async def create_keypair(call: Asked) -> Response[Any]:
    """Store a public key under a name."""
    said = await call.fields(KEYPAIR)
    prepare = partial(keypairs.creation, call.desk, call.who, said["name"], said["public_key"])

    async def answer(made: Keypair) -> Response[dict[str, KeypairOut]]:
        return Response({"keypair": _keypair(made)}, status_code=201)

    return await carried_out(call, prepare, answer)


@delete("/v1/keypairs/{name:str}", status_code=200, opt={"query": PLAN})
async def delete_keypair(call: Asked, name: Word) -> Response[Any]:
    """Forget a keypair; instances that have it keep it."""
    return await carried_out(call, partial(keypairs.deletion, call.desk, call.who, name), gone)


class ImageOut(msgspec.Struct):
    id: str
    name: str
    cloud: str
    status: str
    version: str
    size: int
    project: str | None
    snapshot_of: str | None
    port: int | None
    health_path: str | None
    machine: str | None
    created_at: str | None


def image(one: ImageOf) -> ImageOut:
    seen = one.image
    return ImageOut(
        id=seen.id,
        name=seen.name,
        cloud=one.cloud,
        status=seen.status,
        version=seen.version,
        size=seen.size,
        project=seen.project or None,
        snapshot_of=seen.snapshot_of or None,
        port=seen.port,
        health_path=seen.health_path,
        machine=seen.machine or None,
        created_at=moment(seen.created_at),
    )


@get("/v1/images", opt={"query": CLOUD})
async def list_images(call: Asked) -> dict[str, list[ImageOut]]:
    """List images and snapshots of one cloud or of all."""
    found = await images.listing(call.desk, call.who, call.word("cloud"))
    return {"images": [image(each) for each in found]}


@get("/v1/images/{identity:str}")
async def show_image(call: Asked, identity: Word) -> dict[str, ImageOut]:
    """Show an image, by id or name."""
    return {"image": image(await images.show(call.desk, call.who, identity))}


async def _taken_in(made: ImageOf) -> Response[dict[str, ImageOut]]:
    return Response({"image": image(made)}, status_code=201)


@post("/v1/images", request_max_body_size=LARGEST, opt={"query": UPLOAD, "body": IMAGE})
async def import_image(call: Asked) -> Response[Any]:
    """Take in an image: a tarball as the body, or JSON.

    That names a folder of the server, or an image that another server offers (`pull`).
    """
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("", "application/json"):
        return await _from_server(call)
    name, cloud = call.word("name"), call.word("cloud")
    upload = await _stored(call)
    try:
        prepare = partial(_importing, call, upload, name, cloud)
        return await carried_out(call, prepare, _taken_in)
    finally:
        with suppress(FileNotFoundError):
            upload.unlink()


async def _from_server(call: Call) -> Response[Any]:
    """Take in what lies on the server or on another, which only who runs the server may name."""
    said = await call.fields(IMAGE)
    if ("path" in said) == ("pull" in said):
        refuse([Fault("path", "is required, or `pull` in its place")])
    if not call.who.may(Right.OPERATE):
        raise Forbidden("only an admin may name a folder or a server; upload a tarball")
    name, cloud = said.get("name", ""), said.get("cloud", "")
    if "pull" in said:
        pull = _pull(said["pull"], name)
        return await carried_out(call, partial(_pulling, call, pull, cloud), _taken_in)
    source = Path(said["path"])
    _refuse_missing(source)
    prepare = partial(_importing, call, source, name, cloud)
    return await carried_out(call, prepare, _taken_in)


def _pull(said: Mapping[str, str], name: str) -> Pull:
    missing = [each for each in ("server", "image") if each not in said]
    if missing:
        refuse([Fault(f"pull.{each}", "is required") for each in missing])
    return Pull(name=name or said["image"].replace("/", "-"), **said)


async def _pulling(call: Call, pull: Pull, cloud: str) -> Intent[ImageOf]:
    return images.pulling(call.desk, pull, cloud)


def _refuse_missing(source: Path) -> None:
    if not source.is_absolute() or not source.exists():
        raise Invalid(f"there is no '{source}' on the server; give an absolute path", field="path")


async def _importing(call: Call, source: Path, name: str, cloud: str) -> Intent[ImageOf]:
    return images.importing(call.desk, call.who, source, name, cloud)


async def _stored(call: Call) -> Path:
    """Write the body to a file as it comes, so that a large image costs no memory."""
    with tempfile.NamedTemporaryFile(prefix="muster-upload-", delete=False) as file:
        async for chunk in call.request.stream():
            file.write(chunk)
        size = file.tell()
    return _filled(Path(file.name), size)


def _filled(path: Path, size: int) -> Path:
    """Return the file of an upload, unless nothing came."""
    if size == 0:
        path.unlink()
        raise Invalid("the body is empty; send a tarball")
    return path


@delete("/v1/images/{identity:str}", status_code=200, opt={"query": PLAN})
async def delete_image(call: Asked, identity: Word) -> Response[Any]:
    """Delete an image that no cluster needs any more."""
    return await carried_out(call, partial(images.deletion, call.desk, call.who, identity), gone)


ROUTES = (
    list_flavors,
    show_flavor,
    create_flavor,
    delete_flavor,
    list_keypairs,
    show_keypair,
    create_keypair,
    delete_keypair,
    list_images,
    show_image,
    import_image,
    delete_image,
)
