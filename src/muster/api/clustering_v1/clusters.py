"""The routes of clusters in the clustering API: create, change, delete."""

from typing import Any

from litestar import Response

from muster.api.call import Call
from muster.api.clustering_v1.bodies import COUNT, MAP, NAME, TEXT, Body, Field, capacity, read
from muster.base.errors import Invalid

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


async def create(call: Call) -> Response[Any]:
    """Answer a wrapped body of POST /v1/clusters."""
    await read(call.request, CREATE)
    raise Invalid("clusters are not made by the clustering API here yet")


ROUTES = ()
