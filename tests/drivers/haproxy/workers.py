"""The processes of a HAProxy that serve."""

from drivers.balancers.beds import Bed
from muster.drivers.balancers.haproxy import control


async def workers(bed: Bed) -> list[int]:
    """The processes of all workers, the present one first."""
    now, before = await control.workers(bed.folder.path / bed.run.master)
    return [*now, *before]
