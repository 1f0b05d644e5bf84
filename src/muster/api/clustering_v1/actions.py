"""The routes of actions: what was asked for, and each thing done for it."""

from dataclasses import replace
from functools import partial
from typing import Any

from litestar import Response, get, patch, post

from muster.api.call import PLAN, Asked, Call, Word, carried_out
from muster.api.clustering_v1 import render
from muster.api.clustering_v1.asking import FORCE, flag, meant, minor, serves
from muster.api.clustering_v1.bodies import TEXT, Body, Field, read
from muster.api.clustering_v1.render import CLUSTER_OF_ACTION
from muster.api.paging import Listing, query
from muster.base.errors import Forbidden, Invalid
from muster.model.action import Action, ActionStatus, Verb
from muster.ports.store import Query
from muster.service import actions
from muster.service.actions import Shown

ACTIONS = Listing(
    filters={
        "name": None,
        "target": None,
        "action": Verb,
        "status": (*ActionStatus, "SUSPENDED"),
        "cluster_id": None,
    },
    sort={key: key for key in ("name", "target", "action", "created_at", "status")},
)
_GOING = frozenset({ActionStatus.RUNNING, ActionStatus.WAITING})
CANCEL = Body(key="action", fields={"status": Field(kind=TEXT, required=True)}, change=True)


@get("/v1/actions", opt=serves(query=ACTIONS.params))
async def list_actions(call: Asked) -> dict[str, list[render.ActionOut]]:
    """List actions: what was asked for, and each thing done to an instance for it."""
    wanted = meant(query(call, ACTIONS), minor(call.request), {"cluster_id": CLUSTER_OF_ACTION})
    wanted = await actions.in_clusters(call.desk, call.who, wanted, "cluster_id")
    found = await _found(call, wanted)
    return {"actions": [render.action(each, minor(call.request)) for each in found]}


async def _found(call: Call, wanted: Query) -> list[Shown]:
    """Return the actions; what runs and what waits is told apart here. See Note [Waiting]."""
    said = wanted.where.get("status", ())
    if not _GOING.intersection(said):
        return await actions.listing(call.desk, wanted)
    either = {**wanted.where, "status": (*{*said, *_GOING},)}
    found = await actions.listing(call.desk, replace(wanted, where=either, limit=None))
    return [each for each in found if render.standing(each)[0] in said][: wanted.limit]


@get("/v1/actions/{identity:str}", opt=serves())
async def show_action(call: Asked, identity: Word) -> dict[str, render.ActionOut]:
    """Show an action."""
    shown = await actions.show(call.desk, call.who, identity)
    return {"action": render.action(shown, minor(call.request))}


@post("/v1/actions", status_code=202, opt=serves())
async def create_action(call: Asked) -> Response[Any]:
    """Refuse: actions come of what is asked of clusters and nodes."""
    raise Forbidden("You are not authorized to complete this operation.")


@patch(
    "/v1/actions/{identity:str}",
    status_code=202,
    opt=serves(since=12, query={**PLAN, **FORCE}, body=CANCEL),
)
async def cancel_action(call: Asked, identity: Word) -> Response[Any]:
    """Withdraw a wish as far as it is not fulfilled; by force, with all that is done for it."""
    force = flag(call, "force")
    said = await read(call.request, CANCEL)
    if said["status"] != ActionStatus.CANCELLED:
        raise Invalid(f"Unknown status {said['status']} for action {identity}.", field="status")
    version = minor(call.request)

    async def answer(made: Action) -> Response[dict[str, render.ActionOut]]:
        return Response({"action": render.action(Shown(action=made), version)}, status_code=202)

    prepare = partial(actions.cancellation, call.desk, call.who, identity, force=force)
    return await carried_out(call, prepare, answer)


ROUTES = (list_actions, show_action, create_action, cancel_action)
