"""Readings of metric prometheus: each cluster's own query, asked of its cloud's server."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from muster.base.errors import DriverError
from muster.base.log import log
from muster.engine.census import Known
from muster.engine.site import Reach
from muster.model.scaling import Metric
from muster.ports.metrics import Metrics

AT_ONCE = 16


async def queried(reach: Reach, crowd: Sequence[Known]) -> Mapping[UUID, float | None]:
    """Return by cluster what the queries give now, None where they give nothing.

    All of them together take as long as the slowest, and what goes wrong with one is
    missing data for its cluster only.
    """
    metrics = reach.cloud.metrics
    asking = {each.cluster.id: _query(each) for each in crowd}
    asking = {id: query for id, query in asking.items() if query}
    if metrics is None or not asking:
        return {}
    turns = asyncio.Semaphore(AT_ONCE)
    found = await asyncio.gather(
        *(_value(metrics, turns, id, query) for id, query in asking.items())
    )
    return dict(zip(asking, found, strict=True))


def _query(known: Known) -> str:
    rules = known.cluster.scaling
    return rules.query if rules and Metric.PROMETHEUS in rules.metrics else ""


async def _value(
    metrics: Metrics, turns: asyncio.Semaphore, cluster_id: UUID, query: str
) -> float | None:
    async with turns:
        try:
            return await metrics.value(query)
        except DriverError as error:
            log().warning("query.failed", cluster=str(cluster_id), reason=error.text)
            return None
