"""A cluster of servers: machines whose Incus is one, from the wish for it until it is let go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from muster.model.machine import Kind
from muster.model.server_job import ENDED, Job, Window


class ServerClusterStatus(StrEnum):
    PENDING = "pending"  # it is being made, or taken back
    READY = "ready"
    FAILED = "failed"  # it was taken back: nothing is left of it but the reason


_S = ServerClusterStatus
SERVER_CLUSTER_TRANSITIONS: Mapping[ServerClusterStatus, frozenset[ServerClusterStatus]] = {
    _S.PENDING: frozenset({_S.READY, _S.FAILED}),
    _S.READY: frozenset(),
    _S.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """How servers are restarted, one after another or some at once."""

    post_restore_s: float = 0.0  # rest after each
    restore_mode: str = ""  # "skip": instances stay where they went
    windows: tuple[Window, ...] = ()  # when a server may be begun with; (): at any time
    max_parallel: int = 1  # how many may be away at once
    drain_s: float = 900.0  # how long nodes of clusters may take to leave a server
    hook_before: str = ""  # the URL that is told before something is done to a server; "": nobody
    hook_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCluster:
    id: UUID
    name: str
    kind: Kind
    connection_url: str = ""
    channel: str = ""
    description: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    rolling: Rolling = Rolling()
    cloud: bool = True  # it becomes a cloud of its name once it is ready
    certificate: str = ""  # PEM, of all members; "": there is none yet
    services: Mapping[str, Any] = field(default_factory=dict)  # as they were asked for
    seed: Mapping[str, Any] = field(default_factory=dict)  # all that Incus began with
    # What stands in both by name only. See Note [Put in last] in decide/server_clusters/hidden.py.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    status: ServerClusterStatus = ServerClusterStatus.PENDING
    job: Job | None = None  # the present one, or the last
    generation: int = 0  # grows with every change of the row
    created_at: datetime
    updated_at: datetime | None = None

    @property
    def busy(self) -> bool:
        return self.job is not None and self.job.status not in ENDED
