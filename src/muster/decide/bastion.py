"""The bastion of a cluster: opened with it, made anew for another key, and gone before it is."""

from dataclasses import replace
from uuid import UUID, uuid5

from muster.decide.draft import Draft
from muster.decide.joins import solo
from muster.decide.limits import DRAIN_LOOK
from muster.model.cloud import Ability
from muster.model.cluster import Cluster, Healing, Service
from muster.model.node import BASTION_OF, Node, bastion_id
from muster.model.pool import Traffic
from muster.model.profile import Profile
from muster.model.rollout import Rollout, RolloutState

SSH = 22
ROLE = "bastion"
_DRAIN_S = 5  # of people's sessions, when it has to go


# Note [Bastions]
# A bastion is a node that belongs to no cluster: it has a mark, passes and a pool of its own,
# and so is made once, healed, balanced and removed by what does all that for any other. Its
# front is plain TCP to the port of SSH, at an address that stays when its server is replaced.
# The cluster that it is for decides only that it is there: it opens it, dismisses it when it
# goes itself, and is not gone before it. Others cannot delete it, nor have it join them: the
# cluster depends on it. Another key is another profile, to which it is brought in its place, at
# once: whoever takes a key away does not want it to be let in for as long as an update may take.
def tend_bastion(draft: Draft) -> None:
    """Open the cluster's bastion, renew or dismiss it, where that is due. See Note [Bastions]."""
    cluster, keeper = draft.cluster, draft.snapshot.bastion
    guard = cluster.guard
    if keeper is None:
        profile = draft.snapshot.profiles.get(guard) if guard else None
        if profile and not cluster.leaving and not draft.snapshot.cloud.refusal(Ability.BASTION):
            _open(draft, profile)
    elif cluster.leaving:
        if (keeper.leaving, keeper.insisted) != (True, cluster.insisted):
            draft.bastion = _dismissed(draft, keeper)
        draft.wait("the bastion is going away", draft.now + DRAIN_LOOK)
    elif guard and keeper.target != guard and not _has_failed(keeper, guard):
        draft.bastion = _brought_to(draft, keeper, guard)
    if draft.bastion is None and keeper and keeper.rollout and keeper.rollout.under_way:
        draft.wait("the bastion gets another key", draft.now + DRAIN_LOOK)


def _has_failed(keeper: Cluster, guard: UUID) -> bool:
    rollout = keeper.rollout
    failed = rollout is not None and rollout.state is RolloutState.FAILED
    return failed and rollout is not None and rollout.to_profile == guard


def _brought_to(draft: Draft, keeper: Cluster, guard: UUID) -> Cluster:
    """Return who looks after the bastion with an update of it to that profile."""
    generation = keeper.generation + 1
    rollout = Rollout(
        id=uuid5(keeper.id, f"key/{generation}"),
        from_profile=keeper.profile_id,
        to_profile=guard,
        strategy=replace(keeper.strategy, auto_rollback=False),
        started_at=draft.now,
        progress_at=draft.now,
        reason="its cluster has another key pair",
    )
    return replace(keeper, rollout=rollout, generation=generation, updated_at=draft.now)


def _open(draft: Draft, profile: Profile) -> None:
    cluster = draft.cluster
    draft.bastion_node = node = Node(
        id=bastion_id(cluster.id),
        cluster_id=None,
        project=cluster.project,
        user=cluster.user,
        domain=cluster.domain,
        index=-1,
        name=f"{cluster.name}-{ROLE}",
        profile_id=profile.id,
        role=ROLE,
        dependents={BASTION_OF: [str(cluster.id)]},
        port=SSH,
        since=draft.now,
    )
    front = Service(
        port=draft.snapshot.cloud.gate.port,
        member_port=SSH,
        traffic=Traffic.TCP,
        drain_s=_DRAIN_S,
    )
    keeper = solo(node, cluster.cloud, draft.now)
    network = profile.server.network
    draft.bastion = replace(keeper, service=front, healing=Healing(), network=network)


def _dismissed(draft: Draft, keeper: Cluster) -> Cluster:
    generation = keeper.generation + 1
    return replace(
        keeper,
        leaving=True,
        insisted=draft.cluster.insisted,
        generation=generation,
        updated_at=draft.now,
    )
