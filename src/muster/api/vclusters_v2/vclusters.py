"""The routes of virtual clusters."""

from dataclasses import replace
from functools import partial
from typing import Any, cast

from litestar import Response, delete, get, patch, post

from muster.api import faults
from muster.api.call import PLAN, Asked, Call, Param, Word, base, carried_out
from muster.api.paging import Listing, query
from muster.api.vclusters_v2 import bodies, render
from muster.api.vclusters_v2.render import VClusterOut
from muster.base.errors import Forbidden, Undecided, Unplaceable
from muster.model.vcluster import VClusterStatus
from muster.service import vcluster_updates, vclusters
from muster.service.vclusters import VClusterSeen

VCLUSTERS = Listing(
    filters={"name": None, "status": VClusterStatus, "cloud": None},
    sort={
        "name": "name",
        "status": "status",
        "init_at": "init_at",
        "created_at": "created_at",
        "updated_at": "updated_at",
    },
    default="init_at",
)
_KEEP = {"keep_volumes": Param("true: its volumes stay", {"type": "boolean"})}
_DELETE = {**PLAN, **_KEEP}
_MOVES = {"allow_moves": Param("true: as in the body", {"type": "boolean"})}
_PLAN = {
    **PLAN,
    "plan": Param("true: say where everything would be, and do nothing", {"type": "boolean"}),
}


@get("/v2/{tenant_id:str}/vclusters", opt={"query": VCLUSTERS.params})
async def list_vclusters(call: Asked, tenant_id: Word) -> dict[str, list[VClusterOut]]:
    """List the virtual clusters of the project."""
    _refuse_strangers(call, tenant_id)
    every = call.word("global_project").lower() == "true"
    wanted = query(call, VCLUSTERS)
    wanted = wanted if every else replace(wanted, project=tenant_id)
    found = await vclusters.listing(call.desk, wanted)
    return {"vclusters": [render.seen(each) for each in found]}


@get("/v2/{tenant_id:str}/vclusters/{identity:str}")
async def show_vcluster(call: Asked, tenant_id: Word, identity: Word) -> dict[str, VClusterOut]:
    """Show a virtual cluster, by id or name: where its instances are, and what its rules are at."""
    _refuse_strangers(call, tenant_id)
    return {"vcluster": render.seen(await vclusters.show(call.desk, call.who, identity))}


@post("/v2/{tenant_id:str}/vclusters", status_code=202, opt={"query": _PLAN, "body": bodies.BODY})
async def create_vcluster(call: Asked, tenant_id: Word) -> Response[Any]:
    """Make servers and volumes by the rules between them, all or none; 409 says why not."""
    _refuse_strangers(call, tenant_id)
    ask, call.request.state.spelled = bodies.asked(await call.request.body())
    try:
        if call.flag("plan"):
            plan = await vclusters.planned(call.desk, call.who, ask)
            return Response(render.plan(plan), status_code=200)
        made = await vclusters.created(call.desk, call.who, ask, call.word("plan_hash"))
    except (Unplaceable, Undecided) as refusal:
        return _unplaced(refusal)
    where = f"{base(call)}/v2/{tenant_id}/vclusters/{made.vcluster.id}"
    return _accepted(made, {"Location": where})


@patch(
    "/v2/{tenant_id:str}/vclusters/{identity:str}",
    status_code=202,
    opt={"query": _PLAN | _MOVES, "body": bodies.PATCH},
)
async def update_vcluster(call: Asked, tenant_id: Word, identity: Word) -> Response[Any]:
    """Add and remove instances and groupings, all or none. Who runs stays unless he may move."""
    _refuse_strangers(call, tenant_id)
    said, call.request.state.spelled = bodies.change(await call.request.body())
    wanted = replace(said, allow_moves=said.allow_moves or call.flag("allow_moves"))
    try:
        if call.flag("plan"):
            plan = await vcluster_updates.update_planned(call.desk, call.who, identity, wanted)
            return Response(render.plan(plan), status_code=200)
        held = call.word("plan_hash")
        made = await vcluster_updates.updated(call.desk, call.who, identity, wanted, held)
    except (Unplaceable, Undecided) as refusal:
        return _unplaced(refusal)
    return _accepted(made, {})


@delete(
    "/v2/{tenant_id:str}/vclusters/{identity:str}",
    status_code=202,
    opt={"query": _DELETE},
)
async def delete_vcluster(call: Asked, tenant_id: Word, identity: Word) -> Response[Any]:
    """Have a virtual cluster go: servers first, then their volumes."""
    _refuse_strangers(call, tenant_id)
    keep = call.flag("keep_volumes")

    async def answer(going: VClusterSeen) -> Response[Any]:
        return _accepted(going, {})

    prepare = partial(vclusters.deletion, call.desk, call.who, identity, keep)
    return await carried_out(call, prepare, answer)


def _accepted(one: VClusterSeen, headers: dict[str, str]) -> Response[Any]:
    return Response({"vcluster": render.seen(one)}, status_code=202, headers=headers)


def _unplaced(refusal: Unplaceable | Undecided) -> Response[Any]:
    why = render.explained(**cast(dict[str, Any], refusal.details))
    return faults.answer(409, {"type": refusal.code, "message": refusal.text, **why})


def _refuse_strangers(call: Call, tenant_id: str) -> None:
    if tenant_id != call.who.project:
        raise Forbidden(f"{call.who.user} asks for project {call.who.project}, not {tenant_id}")


ROUTES = (list_vclusters, show_vcluster, create_vcluster, update_vcluster, delete_vcluster)
