"""How large a cluster becomes: by a resize, by scaling out or in, with its scaling policies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil, floor, trunc
from uuid import UUID

from muster.decide.admit import NO_LIMIT, Sizes, check_size
from muster.decide.policies import infeasible
from muster.model.action import Verb
from muster.model.capacity import Refusal
from muster.model.cluster import Cluster
from muster.model.policy_type import Attached


class Adjustment(StrEnum):
    EXACT_CAPACITY = "EXACT_CAPACITY"
    CHANGE_IN_CAPACITY = "CHANGE_IN_CAPACITY"
    CHANGE_IN_PERCENTAGE = "CHANGE_IN_PERCENTAGE"


# Note [Percentages]
# As the original counts: a part of a node is one node, anything larger is rounded towards
# nothing, and a minimal step carries on in the direction of the change. Where there is no
# change at all the original shrank by the minimal step; we leave the size alone.
def calc(current: int, adjustment: Adjustment, number: float, min_step: int | None = None) -> int:
    """Return the size that an adjustment leads to from `current`. See Note [Percentages]."""
    if adjustment is Adjustment.EXACT_CAPACITY:
        return int(number)
    if adjustment is Adjustment.CHANGE_IN_CAPACITY:
        return current + int(number)
    delta = number * current / 100
    small = abs(delta) < 1
    change = (ceil if small else floor)(delta) if delta > 0 else (floor if small else ceil)(delta)
    if min_step and change and min_step > abs(change):
        change = min_step if change > 0 else -min_step
    return current + change


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """A request for another size; None is "not given"."""

    adjustment: Adjustment | None = None
    number: float | None = None
    low: int | None = None
    high: int | None = None
    min_step: int | None = None
    strict: bool = True


def sizes(cluster: Cluster) -> Sizes:
    """Return the sizes of a cluster as requests speak of them."""
    high = NO_LIMIT if cluster.max_size is None else cluster.max_size
    return Sizes(desired=cluster.desired, low=cluster.min_size, high=high)


def resized(cluster: Cluster, current: int, ask: Resize, limit: int = 1000) -> Sizes | Refusal:
    """Return desired, lowest and highest size after a resize, or why it may not be.

    Without `strict` the size is brought within the bounds; only against bounds that the
    request names itself it is refused, as the original did.
    """
    desired = None
    if ask.adjustment is not None:
        desired = calc(current, ask.adjustment, ask.number or 0, ask.min_step)
    wanted = Sizes(desired=desired, low=ask.low, high=ask.high)
    refusal = check_size(wanted, sizes(cluster), strict=ask.strict, limit=limit)
    if refusal:
        return refusal
    low = cluster.min_size if ask.low is None else ask.low
    high = sizes(cluster).high if ask.high is None else ask.high
    size = current if desired is None else desired
    if not ask.strict:
        size = _within(size, low, high)
    refusal = check_size(Sizes(desired=size, low=low, high=high), None, limit=limit)
    return refusal or Sizes(desired=size, low=low, high=high)


def _within(size: int, low: int, high: int | None) -> int:
    size = max(size, low)
    return min(size, high) if high is not None and high > 0 else size


SIGNS = {Verb.CLUSTER_SCALE_OUT: 1, Verb.CLUSTER_SCALE_IN: -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A request to scale out or in, as it came; `count` None: not given."""

    verb: Verb  # CLUSTER_SCALE_OUT or CLUSTER_SCALE_IN
    count: object = None
    now: datetime
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """What scaling comes to."""

    desired: int
    count: int  # by how many the cluster changes; 0 where best effort found no room
    timed: tuple[UUID, ...] = field(default=())  # bindings whose cooldown begins now


def cooling(attached: Iterable[Attached], verb: Verb, now: datetime) -> Attached | None:
    """Return a scaling policy whose cooldown is not over, None if there is none."""
    return next((each for each in _spoken_to(attached, verb) if _cools(each, now)), None)


def cooling_text(cluster: Cluster, verb: Verb, policy: Attached) -> str:
    """Return how the clustering API puts it that a cooldown is not over."""
    return (
        f"The {verb} action for cluster {cluster.id} cannot be processed due to Policy "
        f"{policy.binding.policy_id} cooldown still in progress"
    )


