"""How nodes are found out to be ill, and what is done about it first."""

from dataclasses import dataclass
from enum import StrEnum


class Detector(StrEnum):
    NODE_STATUS_POLLING = "NODE_STATUS_POLLING"  # the server's own state
    NODE_STATUS_POLL_URL = "NODE_STATUS_POLL_URL"  # what an address answers
    HYPERVISOR_STATUS_POLLING = "HYPERVISOR_STATUS_POLLING"  # its host answers
    LIFECYCLE_EVENTS = "LIFECYCLE_EVENTS"  # its cloud tells that it stopped or went


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One way to find out; what follows the detector is for polling addresses only."""

    detector: Detector
    url: str = ""  # {nodename} stands for the name of the node
    expect: str = ""  # a pattern to be found in the answer; "": any answer will do
    refused_is_ill: bool = True  # no connection, or an answer that says no
    tries: int = 3
    pause_s: float = 3  # between tries
    verify: bool = True  # the certificate


class Cure(StrEnum):
    RECREATE = "RECREATE"  # another server in the same place
    REBUILD = "REBUILD"  # the same server from its image anew
    REBOOT = "REBOOT"
