"""A virtual cluster: servers and volumes asked for as one, and the rules that relate them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from muster.base.errors import IllegalTransition
from muster.model.placing import RULES, Kind, Relation, Rule, Scope
from muster.model.profile import ServerSpec


class VClusterStatus(StrEnum):
    CREATING = "CREATING"  # recorded, and its capacity claimed
    ACTIVE = "ACTIVE"
    WARNING = "WARNING"  # whole, but somebody is broken or a rule is
    UPDATING = "UPDATING"
    ROLLING_BACK = "ROLLING_BACK"  # it cannot be made whole: what was made goes
    ERROR = "ERROR"  # nothing is left of it but the reason
    DELETING = "DELETING"


_S = VClusterStatus
VCLUSTER_TRANSITIONS: Mapping[VClusterStatus, frozenset[VClusterStatus]] = {
    _S.CREATING: frozenset({_S.ACTIVE, _S.ROLLING_BACK, _S.DELETING}),
    _S.ACTIVE: frozenset({_S.WARNING, _S.UPDATING, _S.DELETING}),
    _S.WARNING: frozenset({_S.ACTIVE, _S.UPDATING, _S.DELETING}),
    _S.UPDATING: frozenset({_S.ACTIVE, _S.WARNING, _S.DELETING}),  # what fails leaves it as it was
    _S.ROLLING_BACK: frozenset({_S.ERROR, _S.DELETING}),
    _S.ERROR: frozenset({_S.DELETING}),
    _S.DELETING: frozenset(),  # the row disappears
}


class MemberStatus(StrEnum):
    PLANNED = "PLANNED"
    BUILDING = "BUILDING"
    ACTIVE = "ACTIVE"
    BROKEN = "BROKEN"
    LEAVING = "LEAVING"


_M = MemberStatus
MEMBER_TRANSITIONS: Mapping[MemberStatus, frozenset[MemberStatus]] = {
    _M.PLANNED: frozenset({_M.BUILDING, _M.LEAVING}),
    # Back to PLANNED: its host refused it, or what belongs to it, and it has another one now.
    _M.BUILDING: frozenset({_M.PLANNED, _M.ACTIVE, _M.BROKEN, _M.LEAVING}),
    _M.ACTIVE: frozenset({_M.PLANNED, _M.BROKEN, _M.LEAVING}),
    _M.BROKEN: frozenset({_M.ACTIVE, _M.LEAVING}),
    _M.LEAVING: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerWords:
    """A server as asked for: names and ids that nobody has looked up yet."""

    image: str
    flavor: str
    key_name: str = ""
    networks: tuple[str, ...] = ()
    user_data: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""  # "": any


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeWords:
    """A volume as asked for."""

    size_gib: int
    pool: str = ""  # its type; "": where the cloud puts what says nothing
    attach_to: str = ""  # a server of the request; "": see Note [Attached by affinity]
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One server or volume of a request: either of the two is there."""

    name: str  # unique in its vcluster
    server: ServerWords | None = None
    volume: VolumeWords | None = None

    @property
    def kind(self) -> Kind:
        return Kind.SERVER if self.server else Kind.VOLUME


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """A rule over some of the instances. The name is a label, which may repeat."""

    name: str
    members: tuple[str, ...]
    word: str  # of RULES
    scope: Scope | None = None  # None: what the word says
    most: int = 1  # of those kept apart, on one host or in one zone

    @property
    def rule(self) -> Rule:
        relation, scope, soft = RULES[self.word]
        return Rule(
            name=self.name,
            relation=relation,
            members=self.members,
            scope=self.scope or scope,
            most=self.most,
            soft=soft,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VClusterAsk:
    """What somebody asks for, every value of the right kind. "" is what he leaves to us."""

    name: str
    instances: tuple[Instance, ...]
    groupings: tuple[Grouping, ...] = ()
    cloud: str = ""
    seconds: float = 10.0  # that finding a placement may take


@dataclass(frozen=True, slots=True, kw_only=True)
class VClusterChange:
    """What somebody asks a vcluster to have more, and less. Everything else stays as it is."""

    instances: tuple[Instance, ...] = ()
    groupings: tuple[Grouping, ...] = ()
    remove_instances: tuple[str, ...] = ()
    remove_groupings: tuple[str, ...] = ()  # every one of that name
    allow_moves: bool = False  # of members that are there
    move_instances: tuple[str, ...] = ()  # these, to that host
    to_host: str = ""
    seconds: float = 10.0


# Note [Attached by affinity]
# The blueprint says who uses a volume by nothing but a rule: they are on one host. So a volume
# is attached to the server that shares hard rules of one host with it, where that is exactly
# one; with two nobody can know, and neither gets it. `attach_to` stands over that.
def attachments(instances: Sequence[Instance], groupings: Sequence[Grouping]) -> Mapping[str, str]:
    """Return volume -> the server that gets it. See Note [Attached by affinity]."""
    volumes = {each.name: each.volume for each in instances if each.volume}
    servers = {each.name for each in instances if each.server}
    said = {name: volume.attach_to for name, volume in volumes.items() if volume.attach_to}
    near: dict[str, set[str]] = {name: set() for name in volumes if name not in said}
    for rule in (each.rule for each in groupings):
        if rule.relation is Relation.TOGETHER and rule.scope is Scope.HOST and not rule.soft:
            here = servers.intersection(rule.members)
            for name in near.keys() & set(rule.members) if len(here) == 1 else ():
                near[name] |= here
    return said | {name: next(iter(one)) for name, one in sorted(near.items()) if len(one) == 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpec:
    """What a cloud needs to know to make one volume."""

    size_gib: int
    pool: str = ""
    attach_to: str = ""  # the member that has it; "": nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One server or volume of a vcluster, everything it names looked up and pinned."""

    id: UUID  # the cloud is asked for it by this, so that asking twice makes one
    name: str
    server: ServerSpec | None = None
    volume: VolumeSpec | None = None
    zone: str = ""  # that it asks for
    host: str = ""  # where it is, or is to be
    host_zone: str = ""
    status: MemberStatus = MemberStatus.PLANNED
    reason: str = ""
    ref: str = ""  # the cloud's own id, once it is there
    address: str = ""

    @property
    def kind(self) -> Kind:
        return Kind.SERVER if self.server else Kind.VOLUME

    def turned(self, status: MemberStatus, reason: str = "") -> "Member":
        """Return this member in `status`; staying put is always allowed."""
        if status is not self.status and status not in MEMBER_TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.status} -> {status}", member=self.id)
        return replace(self, status=status, reason=reason)


def member_id(vcluster_id: UUID, name: str) -> UUID:
    """Return the id of a vcluster's instance of that name."""
    return uuid5(vcluster_id, f"instance/{name}")


# Note [An update and its way back]
# An update first moves who has to move, then makes what is new, and only at its end takes away
# what is to go. So until then all that was is there still, and an update that cannot be carried
# out is taken back by another one: what it made is to go, who has moved goes back, and the rules
# are those of before.
@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What an update does to a vcluster, and how it was. See Note [An update and its way back]."""

    groupings: tuple[Grouping, ...]  # as they were
    new: tuple[str, ...] = ()  # members that it brings
    going: tuple[str, ...] = ()  # members that it takes away, at its end
    moved: Mapping[str, str] = field(default_factory=dict)  # member -> the host it comes from
    failed: str = ""  # why an update is taken back by this one; "": it is none such


@dataclass(frozen=True, slots=True, kw_only=True)
class VCluster:
    id: UUID
    project: str
    user: str
    name: str
    cloud: str
    members: tuple[Member, ...]
    groupings: tuple[Grouping, ...] = ()
    shunned: tuple[str, ...] = ()  # hosts that refused one of its instances
    update: Update | None = None  # while it is under way
    tries: int = 0  # how often something of it was refused
    keep_volumes: bool = False  # where it is to go: its volumes are to stay
    status: VClusterStatus = VClusterStatus.CREATING
    reason: str = ""
    generation: int = 1  # grows with every wish
    init_at: datetime
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def staying(self) -> tuple[Member, ...]:
        """The members that are to be there once what is asked for is done."""
        going = self.update.going if self.update else ()
        return tuple(each for each in self.members if each.name not in going)

    @property
    def places(self) -> Mapping[str, str]:
        """Member -> host."""
        return {each.name: each.host for each in self.members if each.host}

    def turned(self, status: VClusterStatus, reason: str) -> "VCluster":
        """Return this vcluster in `status`; staying put is always allowed."""
        if status is not self.status and status not in VCLUSTER_TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.status} -> {status}", vcluster=self.id)
        return replace(self, status=status, reason=reason)
