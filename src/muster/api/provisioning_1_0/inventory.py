"""The routes of the inventory: what clusters have, by kind, or all that fits a question."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post

from muster.api.call import Asked, Call, Param, Word
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.envelope import done
from muster.base.errors import Invalid, NotFound
from muster.model.inventory import Kind, Record, Stocktake
from muster.model.who import Right
from muster.service.provisioning import inventory
from muster.service.provisioning.inventory import Page, Question

_OPERATE = {"right": Right.OPERATE}
HERE = "/1.0/inventory"
_MOST = 10_000
_SIFT: Mapping[str, Param] = {
    "filter": Param('an expression, such as object.config["ipv4.address"] == "10.1.0.1/24"'),
    "text": Param("words that all have to be somewhere in it, small or large"),
}
_LIST: Mapping[str, Param] = {
    **render.LISTS,
    "cluster": Param("only of this cluster"),
    "server": Param("only on this server"),
    "project": Param("only of this project"),
    **_SIFT,
    "limit": Param("so many at most", {"type": "integer"}),
    "marker": Param("uuid of the last one of the page before"),
}
_QUERY: Mapping[str, Param] = {
    "kind": Param("only of this kind; may be said more than once, as the next ones"),
    "cluster": Param("only of this cluster"),
    "server": Param("only on this server"),
    "server_include_null": Param("true: also what is on no server", {"type": "boolean"}),
    "project": Param("only of this project"),
    "project_include_null": Param("true: also what is of no project", {"type": "boolean"}),
    "parent": Param("only in this network or pool"),
    "parent_include_null": Param("true: also what is in nothing", {"type": "boolean"}),
    **_SIFT,
}


def shown(one: Record) -> dict[str, Any]:
    """Return a record; what its kind does not have is left out."""
    said = {
        "server": one.server,
        "project_name": one.project,
        "parent_name": one.parent,
        "type": one.type,
    }
    return {
        "uuid": str(one.uuid),
        "cluster": one.cluster,
        **{name: each for name, each in said.items() if each},
        "name": one.name,
        "object": one.object,
        "last_updated": render.when(one.updated_at),
    }


def _taken(one: Stocktake) -> dict[str, Any]:
    return {
        "cluster": one.cluster,
        "last_read": render.when(one.read_at),
        "last_tried": render.when(one.tried_at),
        "error": one.error,
        "drifted": one.drifted,
    }


def _kind(said: str) -> Kind:
    try:
        return Kind(said)
    except ValueError:
        raise NotFound(f"there is no kind '{said}'; there is {', '.join(Kind)}") from None


def _kinds(call: Call) -> tuple[Kind, ...]:
    try:
        return tuple(Kind(each) for each in _words(call, "kind"))
    except ValueError:
        raise Invalid(f"must be one of {', '.join(Kind)}", field="kind") from None


def _words(call: Call, name: str) -> tuple[str, ...]:
    return tuple(call.request.query_params.getall(name, []))


@get(HERE, opt=_OPERATE)
async def list_stocktakes(call: Asked) -> Response[Any]:
    """List the clusters of the inventory, and how the reading of each goes."""
    return done([_taken(each) for each in await inventory.taken(call.desk)])


@get(f"{HERE}/query", opt={"query": _QUERY, **_OPERATE})
async def query_inventory(call: Asked) -> Response[Any]:
    """Show everything that fits, of all kinds, cluster by cluster."""
    names = ("cluster", "server", "project", "parent")
    question = Question(
        kinds=_kinds(call),
        where={name: _words(call, name) for name in names if _words(call, name)},
        or_null=frozenset(each for each in names[1:] if call.flag(f"{each}_include_null")),
        filter=call.word("filter"),
        text=call.word("text"),
    )
    found = await inventory.sought(call.desk, question, shown)
    told = [
        {
            "cluster": cluster,
            **{str(kind): [shown(one) for one in those] for kind, those in by.items()},
        }
        for cluster, by in sorted(found.items())
    ]
    return done(told)


@get(f"{HERE}/{{kind:str}}", opt={"query": _LIST, **_OPERATE})
async def list_inventory(call: Asked, kind: Word) -> Response[Any]:
    """List what clusters have of one kind, by name."""
    names = ("cluster", "server", "project")
    asked = Page(
        where={name: (call.word(name),) for name in names if call.word(name)},
        filter=call.word("filter"),
        text=call.word("text"),
        limit=call.count("limit", _MOST, _MOST) if call.word("limit") else None,
        marker=call.word("marker"),
    )
    found = await inventory.page(call.desk, _kind(kind), asked, shown)
    if render.is_recursive(call):
        return done([shown(each) for each in found])
    return done([f"{HERE}/{quote(kind)}/{each.uuid}" for each in found])


@get(f"{HERE}/{{kind:str}}/{{uuid:str}}", opt=_OPERATE)
async def show_inventory(call: Asked, kind: Word, uuid: Word) -> Response[Any]:
    """Show one thing that a cluster has."""
    return done(shown(await inventory.show(call.desk, _kind(kind), uuid)))


@post(f"{HERE}/{{kind:str}}/{{uuid:str}}/:resync", status_code=200, opt=_OPERATE)
async def resync_inventory(call: Asked, kind: Word, uuid: Word) -> Response[Any]:
    """Have the cluster of a thing read again."""
    await inventory.read_again(call.desk, _kind(kind), uuid)
    return done()


@post("/1.0/provisioning/clusters/{name:str}/:resync-inventory", status_code=200, opt=_OPERATE)
async def resync_cluster_inventory(call: Asked, name: Word) -> Response[Any]:
    """Have everything that a cluster has be read again."""
    await inventory.read_all_again(call.desk, name)
    return done()


ROUTES = (
    list_stocktakes,
    query_inventory,
    list_inventory,
    show_inventory,
    resync_inventory,
    resync_cluster_inventory,
)
