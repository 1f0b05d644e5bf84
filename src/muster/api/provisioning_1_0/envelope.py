"""What every answer of this surface is wrapped in, its errors included; and ETags."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from muster.api.call import Call
from muster.base.errors import (
    Changed,
    Forbidden,
    Lacking,
    MusterError,
    NotFound,
    Permanent,
    QuotaExceeded,
    Refused,
    Transient,
    Unavailable,
    Unknown,
)
from muster.base.log import log

T = TypeVar("T")

# The first class that fits decides. What is not here is our own fault: 500, and no details.
STATUS: tuple[tuple[type[MusterError], int], ...] = (
    (Changed, 412),
    (Unknown, 403),
    (QuotaExceeded, 403),
    (Forbidden, 403),
    (NotFound, 404),
    (Lacking, 409),
    (Refused, 400),  # what is wrong, taken, busy, or not possible here
    (Permanent, 500),
    (Transient, 500),
    (Unavailable, 503),
)
_WHY = "This is not as you have seen it: somebody changed it meanwhile"


def done(metadata: Any = None, status: int = 200, location: str = "") -> Response[Any]:
    """Return an answer that all is well."""
    said = {
        "type": "sync",
        "status": "Success",
        "status_code": 200,
        "operation": "",
        "error_code": 0,
        "error": "",
        "metadata": {} if metadata is None else metadata,
    }
    headers = {"Location": location} if location else {}
    return Response(said, status_code=status, headers=headers)


def begun(metadata: Mapping[str, Any], operation: str) -> Response[Any]:
    """Return an answer that something has begun, and where it says how far it is."""
    said = {
        "type": "async",
        "status": "Operation created",
        "status_code": 100,
        "operation": operation,
        "error_code": 0,
        "error": "",
        "metadata": metadata,
    }
    return Response(said, status_code=202, headers={"Location": operation})


def tagged(shown: Mapping[str, Any], settable: Mapping[str, Any]) -> Response[Any]:
    """Return an object with the ETag that holds a change to what is settable of it."""
    answer = done(shown)
    answer.set_header("ETag", f'"{etag(settable)}"')
    return answer


def etag(settable: Mapping[str, Any]) -> str:
    """Return what an object is known by: another as soon as something settable is."""
    return sha256(msgspec.json.encode(settable, order="sorted")).hexdigest()


def held_to(call: Call, settable: Callable[[T], Mapping[str, Any]]) -> Callable[[T], None]:
    """Return what raises `Changed` for an object that is not what If-Match says, if it does."""
    wanted = call.request.headers.get("if-match", "").removeprefix("W/").strip('"')

    def check(there: T) -> None:
        if wanted not in ("", "*", etag(settable(there))):
            raise Changed(_WHY)

    return check


def fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Return the answer for an error. An unknown one is logged whole and shown as an id."""
    if isinstance(error, MusterError):
        for kind, status in STATUS:
            if isinstance(error, kind):
                return _refused(status, error.text, _told(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        lost = error.status_code in (404, 405)
        text = f"there is no {request.method} {request.url.path} here" if lost else error.detail
        return _refused(404 if lost else error.status_code, text, None)
    id = request.state.get("request_id", "")
    log().error("internal_error", request=id, path=request.url.path, exc_info=error)
    return _refused(500, f"internal error; its id is {id}", None)


def _told(error: MusterError) -> Any:
    """Return the findings of an error one by one, where it has any."""
    faults = error.details.get("errors")
    if isinstance(faults, tuple):
        return {"errors": [{"field": each.field, "message": each.message} for each in faults]}
    if "field" in error.details:
        return {"errors": [{"field": str(error.details["field"]), "message": error.text}]}
    return None


def _refused(status: int, text: str, metadata: Any) -> Response[Any]:
    if metadata:
        text = "; ".join(f"{each['field']}: {each['message']}" for each in metadata["errors"])
    said = {
        "type": "error",
        "status": "",
        "status_code": 0,
        "operation": "",
        "error_code": status,
        "error": text,
        "metadata": metadata,
    }
    return Response(said, status_code=status)
