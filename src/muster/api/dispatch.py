"""The routes that both surfaces share: which of them a request is for, and one object for both."""

from typing import Any

from litestar import Response, get, post

from muster.api.autoscaling_v1 import bodies
from muster.api.autoscaling_v1 import clusters as autoscaling
from muster.api.call import PLAN, Asked, Call, Word
from muster.api.clustering_v1 import clusters as clustering
from muster.api.clustering_v1.asking import serves
from muster.api.clustering_v1.bodies import raw
from muster.api.clustering_v1.versions import HEADER
from muster.api.lines import Clusters, OneCluster, one_cluster
from muster.api.lines import clusters as lines
from muster.api.paging import Listing, query
from muster.api.reading import camel, schema_of
from muster.base.errors import Invalid
from muster.model.cluster import ClusterStatus
from muster.service import clusters
from muster.service.identity import CLUSTER, find

CLUSTERS = Listing(
    filters={"name": None, "status": (*ClusterStatus, "CRITICAL")},
    sort={key: key for key in ("name", "status", "init_at", "created_at", "updated_at")},
    default="init_at",
)
_FLAT = frozenset(bodies.CLUSTER) | {camel(each) for each in bodies.CLUSTER}
_WRAPPED = frozenset(clustering.CREATE.fields)
_EITHER = {"anyOf": [schema_of(bodies.CLUSTER), clustering.CREATE.schema]}


@get("/v1/clusters", opt=serves(query=CLUSTERS.params) | {"quoted": True})
async def list_clusters(call: Asked) -> Clusters:
    """List clusters: the clustering API's objects, each with what a stack shows."""
    return lines(await clusters.listing(call.desk, query(call, CLUSTERS)))


@get("/v1/clusters/{identity:str}", opt=serves())
async def show_cluster(call: Asked, identity: Word) -> OneCluster:
    """Show one cluster, by name, id, or beginning of an id."""
    who = call.who
    return one_cluster(await clusters.show(call.desk, lambda tx: find(tx, who, CLUSTER, identity)))


# Note [Two forms]
# One path takes both forms of a new cluster. The clustering API's is wrapped in the key
# `cluster`; the other's fields stand for themselves. A body of neither is answered in the words
# of the form it is nearer to: what has a field of one form alone is of that, and what has none of
# the flat fields, and something all the same, lacks the key. Where that does not tell, as where
# there is no body at all, whoever names a microversion is known by that.
@post("/v1/clusters", status_code=202, opt=serves(query=PLAN) | {"body_schema": _EITHER})
async def create_cluster(call: Asked) -> Response[Any]:
    """Create a cluster: autoscaled by flat fields, plain by the key `cluster`.

    See Note [Two forms].
    """
    if await _is_wrapped(call):
        _refuse_plan(call)
        return await clustering.create(call)
    call.request.state.surface = "autoscaling"
    return await autoscaling.create(call)


def _refuse_plan(call: Call) -> None:
    """Refuse what the clustering API does not have, lest it be done by who only asked about it."""
    for name in PLAN:
        if name in call.request.query_params:
            raise Invalid(f"Invalid parameter {name}", field=name)


async def _is_wrapped(call: Call) -> bool:
    named = HEADER in call.request.headers
    try:
        said = await raw(call.request)
    except Invalid:
        return named
    if not said:
        return named
    if "cluster" in said:
        return True
    if said.keys() & (_FLAT - _WRAPPED):
        return False
    return named or bool(said.keys() & (_WRAPPED - _FLAT)) or not said.keys() & _FLAT


ROUTES = (list_clusters, show_cluster, create_cluster)
