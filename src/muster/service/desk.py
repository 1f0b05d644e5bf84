"""What every service function needs at hand: store, clouds, clock, and the limits in force."""

from asyncio import Lock
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import Bug, Unsupported
from muster.model.enrolment import Doorway
from muster.model.policy_type import Floor, PolicyType
from muster.model.profile_type import ProfileType
from muster.model.system import Fixed
from muster.ports.admission import Admission
from muster.ports.agent import Agents
from muster.ports.authority import Authority
from muster.ports.cloud import Cloud
from muster.ports.face import Face
from muster.ports.signal import Signal
from muster.ports.solver import Solver
from muster.ports.store import Store
from muster.service.turnstile import Turnstile


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    store: Store
    clouds: Mapping[str, Cloud]
    clock: Clock
    signal: Signal
    default_cloud: str
    admission: Admission | None = None  # None: no cloud is taken on while it runs
    max_cluster_size: int = 1000
    max_clusters: int = 1000  # per project
    installation: UUID = field(default=UUID(int=0))
    profile_types: Mapping[str, ProfileType] = field(default_factory=dict)  # os.nova.server-1.0
    policy_types: Mapping[str, PolicyType] = field(default_factory=dict)
    policy_floor: Floor = Floor()
    delete_with_dependency: bool = False  # policies and receivers go with their cluster
    name_unique: bool = False  # two things of one kind and project may not share a name
    public_url: str = ""  # where callers from outside reach this; "": where this caller did
    fixed: Fixed = Fixed()  # what nobody changes while this server runs
    turnstile: Turnstile = field(default_factory=Turnstile)
    placer: Solver | None = None  # None: nothing is placed as a whole
    doorway: Doorway | None = None  # where machines become members; None: nowhere
    agents: Agents | None = None  # None: no machine is looked after
    face: Face | None = None  # None: it serves HTTP, and shows nothing
    authority: Authority | None = None  # who gives certificates; None: nobody
    placing: Lock = field(default_factory=Lock)  # see Note [One slot, one vcluster]

    @property
    def solver(self) -> Solver:
        if self.placer is None:
            raise Unsupported("this server has no solver: it places nothing as a whole")
        return self.placer

    def cloud(self, name: str) -> Cloud:
        """Return the cloud that a stored cluster names; it was checked when the name was stored."""
        try:
            return self.clouds[name]
        except KeyError:
            raise Bug(f"cloud {name!r} is used by a cluster but no longer configured") from None
