"""The whole API: surfaces, guard, errors, document, put together."""

from functools import cache, partial
from typing import Any

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from prometheus_client import REGISTRY, CollectorRegistry

from muster.api import about, document
from muster.api.autoscaling_v1 import catalog, clusters, instances, records, stream
from muster.api.call import Call, check_query
from muster.api.faults import fault
from muster.api.guard import Door, guard
from muster.api.http import Watched
from muster.ports.identity import Identity
from muster.service.desk import Desk

BODY_LIMIT = 2**20  # bytes; images have their own
HANDLERS = (
    *clusters.ROUTES,
    *catalog.ROUTES,
    *instances.ROUTES,
    *records.ROUTES,
    *stream.ROUTES,
    *about.GUARDED,
)


def build(
    desk: Desk,
    identity: Identity,
    engine_lag: about.Lag | None = None,
    *,
    loopback_names: bool = False,
    registry: CollectorRegistry = REGISTRY,
) -> Litestar:
    """Return the application. `loopback_names`: answer only to names of the loopback."""

    async def the_call(request: Request[Any, Any, State]) -> Call:
        check_query(request)
        return Call(desk, request)

    guarded = Router("/", route_handlers=list(HANDLERS), guards=[guard])
    app = Litestar(
        route_handlers=[guarded, *about.OPEN],
        dependencies={"call": Provide(the_call)},
        exception_handlers={Exception: fault},
        request_max_body_size=BODY_LIMIT,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Muster",
            version="1",
            path="/.openapi",
            render_plugins=[],
            use_handler_docstrings=True,
        ),
        state=State(
            {
                "desk": desk,
                "door": Door(identity=identity, loopback_names=loopback_names),
                "engine_lag": engine_lag,
                "registry": registry,
            }
        ),
    )
    app.state.document = cache(partial(document.encoded, app))
    app.state.pages = cache(partial(document.pages, app))
    app.asgi_handler = Watched(app.asgi_handler, registry)
    return app
