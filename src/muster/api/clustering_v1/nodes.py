"""The routes of nodes: members of clusters and those that stand alone."""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Response, delete, get, patch, post

from muster.api.call import Asked, Call, Param, Word
from muster.api.clustering_v1 import render
from muster.api.clustering_v1.asking import FORCE, accepted, flag, minor, serves
from muster.api.clustering_v1.bodies import (
    BOOLEAN,
    MAP,
    NAME,
    TEXT,
    Body,
    Field,
    Fields,
    raw,
    read,
    refusal,
)
from muster.api.clustering_v1.cluster_actions import only
from muster.api.clustering_v1.clusters import insists
from muster.api.paging import Listing, query
from muster.model.action import Action
from muster.model.node import NodeStatus
from muster.service.clustering import adoption, nodes, views
from muster.service.clustering.adoption import AdoptAsk
from muster.service.clustering.case import NodeCase, on_node
from muster.service.clustering.details import details_of

NODES = Listing(
    filters={"name": None, "status": NodeStatus},
    sort={key: key for key in ("index", "name", "status", "init_at", "created_at", "updated_at")},
    default="init_at",
)
_OF_CLUSTER = {"cluster_id": Param("of this cluster only, by id or name")}
_DETAILS = {"show_details": Param("true: with what the cloud says", {"type": "boolean"})}
CREATE = Body(
    key="node",
    fields={
        "name": Field(kind=NAME, required=True),
        "profile_id": Field(kind=TEXT, required=True),
        "cluster_id": Field(kind=TEXT, null=True),
        "role": Field(kind=TEXT, null=True),
        "metadata": Field(kind=MAP, null=True),
    },
)
UPDATE = Body(
    key="node",
    change=True,
    fields={
        "name": Field(kind=NAME, null=True),
        "profile_id": Field(kind=TEXT, null=True),
        "role": Field(kind=TEXT, null=True),
        "metadata": Field(kind=MAP, null=True),
        "tainted": Field(kind=BOOLEAN, null=True, since=render.TAINTED),
    },
)
NOT_A_MAP = "The params provided is not a map."
OneNode = dict[str, render.NodeOut]
OneAction = dict[str, str]


@get("/v1/nodes", opt=serves(query={**NODES.params, **_OF_CLUSTER}))
async def list_nodes(call: Asked) -> dict[str, list[render.NodeOut]]:
    """List nodes."""
    version = minor(call.request)
    found = await views.listing(call.desk, call.who, query(call, NODES), call.word("cluster_id"))
    return {"nodes": [render.node(each.node, each.profile_name, version) for each in found]}


@post("/v1/nodes", status_code=202, opt=serves(body=CREATE))
async def create_node(call: Asked) -> Response[OneNode]:
    """Create a node, in a cluster or alone."""
    said = await read(call.request, CREATE)
    given = {name: value for name, value in said.items() if value is not None}
    made = await nodes.create(call.desk, call.who, nodes.NodeAsk(**given))
    shown = render.node(made.node, made.profile.name, minor(call.request))
    return accepted(call, {"node": shown}, made.action.id)


@get("/v1/nodes/{identity:str}", opt=serves(query=_DETAILS))
async def show_node(call: Asked, identity: Word) -> OneNode:
    """Show a node, on request with what its cloud says of the server."""
    wanted = flag(call, "show_details")
    seen = await views.show(call.desk, call.who, identity)
    told = await details_of(call.desk, [seen.node]) if wanted else {}
    version, id = minor(call.request), seen.node.id
    if id not in told:
        return {"node": render.node(seen.node, seen.profile_name, version)}
    return {"node": render.node(seen.node, seen.profile_name, version, told[id])}


@patch("/v1/nodes/{identity:str}", status_code=202, opt=serves(body=UPDATE))
async def change_node(call: Asked, identity: Word) -> Response[OneNode]:
    """Change name, profile, role, metadata or taint; answers with what was before."""
    ask = await read(call.request, UPDATE)
    done = await on_node(call.desk, call.who, identity, lambda case: nodes.update(case, ask))
    name = done.profile.name if done.profile else ""
    shown = render.node(done.before, name, minor(call.request))
    return accepted(call, {"node": shown}, done.action.id)


