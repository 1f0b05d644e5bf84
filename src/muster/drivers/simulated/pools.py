"""A pool of a simulated world, the load on it, and what that comes to at one moment."""

from dataclasses import dataclass

from muster.drivers.simulated import entries as e
from muster.drivers.simulated.load import Account
from muster.model.pool import PoolSeen


# Note [As it was shown]
# Who looks after a thousand pools asks for each of them every few seconds, and nearly all
# are as they were. So a pool is shown as the last time until something happens to it or to
# its members. One is shown anew where time alone changes it: under load, with requests held
# open or running out, or with a member whose machine came along from another cluster, of
# whose turns the pool is not told.
class Pool:
    """A pool as it was put last, and the requests that clients hold open in it."""

    __slots__ = ("held", "put", "shown", "shown_until")

    def __init__(self, put: e.PoolPut) -> None:
        self.put = put
        self.held: list[e.Held] = []
        self.shown: PoolSeen | None = None  # see Note [As it was shown]
        self.shown_until = 0.0


class Flow:
    """The load on one cluster, and what came of it up to `since`."""

    __slots__ = ("errors", "rate", "requests", "since", "tallies")

    def __init__(self, since: float) -> None:
        self.rate = 0.0
        self.since = since
        self.requests = 0.0
        self.errors = 0.0
        self.tallies: dict[str, e.Tally] = {}

    def add(self, more: Account, until: float) -> None:
        self.since = until
        self.requests += more.requests
        self.errors += more.errors
        for name, tally in more.tallies.items():
            kept = self.tallies.setdefault(name, e.Tally())
            kept.requests += tally.requests
            kept.errors += tally.errors
            kept.busy_s += tally.busy_s


@dataclass(frozen=True, slots=True)
class Rush:
    """What the load does to a cluster at one moment."""

    now: float
    busy: float  # how much of its processors it takes; beyond 1 it cannot keep up
    each: float  # requests under way on each member that serves
    serving: frozenset[str]


def held(pool: Pool, member: e.Member, now: float) -> int:
    """Return how many requests clients hold open on a member on purpose."""
    mine = (one for one in pool.held if one.node_id == member.node_id)
    return sum(one.count for one in mine if one.until > now)
