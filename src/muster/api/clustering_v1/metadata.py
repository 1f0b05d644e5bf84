"""The routes of a cluster's metadata, key by key: OpenStack's SDK asks for them."""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import delete, get, post, put

from muster.api.call import Asked, Call, Word
from muster.api.clustering_v1.asking import serves
from muster.api.clustering_v1.bodies import MAP, Body, Field, read
from muster.base.errors import NotFound
from muster.service.clustering import clusters
from muster.service.clustering.case import Case, on_cluster

Metadata = Mapping[str, Any]
SAID = Body(key="", fields={"metadata": Field(kind=MAP, required=True)})
ITEM = Body(key="", fields={"meta": Field(kind=MAP, required=True)})


@get("/v1/clusters/{identity:str}/metadata", opt=serves())
async def show_metadata(call: Asked, identity: Word) -> dict[str, Metadata]:
    """Show all metadata of a cluster."""
    return {"metadata": await _metadata(call, identity)}


@post("/v1/clusters/{identity:str}/metadata", status_code=200, opt=serves(body=SAID))
async def add_metadata(call: Asked, identity: Word) -> dict[str, Metadata]:
    """Add to the metadata of a cluster; keys that are there get another value."""
    said = (await read(call.request, SAID))["metadata"]
    return {"metadata": await _changed(call, identity, lambda now: {**now, **said})}


@put("/v1/clusters/{identity:str}/metadata", opt=serves(body=SAID))
async def replace_metadata(call: Asked, identity: Word) -> dict[str, Metadata]:
    """Put other metadata in place of all there is."""
    said = (await read(call.request, SAID))["metadata"]
    return {"metadata": await _changed(call, identity, lambda now: said)}


@get("/v1/clusters/{identity:str}/metadata/{key:str}", opt=serves())
async def show_item(call: Asked, identity: Word, key: Word) -> dict[str, Metadata]:
    """Show the value of one key."""
    return {"meta": {key: _of(await _metadata(call, identity), key)}}


@put("/v1/clusters/{identity:str}/metadata/{key:str}", opt=serves(body=ITEM))
async def put_item(call: Asked, identity: Word, key: Word) -> dict[str, Metadata]:
    """Give one key a value."""
    value = _of((await read(call.request, ITEM))["meta"], key)
    await _changed(call, identity, lambda now: {**now, key: value})
    return {"meta": {key: value}}


@delete("/v1/clusters/{identity:str}/metadata/{key:str}", status_code=204, opt=serves())
async def remove_item(call: Asked, identity: Word, key: Word) -> None:
    """Remove one key."""

    def without(now: Metadata) -> Metadata:
        _of(now, key)
        return {name: value for name, value in now.items() if name != key}

    await _changed(call, identity, without)


async def _metadata(call: Call, identity: str) -> Metadata:
    return await on_cluster(call.desk, call.who, identity, lambda case: case.cluster.metadata)


async def _changed(call: Call, identity: str, change: Callable[[Metadata], Metadata]) -> Metadata:
    """Return the metadata after a change; one that changes nothing is none."""

    def decide(case: Case) -> Metadata:
        after = change(case.cluster.metadata)
        if after != case.cluster.metadata:
            clusters.update(case, {"metadata": after})
        return after

    return await on_cluster(call.desk, call.who, identity, decide)


def _of(metadata: Metadata, key: str) -> Any:
    if key not in metadata:
        raise NotFound(f"The metadata item '{key}' could not be found.")
    return metadata[key]


ROUTES = (show_metadata, add_metadata, replace_metadata, show_item, put_item, remove_item)
