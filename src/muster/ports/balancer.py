"""Load balancers, as far as Muster cares about them."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from muster.model.pool import Front, PoolSeen, PoolWanted


class Balancer(Protocol):
    """Pools of members behind an address. Every call may raise `DriverError`."""

    async def list_pools(self) -> Sequence[UUID]:
        """Return the cluster ids of all pools of this installation."""
        ...

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        """Return the pool as it is in force, with its members' health and counts."""
        ...

    async def put_pool(self, wanted: PoolWanted) -> str:
        """Make the pool exactly so, and return the address that clients connect to.

        The whole pool in one call: members that are not named are taken out, whatever
        they were doing. Putting the same twice changes nothing. No connection of
        another pool, nor of a member that stays, is dropped by it. Raises `Permanent`
        if the front cannot be had (port taken, certificate unreadable).
        """
        ...

    async def remove_pool(self, cluster_id: UUID) -> None:
        """Have the pool and its address go away. One already gone is no error."""
        ...

    async def refusal(self, front: Front) -> str | None:
        """Return why this front cannot be had (protocol, port taken), or None. Changes nothing."""
        ...


class NetworkBalancer(Balancer, Protocol):
    """A balancer that some networks of a cloud have of their own."""

    async def serves(self, front: Front) -> bool:
        """Return whether the pool of such a front is this balancer's, and no other's."""
        ...
