"""One cloud, as the engine and the service hold it: its parts behind their ports."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from muster.base.clock import Clock
from muster.model.cloud import About
from muster.ports.balancer import Balancer, NetworkBalancer
from muster.ports.catalog import Images, NetworkMaker, Networks, Puller
from muster.ports.commands import Commands
from muster.ports.compute import Compute, Finder
from muster.ports.dns import Dns
from muster.ports.hosts import Hosts
from muster.ports.metrics import Metrics
from muster.ports.prober import Prober
from muster.ports.rooms import Rooms
from muster.ports.stirs import Stirs
from muster.ports.stock import Stock
from muster.ports.tasks import Tasks
from muster.ports.volumes import Volumes
from muster.ports.ways import Ways


async def _nothing_to_close() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    about: About
    compute: Compute
    images: Images
    networks: Networks
    prober: Prober
    balancer: Balancer | None = None
    network_balancer: NetworkBalancer | None = None  # what some of its networks have of their own
    rooms: Rooms | None = None  # None: no balancer can be in an instance here
    network_maker: NetworkMaker | None = None  # None: its networks are given
    puller: Puller | None = None  # None: it has what images it is given
    dns: Dns | None = None
    metrics: Metrics | None = None  # a server of queries
    finder: Finder | None = None  # None: every server here was made by us
    volumes: Volumes | None = None  # None: no disk here outlives its server
    hosts: Hosts | None = None  # None: it does not tell of them, and places by itself
    commands: Commands | None = None
    stirs: Stirs | None = None  # None: the cloud tells of nothing, it has to be asked
    tasks: Tasks | None = None  # None: it does not say what it is at
    ways: Ways | None = None  # None: what is asked at its own address needs no way
    stock: Stock | None = None  # None: nothing beside what is Muster's is told of
    close: Callable[[], Awaitable[None]] = _nothing_to_close
    """Lets go of files, connections and tasks. Servers and balancers go on running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudConfig:
    """What a driver is opened with. `options` is its part of the settings file, unparsed."""

    name: str
    home: Path  # a folder of this cloud's own; the driver makes it
    installation: UUID  # goes into every tag; what carries another is never touched
    clock: Clock
    options: Mapping[str, Any] = field(default_factory=dict)


Open = Callable[[CloudConfig], Awaitable[Cloud]]
