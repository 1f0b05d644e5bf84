"""The routes of policies at work in a cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from litestar import get

from muster.api.call import Asked, Param, Word
from muster.api.clustering_v1 import render
from muster.api.clustering_v1.asking import flag, serves
from muster.api.paging import Listing, query
from muster.service.clustering import policies

BINDINGS = Listing(
    filters={"policy_name": None, "policy_type": None},
    sort={"enabled": "enabled"},
    default="",
)
_FILTERS: Mapping[str, Param] = {
    name: Param("exactly this") for name in ("enabled", "policy_name", "policy_type")
}
PARAMS = {**_FILTERS, "sort": Param("enabled[:asc|desc]")}


@get("/v1/clusters/{identity:str}/policies", opt=serves(query=PARAMS))
async def list_policies(call: Asked, identity: Word) -> dict[str, list[render.BindingOut]]:
    """List the policies that are at work in a cluster."""
    wanted = query(call, BINDINGS)
    where: dict[str, Sequence[Any]] = {k: said for k, said in wanted.where.items() if any(said)}
    if call.word("enabled"):
        where["enabled"] = (flag(call, "enabled"),)
    wanted = replace(wanted, where=where)
    found = await policies.listing(call.desk, call.who, identity, wanted)
    name = found.cluster.name
    return {"cluster_policies": [render.binding(each, name) for each in found.bindings]}


@get("/v1/clusters/{identity:str}/policies/{policy:str}", opt=serves())
async def show_policy(call: Asked, identity: Word, policy: Word) -> dict[str, render.BindingOut]:
    """Show how one policy is attached to a cluster."""
    found = await policies.show(call.desk, call.who, identity, policy)
    [binding] = found.bindings
    return {"cluster_policy": render.binding(binding, found.cluster.name)}


ROUTES = (list_policies, show_policy)
