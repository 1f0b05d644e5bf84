"""Sick or not: which places are ill, and how many may be mended while many are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from muster.decide.destiny import AWAY, Fitness
from muster.decide.draft import Draft, Place, names
from muster.decide.limits import spent
from muster.model.cluster import Healing, Storm
from muster.model.event import Level

TROUBLE = frozenset({Fitness.SICK, Fitness.DEAD, Fitness.GONE}) | AWAY
ILL = TROUBLE | {Fitness.STARTING}  # of a place that has served: being rebooted is ill, too


@dataclass(frozen=True, slots=True)
class Ward:
    """Who is ill among the places that stay."""

    troubled: Sequence[Place]  # were in service, and are not fit now
    mending: Sequence[Place]  # were in service; a new server is on its way
    mendable: bool  # for some of the troubled something can be done

    @property
    def ill(self) -> int:
        return self.troubles + len(self.mending)

    @property
    def troubles(self) -> int:
        """How many things are wrong: what one host takes with it is one. See Note [Storms]."""
        away = [each for each in self.troubled if each.fitness in AWAY]
        return len(self.troubled) - len(away) + len({each.node.host for each in away})


def note_turns(draft: Draft) -> None:
    """Note on every place whether it has become ready, sick, or well again."""
    for each in draft.places:
        node = each.node
        if each.fitness is Fitness.READY:
            if node.ready_at is not None and node.sick_since is None:
                continue
            _note_ready(draft, each)
        elif each.fitness is Fitness.PARKED:
            if node.sick_since is not None:
                each.edit(sick_since=None)
        elif node.ready_at is not None and node.sick_since is None and _is_ill(each):
            each.edit(sick_since=draft.now)
            if each.leaving is None:
                draft.tell("node.sick", each.why or "restarting", each, level=Level.WARN)


def _is_ill(each: Place) -> bool:
    return each.fitness in ILL or (each.fitness is Fitness.UNREADY and bool(each.why))


def _note_ready(draft: Draft, each: Place) -> None:
    node = each.node
    fresh, was_sick = node.ready_at is None, node.sick_since
    each.edit(ready_at=each.ready_at, sick_since=None, retry_at=None)
    if each.leaving:
        return
    if was_sick is None:
        draft.tell("node.ready", "in service" if not each.standby else "standing by", each)
        return
    took = (draft.now - was_sick).total_seconds()
    said = "replaced and in service" if fresh else "in order again"
    draft.tell("node.repaired", f"{said} after {took:.1f} s", each)


def ward(draft: Draft) -> Ward:
    """Return who is ill; a place that was given up after its repair is not being mended."""
    staying = draft.staying
    served = [each for each in staying if each.ready_at is not None and not each.excused]
    troubled = [each for each in served if each.fitness in TROUBLE]
    mending = [e for e in staying if (e.mending or _seen_to(e)) and not spent(draft, e)]
    mendable = any(e.fitness is not Fitness.LOST and not spent(draft, e) for e in troubled)
    return Ward(troubled, mending, mendable)


def _seen_to(each: Place) -> bool:
    """Return whether something was done to its server just now, and it has time to recover."""
    return bool(each.excused) and each.node.cured_at is not None


# Note [Storms]
# When many nodes fall ill at once the cause is seldom in the nodes: a bad switch, a
# broken database behind them, a full host. Replacing all of them makes it worse. So
# beyond a share of the cluster nothing is replaced; after a rest one is tried, and only
# as trials come into service are two, four ... tried. The storm is over when the share
# of those who are ill, the ones being mended included, is back within bounds.
# A host that does not answer is one trouble, however many nodes are on it: why they are ill
# is known then, and their places are elsewhere. Several such hosts are several troubles, so
# where a whole cloud goes silent nothing is replaced.
def weather(draft: Draft, ill: Ward) -> Storm | None:
    """Return the storm that is on now, if any, and tell when it turned. See Note [Storms]."""
    healing, storm = draft.cluster.healing, draft.cluster.storm
    bound = max(1.0, healing.storm_share * draft.cluster.desired)
    if storm is None:
        if not healing.enabled or ill.troubles <= bound:
            return None
        return _begun(draft, ill)
    if ill.ill <= bound or not healing.enabled:
        draft.tell("storm.ended", f"{ill.ill} of {draft.cluster.desired} nodes are ill")
        return None
    return _tried(draft, ill, storm, healing)


def _begun(draft: Draft, ill: Ward) -> Storm:
    healing, now = draft.cluster.healing, draft.now
    reason = (
        f"{len(ill.troubled)} of {draft.cluster.desired} nodes are ill at once "
        f"({names(ill.troubled)}), more than {healing.storm_share:.0%}: nothing is replaced"
    )
    draft.tell("storm.began", reason, level=Level.ERROR)
    return Storm(since=now, retry_at=now + _rest(healing), reason=reason)


def _tried(draft: Draft, ill: Ward, storm: Storm, healing: Healing) -> Storm:
    succeeded = storm.allowed > 0 and not ill.mending
    if not ill.mendable or not (succeeded or draft.now >= storm.retry_at):
        return storm
    allowed = min(2 * storm.allowed, draft.cluster.desired) if succeeded else 1
    if succeeded or not ill.mending:
        draft.tell("storm.trial", f"{allowed} of {ill.ill} that are ill may be replaced")
    return replace(storm, allowed=allowed, retry_at=draft.now + _rest(healing))


def _rest(healing: Healing) -> timedelta:
    return timedelta(seconds=max(healing.storm_rest_s, 0.1))


def repairs_allowed(draft: Draft, ill: Ward) -> int | None:
    """Return how many more may be replaced now; None: as many as there are."""
    if not draft.cluster.healing.enabled:
        return 0
    if draft.cluster.storm is None:
        return None
    return max(0, draft.cluster.storm.allowed - len(ill.mending))
