"""The routes of clusters in the clustering API: create, change, delete."""

from litestar import Response, delete, patch

from muster.api.call import Asked, Call, Word
from muster.api.clustering_v1.asking import FORCE, accepted, flag, minor, serves
from muster.api.clustering_v1.bodies import (
    BOOLEAN,
    COUNT,
    MAP,
    NAME,
    TEXT,
    Body,
    Field,
    capacity,
    raw,
    read,
    values,
)
from muster.api.lines import OneCluster, one_cluster
from muster.model.action import Action
from muster.service.clustering import clusters
from muster.service.clustering.case import Case, on_cluster
from muster.service.clusters import Whole, after, whole

LARGEST = 1000
CREATE = Body(
    key="cluster",
    fields={
        "name": Field(kind=NAME, required=True),
        "profile_id": Field(kind=TEXT, required=True),
        "min_size": Field(kind=capacity(0, LARGEST), null=True),
        "max_size": Field(kind=capacity(-1, LARGEST), null=True),
        "desired_capacity": Field(kind=capacity(0, LARGEST), null=True),
        "metadata": Field(kind=MAP, null=True),
        "timeout": Field(kind=COUNT, null=True),
        "config": Field(kind=MAP, null=True),
    },
)
UPDATE = Body(
    key="cluster",
    change=True,
    fields={
        "name": Field(kind=NAME, null=True),
        "profile_id": Field(kind=TEXT, null=True),
        "metadata": Field(kind=MAP, null=True),
        "timeout": Field(kind=COUNT, null=True),
        "profile_only": Field(kind=BOOLEAN, null=True, since=6),
        "config": Field(kind=MAP, null=True, since=7),
    },
)
INSIST = Body(key="", fields={"force": Field(kind=BOOLEAN, null=True, since=8)})
BY_FORCE = 8  # the first microversion in which one can insist


async def create(call: Call) -> Response[OneCluster]:
    """Answer a wrapped body of POST /v1/clusters."""
    ask = clusters.ClusterAsk(**await read(call.request, CREATE))
    made = await clusters.create(call.desk, call.who, ask)
    assert made.action
    return accepted(call, one_cluster(await after(call.desk, made)), made.action.id)


@patch("/v1/clusters/{identity:str}", status_code=202, opt=serves(body=UPDATE))
async def change_cluster(call: Asked, identity: Word) -> Response[OneCluster]:
    """Change name, profile, metadata, timeout or configuration; answers with what was before."""
    ask = await read(call.request, UPDATE)

    def decide(case: Case) -> tuple[Whole, Action]:
        before = whole(case.tx, case.cluster)
        return before, clusters.update(case, ask).action

    before, action = await on_cluster(call.desk, call.who, identity, decide)
    return accepted(call, one_cluster(before), action.id)


@delete("/v1/clusters/{identity:str}", status_code=202, opt=serves(query=FORCE))
async def remove_cluster(call: Asked, identity: Word) -> Response[None]:
    """Delete a cluster with its nodes; by force whatever it is busy with or attached to."""
    force = await insists(call)
    action = await on_cluster(
        call.desk, call.who, identity, lambda case: clusters.delete(case, force=force)
    )
    return accepted(call, None, action.id)


async def insists(call: Call) -> bool:
    """Return whether a deletion is wanted at any rate, as query or body say."""
    asked = flag(call, "force")
    said = values(call.request, INSIST.fields, await raw(call.request) or {}, more=True)
    return bool((asked and minor(call.request) >= BY_FORCE) or said.get("force"))


ROUTES = (change_cluster, remove_cluster)
