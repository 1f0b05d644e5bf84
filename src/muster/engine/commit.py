"""Commit: write the plan down before anything of it happens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from muster.base.errors import Stale
from muster.decide.policies import POLICY_TYPES
from muster.engine.chronicle import chapters, tells
from muster.engine.cordon import cordon
from muster.engine.gather import Gathered
from muster.engine.journal import Begun
from muster.engine.subjects import Subject, members, table
from muster.model.cluster import Cluster, guards_of
from muster.model.observed import Probe
from muster.model.plan import Plan
from muster.model.policy_type import PolicyType
from muster.model.pool import Condition
from muster.ports.store import Claim, Query, Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A pass between deciding and doing."""

    claim: Claim
    gathered: Gathered
    plan: Plan
    begun: Begun
    policy_types: Mapping[str, PolicyType] = field(default_factory=lambda: POLICY_TYPES)

    @property
    def changes_nothing(self) -> bool:
        """Return whether there is nothing to write and nothing to do: the usual look."""
        plan = self.plan
        unchanged = plan.cluster == self.gathered.snapshot.cluster
        news = plan.put or plan.drop or plan.steps or plan.events or self.begun.actions
        return unchanged and not (news or plan.gone or self.gathered.fresh)


async def commit(store: Store, decided: Decided) -> Cluster:
    """Return the cluster as written. Raises `Stale` if it is not what was decided on.

    Also where another engine holds the cluster by now. Nothing was written then.
    """
    return await store.write(lambda tx: _written(tx, decided))


def _written(tx: Transaction, decided: Decided) -> Cluster:
    snapshot, plan = decided.gathered.snapshot, decided.plan
    before, rows = snapshot.cluster, table(tx, solo=snapshot.solo)
    tx.marks.check(decided.claim)
    if rows.get(before.id) != before:
        raise Stale("the cluster changed while we were thinking", cluster=before.id)
    if cordon(tx, before.cloud) != snapshot.cordoned:
        raise Stale("a host was cordoned, or opened, while we were thinking", cluster=before.id)
    tx.actions.put(*decided.begun.actions)
    told = decided.begun.told if tells(snapshot) else ()
    tx.events.append(*plan.events, *chapters(snapshot, plan, told, snapshot.now))
    if plan.gone:
        _strike_out(tx, Subject(plan.cluster, snapshot.solo))
        return plan.cluster
    # Whoever compares the row with an older one must see that somebody was at work.
    # See Note [Remembering].
    cluster = replace(plan.cluster, updated_at=snapshot.now)
    rows.put(cluster)
    tx.nodes.put(*plan.put)
    if plan.solos:
        _refuse_other_bastion(tx, decided)
        tx.solos.put(*plan.solos)
        tx.marks.mark(*(each.id for each in plan.solos))
    tx.nodes.drop(*plan.drop)
    _give_back(tx, decided)
    tx.probes.put(*_untold(decided))
    tx.probes.drop(*plan.drop)
    return cluster


def _give_back(tx: Transaction, decided: Decided) -> None:
    """Drop what was claimed for servers of nodes that are not there any more."""
    dropped = {*decided.plan.drop}
    placement = decided.plan.cluster.placement
    if dropped and (placement.group or placement.shares):
        nodes = [n for n in decided.gathered.snapshot.nodes if n.id in dropped]
        tx.reservations.drop(*(each.server_id for each in nodes))


def _untold(decided: Decided) -> Iterable[Probe]:
    """Return the answers that no row of a node tells. See Note [No news of the well]."""
    gathered = decided.gathered
    if not gathered.fresh or gathered.snapshot.solo:
        return gathered.fresh
    well = {n.id for n in decided.plan.put if n.health.application is Condition.GOOD}
    told = well - gathered.rewritten
    return (probe for probe in gathered.fresh if probe.node_id not in told)


def _refuse_other_bastion(tx: Transaction, decided: Decided) -> None:
    """Raise `Stale` where the bastion's own pass has written its row since we read it."""
    seen = decided.gathered.snapshot.bastion
    for each in decided.plan.solos:
        if tx.solos.get(each.id) != (seen if seen and seen.id == each.id else None):
            raise Stale("the bastion changed while we were thinking", node=each.id)


def _strike_out(tx: Transaction, who: Subject) -> None:
    """Remove all that was the cluster's own; actions and events stay to be read."""
    cluster, ours = who.cluster, Query(where={"cluster_id": (who.cluster.id,)})
    nodes = [node.id for node in members(tx, who)]
    tx.nodes.drop(*nodes)
    tx.probes.drop(*nodes)
    tx.decisions.drop(*(each.id for each in tx.decisions.find(ours)))
    tx.bindings.drop(*(each.id for each in tx.bindings.find(ours)))
    tx.receivers.drop(*(each.id for each in tx.receivers.find(ours)))
    mine = tx.reservations.find(Query(where={"owner": (cluster.id,)}))
    tx.reservations.drop(*(each.id for each in mine))
    tx.pushed.drop(cluster.id)
    tx.loads.drop(*(each.id for each in tx.loads.find(ours)))
    table(tx, solo=who.solo).drop(cluster.id)
    tx.profiles.drop(*(id for id in _profiles_of(cluster) if _is_left_over(tx, id)))


def _profiles_of(cluster: Cluster) -> set[UUID]:
    ids = {cluster.profile_id, *cluster.revisions}
    if cluster.rollout:
        ids |= {cluster.rollout.from_profile, cluster.rollout.to_profile}
    return ids | guards_of(cluster)


def _is_left_over(tx: Transaction, profile_id: UUID) -> bool:
    """Return whether a profile was made along with clusters, and none has it any more."""
    named = Query(where={"profile_id": (profile_id,)})
    if tx.clusters.count(named) or tx.nodes.count(named) or tx.solos.count(named):
        return False
    profile = tx.profiles.get(profile_id)
    return profile is not None and not profile.kept
