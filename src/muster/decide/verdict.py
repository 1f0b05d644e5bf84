"""What to call each node and the cluster, given what is left to do."""

from collections.abc import Mapping, Sequence
from statistics import median

from muster.decide.asked import open_wishes
from muster.decide.destiny import FINE, Destiny, Fitness
from muster.decide.draft import Draft, Place, names
from muster.decide.fates import HOPELESS, joining
from muster.decide.health import Ward
from muster.decide.places import IN_CREATION
from muster.decide.requests import called
from muster.decide.trees import WORDS, under_way
from muster.model.action import Verb
from muster.model.cluster import CLUSTER_TRANSITIONS, Cluster, ClusterStatus
from muster.model.event import Level
from muster.model.node import NODE_TRANSITIONS, NodeStatus
from muster.model.rollout import RolloutState, UpdateKind

_N, _C = NodeStatus, ClusterStatus
_SMOOTHING = 0.3
EVALUATED = ": number of active nodes is"
OF_POLICIES = frozenset(  # they change how a cluster is cared for, not what it is
    {Verb.CLUSTER_ATTACH_POLICY, Verb.CLUSTER_DETACH_POLICY, Verb.CLUSTER_UPDATE_POLICY}
)

_SCALING = {Verb.CLUSTER_SCALE_OUT: "scale out", Verb.CLUSTER_SCALE_IN: "scale in"}

# How a place is called that has been in service and stays.
SERVED: Mapping[Fitness, NodeStatus] = {
    Fitness.EMPTY: _N.RECOVERING,  # its next server has been asked for
    Fitness.STARTING: _N.WARNING,  # it is being restarted
    Fitness.READY: _N.ACTIVE,
    Fitness.UNREADY: _N.WARNING,
    Fitness.SICK: _N.WARNING,
    Fitness.DEAD: _N.ERROR,
    Fitness.GONE: _N.ERROR,
    Fitness.LOST: _N.WARNING,
    Fitness.STRANDED: _N.ERROR,
    Fitness.PARKED: _N.ACTIVE,
}
KEPT = ("Check: ", "Recovery failed", "Operation '")  # said once, and true until something turns


def name_nodes(draft: Draft) -> None:
    """Note on every place what it is to be called now, and why."""
    for each in draft.places:
        node = each.node
        calm = not (each.leaving or each.request or each.said or each.renew_by)
        if calm and each.fitness in FINE and node.status is _N.ACTIVE:
            continue
        status, reason = called(each) or _node_status(draft, each)
        status = _legal(node.status, status)
        if status is not node.status:
            each.edit(status=status, reason=reason, updated_at=draft.now)
        elif reason != node.reason:
            each.edit(reason=reason)


def _node_status(draft: Draft, each: Place) -> tuple[NodeStatus, str]:
    leaving = each.leaving
    if leaving is not None and leaving.hook is not None:
        return each.node.status, each.node.reason
    if leaving is not None:
        return _N.DELETING, leaving.reason or "Deletion in progress"
    if each.fate is Destiny.REST and each.fitness is not Fitness.SICK:
        said = each.node.status is _N.ERROR and each.node.reason.startswith(KEPT)
        kept = said and not each.why.startswith(HOPELESS)  # that is told but once: by its reason
        return _N.ERROR, each.node.reason if kept else each.why
    if each.ready_at is not None:
        if each.fitness is Fitness.UNREADY and not each.why:
            return each.node.status, each.node.reason  # on its way into the pool
        return SERVED[each.fitness], each.why or _service(draft, each)
    if each.mending:
        return _N.RECOVERING, each.why or "Recovery in progress"
    if each.opened and each.fate is Destiny.HOLD:
        return each.node.status, each.node.reason
    return _N.CREATING, each.why or IN_CREATION


def _service(draft: Draft, each: Place) -> str:
    if each.standby:
        return "standing by"
    if draft.cluster.strategy.kind is not UpdateKind.IN_PLACE:
        return "in service"
    fresh = each.node.status in (_N.INIT, _N.CREATING)
    return "Creation succeeded" if fresh else "Recovery succeeded"


def _legal(now: NodeStatus, wanted: NodeStatus) -> NodeStatus:
    """Return the status, or the nearest one that may follow the present one."""
    ways = NODE_TRANSITIONS[now]
    if wanted is now or wanted in ways:
        return wanted
    return next((each for each in (_N.RECOVERING, _N.WARNING, _N.CREATING) if each in ways), now)


def name_cluster(draft: Draft, ill: Ward, *, settled: bool, obstacle: str) -> None:
    """Give the cluster the name its remaining work gives it, and tell where it turned."""
    before = draft.cluster
    status, reason = _cluster_status(draft, ill, settled, obstacle)
    if status is not before.status and status not in CLUSTER_TRANSITIONS[before.status]:
        status = _C.CREATING if before.status is _C.INIT else before.status
    if (status, reason) != (before.status, before.reason):
        draft.cluster = before.turned(status, reason)
    if settled and not before.leaving:
        _settle(draft)
    _tell_turn(draft, before)


def _cluster_status(
    draft: Draft, ill: Ward, settled: bool, obstacle: str
) -> tuple[ClusterStatus, str]:
    cluster = draft.cluster
    if cluster.leaving:
        return _C.DELETING, "Deletion in progress"
    active = sum(each.fitness in FINE for each in draft.serving)
    share = f"{active} of {cluster.desired} nodes are active"
    if (wish := under_way(draft)) and wish.verb in WORDS:
        status, words = WORDS[wish.verb]
        return status, words.format(operation=wish.inputs.get("operation", ""))
    rollout = cluster.rollout
    if rollout and rollout.under_way and cluster.created_at is not None:
        return _C.UPDATING, _update_words(draft)
    if cluster.storm:
        return _C.WARNING, cluster.storm.reason
    if cluster.trouble:  # it is tried again, but nobody can reach the service meanwhile
        return _unreachable(cluster, active), cluster.trouble
    under_work = None if settled else _at_work(draft, ill, share)
    return under_work or evaluated(draft, active, obstacle)


