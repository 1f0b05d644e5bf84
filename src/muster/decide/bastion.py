"""The bastion of a cluster: opened with it, and sent away before it is gone."""

from dataclasses import replace

from muster.decide.draft import Draft
from muster.decide.joins import solo
from muster.decide.limits import DRAIN_LOOK
from muster.model.cloud import Ability
from muster.model.cluster import Cluster, Healing, Service
from muster.model.node import BASTION_OF, Node, bastion_id
from muster.model.pool import Traffic
from muster.model.profile import Profile

SSH = 22
ROLE = "bastion"
_DRAIN_S = 5  # of people's sessions, when it has to go


# Note [Bastions]
# A bastion is a node that belongs to no cluster: it has a mark, passes and a pool of its own,
# and so is made once, healed, balanced and removed by what does all that for any other. Its
# front is plain TCP to the port of SSH, at an address that stays when its server is replaced.
# The cluster that it is for decides only that it is there: it opens it, dismisses it when it
# goes itself, and is not gone before it. Others cannot delete it, nor have it join them: the
# cluster depends on it.
def tend_bastion(draft: Draft) -> None:
    """Open the cluster's bastion, renew or dismiss it, where that is due. See Note [Bastions]."""
    cluster, keeper = draft.cluster, draft.snapshot.bastion
    if keeper is None:
        profile = draft.snapshot.profiles.get(cluster.bastion) if cluster.bastion else None
        if profile and not cluster.leaving and not draft.snapshot.cloud.refusal(Ability.BASTION):
            _open(draft, profile)
    elif cluster.leaving:
        if (keeper.leaving, keeper.insisted) != (True, cluster.insisted):
            draft.bastion = _dismissed(draft, keeper)
        draft.wait("the bastion is going away", draft.now + DRAIN_LOOK)


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
