"""A rolling update: whether it goes on, and its next wave."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from uuid import UUID

from muster.decide.destiny import Fitness
from muster.decide.draft import Draft, Place, names
from muster.decide.rest import FIT_NO_MORE, attainable, beyond_help
from muster.decide.victims import spared
from muster.model.action import ActionStatus
from muster.model.cluster import Cluster
from muster.model.event import Level
from muster.model.node import Why
from muster.model.rollout import Rollout, RolloutState, Strategy, UpdateKind

_S = RolloutState
_REVISIONS = 10


@dataclass(frozen=True, slots=True)
class Budget:
    """The one disruption budget of a cluster."""

    surge: int  # so many more than desired may stay
    floor: int  # so many have to be available, as far as it is ours to decide


def budget(cluster: Cluster) -> Budget:
    """Return the budget in force: the update's own while one is under way."""
    rollout = cluster.rollout
    strategy = rollout.strategy if rollout and rollout.under_way else cluster.strategy
    surge, spare = _shares(strategy, cluster.desired)
    surge, spare = _within_cap(cluster, surge, spare)
    if rollout and rollout.under_way and strategy.kind is UpdateKind.IN_PLACE:
        surge, spare = 0, batch_size(cluster, strategy)
    return Budget(surge=surge, floor=max(0, cluster.desired - spare))


def _shares(strategy: Strategy, desired: int) -> tuple[int, int]:
    surge = strategy.max_surge.of(desired, up=True)
    spare = strategy.max_unavailable.of(desired, up=False)
    return (surge or (0 if spare else 1)), spare


def _within_cap(cluster: Cluster, surge: int, spare: int) -> tuple[int, int]:
    """Return surge and spare where the region takes no more than so many: then one goes first."""
    cap = cluster.placement.cap
    if cap is None:
        return surge, spare
    surge = min(surge, max(cap - cluster.desired - cluster.standing_by, 0))
    return surge, (spare or (0 if surge else 1))


def batch_size(cluster: Cluster, strategy: Strategy) -> int:
    """Return how many nodes an update in place takes at a time, one at least.

    Of a cluster that serves clients so many as its strategy lets it spare, or else as it
    would let it have more; of another one all, unless the strategy says how many.
    """
    surge, spare = _shares(strategy, cluster.desired)
    most = spare or (surge if cluster.service else cluster.desired)
    total, least = cluster.desired, strategy.min_in_service
    if least:  # where so few cannot all stay, half of them can
        most = min(most, total - least if total > least else ceil(total / 2))
    return max(1, most)


@dataclass(frozen=True, slots=True)
class Ranks:
    """The serving places as an update sees them. Protected ones it leaves alone."""

    new: Sequence[Place]
    old: Sequence[Place]
    kept: Sequence[Place]  # outdated, and protected
    goal: int  # how many new ones there should be for now

    @property
    def new_available(self) -> int:
        return sum(each.available for each in self.new)


def ranks(draft: Draft, rollout: Rollout) -> Ranks:
    serving, target = draft.serving, rollout.target
    new = [each for each in serving if each.profile_id == target]
    old = [each for each in serving if each.profile_id != target]
    kept = [each for each in old if each.node.protected]
    goal = max(0, draft.cluster.desired - len(kept))
    if rollout.unproven:
        goal = min(goal, canary_size(rollout, draft.cluster.desired))
    return Ranks(new, [each for each in old if not each.node.protected], kept, goal)


def canary_size(rollout: Rollout, desired: int) -> int:
    """Return how many nodes the canary is: one at least, if there is to be one."""
    canary = rollout.strategy.canary
    return max(1, canary.of(desired, up=True)) if canary else 0


def tell_start(draft: Draft) -> None:
    """Tell that an update has begun, once however often it is seen beginning."""
    rollout = draft.cluster.rollout
    if rollout is None or rollout.state is not _S.ROLLING:
        return
    if any(each.status is ActionStatus.READY for each in draft.snapshot.actions):
        draft.tell("rollout.started", rollout.reason, key=str(rollout.id))


def advance(draft: Draft) -> None:
    """Turn the rollout where it has got further, failed, or ended."""
    rollout = draft.cluster.rollout
    if rollout is None or not rollout.under_way:
        _ask_as(draft, draft.cluster.profile_id)
        return
    before = ranks(draft, rollout)
    if rollout.state in (_S.ROLLING, _S.ROLLING_BACK):
        rollout = _progressed(draft, rollout, before)
    if rollout is not draft.cluster.rollout:
        draft.change(rollout=rollout)
    why = _failure(draft, rollout, before)
    if why:
        _fail(draft, rollout, why)
    elif rollout.state is _S.BAKING:
        _bake(draft, rollout)
    elif rollout.state is not _S.PAUSED:
        _end_or_bake(draft, rollout, before)


