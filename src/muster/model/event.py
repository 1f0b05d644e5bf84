"""An event: what happened, in words, appended and never changed."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import field

from muster.base.copies import Kept
from muster.model.action import Verb


class Level(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class About(StrEnum):
    CLUSTER = "CLUSTER"
    NODE = "NODE"
    CLOUD = "CLOUD"
    IMAGE = "IMAGE"
    VCLUSTER = "VCLUSTER"
    VOLUME = "VOLUME"


# Every kind of event there is; a kind that is not here is a failing test.
KINDS: Mapping[str, str] = {
    "action.cancelled": "somebody withdrew what was asked for",
    "cloud.added": "somebody took a cloud on; every server knows it from then on",
    "cloud.back": "a cloud answers again",
    "cloud.changed": "a cluster of servers has other members, or shows another certificate",
    "cloud.progressed": "how far a cloud is with what takes long and is of no node",
    "cloud.removed": "somebody let go of a cloud",
    "cloud.task_cancelled": "somebody ended what a cloud was at",
    "cloud.unreachable": "a cloud does not answer; nothing is decided about it meanwhile",
    "cluster.checked": "a look at every node was asked for (start), and taken (end)",
    "cluster.created": "a cluster was asked for (start), and is there (end)",
    "cluster.degraded": "a cluster is less than it should be, and why",
    "cluster.delete_asked": "somebody asked for a cluster to go",
    "cluster.deleted": "nothing is left of a cluster",
    "cluster.members_changed": "nodes were to join, leave or be replaced (start), and have (end)",
    "cluster.operated": "an operation on several nodes was asked for (start), and done (end)",
    "cluster.recovered": "mending of what is not in order was asked for (start), and done (end)",
    "cluster.resized": "another size was asked for (start), and is there (end)",
    "cluster.scaled": "the autoscaler chose another size (start), and it is there (end)",
    "cluster.settled": "a cluster is what was asked for",
    "cluster.updated": "another shape was asked for (start), and is there (end)",
    "image.saved": "an image or a snapshot can be used",
    "member.failed": "a machine was let in, could not become a member, and nothing of it is left",
    "member.joined": "a machine has become a member, and runs instances",
    "member.refused": "a machine came to the door and was not let in, and why",
    "node.checked": "a look at a node was asked for (start), and taken (end)",
    "node.command": "somebody ran a command in an instance, and how it ended",
    "node.created": "a node was asked for (start), and is there (end)",
    "node.delete_asked": "somebody asked for this very instance to go",
    "node.deleted": "a node was to go (start), and nothing is left of it (end)",
    "node.draining": "an instance gets no new sessions; its open ones may end",
    "node.failed": "a place cannot be filled, and why",
    "node.joined": "a node became a member of a cluster",
    "node.left": "a node is no member any more, and lives on by itself",
    "node.operated": "an operation on a node was asked for (start), and done (end)",
    "node.progressed": "how far the cloud is with what takes long",
    "node.protected": "scaling and updates leave an instance alone",
    "node.ready": "an instance is in order on every count",
    "node.recovered": "mending of a node was asked for (start), and done (end)",
    "node.removed": "an instance and its place are gone",
    "node.repaired": "an instance was replaced in its place",
    "node.replace_asked": "somebody asked for an instance to be replaced",
    "node.sick": "an instance is dead or does not answer",
    "node.taken_back": "an instance that was draining serves again",
    "node.unprotected": "scaling and updates may remove an instance again",
    "node.updated": "another shape of a node was asked for (start), and is there (end)",
    "policy.attached": "a policy was to work on a cluster (start), and does (end)",
    "policy.changed": "an attached policy was switched on or off",
    "policy.detached": "a policy was to work on a cluster no more (start), and does not (end)",
    "rollout.baking": "the canary is in, and is watched",
    "rollout.done": "every instance is of the new revision",
    "rollout.failed": "an update has stopped where it was",
    "rollout.paused": "somebody paused an update",
    "rollout.resumed": "an update goes on",
    "rollout.rolling_back": "an update goes back to the revision before",
    "rollout.started": "an update has begun",
    "rollout.wave": "new instances come, or old ones go, for an update",
    "scaling.decided": "the autoscaler decided on another size, and why",
    "server.left_behind": "a server on a host that is dead was let go; it goes when that is back",
    "server.stray": "a server has our tag and no place",
    "server.stray_removed": "a stray is gone",
    "vcluster.created": "a virtual cluster was asked for (start), and is there (end) or cannot be",
    "vcluster.degraded": "somebody of a virtual cluster is broken or gone",
    "vcluster.deleted": "a virtual cluster was to go (start), and nothing is left of it (end)",
    "vcluster.rolled_back": "nothing is left of a virtual cluster that could not be made",
    "vcluster.settled": "a virtual cluster that was degraded is whole again",
    "vcluster.updated": "a change was asked for (start), is done (end), or was taken back (error)",
    "volume.followed": "the next server of an instance has got a volume that the former one had",
    "volume.left": "a volume could not go along with its instance, and why",
    "volume.moved": "a volume that nobody has is on another host (end), or is not and why (error)",
    "storm.began": "too many instances are sick at once: replacing has stopped",
    "storm.ended": "few enough are sick again",
    "storm.trial": "some are replaced to see whether the storm is over",
}

# What the events of an action are called, by its verb.
OF_VERB: Mapping[Verb, str] = {
    Verb.CLUSTER_CREATE: "cluster.created",
    Verb.CLUSTER_DELETE: "cluster.deleted",
    Verb.CLUSTER_UPDATE: "cluster.updated",
    Verb.CLUSTER_RESIZE: "cluster.resized",
    Verb.CLUSTER_SCALE_OUT: "cluster.scaled",
    Verb.CLUSTER_SCALE_IN: "cluster.scaled",
    Verb.CLUSTER_CHECK: "cluster.checked",
    Verb.CLUSTER_RECOVER: "cluster.recovered",
    Verb.CLUSTER_ADD_NODES: "cluster.members_changed",
    Verb.CLUSTER_DEL_NODES: "cluster.members_changed",
    Verb.CLUSTER_REPLACE_NODES: "cluster.members_changed",
    Verb.CLUSTER_OPERATION: "cluster.operated",
    Verb.CLUSTER_ATTACH_POLICY: "policy.attached",
    Verb.CLUSTER_DETACH_POLICY: "policy.detached",
    Verb.CLUSTER_UPDATE_POLICY: "policy.changed",
    Verb.NODE_CREATE: "node.created",
    Verb.NODE_DELETE: "node.deleted",
    Verb.NODE_UPDATE: "node.updated",
    Verb.NODE_CHECK: "node.checked",
    Verb.NODE_RECOVER: "node.recovered",
    Verb.NODE_JOIN: "node.joined",
    Verb.NODE_LEAVE: "node.left",
    Verb.NODE_OPERATION: "node.operated",
}


class Event(Kept, frozen=True, kw_only=True):
    id: UUID
    at: datetime
    kind: str  # past tense, dotted: cluster.created, node.ready, cluster.scaled, rollout.paused
    level: Level = Level.INFO
    otype: About
    oid: UUID
    oname: str
    cluster_id: UUID | None = None
    project: str
    user: str = ""
    action: str = ""  # name of the action it belongs to, CLUSTER_CREATE ...
    action_id: UUID | None = None
    status: str = ""  # start | end | error, for events of actions
    reason: str = ""
    done: int | None = None  # progress, where there is any
    total: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0  # given by the store; the order in which events are read
