"""The route of what goes through a load balancer."""

import msgspec
from litestar import get

from muster.api.call import Asked, Word
from muster.api.words import exact
from muster.service.traffic import traffic


class TrafficOut(msgspec.Struct):
    """Counters as they stand, null without a load balancer: a rate is what two readings make."""

    at: str | None = None
    requests: int | None = None
    errors: int | None = None
    open_requests: int | None = None


@get("/v1/clusters/{identity:str}/{stack_id:str}/traffic")
async def show_traffic(call: Asked, identity: Word, stack_id: Word) -> TrafficOut:
    """Show how many requests the cluster's load balancer has taken, and how many are under way."""
    seen = await traffic(call.desk, call.who, (identity, stack_id))
    if seen is None:
        return TrafficOut()
    return TrafficOut(
        at=exact(seen.at), requests=seen.requests, errors=seen.errors, open_requests=seen.open
    )


ROUTES = (show_traffic,)