def _at_work(draft: Draft, ill: Ward, share: str) -> tuple[ClusterStatus, str] | None:
    cluster = draft.cluster
    if cluster.created_at is None:
        return _C.CREATING, f"{IN_CREATION}: {share}"
    if ill.mending:
        return _C.RECOVERING, f"Recovery in progress: {share}"
    if _resizing(draft):
        return _C.RESIZING, f"Cluster {_size_change(draft)} started: {share}"
    if any(joining(draft, each) for each in draft.serving):
        return cluster.status, cluster.reason  # it serves as before, and soon through its pool
    return None


def _size_change(draft: Draft) -> str:
    wishes = open_wishes(draft)
    return _SCALING.get(wishes[-1].verb, "resize") if wishes else "resize"


def _unreachable(cluster: Cluster, active: int) -> ClusterStatus:
    """Return the status of a cluster whose balancer or name could not be set up.

    One that was never complete is not in error before somebody has said "never".
    """
    if cluster.created_at is None:
        return _C.ERROR if cluster.refused else _C.CREATING
    return _C.ERROR if active < cluster.min_size else _C.WARNING


def _update_words(draft: Draft) -> str:
    rollout = draft.cluster.rollout
    assert rollout
    new = sum(e.available and e.profile_id == rollout.target for e in draft.serving)
    of = f"{new} of {draft.cluster.desired} nodes are of the wanted revision"
    held = {
        RolloutState.PAUSED: "Update paused",
        RolloutState.BAKING: "Update waits: the canary is watched",
        RolloutState.ROLLING_BACK: f"Update is being rolled back ({rollout.reason})",
    }
    return f"{held.get(rollout.state, 'Update in progress')}: {of}"


def _resizing(draft: Draft) -> bool:
    return any(
        each.leaving is not None or (each.ready_at is None and each.fate is not Destiny.REST)
        for each in draft.places
    )


def evaluated(draft: Draft, active: int, obstacle: str) -> tuple[ClusterStatus, str]:
    """Return status and reason by the number of active nodes, as the clustering API has it."""
    cluster = draft.cluster
    text = f"{_operation(draft)}{EVALUATED}"
    troubled = [each for each in draft.serving if each.fitness not in FINE and each.why]
    more = f" {names(troubled)}: {troubled[0].why}." if troubled else ""
    if active < cluster.min_size:
        return _C.ERROR, f"{text} below min_size ({cluster.min_size}).{more}"
    if active < cluster.desired:
        return _C.WARNING, f"{text} below desired_capacity ({cluster.desired}).{more}"
    if cluster.max_size is not None and active > cluster.max_size:
        return _C.WARNING, f"{text} above max_size ({cluster.max_size})."
    if obstacle:
        return _C.WARNING, obstacle
    return _C.ACTIVE, f"{text} equal or above desired_capacity ({cluster.desired})."


def evaluated_for(verb: Verb, reason: str) -> str:
    """Return the reason as it is after an action that has changed no node."""
    _, found, more = reason.partition(EVALUATED)
    return f"{verb}{found}{more}" if found else reason


def _operation(draft: Draft) -> str:
    """Return the newest wish's name, or the one that the present reason was given for."""
    wishes = [each for each in open_wishes(draft) if each.verb not in OF_POLICIES]
    if wishes:
        newest = wishes[-1]
        tree = newest.verb is Verb.CLUSTER_OPERATION
        return str(newest.inputs.get("operation", newest.verb)) if tree else newest.verb
    said, evaluated, _ = draft.cluster.reason.partition(EVALUATED)
    return said if evaluated else "CLUSTER_CHECK"


def _settle(draft: Draft) -> None:
    cluster = draft.cluster
    if cluster.settled_generation != cluster.generation:
        draft.change(settled_generation=cluster.generation)
    if cluster.created_at is None:
        draft.change(created_at=draft.now)


def _tell_turn(draft: Draft, before: Cluster) -> None:
    after, status = draft.cluster, draft.cluster.status
    if status is before.status:
        return
    active = sum(each.fitness in FINE for each in draft.serving)
    if status in (_C.WARNING, _C.ERROR):
        level = Level.WARN if status is _C.WARNING else Level.ERROR
        draft.tell("cluster.degraded", after.reason, level=level, done=active, total=after.desired)
    elif status is _C.ACTIVE:
        draft.tell("cluster.settled", after.reason, done=active, total=after.desired)


def learn_boot(draft: Draft) -> None:
    """Smooth what is known of how long a start takes by those that became ready just now."""
    took = [
        (draft.now - each.node.began_at).total_seconds()
        for each in draft.places
        if each.ready_at == draft.now and each.node.ready_at is None and each.node.began_at
    ]
    if not took:
        return
    new, old = median(took), draft.cluster.boot_s
    learned = new if old is None else old + _SMOOTHING * (new - old)
    draft.change(boot_s=round(learned, 3))


def given_up(draft: Draft) -> Sequence[Place]:
    """Return the places on which nothing more is tried."""
    resting = (each for each in draft.staying if each.fate is Destiny.REST)
    return [each for each in resting if each.why.startswith(HOPELESS)]
