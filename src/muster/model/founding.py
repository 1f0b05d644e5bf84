"""A machine that is to be the control machine, a member, or a server by itself: wished and seen."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    ALONE = "alone"  # no cluster: one machine, with room to become one later
    CONTROL = "control"
    COMPUTE = "compute"


class Step(StrEnum):
    """What there may be to do; the values stand in the journal."""

    INSTALL = "install"
    START = "start"
    EMPTY = "empty"
    LISTEN = "listen"
    POOL = "pool"
    NETWORK = "network"
    PROFILE = "profile"
    CLUSTER = "cluster"
    TRUST = "trust"
    IMAGE = "image"
    SETTINGS = "settings"
    SERVICE = "service"
    PASSWORD = "password"
    JOIN = "join"
    VERIFY = "verify"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a machine is to become. No secret is in it."""

    role: Role
    name: str
    address: str  # of this machine
    control: str = ""  # of the control machine, for one that joins
    uplink: str = ""  # an interface for the instances' own network; "": they get a private one
    password: bool = False  # whether the cluster is to have one


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSeen:
    """Incus on this machine, which answers."""

    listens: str = ""
    member: str = ""  # its name in its cluster; "": it is by itself
    struck_out: bool = False  # it believes to be a member, and the others do not
    pools: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()  # that it manages
    devices: tuple[str, ...] = ()  # of the profile of every instance
    images: tuple[str, ...] = ()  # by their names
    instances: int = 0
    trusts_us: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSeen:
    """A machine as it is now."""

    root: bool = True
    addresses: tuple[str, ...] = ()
    installed: bool = False  # Incus, and what it needs beside
    server: ServerSeen | None = None  # None: nobody answers
    configured: bool = False  # Muster's settings are as wished
    serving: bool = False  # Muster answers, with those settings
    password: bool = False  # the one that was wished for is set
    agent: bool = True  # it runs, now and after a restart; or nobody starts services here
    verified: bool = False  # an instance has run here since it joined
    was: Role | None = None  # what an earlier try made of it, or began to
    taken: str = ""  # what stands in the way of Muster's addresses
