"""What an OpenStack cloud can be told in its part of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from muster.base.errors import Invalid
from muster.drivers.options import options


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    entry: str = ""  # of clouds.yaml: how to sign in, and to which project
    clouds_file: str = ""  # that clouds.yaml; empty: where OpenStack's own clients find it
    region: str = ""  # of several; empty: the entry's
    network: str = ""  # name or id; empty: the only one that servers can be on
    security_groups: tuple[str, ...] = ()  # of every server, by name or id; none: the project's own
    floating_network: str = ""  # every server gets an address of it, too; empty: none does
    volume_type: str = ""  # of volumes; empty: Cinder's own choice
    octavia: Mapping[str, Any] = field(default_factory=dict)  # its load balancers
    designate: Mapping[str, Any] = field(default_factory=dict)  # names published there
    hosts: bool = True  # told of, where the role may see them
    vcpus_per_core: int = 4  # for placing as a whole: so often a processor is promised
    deadline_s: float = 20.0  # of one call
    whole_every_s: float = 30.0  # all servers are listed; in between only those that have changed
    port_grace_s: float = 120.0  # a port of ours may be without its server for so long
    probe_timeout_s: float = 2.0
    look_every_s: float = 5.0
    probe_every_s: float = 5.0
    sample_every_s: float = 15.0
    stray_grace_s: float = 600.0
    calls_at_once: int = 16


def parsed(said: Mapping[str, Any]) -> Options:
    """Return the options in force; raises `Invalid` naming the one at fault."""
    read = options(Options, said, "openstack")
    if not read.entry:
        raise Invalid("entry must name an entry of clouds.yaml", field="entry")
    if not all(isinstance(each, str) and each for each in read.security_groups):
        raise Invalid("security_groups must be a list of names", field="security_groups")
    return read
