"""The routes of clusters of servers."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, delete, get, post, put

from muster.api.call import Asked, Param, Word
from muster.api.provisioning_1_0 import picture, render
from muster.api.provisioning_1_0.bodies import (
    ADDING,
    CERTIFICATE,
    CLUSTER,
    NEW_CLUSTER,
    REBOOT,
    REMOVING,
    RENAME,
    ROUND,
    SERVER_CLUSTER,
    settable,
)
from muster.api.provisioning_1_0.envelope import done, held_to, tagged
from muster.base.errors import Invalid
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import JobEvent
from muster.model.who import Right
from muster.service.provisioning import care, clusters, filters, jobs, membership
from muster.service.provisioning.care import Round
from muster.service.provisioning.clusters import ClusterWords
from muster.service.provisioning.foresight import ClusterAsk, foreseen

_OPERATE = {"right": Right.OPERATE}
_KIND = "clusters"
_LIST = {**render.LISTS, "filter": Param('an expression, such as status == "ready"')}
_MODE = {"mode": Param("normal, force: forget it only, factory-reset: reset all its servers")}


@post("/1.0/provisioning/clusters/:preview", status_code=200, opt={"body": CLUSTER, **_OPERATE})
async def preview_cluster(call: Asked) -> Response[Any]:
    """Say what a cluster would be made of, and everything that speaks against it; do nothing."""
    ask = ClusterAsk(**await call.fields(CLUSTER))
    return done(render.foresight(await foreseen(call.desk, ask)))


@get("/1.0/provisioning/clusters", opt={"query": _LIST, **_OPERATE})
async def list_clusters(call: Asked) -> Response[Any]:
    """List clusters of servers."""
    all_of_them = [picture.server_cluster(each) for each in await clusters.listing(call.desk)]
    wanted = filters.wanted(call.word("filter"), lambda each: each)
    kept = [each for each in all_of_them if wanted(each)]
    return done(render.listed(call, _KIND, kept, lambda each: each))


@post("/1.0/provisioning/clusters", opt={"body": NEW_CLUSTER, **_OPERATE})
async def create_cluster(call: Asked) -> Response[Any]:
    """Make a cluster of servers, once nothing speaks against it; its job tells how far it is."""
    said = await call.fields(NEW_CLUSTER)
    words = _words({name: said.pop(name) for name in tuple(said) if name in _WORDS})
    made = await clusters.created(call.desk, ClusterAsk(**said), words)
    return await shown(call, made, 201)


_WORDS = frozenset(SERVER_CLUSTER) - {"channel"}


def _words(said: Mapping[str, Any]) -> ClusterWords:
    plain = {name: value for name, value in said.items() if name != "config"}
    config = said.get("config") or {}
    rolling, cloud = config.get("rolling_restart"), config.get("cloud")
    return ClusterWords(**plain, rolling=rolling, cloud=cloud)


async def shown(call: Asked, made: ServerCluster, status: int = 202) -> Response[Any]:
    now = await clusters.whole(call.desk, made.name)
    return done(picture.server_cluster(now), status, render.at(_KIND, made.name))


@get("/1.0/provisioning/clusters/{name:str}", opt=_OPERATE)
async def show_cluster(call: Asked, name: Word) -> Response[Any]:
    """Show a cluster, the cloud that it is, and the journal of its job."""
    there = await clusters.whole(call.desk, name)
    return tagged(picture.server_cluster(there), picture.server_cluster_settable(there.cluster))


@put("/1.0/provisioning/clusters/{name:str}", opt={"body": SERVER_CLUSTER, **_OPERATE})
async def update_cluster(call: Asked, name: Word) -> Response[Any]:
    """Say something else of a cluster."""
    words = _words(await settable(call, SERVER_CLUSTER))
    check = held_to(call, picture.server_cluster_settable)
    await clusters.changed(call.desk, name, words, check)
    return done(None, 201, render.at(_KIND, name))


@post("/1.0/provisioning/clusters/{name:str}", opt={"body": RENAME, **_OPERATE})
async def rename_cluster(call: Asked, name: Word) -> Response[Any]:
    """Call a cluster otherwise."""
    to = (await call.fields(RENAME))["name"]
    check = held_to(call, picture.server_cluster_settable)
    await clusters.renamed(call.desk, name, to, check)
    return done(None, 201, render.at(_KIND, to))


@delete("/1.0/provisioning/clusters/{name:str}", status_code=200, opt={"query": _MODE, **_OPERATE})
async def delete_cluster(call: Asked, name: Word) -> Response[Any]:
    """Forget a cluster that has no servers; or as it is; or reset all its servers."""
    mode = call.word("mode") or "normal"
    if mode == "normal":
        await clusters.removed(call.desk, name)
    elif mode == "force":
        await clusters.forgotten(call.desk, name)
    elif mode == "factory-reset":
        return await shown(call, await clusters.dissolved(call.desk, name))
    else:
        raise Invalid(f"must be normal, force or factory-reset, not '{mode}'", field="mode")
    return done()


@post("/1.0/provisioning/clusters/{name:str}/:add-servers", opt={"body": ADDING, **_OPERATE})
async def add_servers(call: Asked, name: Word) -> Response[Any]:
    """Have servers join a cluster, once nothing speaks against it."""
    names = (await call.fields(ADDING))["server_names"]
    return await shown(call, await membership.added(call.desk, name, names))


@post("/1.0/provisioning/clusters/{name:str}/:remove-servers", opt={"body": REMOVING, **_OPERATE})
async def remove_servers(call: Asked, name: Word) -> Response[Any]:
    """Have servers leave a cluster: evacuated and empty ones, or lost ones as they are."""
    said = await call.fields(REMOVING)
    names, lost = said["server_names"], said.get("lost", False)
    return await shown(call, await membership.taken_out(call.desk, name, names, lost=lost))


@put("/1.0/provisioning/clusters/{name:str}/certificate", opt={"body": CERTIFICATE, **_OPERATE})
async def set_certificate(call: Asked, name: Word) -> Response[Any]:
    """Give a cluster another certificate."""
    said = await call.fields(CERTIFICATE)
    pair = said["cluster_certificate"], said["cluster_certificate_key"]
    return await shown(call, await membership.certified(call.desk, name, *pair))


@post("/1.0/provisioning/clusters/{name:str}/:update", opt={"body": ROUND, **_OPERATE})
async def update_servers(call: Asked, name: Word) -> Response[Any]:
    """Update the servers of a cluster one by one; with reboot, then reboot those that need it."""
    return await _round(call, name, {"update": True, **await call.fields(ROUND)})


@post("/1.0/provisioning/clusters/{name:str}/:reboot", opt={"body": REBOOT, **_OPERATE})
async def reboot_servers(call: Asked, name: Word) -> Response[Any]:
    """Reboot the servers of a cluster in turn, each evacuated before; some at once, if it may."""
    return await _round(call, name, {"reboot": True, **await call.fields(REBOOT)})


async def _round(call: Asked, name: str, said: Mapping[str, Any]) -> Response[Any]:
    ask = Round(**{each: value for each, value in said.items() if each != "dry_run"})
    if said.get("dry_run"):
        return done(picture.foretold(await care.foretold(call.desk, name, ask)))
    return await shown(call, await care.gone_round(call.desk, name, ask))


@post("/1.0/provisioning/clusters/{name:str}/:pause", opt=_OPERATE)
async def pause_cluster(call: Asked, name: Word) -> Response[Any]:
    """Let a round over servers rest after the step that it is at."""
    return await shown(call, await jobs.steered(call.desk, name, JobEvent.PAUSE))


@post("/1.0/provisioning/clusters/{name:str}/:resume", opt=_OPERATE)
async def resume_cluster(call: Asked, name: Word) -> Response[Any]:
    """Have a job go on that rests or was stopped; what was refused is tried again."""
    return await shown(call, await jobs.steered(call.desk, name, JobEvent.RESUME))


@post("/1.0/provisioning/clusters/{name:str}/:rollback", opt=_OPERATE)
async def roll_cluster_back(call: Asked, name: Word) -> Response[Any]:
    """Undo the making of a cluster, or the joining of servers, that is under way."""
    return await shown(call, await jobs.steered(call.desk, name, JobEvent.TURN_BACK))


@post("/1.0/provisioning/clusters/{name:str}/:cancel-operation", opt=_OPERATE)
async def cancel_cluster(call: Asked, name: Word) -> Response[Any]:
    """End a round over servers; the server that it is at comes back first."""
    return await shown(call, await jobs.steered(call.desk, name, JobEvent.CANCEL))


ROUTES = (
    preview_cluster,
    list_clusters,
    create_cluster,
    show_cluster,
    update_cluster,
    rename_cluster,
    delete_cluster,
    add_servers,
    remove_servers,
    set_certificate,
    update_servers,
    reboot_servers,
    pause_cluster,
    resume_cluster,
    roll_cluster_back,
    cancel_cluster,
)
