"""What goes through a cluster's load balancer now."""

from dataclasses import dataclass
from datetime import datetime

from muster.model.who import Who
from muster.service.desk import Desk
from muster.service.lookup import find_stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Counters as they stand; a rate is what two readings differ by."""

    at: datetime
    requests: int  # ever
    errors: int  # ever
    open: int  # under way now


async def traffic(desk: Desk, who: Who, where: tuple[str, str]) -> Traffic | None:
    """Return what its load balancer has counted, None for a cluster that has none yet.

    `where` is name and id. A load balancer that starts anew may count from the beginning.
    """
    cluster = await desk.store.read(lambda tx: find_stack(tx, who, *where))
    cloud = desk.clouds.get(cluster.cloud)
    if cluster.service is None or cloud is None or cloud.balancer is None:
        return None
    pool = await cloud.balancer.pool(cluster.id)
    if pool is None:
        return None
    return Traffic(
        at=desk.clock.now(), requests=pool.requests, errors=pool.errors, open=pool.waiting
    )