def _progressed(draft: Draft, rollout: Rollout, seen: Ranks) -> Rollout:
    """Note that a node of the target became ready, or a replaced one is gone."""
    came = any(e.ready_at == draft.now and e.node.ready_at is None for e in seen.new)
    went = any(
        e.leaving and e.leaving.why is Why.UPDATE and e.fitness in (Fitness.EMPTY, Fitness.GONE)
        for e in draft.places
    )
    return replace(rollout, progress_at=draft.now) if came or went else rollout


def _failure(draft: Draft, rollout: Rollout, seen: Ranks) -> str:
    """Return why the update must not go on, or ""."""
    if rollout.state is _S.PAUSED:
        return ""
    most = draft.cluster.healing.max_tries
    spent = [e for e in seen.new if e.node.tries >= most and e.fitness is not Fitness.READY]
    if spent:
        return f"{names(spent)} failed {most} times: {spent[0].node.reason or 'not ready'}"
    if rollout.unproven:
        sick = [e for e in seen.new if e.ready_at is not None and e.fitness in FIT_NO_MORE]
        if sick:
            return f"the canary is sick: {names(sick)}: {sick[0].why}"
    broken = [e for e in seen.new if beyond_help(draft, e)]
    if broken and rollout.state is not _S.ROLLING_BACK:
        return f"{names(broken)} broke, and nothing mends it: {broken[0].why}"
    limit = rollout.strategy.progress_deadline_s
    overdue = draft.now - rollout.progress_at >= timedelta(seconds=limit)
    if overdue and rollout.state is not _S.BAKING and not _complete(draft, seen):
        stuck = [each for each in seen.new if not each.available]
        said = f": {names(stuck)} not ready" if stuck else ""
        return f"no progress for {limit:g} s{said}"
    return ""


def _fail(draft: Draft, rollout: Rollout, why: str) -> None:
    if rollout.strategy.auto_rollback and rollout.state is not _S.ROLLING_BACK:
        draft.change(rollout=rollout.turned(_S.ROLLING_BACK, draft.now, why))
        draft.tell("rollout.rolling_back", why, level=Level.WARN)
        return
    draft.change(rollout=rollout.turned(_S.FAILED, draft.now, why))
    draft.tell("rollout.failed", why, level=Level.ERROR)


def _bake(draft: Draft, rollout: Rollout) -> None:
    bake_s = rollout.strategy.canary_bake_s
    if bake_s is None:
        return
    until = rollout.progress_at + timedelta(seconds=bake_s)
    if draft.now < until:
        draft.wait(f"the canary is watched until {until:%H:%M:%S}", until)
        return
    going = rollout.turned(_S.ROLLING, draft.now, "the canary has passed")
    draft.change(rollout=replace(going, canary_passed=True))
    draft.tell("rollout.resumed", going.reason)


def _end_or_bake(draft: Draft, rollout: Rollout, seen: Ranks) -> None:
    if _complete(draft, seen):
        _end(draft, rollout)
        return
    desired = draft.cluster.desired
    baked = rollout.unproven and seen.new_available >= seen.goal and seen.old
    if baked and _surplus(draft, seen) <= 0:
        said = f"{seen.new_available} of {desired} nodes are new, and watched"
        draft.change(rollout=rollout.turned(_S.BAKING, draft.now, said))
        draft.tell("rollout.baking", said, done=seen.new_available, total=desired)
        bake_s = rollout.strategy.canary_bake_s
        if bake_s is not None:
            draft.wait("the canary is watched", draft.now + timedelta(seconds=bake_s))


def _complete(draft: Draft, seen: Ranks) -> bool:
    """All that may be new is new and available, and there are enough of them."""
    outdated = [e for e in draft.staying if e.standby and _replaceable(e, draft.cluster.target)]
    enough = len(seen.new) + len(seen.kept) >= draft.cluster.desired
    return enough and not (seen.old or outdated or any(is_awaited(draft, e) for e in seen.new))


def is_awaited(draft: Draft, each: Place) -> bool:
    """Return whether an update waits for a node of its revision to be available."""
    at_rest = each.fitness is Fitness.PARKED or beyond_help(draft, each)
    return not (each.available or at_rest)


