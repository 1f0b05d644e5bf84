"""Errors as the clustering API words them, and the only place that knows its types of fault."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from muster.api.cookie import challenge
from muster.api.faults import STATUS
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
    Unsupported,
)
from muster.base.log import log

MALFORMED = (
    "The server could not comply with the request since it is either malformed or otherwise "
    "incorrect."
)
# status -> title, explanation
WORDS: Mapping[int, tuple[str, str]] = {
    400: ("Bad Request", MALFORMED),
    401: ("Unauthorized", "The request you have made requires authentication."),
    403: ("Forbidden", "Access was denied to this resource."),
    404: ("Not Found", "The resource could not be found."),
    406: ("Not Acceptable", MALFORMED),
    409: ("Conflict", "There was a conflict when trying to complete your request."),
    429: ("Too Many Requests", "This is asked more often than is allowed here."),
    500: (
        "Internal Server Error",
        "The server has either erred or is incapable of performing the requested operation.",
    ),
    502: ("Bad Gateway", "The cloud refuses this."),
    503: ("Service Unavailable", "Something this depends on does not answer now; try again."),
}
# What an error is called where it does not say so itself in `details["type"]`.
TYPES: tuple[tuple[type[MusterError], str], ...] = (
    (Invalid, "BadRequest"),
    (Unsupported, "BadRequest"),
    (QuotaExceeded, "OverQuota"),
    (Forbidden, "Forbidden"),
    (NotFound, "ResourceNotFound"),
    (Conflict, "ActionConflict"),
    (Stale, "ActionConflict"),
    (TooOften, "TooManyRequests"),
    (Permanent, "ProfileOperationFailed"),
    (Transient, "ServiceUnavailable"),
    (Unavailable, "ServiceUnavailable"),
)
# Types whose status is not that of their class. ESchema: clients of old assert the 500.
STATUS_OF_TYPE: Mapping[str, int] = {
    "InvalidGlobalAPIVersion": 406,
    "ESchema": 500,
    "ProfileOperationFailed": 500,
}
# Conflicts that pass by themselves; whoever meets one may come again soon.
PASSING = frozenset({"ResourceIsLocked", "ActionConflict", "ActionCooldown", "ActionInProgress"})
_AGAIN_S = "1"
_LARGEST = 2**20


def fault(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Return the answer for an error. An unknown one is logged whole and shown as an id."""
    if isinstance(error, MusterError) and _status(error):
        status, said = body_of(error)
        return _answer(status, said, _headers(request, error, said))
    if isinstance(error, HTTPException) and error.status_code < 500:
        status, said = _http(request, error)
        return _answer(status, said, {})
    id = request.state.get("request_id", "")
    log().error("internal_error", request=id, path=request.url.path, exc_info=error)
    return _answer(500, _body(500, "InternalError", f"internal error; its id is {id}"), {})


def _status(error: MusterError) -> int | None:
    named = STATUS_OF_TYPE.get(str(error.details.get("type", "")))
    return named or next((status for kind, status in STATUS if isinstance(error, kind)), None)


def body_of(error: MusterError) -> tuple[int, dict[str, Any]]:
    """Return status and body of an expected error.

    Of the field at fault and the rest of what is wrong, bodies tell more than they used to.
    """
    kind = next((name for each, name in TYPES if isinstance(error, each)), "")
    kind = str(error.details.get("type") or kind)
    status = STATUS_OF_TYPE.get(kind) or _status(error) or 500
    if status == 401:
        return 401, {"error": {"code": 401, "title": "Unauthorized", "message": error.text}}
    return status, _body(status, kind, error.text)


def _body(status: int, kind: str, message: str) -> dict[str, Any]:
    title, explanation = WORDS[status]
    return {
        "code": status,
        "title": title,
        "explanation": explanation,
        "error": {"code": status, "type": kind, "message": message},
    }


def _headers(
    request: Request[Any, Any, Any], error: MusterError, said: Mapping[str, Any]
) -> dict[str, str]:
    status = said["error"]["code"]
    if isinstance(error, TooOften):
        return {"Retry-After": str(error.details.get("retry_after_s", _AGAIN_S))}
    if status == 401:
        return challenge(request)
    passing = status == 503 or said["error"]["type"] in PASSING
    return {"Retry-After": _AGAIN_S} if passing else {}


def _http(request: Request[Any, Any, Any], error: HTTPException) -> tuple[int, dict[str, Any]]:
    if error.status_code in (404, 405):
        return 404, _body(404, "HTTPNotFound", WORDS[404][1])
    if error.status_code == 413:
        size = request.headers.get("content-length", "more")
        text = f"Request limit exceeded: JSON body size ({size} bytes) exceeds maximum allowed size"
        return 400, _body(400, "RequestLimitExceeded", f"{text} ({_LARGEST} bytes).")
    return 400, _body(400, "HTTPBadRequest", error.detail or MALFORMED)


def _answer(
    status: int, said: Mapping[str, Any], headers: Mapping[str, str]
) -> Response[dict[str, Any]]:
    return Response(
        dict(said), status_code=status, headers=dict(headers), media_type="application/json"
    )