@delete("/v1/nodes/{identity:str}", status_code=202, opt=serves(query=FORCE))
async def remove_node(call: Asked, identity: Word) -> Response[None]:
    """Delete a node, by force whatever it is busy with."""
    force = await insists(call)
    action = await on_node(
        call.desk, call.who, identity, lambda case: nodes.delete(case, force=force)
    )
    return accepted(call, None, action.id)


ACTIONS: Mapping[str, Callable[[NodeCase, Mapping[str, Any]], Action]] = {
    "check": nodes.check,
    "recover": nodes.recover,
}
_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {name: {"type": "object"} for name in ACTIONS},
}


@post("/v1/nodes/{identity:str}/actions", status_code=202, opt=serves() | {"body_schema": _SCHEMA})
async def act(call: Asked, identity: Word) -> Response[OneAction]:
    """Ask for a look at a node, or to mend it; the body's only key says which."""
    said = await raw(call.request) or {}
    word = only(said, "action", ".")
    if word not in ACTIONS:
        raise refusal(f"Unrecognized action '{word}' specified")
    params = said[word]
    if not isinstance(params, dict):
        raise refusal(NOT_A_MAP, word)
    action = await on_node(call.desk, call.who, identity, lambda case: ACTIONS[word](case, params))
    return accepted(call, {"action": str(action.id)}, action.id)


@post(
    "/v1/nodes/{identity:str}/ops",
    status_code=202,
    opt=serves(since=4) | {"body_schema": {"type": "object"}},
)
async def operate(call: Asked, identity: Word) -> Response[OneAction]:
    """Do one operation of the profile type to the node."""
    said = await raw(call.request) or {}
    word = only(said, "operation", ".")
    params = said[word] if said[word] is not None else {}
    if not isinstance(params, dict):
        raise refusal(NOT_A_MAP, word)
    action = await on_node(
        call.desk, call.who, identity, lambda case: nodes.operate(case, word, params)
    )
    return accepted(call, {"action": str(action.id)}, action.id)


_ADOPTED: Fields = {
    "identity": Field(kind=TEXT, required=True),
    "type": Field(kind=TEXT, required=True),
    "overrides": Field(kind=MAP, null=True),
    "snapshot": Field(kind=BOOLEAN, null=True),
}
PREVIEW = Body(key="", fields=_ADOPTED)
ADOPT = Body(
    key="",
    fields={
        **_ADOPTED,
        "name": Field(kind=NAME, null=True),
        "role": Field(kind=TEXT, null=True),
        "metadata": Field(kind=MAP, null=True),
    },
)


async def _asked(call: Call, body: Body) -> AdoptAsk:
    said = await read(call.request, body)
    return AdoptAsk(**{name: value for name, value in said.items() if value is not None})


@post("/v1/nodes/adopt", status_code=200, opt=serves(since=7, body=ADOPT))
async def adopt_node(call: Asked) -> OneNode:
    """Make a node of a server that somebody else made; it goes on running as it is."""
    seen = await adoption.adopt(call.desk, call.who, await _asked(call, ADOPT))
    return {"node": render.node(seen.node, seen.profile_name, minor(call.request))}


@post("/v1/nodes/adopt-preview", status_code=200, opt=serves(since=7, body=PREVIEW))
async def preview_adoption(call: Asked) -> dict[str, dict[str, dict[str, Any]]]:
    """Show the specification of the profile that an adopted server would get."""
    spec = await adoption.preview(call.desk, call.who, await _asked(call, PREVIEW))
    return {"node_profile": {"node_preview": spec}}


ROUTES = (
    list_nodes,
    create_node,
    show_node,
    change_node,
    remove_node,
    act,
    operate,
    adopt_node,
    preview_adoption,
)
