"""The routes of changes to every server of a cluster."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post

from muster.api.call import Asked, Word
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.bodies import config_document
from muster.api.provisioning_1_0.envelope import begun, done
from muster.api.reading import Field, Fields, boolean, integer, one_of
from muster.model.bulk import Bulk, OnFailure, Turn
from muster.model.who import Right
from muster.service.provisioning import bulk
from muster.service.provisioning.bulk import BulkAsk, actions

_OPERATE = {"right": Right.OPERATE}
_MOST = 64
BULK: Fields = {
    "action": Field(one_of({name: name for name in actions()}), "what is done", required=True),
    "arguments": Field(config_document(), "of the action"),
    "on_failure": Field(
        one_of({str(each): each for each in OnFailure}),
        "revert: set back whoever was changed; stop: begin with nobody else; continue",
    ),
    "parallel": Field(integer(1, _MOST), "how many servers at once"),
    "confirmation": Field(
        integer(1, 3600), "seconds within which a server has to be reached by its new network"
    ),
    "dry_run": Field(boolean(), "say what would become of each server, and do nothing"),
}


def _at(one: Bulk) -> str:
    return render.at("bulk-updates", str(one.id))


def shown(one: Bulk) -> dict[str, Any]:
    return {
        "uuid": str(one.id),
        "cluster": one.cluster,
        "action": one.action,
        "arguments": one.arguments,
        "policy": str(one.on_failure),
        "parallel": one.parallel,
        "status": str(one.status),
        "user": one.user,
        "created_at": render.when(one.created_at),
        "ended_at": render.when(one.ended_at),
        "servers": [_turn(each) for each in one.servers],
    }


def _turn(one: Turn) -> Mapping[str, Any]:
    took = (one.ended_at - one.began_at) if one.ended_at and one.began_at else None
    return {
        "name": one.name,
        "status": str(one.status),
        "before": one.before,
        "after": one.after,
        "error": one.error,
        "seconds": round(took.total_seconds(), 3) if took is not None else None,
    }


@post(
    "/1.0/provisioning/clusters/{name:str}/:bulk-update",
    status_code=202,
    opt={"body": BULK, **_OPERATE},
)
async def bulk_update_cluster(call: Asked, name: Word) -> Response[Any]:
    """Change every server of a cluster alike, and say where one sees how far that is."""
    said = await call.fields(BULK)
    dry = said.pop("dry_run", False)
    ask = BulkAsk(**said)
    if dry:
        seen = await bulk.foreseen(call.desk, name, ask)
        return done({**shown(seen), "dry_run": True, "uuid": None, "status": ""})
    made = await bulk.asked(call.desk, name, ask, call.who.user)
    return begun(shown(made), _at(made))


@get("/1.0/provisioning/clusters/{name:str}/bulk-updates", opt={"query": render.LISTS, **_OPERATE})
async def list_bulk_updates(call: Asked, name: Word) -> Response[Any]:
    """List the bulk updates of a cluster, the newest first."""
    found = await bulk.listing(call.desk, name)
    return done(render.listed(call, "bulk-updates", found, shown, "uuid"))


@get("/1.0/provisioning/bulk-updates/{uuid:str}", opt=_OPERATE)
async def show_bulk_update(call: Asked, uuid: Word) -> Response[Any]:
    """Show how far a bulk update is, server by server."""
    return done(shown(await bulk.show(call.desk, uuid)))


ROUTES = (bulk_update_cluster, list_bulk_updates, show_bulk_update)
