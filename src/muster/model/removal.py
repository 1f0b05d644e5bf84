"""How nodes leave a cluster that becomes smaller: which go first, and what happens before."""

from dataclasses import dataclass
from enum import StrEnum


class Order(StrEnum):
    """Which of the nodes in order go first; sick, unfinished and tainted ones go before them."""

    LEAST_USEFUL = "LEAST_USEFUL"  # outdated before current, old before young
    OLDEST_FIRST = "OLDEST_FIRST"
    OLDEST_PROFILE_FIRST = "OLDEST_PROFILE_FIRST"
    YOUNGEST_FIRST = "YOUNGEST_FIRST"
    RANDOM = "RANDOM"  # by a digest of the node's id and the wish: the same snapshot, the same dice


class HookType(StrEnum):
    QUEUE = "zaqar"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Who is told before a node goes, and how long he may take to agree."""

    type: HookType = HookType.QUEUE
    queue: str = ""
    url: str = ""
    timeout_s: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    order: Order = Order.LEAST_USEFUL
    destroy: bool = True  # False: the node leaves the cluster and lives on as an orphan
    grace_s: float = 0  # between being chosen and going
    reduce_desired: bool = True  # when somebody asks for a node to go by name
    hook: Hook | None = None
