"""Clusters as the clustering API makes, changes and deletes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from muster.base.errors import Conflict, Invalid, QuotaExceeded
from muster.base.ids import new_id
from muster.decide.admit import NO_LIMIT, Sizes, check_size
from muster.decide.naming import FORMAT
from muster.decide.specs import MOST
from muster.decide.verdict import evaluated_for
from muster.model.action import Action, Verb
from muster.model.cluster import Cluster, ClusterStatus, Healing
from muster.model.profile import Profile
from muster.model.rollout import Rollout, Strategy, UpdateKind
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.changes import REVISIONS
from muster.service.clustering.case import Case
from muster.service.clustering.conflicts import refuse_busy, under_way, withdraw
from muster.service.clusters import insist
from muster.service.desk import Desk
from muster.service.identity import CLUSTER, PROFILE, held, refuse_taken
from muster.service.wish import Wish, Wished, record

INITIALIZING = "Initializing"
_NO_HEALING = Healing(enabled=False, max_tries=3)
_STOP_TIMEOUT = "cluster.stop_timeout_before_update"
_S = ClusterStatus
# A cluster in one of these is not deleted unless somebody insists.
BUSY = frozenset({_S.CREATING, _S.UPDATING, _S.DELETING, _S.RECOVERING})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAsk:
    """A cluster to be made, as a request says it."""

    name: str
    profile_id: str
    min_size: int | None = None
    max_size: int | None = None
    desired_capacity: int | None = None
    timeout: int | None = None
    metadata: Mapping[str, Any] | None = None
    config: Mapping[str, Any] | None = None


async def create(desk: Desk, who: Who, ask: ClusterAsk) -> Wished:
    """Return the cluster with the action that brings it about."""
    return await desk.store.write(lambda tx: _created(tx, desk, who, ask))


def _created(tx: Transaction, desk: Desk, who: Who, ask: ClusterAsk) -> Wished:
    now = desk.clock.now()
    # Two creations at the same moment would both count too few. See Note [Names one at a time].
    tx.leases.take("names", ask.name, now, now)
    if tx.clusters.count(Query(project=who.project)) >= desk.max_clusters:
        raise QuotaExceeded(f"a project may have {desk.max_clusters} clusters; delete one first")
    refuse_taken(tx, desk, who.project, (CLUSTER, ask.name))
    profile = held(tx, who, PROFILE, ask.profile_id)
    low = ask.min_size or 0
    high = NO_LIMIT if ask.max_size is None else ask.max_size
    desired = low if ask.desired_capacity is None else ask.desired_capacity
    wanted = Sizes(desired=desired, low=low, high=high)
    refusal = check_size(wanted, None, limit=desk.max_cluster_size)
    if refusal:
        raise Invalid(refusal.reason)
    cluster = Cluster(
        id=new_id(),
        project=who.project,
        user=who.user,
        domain=who.domain,
        name=ask.name,
        cloud=profile.cloud or desk.default_cloud,
        profile_id=profile.id,
        desired=desired,
        min_size=low,
        max_size=None if high < 0 else high,
        metadata=ask.metadata or {},
        config=ask.config or {},
        naming=FORMAT,
        network=profile.server.network,
        keypair=profile.server.key_name,
        healing=_NO_HEALING,
        strategy=Strategy(kind=UpdateKind.IN_PLACE),
        reason=INITIALIZING,
        init_at=now,
    )
    if ask.timeout is not None:
        cluster = replace(cluster, timeout_s=ask.timeout)
    reason = f"{who.user} asked for {desired} of {profile.name}"
    return record(tx, who, cluster, Wish(verb=Verb.CLUSTER_CREATE, reason=reason), now)


@dataclass(frozen=True, slots=True)
class Changed:
    """A cluster as it was before a change, and the action that brings the change about."""

    before: Cluster
    action: Action


def update(case: Case, ask: Mapping[str, Any]) -> Changed:
    """Return the action that changes what `ask` names; what is so already is no change.

    A null changes nothing, but it is something to do: clients send it for what they leave
    alone, and expect an action.
    """
    cluster = case.cluster
    if cluster.status is ClusterStatus.ERROR:
        text = "Updating a cluster in error state is not supported."
        raise Conflict(text, type="FeatureNotSupported")
    profile = _new_profile(case, ask.get("profile_id"))
    plain = {name: ask[name] for name in _PLAIN if name in ask and not _same(cluster, name, ask)}
    if profile is None and not plain and ask.get("profile_id", "") is not None:
        raise Invalid("No property needs an update.")
    refuse_busy(case.tx, Verb.CLUSTER_UPDATE, cluster.id)
    inputs: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
    after = replace(cluster, **{_PLAIN[name]: value for name, value in inputs.items()})
    if profile is not None:
        inputs["new_profile_id"] = str(profile.id)
        if ask.get("profile_only"):
            inputs["profile_only"] = True
        after = _of(after, profile, case, only=bool(ask.get("profile_only")))
    said = ", ".join(inputs) or "nothing"
    at_once = after.rollout == cluster.rollout
    if at_once:
        after = replace(after, reason=evaluated_for(Verb.CLUSTER_UPDATE, after.reason))
    wish = Wish(
        verb=Verb.CLUSTER_UPDATE,
        reason=f"{case.who.user} asked to change {said}",
        inputs=inputs,
        at_once=at_once,
        failed=_config_fault(after.config),
    )
    return Changed(cluster, case.record(wish, after))


# what a request may change -> the field of the cluster
_PLAIN: Mapping[str, str] = {
    "name": "name",
    "metadata": "metadata",
    "timeout": "timeout_s",
    "config": "config",
}


def _same(cluster: Cluster, name: str, ask: Mapping[str, Any]) -> bool:
    return bool(getattr(cluster, _PLAIN[name]) == ask[name])


def _config_fault(config: Mapping[str, Any]) -> str:
    """Return what is wrong with the configuration, "" if nothing is."""
    said = config.get(_STOP_TIMEOUT, 0)
    try:
        fits = int(said) <= MOST
    except (TypeError, ValueError, OverflowError):
        return f"{_STOP_TIMEOUT} must be a number of seconds, not {said!r}."
    return "" if fits else f"{_STOP_TIMEOUT} must be {MOST} seconds at most."


def _new_profile(case: Case, said: str | None) -> Profile | None:
    """Return the profile that is asked for, None for none and for the present one."""
    if said is None:
        return None
    profile = held(case.tx, case.who, PROFILE, said)
    if profile.id == case.cluster.target:
        return None
    if profile.type != case.profile_type:
        text = "Cannot update a cluster to a different profile type, operation aborted."
        raise Invalid(text)
    if profile.cloud and profile.cloud != case.cluster.cloud:
        raise Invalid(f"The profile is for cloud '{profile.cloud}', the cluster on another one.")
    return profile


def _of(cluster: Cluster, profile: Profile, case: Case, *, only: bool) -> Cluster:
    """Return the cluster of another profile: with its nodes following, or those that come."""
    if only or cluster.strategy.kind is UpdateKind.OPPORTUNISTIC:
        kept = (*cluster.revisions, cluster.profile_id)[-REVISIONS:]
        return replace(cluster, profile_id=profile.id, revisions=kept)
    rollout = Rollout(
        id=new_id(),
        from_profile=cluster.profile_id,
        to_profile=profile.id,
        strategy=cluster.strategy,
        started_at=case.now,
        progress_at=case.now,
        reason=f"{case.who.user} asked for profile {profile.name}",
    )
    return replace(cluster, rollout=rollout)


@dataclass(frozen=True, slots=True)
class _Dependants:
    """What goes with a cluster, or keeps it."""

    policies: tuple[str, ...] = field(default=())
    receivers: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        told = []
        if self.policies:
            told.append(f"there is still policy(s) attached to it: {', '.join(self.policies)}")
        if self.receivers:
            names = ", ".join(self.receivers)
            told.append(f"there is still receiver(s) associated with it: {names}")
        return "; ".join(told)


def delete(case: Case, *, force: bool) -> Action:
    """Return the action that deletes the cluster with its nodes.

    Policies and receivers keep it, unless somebody insists or the installation lets them go
    along. What else was asked of the cluster ends with this.
    """
    tx, cluster = case.tx, case.cluster
    _refuse_dependents(cluster)
    if not force and (cluster.status in BUSY or cluster.leaving):
        status = _S.DELETING if cluster.leaving else cluster.status
        text = f"The cluster '{cluster.id}' is in status {status}."
        raise Conflict(text, type="ActionInProgress")
    open_ones = under_way(tx, cluster.id)
    deletion = next((each for each in open_ones if each.verb is Verb.CLUSTER_DELETE), None)
    if cluster.leaving and deletion:
        if force and not cluster.insisted:
            insist(tx, cluster, case.now)
        return deletion
    _take_along(case, force=force)
    withdraw(tx, cluster.id, case.now, "the cluster is being deleted")
    for node in case.members:
        withdraw(tx, node.id, case.now, "the cluster is being deleted")
    reason = f"{case.who.user} asked to delete the cluster and its {cluster.desired} nodes"
    wish = Wish(verb=Verb.CLUSTER_DELETE, reason=reason, kind="cluster.delete_asked")
    return case.record(wish, replace(cluster, leaving=True, insisted=force))


def _refuse_dependents(cluster: Cluster) -> None:
    if cluster.dependents.get("profiles"):
        why = "still depended by other clusters and/or nodes."
        raise Conflict(f"The cluster '{cluster.id}' cannot be deleted: {why}", type="ResourceInUse")


def _take_along(case: Case, *, force: bool) -> None:
    """Remove what depends on the cluster. Raises `Conflict` where that is not wished."""
    ours = Query(where={"cluster_id": (case.cluster.id,)})
    bindings, receivers = case.tx.bindings.find(ours), case.tx.receivers.find(ours)
    kept = _Dependants(
        policies=tuple(each.policy_name for each in bindings),
        receivers=tuple(each.name for each in receivers),
    )
    if kept.text and not (force or case.desk.delete_with_dependency):
        text = f"The cluster '{case.cluster.id}' cannot be deleted: {kept.text}."
        raise Conflict(text, type="ResourceInUse")
    case.tx.bindings.drop(*(each.id for each in bindings))
    case.tx.receivers.drop(*(each.id for each in receivers))
