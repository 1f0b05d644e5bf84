"""A node: one place in a cluster, filled by one server or waiting for one."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

from msgspec import field

from muster.base.copies import Kept, altered
from muster.base.errors import IllegalTransition
from muster.base.ids import derived
from muster.model.pool import Condition
from muster.model.removal import Hook


class NodeStatus(StrEnum):
    INIT = "INIT"
    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    WARNING = "WARNING"
    ERROR = "ERROR"
    UPDATING = "UPDATING"
    RECOVERING = "RECOVERING"
    OPERATING = "OPERATING"
    DELETING = "DELETING"


_S = NodeStatus
_BUSY = frozenset({_S.UPDATING, _S.RECOVERING, _S.OPERATING, _S.DELETING})

NODE_TRANSITIONS: Mapping[NodeStatus, frozenset[NodeStatus]] = {
    _S.INIT: frozenset({_S.CREATING, _S.ACTIVE, _S.ERROR, _S.DELETING}),
    _S.CREATING: frozenset({_S.ACTIVE, _S.WARNING, _S.ERROR, _S.RECOVERING, _S.DELETING}),
    _S.ACTIVE: frozenset({_S.WARNING, _S.ERROR}) | _BUSY,
    _S.WARNING: frozenset({_S.ACTIVE, _S.ERROR}) | _BUSY,
    _S.ERROR: frozenset({_S.ACTIVE, _S.WARNING, _S.CREATING}) | _BUSY,
    _S.UPDATING: frozenset({_S.ACTIVE, _S.WARNING, _S.ERROR}) | _BUSY,
    _S.RECOVERING: frozenset({_S.ACTIVE, _S.WARNING, _S.ERROR}) | _BUSY,
    _S.OPERATING: frozenset({_S.ACTIVE, _S.WARNING, _S.ERROR}) | _BUSY,
    # A node that was draining and is taken back serves again (scale-out pre-empts).
    _S.DELETING: frozenset({_S.ACTIVE, _S.WARNING, _S.ERROR}),
}


class Why(StrEnum):
    """Why a node is on its way out."""

    SCALE_IN = "scale_in"
    UPDATE = "update"
    REPAIR = "repair"
    EVACUATE = "evacuate"  # its host is to be left
    REQUEST = "request"  # somebody asked for this very node to go
    DELETE = "delete"  # the whole cluster goes


class Leaving(Kept, frozen=True, kw_only=True):
    why: Why
    since: datetime
    deadline: datetime  # its open sessions have until then
    reason: str = ""
    destroy: bool = True  # False: it leaves the cluster, and lives on with its server
    not_before: datetime | None = None  # it stays at least until then
    hook: Hook | None = None  # who has to agree before it goes, while he has not
    hook_until: datetime | None = None  # then it goes without having been agreed to
    told: bool = False  # whoever has to agree was asked
    stopping_until: datetime | None = None  # its server was asked to stop, and has until then


class Health(Kept, frozen=True, kw_only=True):
    """The three kinds: does it run, does the balancer use it, does the application answer."""

    infrastructure: Condition = Condition.UNKNOWN
    balancer: Condition = Condition.UNKNOWN
    application: Condition = Condition.UNKNOWN


class Node(Kept, frozen=True, kw_only=True):
    id: UUID
    cluster_id: UUID | None  # None: an orphan
    project: str
    user: str
    index: int  # -1: an orphan
    name: str
    profile_id: UUID
    since: datetime  # when the place was opened
    domain: str | None = None
    role: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    dependents: Mapping[str, Any] = field(default_factory=dict)
    status: NodeStatus = NodeStatus.INIT
    reason: str = ""
    created_at: datetime | None = None  # first time its server ran
    updated_at: datetime | None = None

    incarnation: int = 1  # counts the servers that have filled this place
    ref: str = ""  # the cloud's id of the present one
    home: UUID | None = None  # what its server is tagged with. See Note [Home]
    left_behind: UUID | None = None  # what a former server of it is tagged with that is not gone
    address: str = ""
    port: int = 0  # where its application listens; 0: on the service's
    host: str = ""
    zone: str = ""
    wanted_zone: str = ""  # where the placement wants it; "": anywhere
    parked: str = ""  # the operation that put it to rest, or that wakes it until it runs again

    leaving: Leaving | None = None
    renew_by: datetime | None = None  # it gets its next server here; open sessions have until then
    stopping_until: datetime | None = None  # its server was asked to stop before that, until then
    health: Health = Health()
    began_at: datetime | None = None  # when the present server was asked for
    ready_at: datetime | None = None  # when it was first in order on every count
    cured_at: datetime | None = None  # last time its cluster's watches had something done to it
    sick_since: datetime | None = None  # None: nothing wrong, or not yet in service
    lost_since: datetime | None = None  # since when its host does not answer
    back_at: datetime | None = None  # its host was away and answers again since; None: long ago
    pooled: bool = False  # the load balancer has it, whatever it thinks of it
    open_requests: int = 0  # while draining
    standby: bool = False  # warm, outside the pool
    protected: bool = False  # scaling and updates leave it alone
    tainted: bool = False  # goes first

    tries: int = 0  # failures in a row of whatever it needs next
    retry_at: datetime | None = None

    @property
    def server_id(self) -> UUID:
        """The id of the server that fills this place now. See Note [Incarnations]."""
        return server_id(self.id, self.incarnation)

    @property
    def tags(self) -> tuple[UUID, ...]:
        """What else than its natural tag its servers may be listed under. See Note [Home]."""
        return tuple(each for each in (self.home, self.left_behind) if each)

    @property
    def tag(self) -> UUID:
        """What its present server is listed under. See Note [Home]."""
        return self.home or self.cluster_id or self.id

    def turned(self, status: NodeStatus, reason: str) -> "Node":
        """Return this node in `status`; staying put is always allowed."""
        if status is not self.status and status not in NODE_TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.status} -> {status}", node=self.id)
        return altered(self, status=status, reason=reason)


# Note [Home]
# A server is tagged with the id of what it was made for: its cluster, or the node itself
# where that belongs to none. A node that joins or leaves keeps its server, whose tag then
# names the place it came from. `home` remembers it, until the place is filled anew; None
# says that the tag is the natural one. See `tag`. A server that was replaced then still has to
# go: until it has, `left_behind` says where to look for it.
# Note [Incarnations]
# A cloud is asked to create by an id that we derive, so that asking twice makes one
# server. A place whose server died needs a second one that is not the first, while
# the first may still be listed. Counting the servers of a place gives each its own
# derived id, and what carries an earlier number is known to be in nobody's way.
# Deriving takes a digest, and is asked for some ten times in a node's life: the recent
# ones are kept.
@lru_cache(maxsize=1 << 15)
def server_id(node_id: UUID, incarnation: int) -> UUID:
    return derived(node_id, f"server/{incarnation}")


def node_id(cluster_id: UUID, index: int) -> UUID:
    """Name a node from its place, so that planning twice names it once."""
    return derived(cluster_id, f"node/{index}")


BASTION_OF = "bastion_of"  # under which a bastion names the cluster that depends on it


def bastion_id(cluster_id: UUID) -> UUID:
    """Name the node that lets people into a cluster by SSH. See Note [Bastions]."""
    return derived(cluster_id, "bastion")
