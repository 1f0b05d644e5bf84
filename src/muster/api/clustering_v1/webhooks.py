"""The one route that asks nobody who he is: whoever knows a webhook's address may use it."""

from typing import Any

from litestar import Response, post

from muster.api.call import Asked, Call, Param, Word
from muster.api.clustering_v1.asking import accepted, minor, serves
from muster.api.clustering_v1.bodies import MAP, Field, raw, refusal, values
from muster.service import receivers

BARE = 10  # the first microversion in which the body is the parameters, whatever V says
_WRAPPED = {"params": Field(kind=MAP, null=True)}
_V = {"V": Param("1: parameters are wrapped in the key `params`; 2: they are the body")}


@post(
    "/v1/webhooks/{identity:str}/trigger",
    status_code=202,
    opt=serves(query=_V) | {"any_query": True},
    security=[],
)
async def trigger(call: Asked, identity: Word) -> Response[dict[str, str]]:
    """Set off the action of a webhook. What the body says comes before its own parameters.

    Other words in the address are for people: they count for nothing.
    """
    if "V" not in call.request.query_params:
        raise refusal("V query parameter is required in webhook trigger URL")
    action = await receivers.set_off(call.desk, identity, await _params(call))
    return accepted(call, {"action": str(action.id)}, action.id)


async def _params(call: Call) -> dict[str, Any]:
    said = await raw(call.request) or {}
    if minor(call.request) >= BARE or call.word("V") != "1":
        return said
    return values(call.request, _WRAPPED, said).get("params") or {}


ROUTES = (trigger,)
