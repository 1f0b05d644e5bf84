"""How eager, how patient and how broad one engine is."""

from dataclasses import dataclass
from datetime import timedelta

from muster.model.cloud import About
from muster.model.plan import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePace:
    owner: str = "engine"  # told apart from every other engine by this name
    lease_s: float = 10.0  # after this long without a word, others take the work over
    passes_at_once: int = 8  # clusters worked on at a time
    passes_in_a_row: int = 6  # over one cluster, before others get a turn
    rounds: int = 16  # of calls at once: so many steps does one pass start at most
    sweep_every_s: float = 300.0
    stray_grace_s: float = 0.0  # 0: the cloud's own
    keep_days: int = 30  # events, decisions, ended actions
    max_cluster_size: int = 1000  # of a cluster without a maximum of its own
    alone: bool = False  # no other engine uses the store: claims left open are a dead one's
    stop_s: float = 10.0  # for passes under way to finish, once told to stop

    def grace(self, about: About) -> timedelta:
        own = self.stray_grace_s
        return timedelta(seconds=own) if own else about.pace.stray_grace

    def limits(self, about: About) -> Limits:
        # A pass cannot see a wish before its last step has ended, so a slow cloud gets few.
        most = self.rounds * about.pace.calls_at_once
        return Limits(creates=most, deletes=most, stray_grace=self.grace(about))
