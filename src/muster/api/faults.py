"""Errors as the HTTP of the product's own surface, and the only place that knows their status."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from muster.api.cookie import challenge
from muster.base.errors import (
    Conflict,
    Forbidden,
    Invalid,
    MusterError,
    NotFound,
    Permanent,
    QuotaExceeded,
    Stale,
    TooOften,
    Transient,
    Unavailable,
    Unknown,
    Unsupported,
)
from muster.base.log import log
from muster.service.ask import Fault

# The first class that fits decides. What is not here is our own fault: 500, and no details.
STATUS: tuple[tuple[type[MusterError], int], ...] = (
    (Invalid, 400),
    (Unsupported, 400),
    (Unknown, 401),
    (Forbidden, 403),
    (QuotaExceeded, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Stale, 409),
    (TooOften, 429),
    (Permanent, 502),  # a cloud said never
    (Transient, 503),  # a cloud said not now
    (Unavailable, 503),
)
TITLES: Mapping[int, tuple[str, str]] = {
    400: ("Bad Request", "The request contradicts itself or the contract."),
    401: ("Unauthorized", "The service does not know who is asking."),
    403: ("Forbidden", "The caller may not do this."),
    404: ("Not Found", "There is nothing at this place, or not for this caller."),
    409: ("Conflict", "The thing is busy, taken, or has changed."),
    413: ("Content Too Large", "The body is larger than what is taken here."),
    429: ("Too Many Requests", "This is asked more often than is allowed here."),
    500: ("Internal Server Error", "The service broke one of its own rules."),
    502: ("Bad Gateway", "The cloud refuses this."),
    503: ("Service Unavailable", "Something this depends on does not answer now; try again."),
}
_AGAIN_S = "2"


def fault(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Return the answer for an error. An unknown one is logged whole and shown as an id."""
    if isinstance(error, MusterError):
        for kind, status in STATUS:
            if isinstance(error, kind):
                return _told(request, status, error)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _http(request, error)
    id = request.state.get("request_id", "")
    log().error("internal_error", request=id, path=request.url.path, exc_info=error)
    return answer(500, {"type": "internal", "message": f"internal error; its id is {id}"})


def _told(request: Request[Any, Any, Any], status: int, error: MusterError) -> Response[Any]:
    spelled: Mapping[str, str] = request.state.get("spelled", {})
    said: dict[str, Any] = {"type": error.code, "message": error.text}
    faults = error.details.get("errors")
    if isinstance(faults, tuple):
        told = [respelled(each, spelled) for each in faults]
        said["errors"] = [{"field": f.field, "message": f.message} for f in told]
        said["field"] = told[0].field
        said["message"] = "; ".join(f"{f.field}: {f.message}" for f in told)
    elif "field" in error.details:
        named = respelled(Fault(str(error.details["field"]), error.text), spelled)
        said["field"] = named.field
        said["errors"] = [{"field": named.field, "message": named.message}]
    headers = {"Retry-After": _AGAIN_S} if status == 503 else {}
    if status == 401:
        headers = challenge(request)
    return answer(status, said, headers)


def respelled(found: Fault, spelled: Mapping[str, str]) -> Fault:
    """Return the fault with the field as the caller wrote it, as far as he wrote it."""
    path = found.field
    if path in spelled:
        return Fault(spelled[path], found.message)
    root = path.split(".")[0].split("[")[0]
    if root not in spelled:
        return found
    return Fault(spelled[root] + path[len(root) :], found.message)


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if error.status_code in (404, 405):
        text = f"there is no {request.method} {request.url.path} here"
        return answer(404, {"type": "not_found", "message": text})
    status = error.status_code if error.status_code in TITLES else 400
    return answer(status, {"type": "invalid", "message": error.detail})


def answer(
    status: int, said: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response[dict[str, Any]]:
    """Return a refusal that says so much of itself."""
    title, explanation = TITLES[status]
    return Response(
        {
            "code": status,
            "title": title,
            "explanation": explanation,
            "error": {"code": status, **said},
        },
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json",
    )
