"""The whole API: surfaces, guard, errors, document, put together."""

from copy import copy
from functools import cache
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.types import ExceptionHandlersMap
from prometheus_client import REGISTRY, CollectorRegistry

from muster.api import about, dispatch, document, faults, session
from muster.api.autoscaling_v1 import (
    callers,
    catalog,
    clouds,
    clusters,
    hosts,
    instances,
    networks,
    simulation,
    stream,
    terminal,
    traffic,
    volumes,
)
from muster.api.call import Call, check_query
from muster.api.clustering_v1 import about as revisions
from muster.api.clustering_v1 import (
    actions,
    asking,
    attributes,
    cluster_actions,
    cluster_policies,
    discovery,
    events,
    metadata,
    nodes,
    policies,
    profiles,
    queues,
    receivers,
    types,
    webhooks,
)
from muster.api.clustering_v1 import clusters as plain_clusters
from muster.api.clustering_v1 import faults as clustering_faults
from muster.api.clustering_v1.versions import Versioned
from muster.api.console import Console
from muster.api.enrolment import ways
from muster.api.guard import Door, guard
from muster.api.http import Watched
from muster.api.provisioning_1_0 import bulk as bulk_updates
from muster.api.provisioning_1_0 import (
    channels,
    desired,
    inventory,
    passing,
    seeds,
    servers,
    system,
    templates,
    warnings,
)
from muster.api.provisioning_1_0 import clusters as server_clusters
from muster.api.provisioning_1_0 import envelope as provisioning_faults
from muster.api.provisioning_1_0 import orders as server_orders
from muster.api.provisioning_1_0 import tokens as machine_tokens
from muster.api.vclusters_v2 import vclusters
from muster.ports.identity import Identity
from muster.service.desk import Desk

BODY_LIMIT = 2**20  # bytes; images have their own
HANDLERS = (
    *clusters.ROUTES,
    *simulation.ROUTES,
    *traffic.ROUTES,
    *hosts.ROUTES,
    *catalog.ROUTES,
    *instances.ROUTES,
    *terminal.ROUTES,
    *volumes.ROUTES,
    *networks.ROUTES,
    *clouds.ROUTES,
    *callers.ROUTES,
    *stream.ROUTES,
    *vclusters.ROUTES,
    *ways.ROUTES,
    *about.GUARDED,
)
CLUSTERING = (
    *dispatch.ROUTES,
    *plain_clusters.ROUTES,
    *cluster_actions.ROUTES,
    *cluster_policies.ROUTES,
    *attributes.ROUTES,
    *metadata.ROUTES,
    *nodes.ROUTES,
    *actions.ROUTES,
    *events.ROUTES,
    *receivers.ROUTES,
    *queues.ROUTES,
    *profiles.ROUTES,
    *policies.ROUTES,
    *types.ROUTES,
    *revisions.ROUTES,
)
PROVISIONING = (
    *machine_tokens.ROUTES,
    *seeds.ROUTES,
    *servers.ROUTES,
    *templates.ROUTES,
    *server_clusters.ROUTES,
    *server_orders.ROUTES,
    *passing.ROUTES,
    *channels.ROUTES,
    *bulk_updates.ROUTES,
    *desired.ROUTES,
    *inventory.ROUTES,
    *warnings.ROUTES,
    *system.ROUTES,
)
OPEN_PROVISIONING = (*servers.OPEN, *seeds.OPEN, *system.OPEN)
OPEN_CLUSTERING: tuple[HTTPRouteHandler, ...] = webhooks.ROUTES  # asked without saying who one is


# Note [Routes are made once]
# Litestar works every handler out anew for each application, a quarter of a second for ours.
# What comes of it knows nobody: desk, identity and counters are in the state, which each
# application has for itself. So routes are made once a process, and applications are copies.
def build(
    desk: Desk,
    identity: Identity,
    engine_lag: about.Lag | None = None,
    *,
    loopback_names: bool = False,
    registry: CollectorRegistry = REGISTRY,
) -> Litestar:
    """Return the application. `loopback_names`: answer only to names of the loopback."""
    app = copy(_routed())
    app.state = State(
        {
            "desk": desk,
            "door": Door(identity=identity, loopback_names=loopback_names),
            "engine_lag": engine_lag,
            "registry": registry,
            "document": _document,
            "pages": _pages,
        }
    )
    routes = (route.path for route in app.routes)
    app.asgi_handler = Watched(Console(Versioned(app.asgi_handler), routes), registry)
    return app


@cache
def _routed() -> Litestar:
    """Return an application that serves nobody yet. See Note [Routes are made once]."""
    guarded = Router("/", route_handlers=list(HANDLERS), guards=[guard])
    clustering, doors = (
        Router(
            "/",
            route_handlers=list(routes),
            guards=guards,
            dependencies={"call": Provide(_clustering_call)},
            opt={"surface": "clustering"},
        )
        for routes, guards in ((CLUSTERING, [guard]), (OPEN_CLUSTERING, []))
    )
    machines, registering = (
        Router("/", route_handlers=list(routes), guards=guards)
        for routes, guards in (
            (PROVISIONING, [guard]),
            ((*servers.OPEN, *seeds.OPEN, *system.OPEN), []),
        )
    )
    return Litestar(
        route_handlers=[
            *(guarded, clustering, doors, machines, registering),
            *discovery.OPEN,
            *about.OPEN,
            *session.OPEN,
        ],
        dependencies={"call": Provide(_call)},
        exception_handlers=ON_ERROR,
        request_max_body_size=BODY_LIMIT,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Muster",
            version="1",
            path="/.openapi",
            render_plugins=[],
            use_handler_docstrings=True,
        ),
    )


async def _call(request: Request[Any, Any, State]) -> Call:
    check_query(request)
    return Call(request.app.state.desk, request)


async def _clustering_call(request: Request[Any, Any, State]) -> Call:
    asking.check(request)
    return Call(request.app.state.desk, request)


@cache
def _document() -> bytes:
    return document.encoded(_routed())


@cache
def _pages() -> bytes:
    return document.pages(_routed())


def fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Return the answer for an error in the words of the surface that was asked."""
    if request.scope["path"].startswith("/1.0/"):
        return provisioning_faults.fault(request, error)
    handler = request.scope.get("route_handler")
    lost = isinstance(error, NotFoundException | MethodNotAllowedException)
    if lost and (back := discovery.way_back(request)):
        return back
    surface = request.state.get("surface") or (handler.opt.get("surface") if handler else "")
    if surface == "clustering":
        return clustering_faults.fault(request, error)
    return faults.fault(request, error)


ON_ERROR: ExceptionHandlersMap = {Exception: fault}  # of each application that answers for us
