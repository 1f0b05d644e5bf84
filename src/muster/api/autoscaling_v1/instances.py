"""The routes of instances."""

from functools import partial
from typing import Any

import msgspec
from litestar import MediaType, Response, delete, get, post

from muster.api.autoscaling_v1 import render
from muster.api.autoscaling_v1.catalog import image
from muster.api.autoscaling_v1.clusters import wished
from muster.api.autoscaling_v1.details import Details
from muster.api.call import PLAN, Asked, Param, PlanAnswer, Word, carried_out
from muster.api.paging import Listing, query
from muster.api.reading import Field, Fields, list_of, number, text, words_by_name
from muster.api.words import moment
from muster.base.errors import Invalid
from muster.model.command import PATIENCE_S, Command, Ended
from muster.model.node import NodeStatus
from muster.service import actions, commands, instances, strays
from muster.service.images import ImageOf

INSTANCES = Listing(
    filters={"name": None, "status": NodeStatus, "cluster": None},
    sort={key: key for key in ("name", "status", "index", "created_at", "updated_at", "init_at")},
    default="init_at",
)
SNAPSHOT: Fields = {
    "name": Field(
        text(high=255, like=r"[A-Za-z0-9][A-Za-z0-9._-]*", must="letters, digits, '.', '_', '-'"),
        "what the image is called",
        required=True,
    )
}
COMMAND: Fields = {
    "command": Field(
        list_of(text(high=131072, lines=True), 4096),
        "the program and its words; no shell reads them",
        required=True,
    ),
    "environment": Field(words_by_name(256), "added to the instance's own"),
    "input": Field(text(low=0, high=2**19, lines=True), "what the program reads"),
    "timeout_seconds": Field(number(0, 600, above=True), "then it is killed; default: 30"),
}
LINES = {
    "lines": Param("how many", {"type": "integer", "minimum": 1, "maximum": 10000}),
}
Wished = Response[Details | PlanAnswer]


@get("/v1/instances", opt={"query": INSTANCES.params})
async def list_instances(call: Asked) -> render.Instances:
    """List instances, in clusters and alone, or those of the clusters named by `cluster`."""
    wanted = await actions.in_clusters(call.desk, call.who, query(call, INSTANCES), "cluster")
    found = await instances.listing(call.desk, wanted)
    return render.Instances([render.instance(each) for each in found])


class StrayOut(msgspec.Struct):
    id: str
    name: str
    cloud: str
    ref: str
    seen: str
    address: str | None
    host: str | None
    cluster_id: str
    node_id: str
    project: str
    created_at: str | None


class Strays(msgspec.Struct):
    strays: list[StrayOut]


@get("/v1/strays")
async def list_strays(call: Asked) -> Strays:
    """List what clouds have of ours that fills no place; it goes after a grace time."""
    return Strays([_stray(each) for each in await strays.listing(call.desk, call.who)])


def _stray(one: strays.Stray) -> StrayOut:
    server = one.server
    return StrayOut(
        id=str(server.server_id),
        name=server.name,
        cloud=one.cloud,
        ref=server.ref,
        seen=server.seen,
        address=server.address or None,
        host=server.host or None,
        cluster_id=str(server.cluster_id),
        node_id=str(server.node_id),
        project=server.project,
        created_at=moment(server.created),
    )


@get("/v1/instances/{identity:str}")
async def show_instance(call: Asked, identity: Word) -> render.OneInstance:
    """Show an instance, by id or name, with how its cloud shows it now."""
    one = await instances.show(call.desk, call.who, identity)
    return render.OneInstance(render.instance(one))


@get("/v1/instances/{identity:str}/log", media_type=MediaType.TEXT, opt={"query": LINES})
async def instance_log(call: Asked, identity: Word) -> str:
    """Return the newest lines that the instance has printed, as text."""
    lines = call.count("lines", 100, 10000)
    return await instances.log(call.desk, call.who, identity, lines)


@post(
    "/v1/instances/{identity:str}/snapshot",
    status_code=202,
    opt={"query": PLAN, "body": SNAPSHOT},
)
async def snapshot_instance(call: Asked, identity: Word) -> Response[Any]:
    """Make an image of an instance as it is now."""
    name = (await call.fields(SNAPSHOT))["name"]

    async def answer(made: ImageOf) -> Response[Any]:
        return Response({"image": image(made)}, status_code=202)

    prepare = partial(instances.snapshot, call.desk, call.who, identity, name)
    return await carried_out(call, prepare, answer)


class EndedOut(msgspec.Struct):
    exit_code: int
    output: str
    errors: str
    timed_out: bool
    truncated: bool


@post("/v1/instances/{identity:str}/exec", status_code=200, opt={"query": PLAN, "body": COMMAND})
async def run_command(call: Asked, identity: Word) -> Response[Any]:
    """Run a command in an instance as its administrator, and return what it printed."""
    prepare = partial(
        commands.execution, call.desk, call.who, identity, _command(await call.fields(COMMAND))
    )

    async def answer(ended: Ended) -> Response[EndedOut]:
        out, wrong = (each.decode(errors="replace") for each in (ended.output, ended.errors))
        return Response(EndedOut(ended.code, out, wrong, not ended.in_time, not ended.whole))

    return await carried_out(call, prepare, answer)


def _command(said: dict[str, Any]) -> Command:
    if not said["command"]:
        raise Invalid("must name a program", field="command")
    return Command(
        words=said["command"],
        environment=said.get("environment", {}),
        given=said.get("input", "").encode(),
        patience_s=said.get("timeout_seconds", PATIENCE_S),
    )


@post("/v1/instances/{identity:str}/replace", status_code=202, opt={"query": PLAN})
async def replace_instance(call: Asked, identity: Word) -> Wished:
    """Put another instance in the place of this one, drained first."""
    return await wished(call, partial(instances.replacement, call.desk, call.who, identity))


@post("/v1/instances/{identity:str}/protect", status_code=202, opt={"query": PLAN})
async def protect_instance(call: Asked, identity: Word) -> Wished:
    """Keep scaling and updates from removing this instance."""
    prepare = partial(instances.protection, call.desk, call.who, identity, on=True)
    return await wished(call, prepare)


@post("/v1/instances/{identity:str}/unprotect", status_code=202, opt={"query": PLAN})
async def unprotect_instance(call: Asked, identity: Word) -> Wished:
    """Let scaling and updates remove this instance again."""
    prepare = partial(instances.protection, call.desk, call.who, identity, on=False)
    return await wished(call, prepare)


@delete("/v1/instances/{identity:str}", status_code=202, opt={"query": PLAN})
async def delete_instance(call: Asked, identity: Word) -> Wished:
    """Remove this instance; its cluster is one smaller then."""
    return await wished(call, partial(instances.deletion, call.desk, call.who, identity))


ROUTES = (
    list_instances,
    list_strays,
    show_instance,
    instance_log,
    run_command,
    snapshot_instance,
    replace_instance,
    protect_instance,
    unprotect_instance,
    delete_instance,
)
