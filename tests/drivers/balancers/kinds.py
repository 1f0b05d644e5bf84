"""The balancers over real programs: a new one adds itself to `KINDS`, and is tried as all are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import haproxies
from muster.drivers.balancers.caddy import balancer as caddy
from muster.drivers.balancers.caddy import folder as caddys
from muster.drivers.balancers.caddy import process as caddy_process
from muster.drivers.balancers.haproxy import balancer as haproxy
from muster.drivers.balancers.haproxy import folder as its
from muster.drivers.balancers.haproxy import process as haproxy_process
from muster.ports.cloud import CloudConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a balancer is opened, and how tests look behind it.

    `in_force` says which run serves the pool of a folder. `lingers`: of one that was
    killed a process goes on until it has noticed.
    """

    name: str
    open: Callable[[CloudConfig], Awaitable[Any]]
    folder: Callable[[Path], Any]
    in_force: Callable[[Any], Any]
    process: Any
    needed: Callable[[], None] = lambda: None
    lingers: bool = False


CADDY = Kind(
    name="caddy",
    open=caddy.open_balancer,
    folder=caddys.Folder,
    in_force=lambda folder: folder.run(),
    process=caddy_process,
)
HAPROXY = Kind(
    name="haproxy",
    open=haproxy.open_balancer,
    folder=its.Folder,
    in_force=lambda folder: haproxy_process.in_force(folder, folder.kept().port),
    process=haproxy_process,
    needed=haproxies.needed,
    lingers=True,
)
KINDS = {each.name: each for each in (CADDY, HAPROXY)}
