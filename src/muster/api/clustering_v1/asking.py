"""A request of the clustering API: what its route declares, and what is checked by that."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from litestar import Request, Response
from litestar.datastructures import State

from muster.api.call import Call, Param, base
from muster.api.clustering_v1.bodies import Body
from muster.base.errors import Invalid
from muster.model.who import Right, Who
from muster.ports.store import Query

FORCE: Mapping[str, Param] = {"force": Param("true: whatever it is busy with", {"type": "boolean"})}


def serves(
    *,
    since: int = 0,
    query: Mapping[str, Param] | None = None,
    body: Body | None = None,
    right: Right | None = None,
) -> dict[str, Any]:
    """Return what a route declares: the first microversion (1.`since`) that knows it, and more."""
    declared: dict[str, Any] = {"since": since, "query": query or {}, "right": right}
    return declared | ({"body_schema": body.schema} if body else {})


def check(request: Request[Who, Any, State]) -> None:
    """Raise `Invalid` for a method that is newer than the request, and for unknown parameters."""
    opt = request.route_handler.opt
    since(request, opt.get("since", 0))
    for name in () if opt.get("any_query") else request.query_params:
        if name not in opt.get("query", {}):
            said = f"'{name}'" if opt.get("quoted") else name
            raise Invalid(f"Invalid parameter {said}", field=name, type="HTTPBadRequest")


def since(request: Request[Any, Any, State], first: int) -> None:
    """Raise `Invalid` where the request speaks an older microversion than 1.`first`."""
    if minor(request) < first:
        text = f"API version '1.{minor(request)}' is not supported on this method."
        raise Invalid(text, type="MethodVersionNotFound")


def minor(request: Request[Any, Any, State]) -> int:
    """Return the minor number of the microversion that the request speaks."""
    asked: int = request.state.get("microversion", 0)
    return asked


def meant(wanted: Query, minor: int, since: Mapping[str, int]) -> Query:
    """Return the query without the filters that the microversion does not know: they are ignored.

    `since` says of a filter which microversion (1.`minor`) was the first to have it.
    """
    known = {key: said for key, said in wanted.where.items() if since.get(key, 0) <= minor}
    return replace(wanted, where=known)


def flag(call: Call, name: str) -> bool:
    """Return a query parameter that is true or false, false if it was not given."""
    said = call.word(name)
    if said.lower() not in ("", "true", "false"):
        text = f"Invalid value '{said}' specified for '{name}'"
        raise Invalid(text, field=name, type="HTTPBadRequest")
    return said.lower() == "true"


def accepted(call: Call, said: Any, action_id: object) -> Response[Any]:
    """Answer 202 with where the action is that brings it about."""
    where = f"{base(call)}/v1/actions/{action_id}"
    return Response(said, status_code=202, headers={"Location": where})
