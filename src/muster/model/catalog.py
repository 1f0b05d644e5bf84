"""What an instance is made of: images, flavors, keypairs, networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

VIRTUAL = "virtual-machine"
MACHINES = ("container", VIRTUAL)
PROTOCOLS = ("simplestreams", "incus")  # by which servers offer images


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    id: UUID
    name: str
    vcpus: float
    memory_mib: int
    disk_gib: int = 0
    machine: str = ""  # what an instance of it is, of MACHINES; "": as the cloud likes
    project: str = ""  # "" is everybody's
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypair:
    id: UUID
    project: str
    user: str
    name: str
    public_key: str
    fingerprint: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as its cloud reports it; `id` is the cloud's."""

    id: str
    name: str
    project: str = ""  # "" is everybody's
    status: str = "active"  # active | saving | error
    created_at: datetime | None = None
    size: int = 0  # bytes
    version: str = ""
    snapshot_of: str = ""  # the instance it was taken from
    port: int | None = None  # what the manifest says the application listens on
    health_path: str | None = None
    machine: str = ""  # what it makes, of MACHINES; "": as the cloud likes
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """An image that another server offers, for a cloud to fetch."""

    server: str
    image: str  # what it is called there, or its fingerprint
    name: str  # what it is to be called here
    protocol: str = "simplestreams"  # of PROTOCOLS
    machine: str = ""  # what it is to make, of MACHINES, where the server has both
    certificate: str = ""  # PEM: what that server shows; "": one that an authority has signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    id: str
    name: str
    cidr: str = ""
    description: str = ""
    type: str = ""  # what its cloud calls that: bridge, ovn, physical ...
    uplink: str = ""  # the network by which it reaches others, where it has one
    balancer: str = ""  # the one that it has of its own; "": the cloud's
    hidden: bool = False  # its instances are not reached at their own addresses from outside
    ours: bool = False  # made by this installation, which may delete it


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOrder:
    name: str
    type: str
    uplink: str = ""
    cidr: str = ""  # its gateway's address with the prefix; "": as the cloud likes
    nat: bool = True
    balancer: str = ""  # of those that its type can have; "": the cloud's usual one for that type
    description: str = ""
