"""How each place stands: what its cloud, its balancer and its application say, judged together."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from muster.decide.destiny import FITNESS, Fitness, Stage
from muster.decide.draft import Draft, Place, place
from muster.decide.limits import start_counts_from
from muster.decide.losses import lost, voice
from muster.model.node import Health, Node
from muster.model.observed import Probe, Seen, Server
from muster.model.plan import Snapshot
from muster.model.pool import Condition, MemberSeen
from muster.model.step import RESTING

_INFRASTRUCTURE = {
    Seen.BUILDING: Condition.UNKNOWN,
    Seen.RUNNING: Condition.GOOD,
    Seen.STOPPED: Condition.BAD,
    Seen.BROKEN: Condition.BAD,
    Seen.UNREACHABLE: Condition.UNKNOWN,
}
_BY_REQUEST = frozenset({Seen.BUILDING, Seen.RUNNING, Seen.STOPPED})
_WRONG = {
    Seen.STOPPED: "its server has stopped",
    Seen.BROKEN: "its server is broken",
}


def drafted(snapshot: Snapshot) -> Draft:
    """Return the beginning of a plan: every place judged, and which servers fill none."""
    cluster, now = snapshot.cluster, snapshot.now
    draft = Draft(snapshot=snapshot, now=now, cluster=cluster, limits=snapshot.limits)
    draft.creates, draft.deletes = snapshot.limits.creates, snapshot.limits.deletes
    if cluster.service and draft.balanced:
        draft.drain = timedelta(seconds=cluster.service.drain_s)
    by_ref = {server.ref: server for server in snapshot.servers.values()}
    used: set[UUID] = set()
    judge = _Judge(draft)
    for node in snapshot.nodes:
        each = place(node)
        each.server = _present(node, by_ref, snapshot)
        if each.server:
            used.add(each.server.server_id)
        judge.look(each)
        draft.places.append(each)
    if len(used) < len(snapshot.servers):
        draft.strays = [s for s in snapshot.servers.values() if s.server_id not in used]
    return draft


def _present(node: Node, by_ref: dict[str, Server], snapshot: Snapshot) -> Server | None:
    """Return the server of the present incarnation.

    Deriving an id costs more than comparing a ref, so the ref is tried first; only of a
    place that has had several servers could it be another's.
    """
    server = by_ref.get(node.ref) if node.ref else None
    if server and server.node_id == node.id and node.incarnation == 1:
        return server
    return snapshot.servers.get(node.server_id)


class _Judge:
    """Looks at one place after another, with everything they have in common worked out once."""

    def __init__(self, draft: Draft) -> None:
        cluster, snapshot = draft.cluster, draft.snapshot
        rollout = cluster.rollout
        strategy = rollout.strategy if rollout and rollout.under_way else cluster.strategy
        patience = timedelta(seconds=cluster.healing.start_timeout_s)
        self.now = draft.now
        self.snapshot = snapshot
        self.healing = cluster.healing
        self.start = patience
        self.too_late = draft.now - patience
        self.patience = f"{cluster.healing.start_timeout_s:g} s"
        self.steady = draft.now - timedelta(seconds=strategy.min_ready_s)
        self.probed = cluster.service is not None and cluster.service.asked
        self.balanced = draft.balanced
        self.probes = snapshot.probes
        self.members = snapshot.pool.members if snapshot.pool and self.balanced else {}

    def look(self, each: Place) -> None:
        """Find out the fitness of a place, and note on it what turned."""
        node, server = each.node, each.server
        each.member = member = self._member(each)
        application = self._application(node, server) if self.probed else Condition.GOOD
        each.answers = application is Condition.GOOD
        _note_host(each, node, server, self.now, self.start)
        each.fitness, each.why = self._fitness(each, application)
        if each.fitness is Fitness.READY:
            if each.ready_at is None:
                each.ready_at = self.now
            each.available = each.ready_at <= self.steady
        if server:
            _note_server(each, node, server, self.now)
        if node.left_behind and not self._left_behind(node):
            each.edit(left_behind=None)
        shown = application if self.probed else Condition.UNKNOWN
        _note_health(each, server, member, shown)

    def _left_behind(self, node: Node) -> bool:
        """Return whether a former server of it is still there. See Note [Home]."""
        tag, servers = node.left_behind, self.snapshot.servers.values()
        return any(each.node_id == node.id and each.cluster_id == tag for each in servers)

    def _member(self, each: Place) -> MemberSeen | None:
        member = self.members.get(each.node.id) if self.members else None
        address = each.server.address if each.server and each.server.address else each.node.address
        return member if member and member.address == address else None

    def _application(self, node: Node, server: Server | None) -> Condition:
        """Return how the application is; what is not known now is as it was."""
        probe: Probe | None = self.probes.get(node.id)
        mine = probe and server and probe.server_id == server.server_id
        if probe and mine and probe.condition is not Condition.UNKNOWN:
            return probe.condition
        return node.health.application

    def _fitness(self, each: Place, application: Condition) -> tuple[Fitness, str]:
        seen = each.server.seen if each.server else Seen.NOTHING
        if each.node.parked and seen in _BY_REQUEST:
            return self._parked(each, seen, application)
        if seen is Seen.RUNNING:
            return self._running(each, application)
        fit = FITNESS[self._stage(each), seen]
        if fit is Fitness.STARTING:
            return self._unless_late(each, fit)
        if fit is Fitness.EMPTY:
            return self._empty(each)
        if fit is Fitness.GONE:
            return fit, "its server is gone"
        if fit is Fitness.LOST and each.server:
            heard = voice(each.node, application, asked=self.probed)
            return lost(each.node, each.server, heard, self.healing, self.now)
        said = each.server.reason if each.server else ""
        return fit, f"{_WRONG[seen]}: {said}" if said else _WRONG[seen]

    def _stage(self, each: Place) -> Stage:
        if each.ready_at is None:
            return Stage.FRESH
        return Stage.BACK if _back_at(each) else Stage.SERVED

    # Note [Parked]
    # A node that somebody stopped, paused or suspended is as it should be, although its server
    # does not run: it is not repaired, gets no requests, and counts as active. What wakes it is
    # kept in its row, too, until the server runs: a cloud takes its time, and what is still
    # shown as stopped meanwhile has not died.
    def _parked(self, each: Place, seen: Seen, application: Condition) -> tuple[Fitness, str]:
        """Judge a node that somebody put to rest, or has woken. See Note [Parked]."""
        if each.node.parked in RESTING:
            return Fitness.PARKED, ""
        if seen is not Seen.RUNNING:
            return self._unless_late(each, Fitness.STARTING)
        each.edit(parked="")
        return self._running(each, application)

    def _running(self, each: Place, application: Condition) -> tuple[Fitness, str]:
        member = each.member
        refused = member is not None and member.condition is Condition.BAD
        pooled = not self.balanced or each.standby or (member is not None and not refused)
        if application is Condition.GOOD and pooled:
            return Fitness.READY, ""
        if each.ready_at is None:
            return self._unless_late(each, FITNESS[Stage.FRESH, Seen.RUNNING])
        if application is Condition.BAD and _back_at(each):
            return self._unless_late(each, FITNESS[Stage.BACK, Seen.RUNNING])
        if application is Condition.BAD:
            return Fitness.SICK, "its application does not answer"
        fit = FITNESS[Stage.SERVED, Seen.RUNNING]
        return fit, "the load balancer cannot reach it" if refused else ""

    def _unless_late(self, each: Place, fit: Fitness) -> tuple[Fitness, str]:
        back = _back_at(each)
        began = each.node.began_at if each.ready_at is None else back or each.node.sick_since
        if each.ready_at is None and each.server and each.node.ref != each.server.ref:
            return fit, ""  # seen for the first time: its creation's outcome was lost
        if began is not None and began <= self.too_late:
            return Fitness.DEAD, f"it was not ready within {self.patience}"
        return fit, ""

    def _empty(self, each: Place) -> tuple[Fitness, str]:
        """Tell a place that was never filled from one whose server vanished while starting."""
        node = each.node
        if node.ref and node.health.infrastructure is not Condition.UNKNOWN:
            return Fitness.GONE, "its server went away while starting"
        if node.ref and self._unless_late(each, Fitness.EMPTY)[0] is Fitness.DEAD:
            return Fitness.GONE, f"its server was not there within {self.patience}"
        return Fitness.EMPTY, ""


def _note_host(
    each: Place, node: Node, server: Server | None, now: datetime, start: timedelta
) -> None:
    """Note since when its host does not answer, and for a while that it does again."""
    lost = server is not None and server.seen is Seen.UNREACHABLE
    if lost and node.lost_since is None:
        each.edit(lost_since=now)
    elif node.lost_since and not lost:
        each.edit(lost_since=None, back_at=now if server else None)
    elif node.back_at and (lost or now - node.back_at >= start):
        each.edit(back_at=None)


def _back_at(each: Place) -> datetime | None:
    back_at: datetime | None = each.edits.get("back_at", each.node.back_at)
    return back_at


def _note_server(each: Place, node: Node, server: Server, now: datetime) -> None:
    if node.ref != server.ref:
        each.edit(ref=server.ref)
        if node.began_at is not None and each.ready_at is None:
            each.edit(began_at=start_counts_from(node.began_at, now))
    if server.address and node.address != server.address:
        each.edit(address=server.address)
    if server.host != node.host or server.zone != node.zone:
        each.edit(host=server.host or node.host, zone=server.zone or node.zone)
    if node.created_at is None and server.seen is Seen.RUNNING:
        each.edit(created_at=now)
    if each.fitness is Fitness.STARTING and node.began_at is None:
        each.edit(began_at=now)


def _note_health(
    each: Place, server: Server | None, member: MemberSeen | None, application: Condition
) -> None:
    """Note the three kinds of health where one has turned, and whether it is in the pool."""
    if each.node.pooled is not (member is not None):
        each.edit(pooled=member is not None)
    health = each.node.health
    infrastructure = _INFRASTRUCTURE[server.seen] if server else _missing(each)
    balancer = member.condition if member else Condition.UNKNOWN
    if (
        health.infrastructure is infrastructure
        and health.balancer is balancer
        and health.application is application
    ):
        return
    turned: dict[str, Any] = {"infrastructure": infrastructure, "balancer": balancer}
    each.edit(health=Health(application=application, **turned))


def _missing(each: Place) -> Condition:
    return Condition.BAD if each.fitness is Fitness.GONE else Condition.UNKNOWN
