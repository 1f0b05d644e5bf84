"""What the service says about itself: health, metrics, its own document."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import MediaType, Request, Response, get
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from muster.api.call import Asked
from muster.base.errors import StoreError
from muster.model.who import Right
from muster.ports.store import Transaction

LATE_S = 30.0  # a cluster that waits longer than this for a look: the engine is stuck
Lag = Callable[[], Awaitable[tuple[int, float]]]


@get("/healthz")
async def healthz(call: Asked) -> Response[dict[str, Any]]:
    """Say whether the store can be written and the engine keeps up: 200, or 503 with why."""
    now = call.desk.clock.now()

    def work(tx: Transaction) -> tuple[int, float]:
        tx.settings.put("healthz", now.isoformat())
        return tx.marks.lag(now)

    lag: Lag | None = call.request.app.state.engine_lag
    try:
        waiting, seconds = await call.desk.store.write(work)
        waiting, seconds = await lag() if lag else (waiting, seconds)
    except StoreError as error:
        return Response({"status": "down", "store": error.text}, status_code=503)
    late = seconds > LATE_S
    why = f"{waiting} clusters wait for a look, the first for {seconds:.0f} s" if late else "ok"
    said = {"status": "late" if late else "ok", "store": "ok", "engine": why, "lag_s": seconds}
    return Response(said, status_code=503 if late else 200)


@get("/metrics", media_type=MediaType.TEXT, opt={"right": Right.OPERATE})
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return what Prometheus reads."""
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


@get("/openapi.json", include_in_schema=False)
async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the OpenAPI 3.1 document of this service."""
    return Response(request.app.state.document(), media_type=MediaType.JSON)


@get("/docs", include_in_schema=False)
async def docs(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the reference for people, made of the same document."""
    return Response(request.app.state.pages(), media_type=MediaType.HTML)


OPEN = (healthz, openapi, docs)  # asked without saying who one is
GUARDED = (metrics,)
