"""Which versions of the API there are, told to whoever asks, and to whoever is lost."""

from typing import Any

from litestar import Request, Response, get

from muster.api.call import Asked, here
from muster.api.clustering_v1.versions import NEWEST

_ANYTHING = frozenset({"", "*/*"})


def _version(base: str) -> dict[str, Any]:
    return {
        "id": "1.0",
        "status": "CURRENT",
        "updated": "2016-01-18T00:00:00Z",
        "media-types": [
            {"base": "application/json", "type": "application/vnd.openstack.clustering-v1+json"}
        ],
        "links": [
            {"rel": "self", "href": f"{base}/v1"},
            {"rel": "help", "href": f"{base}/docs"},
        ],
        "min_version": "1.0",
        "max_version": f"1.{NEWEST}",
    }


@get(["/", "/versions"], status_code=300)
async def versions(call: Asked) -> dict[str, Any]:
    """List the versions of the API."""
    return {"versions": [_version(here(call.request))]}


@get(["/v1", "/v1.0"])
async def version(call: Asked) -> dict[str, Any]:
    """Show version 1 of the API."""
    return {"version": _version(here(call.request))}


def way_back(request: Request[Any, Any, Any]) -> Response[dict[str, Any]] | None:
    """Return the list of versions for a path outside of all of them, None for other paths.

    Who asks for some kind of content in particular would not know what to do with it.
    """
    first = request.scope["path"].split("/")[1]
    if first in ("v1", "v1.0") or request.headers.get("accept", "") not in _ANYTHING:
        return None
    return Response({"versions": [_version(here(request))]}, status_code=300)


OPEN = (versions, version)  # asked without saying who one is