def _spoken_to(attached: Iterable[Attached], verb: Verb) -> list[Attached]:
    """Return the enabled scaling policies for this event, in the order they speak."""
    heard = [e for e in attached if e.binding.enabled and e.properties.get("event") == verb]
    return sorted(heard, key=lambda each: (each.binding.priority, each.binding.id))


def _cools(each: Attached, now: datetime) -> bool:
    last = each.binding.last_op
    cooldown = timedelta(seconds=each.properties["adjustment"]["cooldown"])
    return last is not None and last + cooldown > now


# Note [Timers]
# The original restarted the cooldown of every scaling policy of a cluster after any scaling,
# even after one that failed. A policy to shrink was so held back by growing, and a refused
# request held back the next good one. Here the timer of a policy starts when it has spoken
# and its word was followed.
def scale(
    cluster: Cluster, current: int, attached: Sequence[Attached], ask: Scale
) -> Scaled | Refusal:
    """Return what a request to scale comes to, or why it fails.

    `current` is how many nodes the cluster has, `attached` any of its policies: those that
    are not for this event do not count. See Note [Timers].
    """
    policies = _spoken_to(attached, ask.verb)
    if not policies:
        return _plain(cluster, current, ask)
    found: Scaled | Refusal = Refusal("")
    for each in policies:
        if _cools(each, ask.now):
            said = f"Policy {each.binding.policy_id} cooldown is still in progress."
        else:
            found = _by_policy(cluster, current, each, ask)
            said = found.reason if isinstance(found, Refusal) else ""
        if said:
            name = each.binding.policy_name
            return Refusal(f"Policy check failure: Failed policy '{name}': {said}")
    if isinstance(found, Refusal):
        return found
    timed = tuple(each.binding.id for each in policies) if found.count else ()
    return Scaled(desired=found.desired, count=found.count, timed=timed)


def _plain(cluster: Cluster, current: int, ask: Scale) -> Scaled | Refusal:
    """Scale where no policy has a say; more than there are cannot be taken away."""
    count = _positive(1 if ask.count is None else ask.count)
    if count is None:
        return Refusal(f"Invalid count ({ask.count}) for action '{ask.verb}'.")
    if ask.verb is Verb.CLUSTER_SCALE_IN:
        count = min(count, current)
    return _admitted(cluster, current, count, ask)


def _by_policy(cluster: Cluster, current: int, policy: Attached, ask: Scale) -> Scaled | Refusal:
    adjustment = policy.properties["adjustment"]
    said = ask.count if ask.count is not None else _count(current, adjustment, ask.verb)
    count = _positive(said)
    if count is None:
        return Refusal(f"Invalid count ({said}) for action '{ask.verb}'.")
    if not adjustment["best_effort"]:
        return _admitted(cluster, current, count, ask)
    high = ask.limit if cluster.ceiling is None else min(cluster.ceiling, ask.limit)
    room = high - current if ask.verb is Verb.CLUSTER_SCALE_OUT else current - cluster.min_size
    count = max(0, min(count, room))
    return Scaled(desired=current + SIGNS[ask.verb] * count, count=count)


def _count(current: int, adjustment: dict[str, object], verb: Verb) -> int:
    """Return by how many the policy changes a cluster of `current` nodes."""
    number = float(str(adjustment["number"]))
    match Adjustment(str(adjustment["type"])):
        case Adjustment.EXACT_CAPACITY:
            return SIGNS[verb] * (int(number) - current)
        case Adjustment.CHANGE_IN_CAPACITY:
            return int(number)
        case Adjustment.CHANGE_IN_PERCENTAGE:
            return max(trunc(number * current / 100), int(str(adjustment["min_step"])))


def _positive(said: object) -> int | None:
    """Return a count of one or more, None if it is none; webhooks bring them as text."""
    if isinstance(said, bool) or not isinstance(said, int | str):
        return None
    try:
        count = int(said)
    except ValueError:
        return None
    return count if count > 0 else None


def _admitted(cluster: Cluster, current: int, count: int, ask: Scale) -> Scaled | Refusal:
    desired = current + SIGNS[ask.verb] * count
    refusal = check_size(Sizes(desired=desired), sizes(cluster), limit=ask.limit)
    if refusal:
        return refusal
    why = infeasible(cluster, desired)
    return Refusal(why) if why else Scaled(desired=desired, count=count)
