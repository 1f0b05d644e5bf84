"""The routes of clusters: /v1/clusters and what is below it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from litestar import Response, delete, get, patch, post

from muster.api.autoscaling_v1 import bodies, render
from muster.api.autoscaling_v1.details import Details, details
from muster.api.call import PLAN, Asked, Call, Param, PlanAnswer, Prepare, Word, base, carried_out
from muster.api.reading import Field, Fields, instant, number
from muster.api.words import moment
from muster.model.cluster import Cluster
from muster.model.scaling import Pushed
from muster.ports.store import Transaction
from muster.service import changes, clusters, decisions
from muster.service.intent import Intent
from muster.service.lookup import find_stack
from muster.service.wish import Wished

SAMPLE: Fields = {
    "value": Field(number(0, 1e12), "per instance in service", required=True),
    "at": Field(instant(), "when it was measured; default: now"),
}
FORCE: Mapping[str, Param] = {
    "force": Param("true: take the place of an update under way", {"type": "boolean"})
}
INSIST: Mapping[str, Param] = {
    "force": Param("true: wait for no host that does not answer", {"type": "boolean"})
}
LIMIT: Mapping[str, Param] = {
    "limit": Param("at most so many", {"type": "integer", "minimum": 1, "maximum": 1000})
}


async def create(call: Call) -> Response[Any]:
    """Create an autoscaled cluster."""
    ask, call.request.state.spelled = bodies.asked(await call.body(), new=True)

    async def prepare() -> Intent[Wished]:
        return await clusters.creation(call.desk, call.who, ask)

    return await wished(call, prepare)


@get("/v1/clusters/{identity:str}/{stack_id:str}")
async def show_stack(call: Asked, identity: Word, stack_id: Word) -> Details:
    """Show a cluster whole: instances with their health, scaling, update."""
    return details(await clusters.show(call.desk, _stack(call, identity, stack_id)))


def _stack(call: Call, name: str, id: str) -> Callable[[Transaction], Cluster]:
    def find(tx: Transaction) -> Cluster:
        return find_stack(tx, call.who, name, id)

    return find


@patch(
    "/v1/clusters/{identity:str}/{stack_id:str}",
    status_code=202,
    opt={"query": {**PLAN, **FORCE}, "body": bodies.CHANGES},
)
async def update_cluster(
    call: Asked, identity: Word, stack_id: Word
) -> Response[Details | PlanAnswer]:
    """Change sizes, rules, image, flavor and more; null takes a field back."""
    ask, call.request.state.spelled = bodies.asked(await call.body(), new=False)
    where, force = (identity, stack_id), call.flag("force")

    async def prepare() -> Intent[Wished]:
        return await changes.update(call.desk, call.who, where, ask, force=force)

    return await wished(call, prepare)


@delete(
    "/v1/clusters/{identity:str}/{stack_id:str}",
    status_code=202,
    opt={"query": {**PLAN, **INSIST}},
)
async def delete_cluster(
    call: Asked, identity: Word, stack_id: Word
) -> Response[Details | PlanAnswer]:
    """Delete a cluster with its instances, load balancer and DNS name."""
    force = call.flag("force")

    async def prepare() -> Intent[Wished]:
        return await clusters.deletion(call.desk, call.who, identity, stack_id, force=force)

    return await wished(call, prepare)


@post("/v1/clusters/{identity:str}/{stack_id:str}/pause", status_code=202, opt={"query": PLAN})
async def pause(call: Asked, identity: Word, stack_id: Word) -> Response[Details | PlanAnswer]:
    """Stop the rolling update where it is."""
    return await _turned(call, (identity, stack_id), "pause")


@post("/v1/clusters/{identity:str}/{stack_id:str}/resume", status_code=202, opt={"query": PLAN})
async def resume(call: Asked, identity: Word, stack_id: Word) -> Response[Details | PlanAnswer]:
    """Go on with the rolling update; a canary that is watched counts as good."""
    return await _turned(call, (identity, stack_id), "resume")


@post("/v1/clusters/{identity:str}/{stack_id:str}/rollback", status_code=202, opt={"query": PLAN})
async def rollback(call: Asked, identity: Word, stack_id: Word) -> Response[Details | PlanAnswer]:
    """Go back to the revision before."""
    return await _turned(call, (identity, stack_id), "rollback")


async def _turned(call: Call, where: tuple[str, str], verb: str) -> Response[Any]:
    async def prepare() -> Intent[Wished]:
        return await changes.turn(call.desk, call.who, where, verb)

    return await wished(call, prepare)


async def wished(call: Call, prepare: Prepare[Wished]) -> Response[Any]:
    """Answer a wish with the cluster as it is right after it; 200 where nothing had to change."""

    async def answer(made: Wished) -> Response[Details]:
        where = f"{base(call)}/v1/clusters/{made.cluster.name}/{made.cluster.id}"
        return Response(
            details(await clusters.after(call.desk, made)),
            status_code=202 if made.action else 200,
            headers={"Location": where},
        )

    return await carried_out(call, prepare, answer)


@get("/v1/clusters/{identity:str}/{stack_id:str}/decisions", opt={"query": LIMIT})
async def list_decisions(call: Asked, identity: Word, stack_id: Word) -> dict[str, Any]:
    """List scaling decisions, newest first."""
    limit = call.count("limit", 50, 1000)
    found = await decisions.listing(call.desk, call.who, (identity, stack_id), limit)
    return {"decisions": [render.decision(each) for each in found]}


@get("/v1/clusters/{identity:str}/{stack_id:str}/why", opt={"query": LIMIT})
async def why(call: Asked, identity: Word, stack_id: Word) -> dict[str, Any]:
    """Say why the cluster is as it is, and when that may change."""
    limit = call.count("limit", 5, 1000)
    because = await decisions.why(call.desk, call.who, (identity, stack_id), limit)
    return {
        "reason": because.reasons[0],
        "reasons": because.reasons,
        "decisions": [render.decision(each) for each in because.decisions],
    }


@post(
    "/v1/clusters/{identity:str}/{stack_id:str}/samples",
    status_code=202,
    opt={"query": PLAN, "body": SAMPLE},
)
async def push_sample(call: Asked, identity: Word, stack_id: Word) -> Response[Any]:
    """Take in a reading of metric custom, measured outside; rules may be about it."""
    reading = decisions.Reading(**await call.fields(SAMPLE))

    async def answer(taken: Pushed) -> Response[dict[str, Any]]:
        said = {"value": taken.mean, "at": moment(taken.at)}
        return Response({"sample": said}, status_code=202)

    where = (identity, stack_id)
    prepare = partial(decisions.push, call.desk, call.who, where, reading)
    return await carried_out(call, prepare, answer)


ROUTES = (
    show_stack,
    update_cluster,
    delete_cluster,
    pause,
    resume,
    rollback,
    list_decisions,
    why,
    push_sample,
)
