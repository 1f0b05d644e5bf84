"""What clusters of Incus have: one record for each thing of each kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

_NIL = UUID(int=0)


class Kind(StrEnum):
    IMAGES = "images"
    INSTANCES = "instances"
    NETWORKS = "networks"
    NETWORK_ACLS = "network_acls"
    NETWORK_ADDRESS_SETS = "network_address_sets"
    NETWORK_FORWARDS = "network_forwards"
    NETWORK_INTEGRATIONS = "network_integrations"
    NETWORK_LOAD_BALANCERS = "network_load_balancers"
    NETWORK_PEERS = "network_peers"
    NETWORK_ZONES = "network_zones"
    PROFILES = "profiles"
    PROJECTS = "projects"
    STORAGE_BUCKETS = "storage_buckets"
    STORAGE_POOLS = "storage_pools"
    STORAGE_VOLUMES = "storage_volumes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing, as Incus showed it. What a kind does not have is ""."""

    kind: Kind
    cluster: str
    server: str = ""
    project: str = ""
    parent: str = ""  # of networks and pools: what is in them
    type: str = ""  # of volumes
    name: str
    object: Mapping[str, Any] = field(default_factory=dict)
    updated_at: datetime

    @property
    def uuid(self) -> UUID:
        """The same for the same thing, whoever reads it and however often."""
        said = (self.cluster, self.project, self.parent, self.type, self.server_told, self.name)
        return uuid5(_NIL, ":".join(each for each in said if each))

    @property
    def server_told(self) -> str:
        """Where it is, for what there may be one of on each server; an instance moves."""
        return "" if self.kind is Kind.INSTANCES else self.server

    @property
    def id(self) -> UUID:
        return id_of(self.kind, self.uuid)


def id_of(kind: Kind, uuid: UUID) -> UUID:
    """Return the key of a row: things of two kinds may be called alike."""
    return uuid5(uuid, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stocktake:
    """How the reading of one cluster goes."""

    cluster: str
    read_at: datetime | None = None  # when all of it was read last
    asked_at: datetime | None = None  # when somebody last asked for that
    tried_at: datetime | None = None
    error: str = ""  # why it could not be read when it was tried
    drifted: int = 0  # how many records were not as the events had told

    @property
    def id(self) -> UUID:
        return uuid5(_NIL, self.cluster)