def _end(draft: Draft, rollout: Rollout) -> None:
    _ask_as(draft, rollout.target)
    if rollout.state is _S.ROLLING_BACK:
        draft.change(rollout=rollout.turned(_S.ROLLED_BACK, draft.now, rollout.reason))
        draft.tell("rollout.done", f"rolled back: {rollout.reason}", level=Level.WARN)
        return
    # The desired revision is written only now that it has succeeded.
    kept = tuple(each for each in draft.cluster.revisions if each != rollout.from_profile)
    draft.change(
        profile_id=rollout.to_profile,
        revisions=(*kept, rollout.from_profile)[-_REVISIONS:],
        rollout=rollout.turned(_S.DONE, draft.now, "every node is of the new revision"),
    )
    desired = draft.cluster.desired
    draft.tell("rollout.done", "every node is of the new revision", done=desired, total=desired)


def _ask_as(draft: Draft, revision: UUID) -> None:
    """Ask from now on where the revision in force says, and others elsewhere while any is left.

    See Note [Two paths].
    """
    service = draft.cluster.service
    if service is None or not service.former:
        return
    path = service.path_of(revision)
    paths = {each.profile_id: service.path_of(each.profile_id) for each in draft.places}
    former = tuple((id, said) for id, said in sorted(paths.items()) if said != path)
    if (path, former) != (service.health_path, service.former):
        draft.change(service=replace(service, health_path=path, former=former))


def _replaceable(each: Place, target: UUID) -> bool:
    return each.profile_id != target and not each.node.protected


def in_place(cluster: Cluster) -> Rollout | None:
    """Return the rollout if it may renew nodes in their places now."""
    rollout = rolling(cluster)
    return rollout if rollout and rollout.strategy.kind is UpdateKind.IN_PLACE else None


def rolling(cluster: Cluster) -> Rollout | None:
    """Return the rollout if it may open and retire nodes now."""
    rollout = cluster.rollout
    if rollout and rollout.under_way and not rollout.held:
        return rollout
    return None


def openings(draft: Draft) -> int:
    """Return how many places of the target the update opens in this pass."""
    rollout = rolling(draft.cluster)
    if rollout is None or in_place(draft.cluster):
        return 0
    seen = ranks(draft, rollout)
    room = draft.cluster.desired + budget(draft.cluster).surge - len(draft.serving)
    return max(0, min(room, seen.goal - len(seen.new)))


# Note [Worst first]
# As in Cluster API: a node that is not available costs nothing to retire, so those of the
# old revision go first, but only within what the new ones that are not available yet leave
# of the budget: a new revision that does not come up slows the update, then stops it.
# What is available is retired only down to the floor.
def retirements(draft: Draft) -> list[Place]:
    """Return which outdated places go in this pass. See Note [Worst first]."""
    rollout = rolling(draft.cluster)
    if rollout is None or in_place(draft.cluster):
        return []
    seen, serving = ranks(draft, rollout), draft.serving
    floor = budget(draft.cluster).floor
    room = len(serving) - floor - (len(seen.new) - seen.new_available)
    room = min(room, _surplus(draft, seen))
    floor = attainable(draft, (*seen.new, *seen.kept), floor)
    return spared(sorted(seen.old, key=_by_use), room, serving, floor)


def _surplus(draft: Draft, seen: Ranks) -> int:
    """Return how many old ones are more than are still needed beside the new."""
    return len(seen.old) - max(0, draft.cluster.desired - len(seen.kept) - seen.goal)


def note_waits(draft: Draft) -> None:
    """Note what a wave waits for: nodes to be ready for long enough, or else its deadline."""
    rollout = rolling(draft.cluster)
    if rollout is None:
        return
    wait_for_age(draft, draft.staying)
    if not (draft.waits or draft.steps or draft.drop):
        limit = timedelta(seconds=rollout.strategy.progress_deadline_s)
        draft.wait("the update gets nowhere", max(rollout.progress_at + limit, draft.now))


def wait_for_age(draft: Draft, places: Sequence[Place]) -> None:
    """Wait for those in order to have been so for long enough."""
    cluster = draft.cluster
    under_way = cluster.rollout is not None and cluster.rollout.under_way
    strategy = cluster.rollout.strategy if cluster.rollout and under_way else cluster.strategy
    young = [e.ready_at for e in places if e.fitness is Fitness.READY and not e.available]
    known = [each for each in young if each is not None]
    if known:
        until = min(known) + timedelta(seconds=strategy.min_ready_s)
        draft.wait(f"{len(known)} nodes are ready, and not for long enough", until)


def _by_use(each: Place) -> tuple[bool, bool, int]:
    return each.fitness is Fitness.READY, not each.node.tainted, each.node.index
