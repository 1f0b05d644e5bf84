"""The routes of what serves here: revisions, and the engines that were heard of."""

from datetime import timedelta
from typing import Any

from litestar import get

from muster.api.call import Asked
from muster.api.clustering_v1.asking import serves
from muster.api.words import moment
from muster.base.errors import Forbidden
from muster.model.engine import EngineSeen
from muster.model.who import Right
from muster.ports.store import Query

REVISION = "1.0"
SILENT = timedelta(seconds=60)  # an engine not heard of for so long is down


@get("/v1/build-info", opt=serves())
async def build_info(call: Asked) -> dict[str, Any]:
    """Say which revisions of API and engine serve here."""
    return {"build_info": {"api": {"revision": REVISION}, "engine": {"revision": REVISION}}}


@get("/v1/services", opt=serves())
async def list_services(call: Asked) -> dict[str, list[dict[str, Any]]]:
    """List the engines, and when they were last heard of; for whoever operates the service."""
    if not call.who.may(Right.OPERATE):
        raise Forbidden("You are not authorized to complete this operation.")
    silent = call.desk.clock.now() - SILENT
    seen = await call.desk.store.read(
        lambda tx: tx.engines.find(Query(sort=(("host", False), ("seen_at", True))))
    )
    return {"services": [_service(each, up=each.seen_at >= silent) for each in seen]}


def _service(engine: EngineSeen, *, up: bool) -> dict[str, Any]:
    return {
        "id": str(engine.id),
        "binary": engine.binary,
        "host": engine.host,
        "topic": engine.topic,
        "status": "enabled",
        "state": "up" if up else "down",
        "disabled_reason": None,
        "updated_at": moment(engine.seen_at),
    }


ROUTES = (build_info, list_services)
