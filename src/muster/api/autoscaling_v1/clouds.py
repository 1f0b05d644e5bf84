"""The routes of clouds."""

from functools import partial
from typing import Any

import msgspec
from litestar import Response, delete, get, post

from muster.api.autoscaling_v1.catalog import gone
from muster.api.call import PLAN, Asked, Call, Param, Word, carried_out
from muster.api.reading import At, Field, Fields, Kind, shown, text
from muster.api.words import moment
from muster.model.admission import CloudAsk
from muster.model.cloud import About
from muster.model.rebalancing import Transfer
from muster.model.task import Task
from muster.model.who import Right
from muster.service import clouds, rebalancing, tasks


def _options() -> Kind:
    def read(at: At, value: Any) -> Any:
        if not isinstance(value, dict):
            return at.wrong(f"must be an object, not {shown(value)}")
        return dict(value)

    return Kind(read, {"type": "object"})


_PEM = text(high=65536, lines=True)
CLOUD: Fields = {
    "name": Field(
        text(high=63, like=r"[A-Za-z0-9][A-Za-z0-9-]*", must="letters, digits and '-'"),
        "what it is called, also as a region",
        required=True,
    ),
    "kind": Field(text(high=63), "incus, simulated ...", required=True),
    "url": Field(text(high=1024), "of Incus: unix:, unix:/path or https://host:8443"),
    "token": Field(text(high=65536), "a trust token of Incus: incus config trust add NAME"),
    "certificate": Field(_PEM, "PEM: a certificate that Incus trusts, instead of a token"),
    "key": Field(_PEM, "PEM: its key"),
    "fingerprint": Field(text(high=128), "of the server's certificate; a token has it"),
    "options": Field(_options(), "further ones, as in the settings file"),
}


@get("/v1/clouds")
async def list_clouds(call: Asked) -> dict[str, Any]:
    """List clouds, the default one first, and what each cannot do."""
    return {"clouds": [_cloud(call, each) for each in clouds.listing(call.desk)]}


@get("/v1/clouds/{name:str}")
async def show_cloud(call: Asked, name: Word) -> dict[str, Any]:
    """Show a cloud."""
    return {"cloud": _cloud(call, clouds.show(call.desk, name))}


@post("/v1/clouds", opt={"query": PLAN, "body": CLOUD, "right": Right.OPERATE})
async def add_cloud(call: Asked) -> Response[Any]:
    """Take another cloud on; it is there at once, and after a restart."""
    ask = CloudAsk(**await call.fields(CLOUD))

    async def answer(made: About) -> Response[Any]:
        return Response({"cloud": _cloud(call, made)}, status_code=201)

    return await carried_out(call, partial(clouds.addition, call.desk, call.who, ask), answer)


@delete("/v1/clouds/{name:str}", status_code=200, opt={"query": PLAN, "right": Right.OPERATE})
async def remove_cloud(call: Asked, name: Word) -> Response[Any]:
    """Let go of a cloud that was added and that nothing uses; what is in it stays."""
    return await carried_out(call, partial(clouds.removal, call.desk, call.who, name), gone)


class TaskOut(msgspec.Struct):
    id: str
    description: str
    since: str | None
    host: str | None
    server: str | None
    node_id: str | None
    progress: str | None
    percent: int | None
    may_cancel: bool


class Tasks(msgspec.Struct):
    operations: list[TaskOut]


@get("/v1/clouds/{name:str}/operations", opt={"right": Right.OPERATE})
async def list_operations(call: Asked, name: Word) -> Tasks:
    """List what a cloud is at just now, whoever asked for it; the oldest first."""
    return Tasks([_task(each) for each in await tasks.listing(call.desk, name)])


@delete(
    "/v1/clouds/{name:str}/operations/{id:str}",
    status_code=200,
    opt={"query": PLAN, "right": Right.OPERATE},
)
async def cancel_operation(call: Asked, name: Word, id: Word) -> Response[Any]:
    """Have a cloud end what it is at before it is done, where it can."""
    return await carried_out(call, partial(tasks.cancellation, call.desk, call.who, name, id), gone)


class TransferOut(msgspec.Struct):
    node_id: str
    name: str
    cluster_id: str | None
    cluster: str
    source: str
    target: str
    benefit: float
    disruption: float
    reason: str
    vcluster_id: str | None = None  # what moves is of this one, then, and no node
    instances: list[str] = []  # of it, which move together


class Rebalance(msgspec.Struct):
    cloud: str
    transfers: list[TransferOut]
    benefit: float
    disruption: float
    before: float
    after: float
    unsolved: list[str]
    complete: bool


class RebalanceOut(msgspec.Struct):
    rebalance: Rebalance


AWAY = {"away": Param("hosts that all who can move are to leave, with commas between")}


@get("/v1/clouds/{name:str}/rebalance", opt={"query": AWAY, "right": Right.OPERATE})
async def plan_rebalance(call: Asked, name: Word) -> RebalanceOut:
    """Plan which nodes would better be on other hosts of a cloud; nothing is moved."""
    away = tuple(host for host in call.word("away").split(",") if host)
    said = await rebalancing.proposed(call.desk, name, away)
    return RebalanceOut(
        Rebalance(
            cloud=name,
            transfers=[_transfer(each) for each in said.transfers],
            benefit=said.benefit,
            disruption=said.disruption,
            before=said.before,
            after=said.after,
            unsolved=list(said.unsolved),
            complete=said.whole,
        )
    )


def _transfer(each: Transfer) -> TransferOut:
    return TransferOut(
        node_id=str(each.node),
        name=each.name,
        cluster_id=None if each.members or each.crowd == each.node else str(each.crowd),
        vcluster_id=str(each.crowd) if each.members else None,
        instances=list(each.members),
        cluster=each.crowd_name if each.crowd != each.node else "",
        source=each.source,
        target=each.target,
        benefit=each.benefit,
        disruption=each.disruption,
        reason=each.why,
    )


def _task(task: Task) -> TaskOut:
    return TaskOut(
        id=task.id,
        description=task.what,
        since=moment(task.since),
        host=task.host or None,
        server=task.ref or None,
        node_id=str(task.node_id) if task.node_id else None,
        progress=task.progress or None,
        percent=task.percent,
        may_cancel=task.may_cancel,
    )


def _cloud(call: Call, about: About) -> dict[str, Any]:
    row = clouds.added(call.desk, about.name)
    return {
        "name": about.name,
        "kind": about.kind,
        "default": about.name == call.desk.default_cloud,
        "cannot": {str(ability): why for ability, why in about.cannot.items()},
        "zones": list(about.zones),
        "added": row is not None,
        "url": (row.options.get("url") or None) if row else None,
        "server_cluster": row is not None and row.servers is not None,
    }


ROUTES = (
    list_clouds,
    show_cloud,
    add_cloud,
    remove_cloud,
    list_operations,
    cancel_operation,
    plan_rebalance,
)
