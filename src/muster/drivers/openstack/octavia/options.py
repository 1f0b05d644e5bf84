"""What can be said of the load balancers of a cloud: its option `octavia`, a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from muster.drivers.options import options


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    network: str = ""  # where clients connect, by name or id; empty: where the members are
    subnet: str = ""  # which of its subnets, by name or id; empty: as Octavia likes
    floating_network: str = ""  # each gets an address of it, too; empty: none does
    provider: str = ""  # empty: Octavia's usual one
    flavor: str = ""  # one of Octavia's, by id; empty: the provider's usual one
    availability_zone: str = ""  # one of Octavia's


def parsed(said: Mapping[str, Any]) -> Options:
    """Return what the table says; raises `Invalid` naming what is at fault."""
    return options(Options, said, "octavia")
