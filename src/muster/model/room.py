"""A small instance that has room for one balancer, on the network of those it balances."""

from dataclasses import dataclass
from uuid import UUID

from muster.model.observed import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOrder:
    cluster_id: UUID
    number: int  # one higher for each that takes the place of another
    name: str  # the cluster's, for people
    project: str
    network: str = ""  # the cloud's id of it; "": the usual one


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One as its cloud shows it."""

    ref: str
    cluster_id: UUID
    number: int
    seen: Seen
    address: str = ""  # "": none yet, or it does not run
    abandoned: bool = False  # unreachable, and its cloud holds its host dead
