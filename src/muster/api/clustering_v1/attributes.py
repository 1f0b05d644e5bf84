"""One attribute of every member of a cluster, by a path into what is shown of a node."""

from typing import Any

import msgspec
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.jsonpath import JSONPath
from jsonpath_ng.parser import parse
from litestar import get
from litestar.params import FromPath

from muster.api.call import Asked, Word
from muster.api.clustering_v1 import render
from muster.api.clustering_v1.asking import minor, serves
from muster.api.clustering_v1.bodies import refusal
from muster.base.errors import Invalid
from muster.service.clustering import views
from muster.service.clustering.details import details_of

_LONGEST = 255
MISSING = "Required path attribute is missing."


@get("/v1/clusters/{identity:str}/attrs/{path:path}", opt=serves(since=2))
async def collect(
    call: Asked, identity: Word, path: FromPath[str]
) -> dict[str, list[dict[str, Any]]]:
    """Collect one attribute of every node; a node that has none is left out."""
    wanted = path.removeprefix("/").strip()
    if not wanted or wanted == "None":
        raise refusal(MISSING)
    way = _parsed(wanted)
    seen = await views.of_cluster(call.desk, call.who, identity)
    asked = "details" in wanted
    told = await details_of(call.desk, [each.node for each in seen]) if asked else {}
    found = []
    for each in seen:
        details = told.get(each.node.id, msgspec.UNSET)
        shown = render.node(each.node, each.profile_name, minor(call.request), details)
        values = way.find(msgspec.to_builtins(shown))
        if values:
            found.append({"id": str(each.node.id), "value": values[0].value})
    return {"cluster_attributes": found}


@get("/v1/clusters/{identity:str}/attrs", opt=serves(since=2))
async def collect_nothing(call: Asked, identity: Word) -> None:
    """Refuse: nobody said which attribute."""
    raise refusal(MISSING)


def _parsed(said: str) -> JSONPath:
    if len(said) > _LONGEST:
        raise Invalid(f"Invalid attribute path - more than {_LONGEST} characters.")
    try:
        return parse(said)
    except JSONPathError as error:
        raise Invalid(f"Invalid attribute path - {error}.") from None


ROUTES = (collect, collect_nothing)
