"""A plan in the making: every place with what is seen of it, and what was noted so far."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from muster.base.copies import altered
from muster.decide.destiny import Destiny, Fitness
from muster.model.action import Action, ActionStatus
from muster.model.cloud import Ability
from muster.model.cluster import Cluster
from muster.model.event import Level
from muster.model.node import Leaving, Node, NodeStatus
from muster.model.observed import Server
from muster.model.plan import Limits, Snapshot
from muster.model.pool import MemberSeen
from muster.model.step import Step


# Note [Edits]
# A node is frozen, and copying one costs more than all else that is decided about it.
# So what changes is collected beside it, the few fields that decisions look at again are
# kept here as they will be, and each changed node is copied once, at the end.
@dataclass(slots=True)
class Place:
    """One node while a plan is made. See Note [Edits]."""

    node: Node
    leaving: Leaving | None
    profile_id: UUID
    standby: bool
    ready_at: datetime | None
    server: Server | None = None
    member: MemberSeen | None = None
    fitness: Fitness = Fitness.EMPTY
    answers: bool = False  # its application is well, as far as anybody asked
    available: bool = False  # in order, and for long enough
    fate: Destiny = Destiny.KEEP
    why: str = ""
    opened: bool = False  # by this very plan
    excused: str = ""  # why it is not mended, although it is not in order
    renew_by: datetime | None = None  # it gets its next server here, and drains until then
    anew: UUID | None = None  # the profile of that next server, where somebody said which
    request: Action | None = None  # what somebody asked of it and is being done
    said: tuple[NodeStatus, str] | None = None  # what it is called for this once, and why
    edits: dict[str, Any] = field(default_factory=dict)

    def edit(self, **changes: Any) -> None:
        self.edits.update(changes)

    @property
    def mending(self) -> bool:
        """It was in service, its server was replaced, and the new one is not ready yet."""
        return self.ready_at is None and self._sick_since is not None

    @property
    def _sick_since(self) -> datetime | None:
        since: datetime | None = self.edits.get("sick_since", self.node.sick_since)
        return since

    def written(self) -> Node:
        """Return the node as it will stand in the store."""
        return altered(self.node, **self.edits) if self.edits else self.node


def place(node: Node) -> Place:
    return Place(
        node=node,
        leaving=node.leaving,
        profile_id=node.profile_id,
        standby=node.standby,
        ready_at=node.ready_at,
        renew_by=node.renew_by,
    )


@dataclass(slots=True)
class News:
    """An event to be, while it is not yet known how many there are of its kind."""

    kind: str
    reason: str
    place: Place | None = None
    level: Level = Level.INFO
    done: int | None = None
    total: int | None = None
    key: str = ""  # what makes it one event however often it is said; "": this very moment
    status: str = ""
    action: Action | None = None  # whose start or end it is


# Note [Unproven]
# While the canary has not passed, load may still ask for more nodes. Those are made from
# the revision that is known to work: a canary is so many and not more, and a bad image
# must not be what comes when help is needed.
@dataclass(slots=True)
class Draft:
    """What one pass has found out and decided so far."""

    snapshot: Snapshot
    now: datetime
    cluster: Cluster
    limits: Limits
    places: list[Place] = field(default_factory=list)
    strays: list[Server] = field(default_factory=list)  # servers that fill no place now
    creates: int = 0
    deletes: int = 0
    steps: list[Step] = field(default_factory=list)
    drop: list[UUID] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    look_at: datetime | None = None
    drain: timedelta = timedelta(0)  # how long open sessions may last
    actions: dict[UUID, Action] = field(default_factory=dict)  # as they are to be written
    parted: list[Place] = field(default_factory=list)  # they leave with their servers
    bastion: Cluster | None = None  # as it is to be from now on, where that is new
    bastion_node: Node | None = None  # likewise

    def wait(self, why: str, until: datetime | None) -> None:
        """Note that something has to happen first, and when to look whether it did."""
        self.waits.append(why)
        if until is not None and (self.look_at is None or until < self.look_at):
            self.look_at = until

    def turn(self, action: Action, status: ActionStatus, reason: str = "") -> Action:
        """Have an action be in that status, and return it so."""
        turned = self.actions[action.id] = action.turned(status, self.now, reason)
        return turned

    def tell(self, kind: str, reason: str, place: Place | None = None, **more: Any) -> None:
        self.news.append(News(kind, reason, place, **more))

    def change(self, **changes: Any) -> None:
        self.cluster = replace(self.cluster, **changes)

    @property
    def balanced(self) -> bool:
        """Clients reach the cluster through a pool."""
        return self.cluster.service is not None and _can(self.snapshot, Ability.BALANCER)

    @property
    def staying(self) -> list[Place]:
        return [each for each in self.places if each.leaving is None]

    @property
    def serving(self) -> list[Place]:
        """The places that count: those that stay and do not merely stand by."""
        return [each for each in self.places if each.leaving is None and not each.standby]

    def port_of(self, profile_id: UUID) -> int:
        """Return where an instance of that revision listens, 0 where it does not say."""
        profile = self.snapshot.profiles.get(profile_id)
        return (profile.server.port if profile else None) or 0

    @property
    def mixed_by_intent(self) -> bool:
        """An update is held where it is, so no node changes its revision on the way."""
        rollout = self.cluster.rollout
        return rollout is not None and rollout.under_way and rollout.held

    @property
    def opening(self) -> UUID:
        """The profile of a place that is opened because the size asks for it.

        See Note [Unproven].
        """
        rollout = self.cluster.rollout
        if rollout and rollout.under_way and rollout.unproven:
            return rollout.from_profile
        return self.cluster.target


def _can(snapshot: Snapshot, ability: Ability) -> bool:
    return snapshot.cloud.refusal(ability) is None


def names(places: Iterable[Place], most: int = 3) -> str:
    """Return the first few names and how many more there are."""
    known = [each.node.name for each in places]
    shown = ", ".join(known[:most])
    return f"{shown} and {len(known) - most} more" if len(known) > most else shown
